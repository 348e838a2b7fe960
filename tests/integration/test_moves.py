"""What staff do with a request: take it up, book it, decline it; two at once, and late ones."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.models import RequestEvent
from clinicdir.appointments.queries import get_request, list_events
from clinicdir.appointments.rules import TRANSITIONS
from clinicdir.db import db
from clinicdir.staff.rules import EVERYWHERE, Role
from tests.client import page_text
from tests.conftest import Clock
from tests.make import hidden, make_request, make_staff, sign_in, token_of
from tests.tables import all_rows, rows, together

DESK, OTHER = "desk@example.com", "other@example.com"
NOON = "Tue, Nov 24, 12:00 pm"
STATE = ("status", "claimed_by", "claimed_until", "booked_at", "decline_reason", "changed_at")
EVENT = ("action", "actor_kind", "staff_id", "from_status", "to_status", "at")


@pytest.fixture
def reference(app: Flask, frozen: Clock) -> str:
    with app.app_context():
        make_staff(DESK)
        make_staff(OTHER)
        return make_request(app).reference


@pytest.fixture
def desk(app: Flask, reference: str) -> FlaskClient:
    return signed_in(app, DESK)


@pytest.fixture
def other(app: Flask, reference: str) -> FlaskClient:
    return signed_in(app, OTHER)


def signed_in(app: Flask, email: str) -> FlaskClient:
    client = app.test_client()
    sign_in(client, email)
    return client


def open_form(client: FlaskClient, reference: str) -> dict[str, str]:
    """Return the hidden fields of the request's page as it stands now."""
    page = client.get(f"/staff/requests/{reference}").get_data(as_text=True)
    return {"csrf_token": token_of(page), "version": hidden(page, "version")}


def press(
    client: FlaskClient,
    reference: str,
    action: str,
    form: dict[str, str] | None = None,
    **typed: str,
) -> TestResponse:
    form = open_form(client, reference) if form is None else form
    return client.post(f"/staff/requests/{reference}/{action}", data={**form, **typed})


def state(app: Flask) -> tuple[Any, ...]:
    (found,) = rows(app, "appointment_request", *STATE)
    return tuple(found)


def events(app: Flask) -> list[Any]:
    return rows(app, "request_event", *EVENT)


def note_of_last_event(app: Flask) -> str | None:
    with app.app_context():
        event = db.session.query(RequestEvent).order_by(RequestEvent.id.desc()).first()
        assert event is not None
        note: str | None = event.unseal()["note"]
        return note


def told(app: Flask) -> tuple[Any, ...]:
    columns = (
        "actor_kind",
        "staff_id",
        "actor_label",
        "action",
        "subject",
        "detail",
        "chain",
        "at",
    )
    return tuple(rows(app, "audit_entry", *columns)[-1])


def heading(answer: TestResponse) -> str:
    return page_text(answer.get_data(as_text=True)).partition(" Next step")[0]


# Each move


def test_claim_takes_the_request_up_for_fifteen_minutes(
    app: Flask, desk: FlaskClient, reference: str, frozen: Clock
) -> None:
    version = int(open_form(desk, reference)["version"])
    answer = press(desk, reference, "claim")
    assert (answer.status_code, answer.headers["Location"]) == (
        303, f"/staff/requests/{reference}",
    )  # fmt: skip
    now, until = frozen.now(), frozen.now() + timedelta(minutes=15)
    assert state(app) == ("in_review", 1, until, None, None, now)
    assert rows(app, "appointment_request", "version") == [version + 1]
    assert events(app)[1:] == [("claim", "staff", 1, "received", "in_review", now)]
    assert told(app) == (
        "staff", 1, DESK, "claim", reference, "received > in_review", "location/3", now,
    )  # fmt: skip
    page = desk.get(answer.headers["Location"]).get_data(as_text=True)
    assert "You are on it." in page_text(page)
    assert "I am still on it" in page_text(page)


def test_book_fixes_a_time_of_the_clinic(
    app: Flask, desk: FlaskClient, reference: str, frozen: Clock
) -> None:
    press(desk, reference, "claim")
    frozen.move(minutes=5)
    answer = press(desk, reference, "book", day="2026-12-01", time="14:30")
    assert answer.status_code == 303
    at = datetime(2026, 12, 1, 22, 30, tzinfo=UTC)
    assert state(app) == ("booked", None, None, at, None, frozen.now())
    assert events(app)[2:] == [("book", "staff", 1, "in_review", "booked", frozen.now())]
    assert told(app)[3:6] == ("book", reference, "in_review > booked")
    page = page_text(desk.get(f"/staff/requests/{reference}").get_data(as_text=True))
    assert "Tue, Dec 1, 2:30 pm" in page
    assert "Mark as booked" not in page


def test_decline_keeps_the_reason_and_a_sealed_note(
    app: Flask, desk: FlaskClient, reference: str, frozen: Clock
) -> None:
    answer = press(
        desk, reference, "decline", decline_reason="needs_referral", note=" Zebra <b>note</b> "
    )
    assert answer.status_code == 303
    assert state(app) == ("declined", None, None, None, "needs_referral", frozen.now())
    assert events(app)[1:] == [("decline", "staff", 1, "received", "declined", frozen.now())]
    assert note_of_last_event(app) == "Zebra <b>note</b>"
    stored = repr(all_rows(app))
    assert "Zebra" not in stored
    page = desk.get(f"/staff/requests/{reference}").get_data(as_text=True)
    assert "<bdi>Zebra &lt;b&gt;note&lt;/b&gt;</bdi>" in page


def test_request_page_shows_its_history(
    app: Flask, desk: FlaskClient, reference: str, frozen: Clock
) -> None:
    press(desk, reference, "claim")
    frozen.move(minutes=2)
    press(desk, reference, "book", day="2027-03-01", time="09:05")
    text = page_text(desk.get(f"/staff/requests/{reference}").get_data(as_text=True))
    assert text.partition("History ")[2] == (
        f"{NOON}: came in {NOON}: taken up, {DESK} Tue, Nov 24, 12:02 pm: booked, {DESK}"
        " Add a note Note for colleagues Save the note All requests"
    )


# What is refused


IMPOSSIBLE: list[tuple[dict[str, str], str, str]] = [
    ({}, "day", "Enter the day and the time, like 2026-11-24 and 14:30"),
    ({"day": "2026-12-01"}, "day", "Enter the day and the time, like 2026-11-24 and 14:30"),
    ({"day": "soon", "time": "noon"}, "day", "Enter the day and the time, like"),
    ({"day": "2026-02-30", "time": "10:00"}, "day", "Enter the day and the time, like"),
    ({"day": "2026-12-01", "time": "25:00"}, "day", "Enter the day and the time, like"),
    ({"day": "0000-00-00", "time": "00:00"}, "day", "Enter the day and the time, like"),
    ({"day": "9999-12-31", "time": "23:59"}, "day", "Enter the day and the time, like"),
    ({"day": "0001-01-01", "time": "00:00"}, "day", "The appointment must be in the future"),
    ({"day": "2026-11-24", "time": "12:00"}, "day", "The appointment must be in the future"),
    ({"day": "2026-11-23", "time": "14:00"}, "day", "The appointment must be in the future"),
    ({"day": "2028-11-23", "time": "12:00"}, "day", "The appointment must be in the future"),
    ({"day": "2027-03-14", "time": "02:30"}, "time", "That time is skipped when the clocks"),
    ({"day": "1" * 5000, "time": "\N{ZERO WIDTH SPACE}"}, "day", "Enter the day and the time"),
]


def test_booking_at_no_possible_time_is_refused_with_what_was_typed(
    app: Flask, desk: FlaskClient, reference: str
) -> None:
    before = (state(app), events(app))
    form = open_form(desk, reference)
    for typed, field, says in IMPOSSIBLE:
        answer = press(desk, reference, "book", form, **typed)
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422, typed
        assert page_text(page).startswith(f"Check your answers below {says}"), typed
        assert f'<a href="#{field}">{says}' in page
        for name, value in typed.items():
            assert f'name="{name}" value="{value}"' in page
        assert (state(app), events(app)) == before


AROUND_A_CHANGE = [
    ("2027-03-14", "01:59", datetime(2027, 3, 14, 9, 59, tzinfo=UTC)),
    ("2027-03-14", "03:00", datetime(2027, 3, 14, 10, 0, tzinfo=UTC)),
    # The hour that comes twice is always taken as its first coming.
    ("2027-11-07", "00:59", datetime(2027, 11, 7, 7, 59, tzinfo=UTC)),
    ("2027-11-07", "01:30", datetime(2027, 11, 7, 8, 30, tzinfo=UTC)),
    ("2027-11-07", "02:00", datetime(2027, 11, 7, 10, 0, tzinfo=UTC)),
    ("2028-02-29", "10:00", datetime(2028, 2, 29, 18, 0, tzinfo=UTC)),
    ("2026-11-24", "12:01", datetime(2026, 11, 24, 20, 1, tzinfo=UTC)),
]


def test_booking_around_a_change_of_clocks_means_one_instant(
    app: Flask, desk: FlaskClient, reference: str
) -> None:
    with app.app_context():
        references = [make_request(app).reference for _ in AROUND_A_CHANGE]
    for one, (day, time, _) in zip(references, AROUND_A_CHANGE, strict=True):
        assert press(desk, one, "book", day=day, time=time).status_code == 303
    booked = rows(app, "appointment_request", "booked_at")[1:]
    assert booked == [at for _, _, at in AROUND_A_CHANGE]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({}, "Select a reason"),
        ({"decline_reason": "because", "note": "typed note"}, "Select a reason"),
        ({"decline_reason": "other", "note": "n" * 501}, "Note must be 500 characters or less"),
    ],
)
def test_declining_needs_a_reason_and_a_short_note(
    app: Flask, desk: FlaskClient, reference: str, typed: dict[str, str], says: str
) -> None:
    before = (state(app), events(app))
    answer = press(desk, reference, "decline", None, **typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert page_text(page).startswith(f"Check your answers below {says}")
    if "note" in typed:
        assert f'name="note" value="{typed["note"]}"' in page
    if typed.get("decline_reason") == "other":
        assert 'value="other" id="decline_reason-3" checked' in page
    assert (state(app), events(app)) == before


@pytest.mark.parametrize("first", ["book", "decline"])
def test_move_that_the_state_does_not_admit_is_refused(
    app: Flask, desk: FlaskClient, reference: str, first: str
) -> None:
    typed = {"day": "2026-12-01", "time": "14:30", "decline_reason": "other"}
    assert press(desk, reference, first, None, **typed).status_code == 303
    before = (state(app), events(app))
    form = open_form_of_closed(app, desk)
    for action in ("claim", "book", "decline"):
        answer = press(desk, reference, action, form, **typed)
        assert answer.status_code == 409
        assert (state(app), events(app)) == before


def open_form_of_closed(app: Flask, client: FlaskClient) -> dict[str, str]:
    (version,) = rows(app, "appointment_request", "version")
    page = client.get("/staff/").get_data(as_text=True)
    return {"csrf_token": token_of(page), "version": str(version)}


def test_move_without_the_version_that_was_shown_is_stale(
    app: Flask, desk: FlaskClient, reference: str
) -> None:
    before = (state(app), events(app))
    form = open_form(desk, reference)
    for version in ("", "0", "-1", "x", "1e3", "9" * 30, "2"):
        answer = press(desk, reference, "claim", form, version=version)
        assert answer.status_code == 409, version
    assert (state(app), events(app)) == before


def test_stale_page_says_who_changed_what_and_when_and_keeps_what_was_typed(
    app: Flask, desk: FlaskClient, other: FlaskClient, reference: str, frozen: Clock
) -> None:
    late = open_form(other, reference)
    frozen.move(minutes=1)
    press(desk, reference, "claim")
    frozen.move(minutes=8)
    assert other.get("/staff/").status_code == 200
    frozen.move(minutes=7)  # the lease is over, so the forms are offered again
    answer = press(
        other, reference, "decline", late, decline_reason="no_times", note="typed by the other"
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert page_text(page).startswith(
        f"Somebody else was faster {DESK} changed this request on Tue, Nov 24, 12:01 pm: taken up."
        " It is now: Being handled. What you typed is still below. Read the request again before"
        " you go on."
    )
    assert 'name="note" value="typed by the other"' in page
    assert 'value="no_times" id="decline_reason-1" checked' in page
    assert [event[0] for event in events(app)] == ["submit", "claim"]
    again = {"csrf_token": token_of(page), "version": hidden(page, "version")}
    assert press(other, reference, "decline", again, decline_reason="no_times").status_code == 303


@pytest.mark.parametrize("after_move", ["claim", "book"])
def test_typed_text_is_kept_where_its_form_is_not_offered_any_more(
    app: Flask, desk: FlaskClient, other: FlaskClient, reference: str, after_move: str
) -> None:
    late = open_form(other, reference)
    press(desk, reference, after_move, day="2026-12-01", time="14:30")
    answer = press(
        other, reference, "decline", late, decline_reason="no_times", note="typed <by> the other"
    )
    assert answer.status_code == 409
    text = page_text(answer.get_data(as_text=True))
    assert "We cannot do it" not in text
    assert (
        "What you typed Why?We have no times in reach Note for colleagues (optional)"
        "typed <by> the other" in text
    )
    booking = press(other, reference, "book", late, day="2026-12-24", time="09:15")
    assert booking.status_code == 409
    assert "What you typed Day2026-12-24 Time at the clinic09:15" in page_text(
        booking.get_data(as_text=True)
    )


KEPT = {
    "claim": (),
    "book": ('name="day" value="2026-12-01"', 'name="time" value="14:30"'),
    "decline": ('value="a typed note"', 'value="other" id="decline_reason-3" checked'),
}


@pytest.mark.parametrize("action", KEPT)
def test_missing_form_token_changes_nothing_and_keeps_what_was_typed(
    app: Flask, desk: FlaskClient, reference: str, action: str
) -> None:
    form = open_form(desk, reference) | {
        "csrf_token": "", "day": "2026-12-01", "time": "14:30", "decline_reason": "other",
        "note": "a typed note",
    }  # fmt: skip
    before = (state(app), events(app))
    answer = press(desk, reference, action, form)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert page_text(page).startswith(
        "This page was open for a long time, or your browser did not keep our cookie. All your"
        " answers are still here. Press the button once more."
    )
    for field in KEPT[action]:
        assert field in page
    assert (state(app), events(app)) == before
    again = form | {"csrf_token": token_of(page), "version": hidden(page, "version")}
    assert press(desk, reference, action, again).status_code == 303


def test_every_page_that_shows_a_request_is_noted(
    app: Flask, desk: FlaskClient, reference: str
) -> None:
    def views() -> int:
        return rows(app, "audit_entry", "action").count("view")

    form = open_form(desk, reference)
    assert views() == 1
    press(desk, reference, "claim", form | {"csrf_token": ""})
    press(desk, reference, "book", form)
    press(desk, reference, "claim", form | {"version": "0"})
    assert views() == 4


def test_viewer_reads_and_does_not_act(app: Flask, reference: str) -> None:
    with app.app_context():
        make_staff("viewer@example.com", Role.VIEWER)
    viewer = signed_in(app, "viewer@example.com")
    page = page_text(viewer.get(f"/staff/requests/{reference}").get_data(as_text=True))
    assert "Robin Example" in page
    assert "Next step" not in page
    form = open_form_of_closed(app, viewer)
    before = (state(app), events(app))
    for action in ("claim", "book", "decline"):
        answer = press(viewer, reference, action, form, day="2026-12-01", time="14:30")
        assert answer.status_code == 403
        assert page_text(answer.get_data(as_text=True)).startswith("You cannot do this here")
    assert (state(app), events(app)) == before


# Two at once


def test_request_that_somebody_is_on_is_kept_from_others(
    app: Flask, desk: FlaskClient, other: FlaskClient, reference: str, frozen: Clock
) -> None:
    press(desk, reference, "claim")
    page = page_text(other.get(f"/staff/requests/{reference}").get_data(as_text=True))
    assert f"{DESK} is on it." in page
    assert "Next step" not in page
    form = open_form_of_closed(app, other)
    before = (state(app), events(app))
    for action in ("claim", "book", "decline"):
        typed = {"day": "2026-12-01", "time": "14:30", "decline_reason": "other"}
        assert press(other, reference, action, form, **typed).status_code == 409
    assert (state(app), events(app)) == before


def test_lease_lapses_after_fifteen_minutes(
    app: Flask, desk: FlaskClient, other: FlaskClient, reference: str, frozen: Clock
) -> None:
    press(desk, reference, "claim")
    late = open_form(desk, reference)
    frozen.move(minutes=8)
    assert desk.get("/staff/").status_code == 200
    assert other.get("/staff/").status_code == 200
    frozen.move(minutes=7, seconds=-1)
    assert press(other, reference, "claim", open_form_of_closed(app, other)).status_code == 409
    frozen.move(seconds=1)
    assert press(other, reference, "claim").status_code == 303
    assert state(app)[:3] == ("in_review", 2, frozen.now() + timedelta(minutes=15))
    assert press(desk, reference, "book", late, day="2026-12-01", time="14:30").status_code == 409


def test_claim_by_its_holder_renews_the_lease(
    app: Flask, desk: FlaskClient, reference: str, frozen: Clock
) -> None:
    press(desk, reference, "claim")
    frozen.move(minutes=9)
    assert press(desk, reference, "claim").status_code == 303
    assert state(app)[:3] == ("in_review", 1, frozen.now() + timedelta(minutes=15))
    assert [event[0] for event in events(app)] == ["submit", "claim", "claim"]


def test_claims_at_once_have_one_winner(app: Flask, reference: str) -> None:
    with app.app_context():
        for number in range(6):
            make_staff(f"desk{number}@example.com")
    clients = [signed_in(app, f"desk{number}@example.com") for number in range(6)]
    forms = [open_form(client, reference) for client in clients]
    answers = together(6, lambda n: press(clients[n], reference, "claim", forms[n]))
    assert sorted(answer.status_code for answer in answers) == [303, *[409] * 5]
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 303)
    assert [event[:3] for event in events(app)[1:]] == [("claim", "staff", winner + 3)]
    assert state(app)[1] == winner + 3
    losers = [answer for answer in answers if answer.status_code == 409]
    for answer in losers:
        assert heading(answer).startswith(
            f"Somebody else was faster desk{winner}@example.com changed this request on {NOON}:"
            " taken up."
        )


def test_different_moves_at_once_have_one_winner(app: Flask, reference: str) -> None:
    clients = [signed_in(app, email) for email in (DESK, OTHER)]
    forms = [open_form(client, reference) for client in clients]
    moves: list[Callable[[], TestResponse]] = [
        lambda: press(clients[0], reference, "book", forms[0], day="2026-12-01", time="14:30"),
        lambda: press(clients[1], reference, "decline", forms[1], decline_reason="other"),
    ]
    answers = together(2, lambda n: moves[n]())
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert len(events(app)) == 2
    assert state(app)[0] == ("booked" if answers[0].status_code == 303 else "declined")


def test_events_of_a_request_replayed_give_its_state(
    app: Flask, desk: FlaskClient, reference: str, frozen: Clock
) -> None:
    press(desk, reference, "claim")
    press(desk, reference, "claim")
    press(desk, reference, "book", day="2026-12-01", time="14:30")
    with app.app_context():
        found = get_request(reference, scope=EVERYWHERE)
        replayed = None
        for event in list_events(found):
            assert event.from_status == replayed
            if replayed is not None:
                assert TRANSITIONS[(replayed, event.action)] == event.to_status
            replayed = event.to_status
        assert replayed == found.status == "booked"
    assert clock.now() == frozen.now()
