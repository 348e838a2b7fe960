"""For who has lost the link: reference and digits show the state, and nothing else."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.rules import Status, new_reference, show_reference
from tests.conftest import Clock
from tests.own import in_days, make_own
from tests.pages import field_errors, form, heading, links, main_text, press, title
from tests.tables import all_rows, rows

LOST = "/lost-link"
NOTHING_FITS = "Check the reference and the digits or letters: they do not fit together"
NOT_YET = "This is a request, not yet a booking."
MORE = (
    "For anything more, or for a new link, call the clinic and say your reference."
    " Call (206) 693-9929, ask for Renton"
)


def ask(client: FlaskClient, reference: str, proof: str = "0123") -> TestResponse:
    return press(client, client.get(LOST), LOST, reference=reference, proof=proof)


def reference_of(app: Flask) -> str:
    found: str = rows(app, "appointment_request", "reference")[-1]
    return found


@pytest.fixture
def limited(app: Flask, with_settings: Callable[..., Flask]) -> Flask:
    return with_settings(rate_limits="on")


def test_reference_and_digits_show_the_state_alone(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    own = make_own(app, Status.BOOKED, booked_at=in_days(7), note="Ibex")
    before = all_rows(app)
    page = ask(client, reference_of(app))
    assert page.status_code == 200
    assert main_text(page) == f"You are booked Clinic: Renton {MORE}"
    whole = page.get_data(as_text=True)
    hidden = (own, "requests/", "Robin", "0123", "Ibex", "Dec 1", reference_of(app))
    assert not [word for word in hidden if word in whole]
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers
    assert all_rows(app) == before


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.RECEIVED, f"We have your request Clinic: Renton {NOT_YET}"),
        (Status.QUARANTINED, f"We have your request Clinic: Renton {NOT_YET}"),
        (Status.IN_REVIEW, f"Renton is looking at it Clinic: Renton {NOT_YET}"),
        (Status.WITHDRAWN, "You took back your request Clinic: Renton"),
    ],
)
def test_each_state_is_told_in_the_words_of_the_own_page(
    app: Flask, client: FlaskClient, status: Status, words: str
) -> None:
    make_own(app, status)
    assert main_text(ask(client, reference_of(app))) == f"{words} {MORE}"


def test_reference_may_be_typed_as_it_is_read(app: Flask, client: FlaskClient) -> None:
    make_own(app)
    reference = reference_of(app)
    for typed in (
        show_reference(reference),
        reference.lower(),
        f" {reference[:3]} {reference[3:]} ",
    ):
        assert heading(ask(client, typed)) == "We have your request"


def test_email_alone_is_known_by_its_first_letters(app: Flask, client: FlaskClient) -> None:
    make_own(app, phone=None, email="okapi@example.com", contact_by="email")
    assert heading(ask(client, reference_of(app), "oka")) == "We have your request"
    assert ask(client, reference_of(app), "0123").status_code == 422


def test_merged_request_tells_of_the_other(app: Flask, client: FlaskClient) -> None:
    make_own(app, location="bellevue")
    (number,) = rows(app, "appointment_request", "id")
    make_own(app, Status.ENTERED_IN_ERROR, duplicate_of=number)
    assert "We have your request Clinic: Bellevue" in main_text(ask(client, reference_of(app)))


def test_unknown_reference_and_wrong_digits_look_the_same(app: Flask, client: FlaskClient) -> None:
    make_own(app)
    known, unknown = reference_of(app), new_reference()
    answers = [
        ask(client, known, "9999"),
        ask(client, unknown, "9999"),
        ask(client, unknown, "0123"),
    ]
    seen = [
        (
            answer.status_code,
            sorted(answer.headers.items()),
            answer.get_data(as_text=True)
            .replace(known, "TYPED").replace(unknown, "TYPED").replace("0123", "9999"),
        )
        for answer in answers
    ]  # fmt: skip
    assert seen[0] == seen[1] == seen[2]
    assert answers[0].status_code == 422
    assert title(answers[0]) == "Error: Lost your link? – HIDEF"
    assert field_errors(answers[0]) == [NOTHING_FITS]


@pytest.mark.parametrize(
    ("reference", "proof", "errors"),
    [
        ("", "", [
            "Enter the reference of your request, like C7K-4KQ2",
            "Enter the last four digits, or the first three letters",
        ]),
        (" ", "0123", ["Enter the reference of your request, like C7K-4KQ2"]),
        ("C7K", "0123", ["Enter the reference as you got it, like C7K-4KQ2"]),
        ("0" * 900, "0123", ["Enter the reference as you got it, like C7K-4KQ2"]),
        ("<script>", "0123", ["Enter the reference as you got it, like C7K-4KQ2"]),
        ("\u202e\x00", "0123", ["Enter the reference as you got it, like C7K-4KQ2"]),
    ],
)  # fmt: skip
def test_what_is_no_reference_is_told_so_and_kept(
    client: FlaskClient, reference: str, proof: str, errors: list[str]
) -> None:
    answer = ask(client, reference, proof)
    assert (answer.status_code, field_errors(answer)) == (422, errors)
    assert form(answer, LOST)["proof"] == [proof]


def test_page_is_found_from_every_page_and_from_a_dead_link(client: FlaskClient) -> None:
    assert links(client.get("/"))["Lost your link?"] == LOST
    assert links(client.get("/requests/none"))["Lost the link to your request?"] == LOST
    assert "Set-Cookie" not in client.get(LOST).headers


def test_one_sender_may_ask_ten_times(limited: Flask) -> None:
    client = limited.test_client()
    tried = [ask(client, new_reference()).status_code for _ in range(12)]
    assert tried == [422] * 10 + [429] * 2
    make_own(limited)
    answer = ask(client, reference_of(limited))
    assert answer.status_code == 429
    assert "Renton: (206) 693-9929" in main_text(answer)
    assert 850 <= int(answer.headers["Retry-After"]) <= 901
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    data = {"reference": reference_of(limited), "proof": "0123"}
    other = limited.test_client().post(LOST, data=data, environ_overrides=elsewhere)
    assert heading(other) == "We have your request"


@pytest.mark.parametrize("known", [True, False])
def test_one_reference_may_be_asked_for_ten_times_from_anywhere(
    limited: Flask, known: bool
) -> None:
    make_own(limited)
    reference = reference_of(limited) if known else new_reference()
    client = limited.test_client()
    tried = [
        client.post(
            LOST,
            data={"reference": reference, "proof": "9999"},
            environ_overrides={"REMOTE_ADDR": f"198.51.100.{number}"},
        ).status_code
        for number in range(11)
    ]
    assert tried == [422] * 10 + [429]
