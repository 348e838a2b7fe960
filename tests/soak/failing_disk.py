"""A process whose disk fails at the n-th call, for test_io_errors.

It takes a folder with a seeded database, a record, and triples of a door, a kind of failure and a
step. At each door it sends something for n = 1, 1 + step, … with the n-th call that changes the
disk failing, until none fails any more, and each time sends the same again on a sound disk. It
prints what came back and what was stored.
"""

import errno
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.drafts import find_draft
from clinicdir.db import db
from tests.asking import ANSWERS, CHECK, WHO, shown, walk
from tests.conftest import build_app
from tests.make import make_answers, make_request, make_staff, sign_in
from tests.pages import form, heading, main_text, press
from tests.soak.watched_disk import Disk

# Which calls fail from the n-th on (0: all), and with what.
FAILURES = {"an error": (1, errno.EIO), "a full disk": (0, errno.ENOSPC)}
DESK = "desk@example.com"


class Sent(NamedTuple):
    """Something on its way: how to send it, what is stored of it, and whether it was kept."""

    send: Callable[[TestResponse | None], TestResponse]
    stored: Callable[[], list[str]]
    kept: Callable[[TestResponse], bool]


@dataclass
class Try:
    """What came of one failing call: before and after the disk was sound again."""

    door: str
    number: int
    failed: bool
    statuses: tuple[int, int]
    stored: tuple[int, int]
    kept: bool


def by_api(app: Flask, name: str) -> Sent:
    """Return a request of a program, which keeps its own text."""
    body = make_answers(patient_name=name, note=f"About {name}")
    client, headers = app.test_client(), {"Idempotency-Key": name}

    def send(_: TestResponse | None) -> TestResponse:
        return client.post("/api/v1/requests", json=body, headers=headers)

    def kept(answer: TestResponse) -> bool:
        told = answer.get_json()
        right = "We cannot store anything right now", "+12066939929"
        return (told["title"], told["phones"]["Renton"]) == right

    return Sent(send, lambda: _requests(f"api:{name}"), kept)


def by_step(app: Flask, name: str) -> Sent:
    """Return a page of the form with what was typed on it."""
    client, typed = app.test_client(), ANSWERS[WHO] | {"patient_name": name}
    page = walk(client, WHO)
    [token] = form(page, WHO)["draft"]

    def send(failed: TestResponse | None) -> TestResponse:
        return press(client, page, WHO, **typed) if failed is None else press(client, failed, WHO)

    def stored() -> list[str]:
        draft = find_draft(token, now=clock.now())
        kept = {} if draft is None else draft.unseal()["answers"]
        return [word for word in [kept.get("patient_name")] if word == name]

    return Sent(send, stored, lambda answer: _says(answer) and shown(answer, WHO, typed) == typed)


def by_form(app: Flask, name: str) -> Sent:
    """Return a whole form, to be sent by its last button."""
    client = app.test_client()
    page = walk(client, patient_name=name)
    filled = form(page, CHECK)

    def send(failed: TestResponse | None) -> TestResponse:
        return press(client, failed or page, CHECK)

    def kept(answer: TestResponse) -> bool:
        return _says(answer) and form(answer, CHECK) == filled

    return Sent(send, lambda: _requests(f"form:{filled['submission_key'][0]}"), kept)


def by_claim(app: Flask, name: str) -> Sent:
    """Return a press of the desk's button that takes a request up."""
    with app.app_context():
        reference = make_request(app, patient_name=name).reference
    client = app.extensions["desk"]
    path = f"/staff/requests/{reference}"
    page = client.get(path)
    filled = form(page, f"{path}/claim")

    def send(failed: TestResponse | None) -> TestResponse:
        return press(client, failed or page, f"{path}/claim")

    def kept(answer: TestResponse) -> bool:
        return _says(answer) and form(answer, f"{path}/claim") == filled

    return Sent(send, lambda: _claims(reference), kept)


DOORS = {"api": by_api, "step": by_step, "form": by_form, "claim": by_claim}


def _requests(key: str) -> list[str]:
    """Return a line for each request of a key, as test_power_cuts reads them."""
    query = "select reference from appointment_request where submission_key = :key"
    return [f"stored {key} {found}" for found in db.session.scalars(text(query), {"key": key})]


def _claims(reference: str) -> list[str]:
    """Return a line for each time that a request was taken up."""
    query = (
        "select reference from appointment_request r join request_event e on e.request_id = r.id"
        " where r.status = 'in_review' and e.action = 'claim' and r.reference = :reference"
    )
    found = db.session.scalars(text(query), {"reference": reference})
    return [f"claimed {one}" for one in found]


def _says(answer: TestResponse) -> bool:
    words = heading(answer), "Renton: (206) 693-9929" in main_text(answer)
    return words == ("We cannot store anything right now", True)


def try_all(app: Flask, disk: Disk, door: str, failure: str, step: int) -> Iterator[Try]:
    """Yield what comes of each failing call at a door, up to the first number that none has."""
    number, failed = 1 - step, True
    while failed:
        number += step
        sent = DOORS[door](app, f"{door} {failure} {number}")
        disk.fail(number, *FAILURES[failure])
        answer = sent.send(None)
        failed = disk.calls() >= number
        disk.heal()
        with app.app_context():
            stored = sent.stored()
        if answer.status_code != 503 and door != "step":
            for line in stored:
                disk.note(line)
        kept = answer.status_code == 503 and sent.kept(answer)
        again = sent.send(answer if kept else None)
        with app.app_context():
            stored_again = sent.stored()
        statuses = answer.status_code, again.status_code
        yield Try(door, number, failed, statuses, (len(stored), len(stored_again)), kept)


def run(folder: Path, record: Path, *triples: str) -> list[Try]:
    """Try a door with a failure, one after the other."""
    disk = Disk()
    disk.watch(folder, record)
    app = build_app(folder)
    with app.app_context():
        make_staff(DESK)
    app.extensions["desk"] = app.test_client()
    sign_in(app.extensions["desk"], DESK)
    # The phone numbers on an error page are those that the process has read by then.
    app.test_client().get("/")
    words = iter(triples)
    found = [
        one
        for door, failure, step in zip(words, words, words, strict=True)
        for one in try_all(app, disk, door, failure, int(step))
    ]
    disk.watch(Path("/nowhere"))
    return found


if __name__ == "__main__":
    place, record, *given = sys.argv[1:]
    print(json.dumps([asdict(one) for one in run(Path(place), Path(record), *given)]))  # noqa: T201
