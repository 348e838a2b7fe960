"""Posts of bots and of people, shuffled: who stands where in the end; 700 in `make soak`."""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status
from clinicdir.crypto import token_hash
from clinicdir.db import db
from tests.asking import CHECK, CONTACT, START, TIMES, WHO
from tests.conftest import Clock
from tests.make import hidden, make_answers, token_of

HOSPITAL = "203.0.113.9"
SAME = "We make modern web sites for clinics like yours, call us today"
FIRST = ("Ana", "Ben", "Chi", "Dov", "Eva", "Fen", "Gil", "Hoa", "Ivo", "Joy")
LAST = ("Adams", "Baker", "Cho", "Diaz", "Evans", "Flores", "Green", "Ho", "Ito", "Jones")
NOTES = (None, "Knee pain on the stairs", "Mornings suit me best", "I fell while skiing", None)


@dataclass
class Sender:
    """One post to come: whose, by which way, from where, with what, in how many seconds."""

    style: str
    by_form: bool
    address: str
    answers: dict[str, Any]
    seconds: float = 75
    aside: str = ""


STYLES = (
    "fills every field at once",
    "posts without the form",
    "drops links",
    "says the same from one address",
    "says the same under many names",
    "names one site again and again",
    "asks the same again and again",
)
# How many of each style: eleven of one request, or 21 of one text, are the fewest that are held.
SIXTY = (2, 2, 4, 11, 21, 11, 11)
FIVE_HUNDRED = (40, 10, 150, 70, 110, 60, 60)


def bots(addresses: Callable[[], str], counts: tuple[int, ...]) -> list[Sender]:
    """Return so many posts of each of seven styles."""
    filling, forging, dropping, same, many_names, linking, asking = counts
    fill_all = [
        Sender(
            "fills every field at once", True, addresses(),
            make_answers(patient_name=f"Bot{number}", tried=f"Best offer {number}"),
            seconds=0.4, aside="http://x.example",
        )
        for number in range(filling)
    ]  # fmt: skip
    forged = [
        Sender(
            "posts without the form", True, addresses(),
            make_answers(patient_name=f"Robin {number}", note=f"Hello {number}") | {"opened": ""},
            aside="Robin",
        )
        for number in range(forging)
    ]  # fmt: skip
    places = ("note", "tried", "access_needs", "note")
    droppers = [
        Sender(
            "drops links", number % 12 == 0, HOSPITAL if number < 30 else addresses(),
            make_answers(
                patient_name=f"Lee {FIRST[number % 10]}{number}",
                phone=f"425 555 {number:04}",
                **{
                    places[number % 4]: f"Deal {number}: http://a{number}.example/?q={number}"
                    f" www.b{number}.example"
                },
            ),
        )
        for number in range(dropping)
    ]  # fmt: skip
    one_address = [
        Sender(
            "says the same from one address", False, HOSPITAL,
            make_answers(
                patient_name="Max Offer", phone=f"425 556 {number:04}", note=f"Call {number}!"
            ),
        )
        for number in range(same)
    ]  # fmt: skip
    many = [
        Sender(
            "says the same under many names", number % 10 == 0, addresses(),
            make_answers(
                patient_name=f"{FIRST[number % 10]} Seller {number}",
                phone=f"425 557 {number:04}",
                note=f"{SAME} {number}",
            ),
        )
        for number in range(many_names)
    ]  # fmt: skip
    one_link = [
        Sender(
            "names one site again and again", False, addresses(),
            make_answers(
                patient_name="Site Owner", phone=f"425 558 {number:04}", note="www.pills.example"
            ),
        )
        for number in range(linking)
    ]  # fmt: skip
    bare = [
        Sender("asks the same again and again", False, addresses(), make_answers(patient_name="Bo"))
        for _ in range(asking)
    ]
    return [*fill_all, *forged, *droppers, *one_address, *many, *one_link, *bare]


def people(addresses: Callable[[], str]) -> list[Sender]:
    """Return 200 people: 20 of a hospital, families, a fast one, one whose browser fills all."""
    names = [f"{first} {last}" for first in FIRST for last in LAST] * 2
    made = []
    for number, name in enumerate(names):
        answers = make_answers(
            patient_name=name if number < 100 else f"{name} Jr",
            phone=f"206 555 {number:04}",
            note=NOTES[number % len(NOTES)],
            for_whom="me" if number % 7 else "someone_else",
            asker_name=None if number % 7 else f"Parent {name}",
            relation=None if number % 7 else "Parent",
        )
        made.append(Sender("person", number % 10 == 0, addresses(), answers))
    for number, sender in enumerate(made[:20]):
        sender.address = HOSPITAL
        if number % 3 == 0:  # patients of a ward, by the phone and with the words of its nurse
            sender.answers |= {"phone": "206 555 7000", "note": "see www.mydoctor.example"}
    made[21].answers["note"] = "My plan: https://plans.example/knee?id=7"
    first, second = made[30], made[31]  # a parent for two children, in the same words
    second.answers = first.answers | {"patient_name": "Kit Adams"}
    second.by_form, second.address = first.by_form, first.address
    made[40].aside = "Eva Adams"  # an eager browser
    made[50].seconds = 1.2  # an expert at the keyboard
    made[10].seconds, made[10].answers["note"] = 1.5, "see www.mydoctor.example"  # and in hospital
    assert all(made[number].by_form for number in (10, 40, 50))
    return made


class Post:
    """Sends what comes, by the form or as JSON, each from its address."""

    def __init__(self, app: Flask, frozen: Clock) -> None:
        self.app, self.frozen = app, frozen
        self.keys = itertools.count()

    def send(self, sender: Sender) -> tuple[int, bytes]:
        """Return the status and the hash of the link that the sender got."""
        client = self.app.test_client()
        if sender.by_form:
            answer = self._by_form(client, sender)
            link = answer.headers["Location"]
        else:
            answer = client.post(
                "/api/v1/requests",
                json={name: value for name, value in sender.answers.items() if value is not None},
                headers={
                    "X-Forwarded-For": sender.address,
                    "Idempotency-Key": f"key {next(self.keys)}",
                },
            )
            link = answer.get_json()["status_url"]
        return answer.status_code, token_hash(link.rpartition("/")[2])

    def _by_form(self, client: FlaskClient, sender: Sender) -> TestResponse:
        headers = {"X-Forwarded-For": sender.address}
        page = client.get(START, headers=headers)
        html = page.get_data(as_text=True)
        assert 'name="aside" value=""' in html
        typed = {"opened": hidden(html, "opened"), "aside": sender.aside} | sender.answers
        typed = {name: value for name, value in typed.items() if value is not None}
        self.frozen.move(seconds=sender.seconds)
        data = typed | {"csrf_token": token_of(html)}
        for step in (START, WHO, CONTACT, TIMES, CHECK):
            answer = client.post(step, data=data, headers=headers)
            assert answer.status_code == 303, answer.get_data(as_text=True)
        return answer


@pytest.mark.parametrize(
    ("counts", "real"),
    [
        pytest.param(SIXTY, 60, id="62 bots, 60 people"),
        pytest.param(FIVE_HUNDRED, 200, id="500 bots, 200 people", marks=pytest.mark.soak),
    ],
)
def test_no_bot_stands_among_the_people_and_no_person_is_missed(
    app: Flask,
    with_settings: Callable[..., Flask],
    frozen: Clock,
    counts: tuple[int, ...],
    real: int,
) -> None:
    counting = with_settings(rate_limits="on", trusted_proxies="127.0.0.1")
    counting.test_client_class = FlaskClient  # hundreds of pages that other tests have checked
    numbers = itertools.count(1)

    def address() -> str:
        number = next(numbers)
        return f"198.18.{number // 250}.{number % 250}"

    senders = [*bots(address, counts), *people(address)[:real]]
    random.Random(1).shuffle(senders)  # noqa: S311 - an order, no secret
    post = Post(counting, frozen)
    came_from = frozen.at
    sent = [(sender, *post.send(sender)) for sender in senders]
    assert frozen.at - came_from < timedelta(hours=24)

    assert Counter(sender.style == "person" for sender in senders) == {
        True: real,
        False: sum(counts),
    }
    assert {(sender.by_form, status) for sender, status, _ in sent} == {(True, 303), (False, 201)}
    with app.app_context():
        stored = {row.link_hash: row for row in db.session.query(AppointmentRequest)}
        assert len(stored) == len(senders)
        standing = Counter((sender.style, stored[link].status) for sender, _, link in sent)
        lost = [
            sender
            for sender, _, link in sent
            if stored[link].personal["patient_name"] != sender.answers["patient_name"]
        ]
    assert lost == []
    assert standing == {("person", Status.RECEIVED): real} | {
        (style, Status.QUARANTINED): count for style, count in zip(STYLES, counts, strict=True)
    }
