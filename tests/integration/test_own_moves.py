"""What a patient does by the link besides changes: takes a time, takes the request back."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.models import RequestEvent
from clinicdir.appointments.rules import Status
from clinicdir.db import db
from tests.asking import EXPIRED, forget_cookies
from tests.conftest import Clock
from tests.own import checked, hold_out, in_days, make_own
from tests.pages import field_errors, form, heading, main_text, press, summary
from tests.tables import all_rows, rows, together

GONE_OTHERS = (
    "That time is gone: it was taken or taken back a moment ago. The times below are still open."
)
GONE = (
    "That time is gone, and nothing was booked by this press. This is how your request stands now."
)
WITHDRAWABLE = (
    Status.RECEIVED, Status.IN_REVIEW, Status.AWAITING_PATIENT, Status.OFFERED, Status.BOOKED,
    Status.WAITLISTED, Status.QUARANTINED,
)  # fmt: skip


@pytest.fixture
def own(app: Flask, frozen: Clock) -> str:
    """Return the page of a request with three times held out."""
    made = make_own(app, Status.OFFERED)
    hold_out(app, *(in_days(number) for number in (3, 4, 5)))
    return made


def take(client: FlaskClient, own: str, days: float, page: TestResponse | None = None) -> Any:  # noqa: ANN401
    page = page or client.get(own)
    starts_at = in_days(days).isoformat()
    return press(client, page, f"{own}/accept", starts_at=starts_at)


def stands(app: Flask) -> tuple[Any, ...]:
    columns = ("status", "booked_at", "calendar_sequence")
    return tuple(rows(app, "appointment_request", *columns)[0])


def test_pressed_time_is_booked_and_the_others_lapse(app: Flask, own: str) -> None:
    client = checked(app, own)
    page = client.get(own)
    assert (
        "Renton holds these times out for you. Press the one that you take; it is then booked."
        " Fri, Nov 27, 12:00 pm (PST) Sat, Nov 28, 12:00 pm (PST) Sun, Nov 29, 12:00 pm (PST)"
    ) in main_text(page)
    answer = take(client, own, 4, page)
    assert (answer.status_code, answer.headers["Location"]) == (303, own)
    assert stands(app) == ("booked", in_days(4), 1)
    assert rows(app, "offer", "state") == ["lapsed", "taken", "lapsed"]
    booked = client.get(own)
    assert heading(booked) == "You are booked"
    assert "Sat, Nov 28, 12:00 pm (PST)" in main_text(booked)
    assert rows(app, "request_event", "action", "actor_kind")[-1] == ("book", "patient")


def test_second_press_on_the_same_button_is_no_fault(app: Flask, own: str) -> None:
    client = checked(app, own)
    page = client.get(own)
    assert [take(client, own, 4, page).status_code for _ in range(3)] == [303] * 3
    assert stands(app) == ("booked", in_days(4), 1)
    assert rows(app, "request_event", "action") == ["submit", "book"]


def test_other_time_pressed_later_is_refused_and_says_what_is_booked(app: Flask, own: str) -> None:
    client = checked(app, own)
    page = client.get(own)
    take(client, own, 4, page)
    answer = take(client, own, 5, page)
    assert (answer.status_code, heading(answer)) == (409, "You are booked")
    assert main_text(answer).startswith(GONE)
    assert stands(app) == ("booked", in_days(4), 1)


def test_time_that_is_over_is_refused_and_the_others_shown(
    app: Flask, own: str, frozen: Clock
) -> None:
    client = checked(app, own)
    times = [in_days(number) for number in (3, 4)]
    frozen.move(days=3, minutes=1)
    client = checked(app, own)
    page = client.get(own)
    answer = press(client, page, f"{own}/accept", starts_at=times[0].isoformat())
    assert (answer.status_code, heading(answer)) == (409, "Choose a time")
    assert main_text(answer).startswith(GONE_OTHERS)
    assert "Fri, Nov 27" not in main_text(answer)
    again = press(client, answer, f"{own}/accept", starts_at=times[1].isoformat())
    assert again.status_code == 303


@pytest.mark.parametrize(
    "typed", ["", "x", "1", "2026-11-28T12:00", "2099-01-01T00:00:00+00:00", "9" * 5000, "\u202e"]
)
def test_time_that_was_never_held_out_is_refused(app: Flask, own: str, typed: str) -> None:
    client = checked(app, own)
    before = all_rows(app)
    answer = press(client, client.get(own), f"{own}/accept", starts_at=typed)
    assert answer.status_code == 409
    assert main_text(answer).startswith(GONE_OTHERS)
    assert all_rows(app) == before


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OFFERED])
def test_no_time_is_taken_in_any_other_state(app: Flask, frozen: Clock, status: Status) -> None:
    own = make_own(app, status, booked_at=in_days(9))
    client = checked(app, own)
    token = form(client.get("/request"), "/request")
    before = all_rows(app)
    data = {"csrf_token": token["csrf_token"][0], "starts_at": in_days(3).isoformat()}
    answer = client.post(f"{own}/accept", data=data)
    assert answer.status_code == 409
    assert main_text(answer).startswith(GONE)
    assert all_rows(app) == before


def test_time_of_another_request_cannot_be_taken(app: Flask, own: str) -> None:
    hold_out_for_one = make_own(app, Status.OFFERED)
    client = checked(app, hold_out_for_one)
    page = client.get("/request")
    data = {
        "csrf_token": form(page, "/request")["csrf_token"][0],
        "starts_at": in_days(4).isoformat(),
    }
    assert client.post(f"{hold_out_for_one}/accept", data=data).status_code == 409
    assert rows(app, "offer", "state") == ["held"] * 3


def test_taking_a_time_needs_the_check(app: Flask, own: str, frozen: Clock) -> None:
    client = checked(app, own)
    page = client.get(own)
    frozen.move(minutes=31)
    before = all_rows(app)
    answer = take(client, own, 4, page)
    assert (answer.status_code, heading(answer)) == (422, "Show that it is your request")
    assert summary(answer) == [("#proof", "Enter the last four digits of your phone number")]
    assert all_rows(app) == before
    passed = press(client, answer, f"{own}/check", proof="0123")
    assert passed.headers["Location"] == own


def test_expired_form_books_nothing(app: Flask, own: str) -> None:
    client = checked(app, own)
    page, before = client.get(own), all_rows(app)
    forget_cookies(client)
    answer = take(client, own, 4, page)
    assert answer.status_code == 400
    assert main_text(answer).startswith(
        "This page was open for a long time, or your browser did not keep our cookie."
        " Nothing was booked. Choose your time once more."
    )
    assert all_rows(app) == before


def test_of_many_presses_at_once_one_time_is_booked(app: Flask, own: str) -> None:
    clients = [checked(app, own) for _ in range(9)]
    pages = [client.get(own) for client in clients]

    def press_it(number: int) -> int:
        answer = take(clients[number], own, 3 + number % 3, pages[number])
        status: int = answer.status_code
        return status

    statuses = together(9, press_it)
    assert sorted(statuses) == [303] * 3 + [409] * 6
    assert rows(app, "request_event", "action") == ["submit", "book"]
    assert sorted(rows(app, "offer", "state")) == ["lapsed", "lapsed", "taken"]
    ((_, booked_at, _),) = [stands(app)]
    winner = statuses.index(303) % 3
    assert booked_at == in_days(3 + winner)


# Taking it back


def withdraw(client: FlaskClient, own: str, **typed: str | None) -> TestResponse:
    return press(client, client.get(f"{own}/withdraw"), f"{own}/withdraw", **typed)


def last_note(app: Flask) -> Any:  # noqa: ANN401
    with app.app_context():
        event = db.session.query(RequestEvent).order_by(RequestEvent.id.desc()).first()
        assert event is not None
        return event.unseal()["note"]


@pytest.mark.parametrize("status", WITHDRAWABLE)
def test_request_is_taken_back_with_a_sealed_reason(
    app: Flask, client: FlaskClient, frozen: Clock, status: Status
) -> None:
    own = make_own(app, status, booked_at=in_days(7))
    hold_out(app, in_days(3))
    before = all_rows(app)
    page = client.get(f"{own}/withdraw")
    booked = status is Status.BOOKED
    assert heading(page) == ("Cancel your appointment?" if booked else "Take back your request?")
    assert all_rows(app) == before
    answer = press(client, page, f"{own}/withdraw", proof="0123", reason=" Zebra <b> ")
    assert (answer.status_code, answer.headers["Location"]) == (303, own)
    assert stands(app)[0] == "withdrawn"
    assert last_note(app) == "Zebra <b>"
    assert rows(app, "request_event", "action", "actor_kind", "from_status")[-1] == (
        "withdraw", "patient", status.value,
    )  # fmt: skip
    assert "Zebra" not in repr(all_rows(app))
    assert heading(client.get(own)) == "You took back your request"
    if status is Status.OFFERED:
        assert rows(app, "offer", "state") == ["lapsed"]


def test_link_alone_takes_nothing_back(app: Flask, client: FlaskClient) -> None:
    own = make_own(app)
    before = all_rows(app)
    answer = withdraw(client, own, reason="Mine")
    assert answer.status_code == 422
    assert field_errors(answer) == ["Enter the last four digits of your phone number"]
    assert form(answer, f"{own}/withdraw")["reason"] == ["Mine"]
    assert withdraw(client, own, proof="9999").status_code == 422
    for method in ("GET", "HEAD", "OPTIONS"):
        client.open(f"{own}/withdraw", method=method)
    assert all_rows(app) == before


def test_check_passed_before_is_not_asked_again(app: Flask) -> None:
    own = make_own(app)
    client = checked(app, own)
    assert "Last four digits" not in main_text(client.get(f"{own}/withdraw"))
    assert withdraw(client, own).status_code == 303
    assert last_note(app) is None


def test_second_press_finds_it_taken_back(app: Flask, client: FlaskClient) -> None:
    own = make_own(app)
    page = client.get(f"{own}/withdraw")
    presses = [press(client, page, f"{own}/withdraw", proof="0123") for _ in range(3)]
    assert [(one.status_code, one.headers["Location"]) for one in presses] == [(303, own)] * 3
    assert rows(app, "request_event", "action") == ["submit", "withdraw"]
    assert client.get(f"{own}/withdraw").headers["Location"] == own


def test_presses_at_once_take_it_back_once(app: Flask, client: FlaskClient) -> None:
    own = make_own(app)
    clients = [checked(app, own) for _ in range(6)]
    pages = [one.get(f"{own}/withdraw") for one in clients]
    answers = together(
        6, lambda number: press(clients[number], pages[number], f"{own}/withdraw").status_code
    )
    assert answers == [303] * 6
    assert rows(app, "request_event", "action") == ["submit", "withdraw"]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("x" * 201, "Reason must be 200 characters or less"),
        ("a\x00b", "Type this again: it contains characters that cannot be shown"),
        ("a\u202eb", "Type this again: it contains characters that cannot be shown"),
    ],
)
def test_refused_reason_is_kept_and_takes_nothing_back(app: Flask, reason: str, words: str) -> None:
    own = make_own(app)
    client = checked(app, own)
    before = all_rows(app)
    answer = withdraw(client, own, reason=reason)
    assert (answer.status_code, field_errors(answer)) == (422, [words])
    assert all_rows(app) == before


def test_reason_of_200_characters_is_taken(app: Flask) -> None:
    own = make_own(app)
    assert withdraw(checked(app, own), own, reason="é" * 200).status_code == 303
    assert last_note(app) == "é" * 200


def test_expired_form_takes_nothing_back_and_keeps_the_reason(
    app: Flask, client: FlaskClient
) -> None:
    own = make_own(app)
    page, before = client.get(f"{own}/withdraw"), all_rows(app)
    forget_cookies(client)
    late = press(client, page, f"{own}/withdraw", reason="Mine", proof="0123")
    assert (late.status_code, EXPIRED in main_text(late)) == (400, True)
    assert all_rows(app) == before
    assert press(client, late, f"{own}/withdraw").status_code == 303
    assert last_note(app) == "Mine"


@pytest.mark.parametrize(
    "status", [status for status in Status if status not in (*WITHDRAWABLE, Status.WITHDRAWN)]
)
def test_what_is_closed_cannot_be_taken_back(
    app: Flask, client: FlaskClient, frozen: Clock, status: Status
) -> None:
    own = make_own(app, status)
    shown = client.get(f"{own}/withdraw")
    assert (shown.status_code, shown.headers["Location"]) == (303, own)
    token = form(client.get("/request"), "/request")["csrf_token"][0]
    before = all_rows(app)
    data = {"csrf_token": token, "proof": "0123", "reason": "Mine"}
    answer = client.post(f"{own}/withdraw", data=data)
    assert answer.status_code == 409
    assert main_text(answer).startswith(
        "Your request has moved on since you opened this page and cannot be taken back here."
        " Call the clinic."
    )
    assert all_rows(app) == before
