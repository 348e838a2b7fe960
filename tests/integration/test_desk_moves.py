"""Every move of staff on a request, what it leaves behind, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.models import RequestEvent
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import TRANSITIONS, Action, Status
from clinicdir.appointments.tidying import release_lapsed
from clinicdir.audit.rules import OPERATOR, PATIENT
from clinicdir.db import db, transaction
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.web.staff.steps import STAFF_ACTIONS
from tests.client import page_text
from tests.conftest import Clock
from tests.lives import let_messages_leave
from tests.make import make_request, make_staff, sign_in, token_of
from tests.tables import all_rows, rows

DESK, MANAGER = "desk@example.com", "manager@example.com"
# How a request comes into a state.
WAYS: dict[Status, tuple[Action, ...]] = {
    Status.RECEIVED: (),
    Status.IN_REVIEW: (Action.CLAIM,),
    Status.AWAITING_PATIENT: (Action.CLAIM, Action.AWAIT_PATIENT),
    Status.OFFERED: (Action.CLAIM, Action.OFFER),
    Status.BOOKED: (Action.BOOK,),
    Status.WAITLISTED: (Action.CLAIM, Action.WAITLIST),
    Status.ATTENDED: (Action.BOOK, Action.ATTEND),
    Status.MISSED: (Action.BOOK, Action.MISS),
    Status.DECLINED: (Action.DECLINE,),
    Status.WITHDRAWN: (Action.WITHDRAW,),
    Status.NO_REPLY: (Action.CLAIM, Action.AWAIT_PATIENT, Action.GIVE_UP),
    Status.QUARANTINED: (Action.QUARANTINE,),
    Status.ENTERED_IN_ERROR: (Action.MARK_ERROR,),
}
TYPED: dict[Action, dict[str, str]] = {
    Action.BOOK: {"day": "2026-12-01", "time": "14:30"},
    Action.DECLINE: {"decline_reason": "no_times"},
    Action.LOG_CONTACT: {"outcome": "voicemail", "note": "Zebra try"},
    Action.MARK_ERROR: {"note": "Zebra error"},
    Action.NOTE: {"note": "Zebra note"},
    Action.OFFER: {"day1": "2026-12-01", "time1": "14:30", "day3": "2026-12-02", "time3": "09:00"},
    Action.TRANSFER: {"location": "bellevue", "note": "Zebra reason"},
    Action.WITHDRAW: {"note": "Zebra wish"},
}
AT = datetime(2026, 12, 1, 22, 30, tzinfo=UTC)


@pytest.fixture
def manager(app: Flask, frozen: Clock) -> FlaskClient:
    return signed_in(app, MANAGER, Role.MANAGER)


def signed_in(app: Flask, email: str = DESK, role: Role = Role.DESK) -> FlaskClient:
    with app.app_context():
        make_staff(email, role)
    client = app.test_client()
    sign_in(client, email)
    return client


def make_in(app: Flask, status: Status, **changes: Any) -> str:  # noqa: ANN401
    """Return the reference of a request in a state; a booked one begins in an hour."""
    with app.app_context():
        reference = make_request(app, **changes).reference
        now = datetime.fromisoformat("2026-11-24T20:00:00+00:00")
        for action in WAYS[status]:
            with transaction():
                found = get_request(reference, scope=EVERYWHERE)
                later = now + timedelta(hours=1)
                step = Move(action, found.version, booked_at=later, offered=(later,))
                act(found, step, actor=OPERATOR, now=now)
    return reference


def version_of(app: Flask, reference: str) -> int:
    with app.app_context():
        return get_request(reference, scope=EVERYWHERE).version


def send(
    app: Flask, client: FlaskClient, reference: str, action: str, **typed: str
) -> TestResponse:
    """Press a button as if its form had just been shown, whether the page shows it or not."""
    form = {
        "csrf_token": token_of(client.get("/staff/").get_data(as_text=True)),
        "version": str(version_of(app, reference)),
    }
    return client.post(f"/staff/requests/{reference}/{action}", data=form | typed)


def text_at(client: FlaskClient, reference: str) -> str:
    return page_text(client.get(f"/staff/requests/{reference}").get_data(as_text=True))


def audited(app: Flask) -> list[Any]:
    told = rows(app, "audit_entry", "action", "actor_label", "subject", "detail", "chain")
    return [
        entry
        for entry in told
        if entry[0] not in ("list", "view", "sign_in", "invite", "seed_load")
    ]


def last_words(app: Flask) -> dict[str, Any]:
    with app.app_context():
        event = db.session.query(RequestEvent).order_by(RequestEvent.id.desc()).first()
        assert event is not None
        return event.unseal()


@pytest.mark.parametrize("status", Status)
def test_each_move_of_a_state_works_and_every_other_is_refused(
    app: Flask, manager: FlaskClient, frozen: Clock, status: Status
) -> None:
    frozen.move(minutes=1)
    for action in sorted(STAFF_ACTIONS):
        reference = make_in(app, status)
        if (status, action) == (Status.IN_REVIEW, Action.RELEASE):
            send(app, manager, reference, Action.CLAIM)  # only who is on it puts it back
        let_messages_leave(app)
        before = all_rows(app, without=("audit_entry", "audit_head", "staff_session"))
        # An hour that is still ahead: nobody has come to it, and nobody has missed it.
        too_soon = action in (Action.ATTEND, Action.MISS)
        answer = send(app, manager, reference, action, **TYPED.get(action, {}))
        after = all_rows(app, without=("audit_entry", "audit_head", "staff_session"))
        if (status, action) not in TRANSITIONS or too_soon:
            assert (answer.status_code, after == before) == (409, True), action
            continue
        assert answer.status_code == 303, action
        to = TRANSITIONS[(status, action)]
        event = rows(app, "request_event", "action", "from_status", "to_status", "staff_id", "at")
        assert event[-1] == (action, status, to, 1, frozen.now())
        detail, chain = f"{status} > {to}", "location/2" if action == "transfer" else "location/3"
        # A request that is passed on has an entry in the chains of both clinics.
        assert (action, MANAGER, reference, detail, chain) in audited(app)[-2:]
        told_anew = action in (Action.TRANSFER, Action.CLEAR, Action.RELEASE)
        mails = 1 if told_anew and to is not Status.QUARANTINED else 0
        outbox = "outbox_message"
        assert len(after[outbox]) - len(before[outbox]) == mails
    assert "Zebra" not in repr(all_rows(app))


def test_page_offers_what_the_state_admits_and_nothing_else(
    app: Flask, manager: FlaskClient
) -> None:
    desk = signed_in(app)
    for status in Status:
        reference = make_in(app, status)
        if status is Status.IN_REVIEW:
            continue  # somebody is on it
        page = manager.get(f"/staff/requests/{reference}").get_data(as_text=True)
        for action in STAFF_ACTIONS:
            allowed = (status, action) in TRANSITIONS and action not in ("attend", "miss")
            assert (f'{reference}/{action}"' in page) is allowed, (status, action)
        assert f"{reference}/mark_error" not in desk.get(f"/staff/requests/{reference}").get_data(
            as_text=True
        )


def test_patient_comes_or_not_once_the_time_is_there(
    app: Flask, manager: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.BOOKED)
    for _ in range(6):
        frozen.move(minutes=9)
        assert "The patient came" not in text_at(manager, reference)
    frozen.move(minutes=6)
    assert "The patient came The patient did not come" in text_at(manager, reference)
    assert send(app, manager, reference, "miss").status_code == 303
    assert rows(app, "appointment_request", "status") == ["missed"]


def test_offer_holds_up_to_three_times_of_the_clinic(
    app: Flask, manager: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.WAITLISTED)
    assert send(app, manager, reference, "offer", **TYPED[Action.OFFER]).status_code == 303
    assert rows(app, "offer", "starts_at", "state", "made_by", "location_id") == [
        (AT, "held", 1, 3),
        (datetime(2026, 12, 2, 17, tzinfo=UTC), "held", 1, 3),
    ]
    text = text_at(manager, reference)
    assert (
        "Held for the patient, each until it begins: Tue, Dec 1, 2:30 pm Wed, Dec 2, 9:00 am"
        in text
    )
    assert rows(app, "appointment_request", "first_contact_at") == [frozen.now()]


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({}, [("day1", "Enter the day and the time, like 2026-11-24 and 14:30")]),
        (
            {"day1": "2026-12-01", "time1": "14:30", "day2": "2026-12-02"},
            [("day2", "Enter the day and the time, like 2026-11-24 and 14:30")],
        ),
        (
            {"day2": "2027-03-14", "time2": "02:30", "day3": "2026-11-23", "time3": "10:00"},
            [
                ("time2", "That time is skipped when the clocks change: choose another"),
                ("day3", "The appointment must be in the future, within two years"),
            ],
        ),
    ],
)
def test_times_that_cannot_be_are_not_offered(
    app: Flask, manager: FlaskClient, typed: dict[str, str], errors: list[tuple[str, str]]
) -> None:
    reference = make_in(app, Status.WAITLISTED)
    answer = send(app, manager, reference, "offer", **typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for field, words in errors:
        assert f'<a href="#{field}">{words}</a>' in page
    for name, value in typed.items():
        assert f'name="{name}" value="{value}"' in page
    assert rows(app, "offer", "id") == []


@pytest.mark.parametrize(
    ("action", "typed", "says"),
    [
        ("note", {"note": "  "}, "Enter a note"),
        ("note", {"note": "n" * 501}, "Note must be 500 characters or less"),
        ("mark_error", {}, "Enter a reason"),
        ("transfer", {"location": "bellevue"}, "Enter a reason"),
        ("transfer", {"location": "nowhere", "note": "typed"}, "Select a clinic"),
        ("log_contact", {"note": "typed"}, "Select how it ended"),
        ("log_contact", {"outcome": "eaten", "note": "typed"}, "Select how it ended"),
        ("withdraw", {"note": "n" * 501}, "Note must be 500 characters or less"),
    ],
)
def test_what_is_missing_is_asked_for_and_a_stale_page_comes_first(
    app: Flask, manager: FlaskClient, action: str, typed: dict[str, str], says: str
) -> None:
    reference = make_in(app, Status.RECEIVED)
    before = rows(app, "request_event", "id")
    answer = send(app, manager, reference, action, **typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert page_text(page).startswith(f"Check your answers below {says}")
    assert (typed.get("note") or "").strip() in page
    stale = send(app, manager, reference, action, **(typed | {"version": "9"}))
    assert stale.status_code == 409
    assert page_text(stale.get_data(as_text=True)).startswith("Somebody else was faster")
    assert (typed.get("note") or "").strip() in stale.get_data(as_text=True)
    assert rows(app, "request_event", "id") == before


def test_tries_to_reach_the_patient_stand_in_the_history(app: Flask, manager: FlaskClient) -> None:
    reference = make_in(app, Status.RECEIVED)
    for outcome, words in (
        ("reached", "Reached"), ("voicemail", "Voicemail left"), ("no_answer", "No answer"),
        ("wrong_number", "Wrong number"),
    ):  # fmt: skip
        send(app, manager, reference, "log_contact", outcome=outcome, note=f"said {outcome}")
        assert last_words(app) == {"note": f"said {outcome}", "details": [outcome]}
        assert f"tried to reach the patient: {words}, {MANAGER} said {outcome}" in text_at(
            manager, reference
        ).replace(f"{MANAGER}said", f"{MANAGER} said")


def test_try_that_nobody_hears_leaves_a_request_overdue(
    app: Flask, manager: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    with app.app_context(), transaction():
        get_request(reference, scope=EVERYWHERE).promise_at = frozen.now() - timedelta(hours=1)
    for outcome, told in (
        ("no_answer", None), ("wrong_number", None), ("voicemail", frozen.now()),
    ):  # fmt: skip
        send(app, manager, reference, "log_contact", outcome=outcome)
        assert rows(app, "appointment_request", "first_contact_at") == [told]
        assert ("Overdue" in text_at(manager, reference)) == (told is None)


def test_page_of_before_the_hold_ended_is_not_told_of_somebody_else(
    app: Flask, manager: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    send(app, manager, reference, "claim")
    seen = str(version_of(app, reference))
    frozen.move(minutes=15)
    with app.app_context():
        assert release_lapsed(now=frozen.now()) == 1
    sign_in(manager, MANAGER)
    answer = send(app, manager, reference, "await_patient", version=seen)
    assert answer.status_code == 303
    assert rows(app, "appointment_request", "status") == ["awaiting_patient"]


def test_request_passed_on_leaves_its_reference_and_date_behind(app: Flask, frozen: Clock) -> None:
    desk = signed_in(app)
    reference = make_in(app, Status.RECEIVED, patient_name="Zebra Example")
    answer = send(app, desk, reference, "transfer", **TYPED[Action.TRANSFER])
    assert (answer.status_code, answer.headers["Location"]) == (
        303, f"/staff/requests/{reference}",
    )  # fmt: skip
    page = desk.get(f"/staff/requests/{reference}")
    shown = f"{reference[:3]}-{reference[3:]}"
    assert page_text(page.get_data(as_text=True)) == (
        f"{shown} was passed on to Bellevue Renton passed it on to Bellevue on"
        " Tue, Nov 24, 12:00 pm. It answers there from now on. All requests"
    )
    assert "Zebra" not in page.get_data(as_text=True)
    assert audited(app)[-1] == ("transfer_out", DESK, reference, "to bellevue", "location/3")
    for path in ("/print", "/change/contact"):
        assert desk.get(f"/staff/requests/{reference}{path}").status_code == 404
    with app.app_context():
        make_staff("other@example.com", Role.DESK, ("covington",))
        make_staff("bellevue@example.com", Role.DESK, ("bellevue",))
    other, bellevue = app.test_client(), app.test_client()
    sign_in(other, "other@example.com")
    assert other.get(f"/staff/requests/{reference}").status_code == 404
    sign_in(bellevue, "bellevue@example.com")
    assert f"passed on to Bellevue, {DESK}Zebra reason" in text_at(bellevue, reference)


def test_what_may_be_spam_says_why_and_is_closed_or_cleared(
    app: Flask, manager: FlaskClient
) -> None:
    reference, other = make_in(app, Status.QUARANTINED), make_in(app, Status.QUARANTINED)
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        found.suspicions = ["links", "a_new_code"]
    assert "This may be spam: it holds web links a_new_code" in text_at(manager, reference)
    assert send(app, manager, reference, "decline").status_code == 303
    assert send(app, manager, other, "clear").status_code == 303
    assert rows(app, "appointment_request", "status", "decline_reason") == [
        ("declined", "spam"), ("received", None),
    ]  # fmt: skip
    assert "This may be spam" not in text_at(manager, reference)


def test_desk_may_not_close_a_request_as_a_mistake(app: Flask) -> None:
    desk, reference = signed_in(app), make_in(app, Status.RECEIVED)
    assert send(app, desk, reference, "mark_error", note="typed").status_code == 403
    assert rows(app, "appointment_request", "status") == ["received"]


def test_page_says_what_the_patient_changed_and_which_clinics_are_fine_too(
    app: Flask, manager: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED, location=["renton", "bellevue", "covington"])
    with app.app_context(), transaction():
        step = Move(Action.CHANGE, details=("phone", "windows"))
        found = get_request(reference, scope=EVERYWHERE)
        act(found, step, actor=PATIENT, now=frozen.now() - timedelta(hours=2))
    text = text_at(manager, reference)
    assert "Changed by the patient 2 hours ago: phone, times" in text
    assert "also fine: Bellevue and Covington" in text
    assert "changed (phone, times), the patient" in text
