"""Undo: for ten minutes a person's last move goes back, and everything it did with it."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import TRANSITIONS, Action, Status
from clinicdir.appointments.undoing import UNDOABLE, undo
from clinicdir.audit.rules import OPERATOR, PATIENT, Actor
from clinicdir.db import db, transaction
from clinicdir.errors import NotAllowed
from clinicdir.locations.queries import get_location
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import DeliveryState
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.staff.sessions import actor_of
from tests.client import page_text
from tests.conftest import Clock
from tests.integration.test_desk_moves import (
    DESK,
    MANAGER,
    TYPED,
    make_in,
    send,
    signed_in,
    text_at,
)
from tests.lives import actions_of, do, let_messages_leave
from tests.make import make_staff, sign_in, token_of
from tests.tables import rows

BOTH = "both@example.com"
WITHIN_A_STATE = (Action.LOG_CONTACT, Action.TRANSFER)
PAIRS = sorted(
    (status, action)
    for status, action in TRANSITIONS
    if action in UNDOABLE - {Action.MERGE}  # which takes two: see test_merge.py
    and (action in WITHIN_A_STATE or TRANSITIONS[status, action] is not status)
)


@pytest.fixture
def both(app: Flask, frozen: Clock) -> FlaskClient:
    """Return somebody who answers for the clinic that passes on and for the one that gets it."""
    with app.app_context():
        make_staff(BOTH, locations=("renton", "bellevue"))
    client = app.test_client()
    sign_in(client, BOTH)
    return client


@pytest.fixture
def desk(app: Flask, frozen: Clock) -> FlaskClient:
    return signed_in(app)


def stands(app: Flask) -> list[tuple[Any, ...]]:
    """Return what an undo puts back: state, what it says, times held out, and places."""
    columns = ("status", "booked_at", "first_contact_at", "decline_reason", "location_id")
    request = rows(app, "appointment_request", *columns, "try_again_at", "due_at")[-1]
    held = [time for time, state in rows(app, "offer", "starts_at", "state") if state == "held"]
    return [request, *held, *sorted(rows(app, "held_time", "starts_at", "request_id"))]


def test_each_move_goes_back_with_all_that_it_did(app: Flask, frozen: Clock) -> None:
    with app.app_context():
        actor = actor_of(make_staff(DESK))
        every = db.engine.dialect.name == "sqlite"
    started = frozen.now()
    # Where it is slower, each action out of one state shows that it goes back.
    for status, action in PAIRS if every else {pair[1]: pair for pair in PAIRS}.values():
        frozen.at = started
        reference = make_in(app, status)
        # The times that `make_in` holds out or books begin in an hour; its hold lasts 15 minutes.
        frozen.move(minutes=16 if status is not Status.BOOKED else 61)
        if action is Action.RELEASE:
            do(app, reference, Action.CLAIM, actor=actor, now=frozen.now())
        before = stands(app)
        later = (frozen.now() + timedelta(hours=2), frozen.now() + timedelta(hours=3))
        do(
            app, reference, action, actor=actor, now=frozen.now(), booked_at=later[0],
            offered=later, decline_reason="other",
            to="bellevue" if action is Action.TRANSFER else None,
            details=("reached",) if action is Action.LOG_CONTACT else (),
        )  # fmt: skip
        assert stands(app) != before, (status, action)
        frozen.move(minutes=10)
        put_back(app, reference, actor, frozen)
        assert stands(app) == before, (status, action)
        # What was put back is no move to be put back again.
        with pytest.raises(NotAllowed):
            put_back(app, reference, actor, frozen)
        actions_of(app, reference)


def put_back(app: Flask, reference: str, actor: Actor, frozen: Clock) -> None:
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        undo(found, found.version, scope=EVERYWHERE, actor=actor, now=frozen.now())


def test_page_names_the_move_and_history_says_that_it_went_back(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    assert "Undo" not in text_at(desk, reference)
    send(app, desk, reference, "book", **TYPED[Action.BOOK])
    assert "Undo: booked" in text_at(desk, reference)
    send(app, desk, reference, "undo")
    text = text_at(desk, reference)
    assert f"undone: booked, {DESK}" in text
    assert f"put back among the new ones, {DESK}" in text
    assert "Undo:" not in text
    events = rows(app, "request_event", "action", "to_status", "staff_id")[-2:]
    assert events == [("retime", "in_review", 1), ("release", "received", 1)]
    assert rows(app, "appointment_request", "claimed_by", "booked_at", "calendar_sequence") == [
        (None, None, 2)
    ]


def test_after_ten_minutes_it_is_too_late_and_the_page_says_so(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    send(app, desk, reference, "decline", **TYPED[Action.DECLINE])
    frozen.move(minutes=9)
    assert "Undo: declined" in text_at(desk, reference)
    frozen.move(minutes=1, seconds=1)
    assert "Undo: declined" not in text_at(desk, reference)
    before = rows(app, "request_event", "id")
    answer = send(app, desk, reference, "undo")
    assert answer.status_code == 409
    assert page_text(answer.get_data(as_text=True)).startswith(
        "It is too late to undo this"
        " A move can be undone for ten minutes. Choose a next step instead."
    )
    assert rows(app, "request_event", "id") == before
    assert rows(app, "appointment_request", "status") == ["declined"]


def test_what_others_did_and_what_was_done_since_stays(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    manager = signed_in(app, MANAGER, Role.MANAGER)
    reference = make_in(app, Status.RECEIVED)
    send(app, manager, reference, "book", **TYPED[Action.BOOK])
    assert "Undo" not in text_at(desk, reference)
    assert send(app, desk, reference, "undo").status_code == 409
    version = rows(app, "appointment_request", "version")[0]
    send(app, manager, reference, "note", note="They asked for parking")
    answer = manager.post(
        f"/staff/requests/{reference}/undo",
        data={
            "csrf_token": token_of(manager.get("/staff/").get_data(as_text=True)),
            "version": str(version),
        },
    )
    assert answer.status_code == 409
    assert page_text(answer.get_data(as_text=True)).startswith("Somebody else was faster")
    assert send(app, manager, reference, "undo").status_code == 409  # the note came after
    assert rows(app, "appointment_request", "status") == ["booked"]


def test_wrong_outcome_of_a_contact_attempt_goes_back_and_stays_in_the_history(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    frozen.move(minutes=1)
    columns = ("status", "first_contact_at", "try_again_at", "claimed_by")
    with app.app_context():
        other = actor_of(make_staff(MANAGER, Role.MANAGER))
    again = frozen.now() + timedelta(days=1)
    do(
        app, reference, Action.LOG_CONTACT, actor=other, now=frozen.now(), try_again_at=again,
        details=("voicemail",),
    )  # fmt: skip
    first = ("received", frozen.now(), again, None)
    assert rows(app, "appointment_request", *columns) == [first]
    frozen.move(minutes=1)
    send(app, desk, reference, "log_contact", outcome="wrong_number")
    assert rows(app, "appointment_request", *columns) == [("received", first[1], None, None)]
    assert "Undo: tried to reach the patient" in text_at(desk, reference)
    assert send(app, desk, reference, "undo").status_code == 303
    assert rows(app, "appointment_request", *columns) == [first]
    text = text_at(desk, reference)
    assert f"undone: tried to reach the patient, {DESK}" in text
    assert f"tried to reach the patient: Wrong number, {DESK}" in text


@pytest.mark.parametrize("action", [Action.WITHDRAW, Action.MARK_ERROR])
def test_what_was_closed_by_mistake_is_booked_again_where_its_place_is_free(
    app: Flask, frozen: Clock, action: Action
) -> None:
    manager = signed_in(app, MANAGER, Role.MANAGER)
    with app.app_context(), transaction():
        get_location("renton").capacity = 1
    reference = make_in(app, Status.BOOKED)
    ((time, _),) = rows(app, "held_time", "starts_at", "request_id")
    send(app, manager, reference, action, **TYPED[action])
    assert rows(app, "held_time", "starts_at") == []
    other = make_in(app, Status.BOOKED)
    answer = send(app, manager, reference, "undo")
    assert answer.status_code == 409
    assert rows(app, "held_time", "starts_at", "request_id") == [(time, 2)]
    do(app, other, Action.RETIME, actor=OPERATOR, now=frozen.now())
    assert send(app, manager, reference, "undo").status_code == 303
    assert rows(app, "held_time", "starts_at", "request_id") == [(time, 1)]
    assert rows(app, "appointment_request", "status", "booked_at")[0] == ("booked", time)


def test_patients_do_not_undo_and_staff_do_not_undo_what_a_patient_withdrew(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    do(app, reference, Action.WITHDRAW, actor=PATIENT, now=frozen.now())
    assert "Undo" not in text_at(desk, reference)
    assert send(app, desk, reference, "undo").status_code == 409
    with pytest.raises(NotAllowed, match="undo is not for patients"):
        do(app, reference, Action.UNDO, actor=PATIENT, now=frozen.now())
    assert rows(app, "appointment_request", "status") == ["withdrawn"]


def test_passing_on_goes_back_with_its_times_and_the_new_clinic_is_not_told(
    app: Flask, both: FlaskClient, frozen: Clock
) -> None:
    with app.app_context(), transaction():
        for slug in ("renton", "bellevue"):
            get_location(slug).capacity = 1
    reference = make_in(app, Status.OFFERED)
    let_messages_leave(app)
    columns = ("status", "promise_at", "due_at", "location_id")
    before = rows(app, "appointment_request", *columns), stands(app)
    places = rows(app, "held_time", "location_id", "starts_at")
    frozen.move(minutes=1)
    send(app, both, reference, "transfer", **TYPED[Action.TRANSFER])
    assert rows(app, "held_time", "location_id") == []
    assert rows(app, "outbox_message", "kind", "state")[1:] == [("request_waits", "waiting")]
    assert "Undo: passed on" in text_at(both, reference)
    assert send(app, both, reference, "undo").status_code == 303
    assert (rows(app, "appointment_request", *columns), stands(app)) == before
    assert rows(app, "held_time", "location_id", "starts_at") == places
    assert rows(app, "outbox_message", "kind", "state") == [
        ("request_waits", "accepted"), ("request_waits", "not_needed")
    ]  # fmt: skip
    assert f"undone: passed on, {BOTH}" in text_at(both, reference)


def test_what_went_to_a_clinic_that_is_not_theirs_stays_there(app: Flask, frozen: Clock) -> None:
    with app.app_context():
        make_staff("renton@example.com", locations=("renton",))
    client = app.test_client()
    sign_in(client, "renton@example.com")
    reference = make_in(app, Status.RECEIVED)
    send(app, client, reference, "transfer", **TYPED[Action.TRANSFER])
    page = client.get(f"/staff/requests/{reference}")
    assert "Undo" not in page.get_data(as_text=True)
    assert send(app, client, reference, "undo").status_code == 404
    assert rows(app, "request_event", "action")[-1] == "transfer"


def test_notice_that_went_to_the_wrong_clinic_is_written_to_the_right_one(
    app: Flask, both: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    frozen.move(minutes=1)
    send(app, both, reference, "transfer", **TYPED[Action.TRANSFER])
    assert rows(app, "outbox_message", "kind", "state") == [("request_waits", "waiting")]
    with app.app_context(), transaction():
        left = {"state": DeliveryState.ACCEPTED, "finished_at": frozen.now()}
        db.session.execute(update(OutboxMessage).values(left))
    send(app, both, reference, "undo")
    assert rows(app, "outbox_message", "kind", "state") == [
        ("request_waits", "accepted"), ("request_waits", "waiting")
    ]  # fmt: skip


def test_request_that_was_opened_again_by_mistake_is_declined_as_before(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    send(app, desk, reference, "decline", **TYPED[Action.DECLINE])
    frozen.move(minutes=9)
    send(app, desk, reference, "reopen")
    columns = ("status", "decline_reason")
    assert rows(app, "appointment_request", *columns) == [("in_review", None)]
    assert "Undo: opened again" in text_at(desk, reference)
    send(app, desk, reference, "undo")
    assert rows(app, "appointment_request", *columns) == [("declined", "no_times")]


def test_what_was_put_aside_by_mistake_waits_again_and_back(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    reference = make_in(app, Status.RECEIVED)
    messages = rows(app, "outbox_message", "kind", "state")
    send(app, desk, reference, "quarantine")
    assert send(app, desk, reference, "undo").status_code == 303
    assert rows(app, "appointment_request", "status") == ["received"]
    assert rows(app, "outbox_message", "kind", "state") == messages
    send(app, desk, reference, "quarantine")
    send(app, desk, reference, "clear")
    assert "Undo: found to be no spam" in text_at(desk, reference)
    assert send(app, desk, reference, "undo").status_code == 303
    assert rows(app, "appointment_request", "status") == ["quarantined"]
