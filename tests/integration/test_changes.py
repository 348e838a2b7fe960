"""Answers changed after sending: what may change, what must fit, who may, what is kept of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.changes import change_answers, change_location
from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.models import AppointmentRequest, NameWord
from clinicdir.appointments.queries import get_by_link, get_request, list_events
from clinicdir.appointments.rules import Action, Status
from clinicdir.appointments.submission import Context
from clinicdir.audit.rules import PATIENT, Actor
from clinicdir.db import db, key_ring, transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from tests.lives import actions_of, do, let_messages_leave, messages_of
from tests.make import TODAY, make_request, make_staff
from tests.tables import all_rows, rows

NOW = datetime.fromisoformat("2026-11-24T20:00:00+00:00")
SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def reference(app: Flask) -> str:
    with app.app_context():
        return make_request(app, now=NOW, email="robin@example.com").reference


@pytest.fixture
def desk(app: Flask) -> Actor:
    with app.app_context():
        return actor_of(make_staff("desk@example.com"))


def read(app: Flask, reference: str) -> AppointmentRequest:
    with app.app_context():
        return get_request(reference, scope=EVERYWHERE)


def change(
    app: Flask,
    reference: str,
    answers: dict[str, Any],
    *,
    actor: Actor = PATIENT,
    seen: int = 1,
) -> None:
    """Send changed answers, as the patient's page does or as staff's does."""
    context = Context(today=TODAY, intake=app.extensions["clinicdir"].intake)
    with app.app_context():
        token = link_token(get_request(reference, scope=EVERYWHERE))
        with transaction():
            found = get_by_link(token, to_change=True)
            change_answers(found, answers, context, seen_answers=seen, actor=actor, now=SOON)


def answers_of(app: Flask, reference: str) -> dict[str, Any]:
    with app.app_context():
        return stored_answers(get_request(reference, scope=EVERYWHERE))


def words_of(app: Flask, reference: str, *words: str) -> list[bool]:
    """Say which of these words find the request, and that nothing else does."""
    with app.app_context():
        number, ring = get_request(reference, scope=EVERYWHERE).id, key_ring()
        query = select(NameWord.word_hash).where(NameWord.request_id == number)
        stored = set(db.session.scalars(query))
        hashes = [ring.fingerprint("name_word", word) for word in words]
        assert stored <= set(hashes)
        return [one in stored for one in hashes]


def test_change_is_one_step_with_its_own_history(app: Flask, reference: str) -> None:
    before, was = read(app, reference), answers_of(app, reference)
    change(
        app,
        reference,
        {
            "patient_name": "Kim Núñez",
            "phone": "206 555 0188",
            "windows": [{"weekday": "tuesday", "part": "morning"}],
            "note": "",
        },
    )
    after = read(app, reference)
    assert answers_of(app, reference) == was | {
        "patient_name": "Kim Núñez",
        "phone": "206 555 0188",
        "windows": [{"weekday": "tuesday", "part": "morning"}],
    }
    assert (after.version, after.answers_version) == (before.version + 1, 2)
    assert (after.status, after.due_at, after.link_hash) == (
        Status.RECEIVED,
        before.due_at,
        before.link_hash,
    )
    assert after.phone_hash != before.phone_hash
    assert after.email_hash == before.email_hash
    assert words_of(app, reference, "kim", "nunez", "robin", "example") == [
        True,
        True,
        False,
        False,
    ]
    with app.app_context():
        event = list_events(get_request(reference, scope=EVERYWHERE))[-1]
        assert (event.action, event.from_status, event.to_status) == (
            Action.CHANGE,
            Status.RECEIVED,
            Status.RECEIVED,
        )
        words = event.unseal()
        assert words["note"] is None
        assert sorted(words["details"]) == ["patient_name", "phone", "windows"]
    assert messages_of(app, reference) == ["request_waits", "patient_changed"]
    for table in ("audit_entry", "outbox_message", "request_event"):
        assert "Kim" not in repr(all_rows(app)[table])
        assert "0188" not in repr(all_rows(app)[table])


def test_same_answers_again_change_nothing(app: Flask, reference: str) -> None:
    before = all_rows(app)
    change(app, reference, {"patient_name": "Robin Example", "email": "robin@example.com"})
    assert all_rows(app) == before


def test_answers_that_stay_as_they_were_sent_are_passed_over(app: Flask, reference: str) -> None:
    before = all_rows(app)
    change(app, reference, {"goal": "walk", "consent_version": "other", "birth_date": "1980-01-01"})
    assert all_rows(app) == before


@pytest.mark.parametrize(
    ("answers", "fields"),
    [
        ({"patient_name": " "}, ["patient_name"]),
        ({"phone": "12"}, ["phone"]),
        ({"phone": ""}, ["contact_by"]),  # it is how they wanted to be reached
        ({"phone": "", "email": ""}, ["phone"]),
        ({"contact_by": "email", "email": ""}, ["contact_by"]),
        ({"note": "n" * 501, "access_needs": "n" * 201}, ["access_needs", "note"]),
    ],
)
def test_refused_change_is_told_by_field_and_stores_nothing(
    app: Flask, reference: str, answers: dict[str, Any], fields: list[str]
) -> None:
    before = all_rows(app)
    with pytest.raises(Invalid) as refusal:
        change(app, reference, answers)
    assert [error.field for error in refusal.value.errors] == fields
    assert all_rows(app) == before


def test_last_way_of_contact_cannot_be_taken_away_alone(app: Flask) -> None:
    with app.app_context():
        made = make_request(
            app, now=NOW, phone=None, email="robin@example.com", contact_by="email"
        ).reference
    before = all_rows(app)
    with pytest.raises(Invalid) as refusal:
        change(app, made, {"email": ""})
    assert "phone" in [error.field for error in refusal.value.errors]
    assert all_rows(app) == before


def test_answers_given_since_the_page_was_opened_are_not_overwritten(
    app: Flask, reference: str, desk: Actor
) -> None:
    change(app, reference, {"note": "First"})
    before = all_rows(app)
    with pytest.raises(NotAllowed):
        change(app, reference, {"note": "Second"}, seen=1)
    assert all_rows(app) == before
    # What staff do meanwhile does not make the patient's page old.
    do(app, reference, Action.CLAIM, actor=desk, now=SOON)
    change(app, reference, {"note": "Second"}, seen=2)
    assert answers_of(app, reference)["note"] == "Second"
    assert read(app, reference).claimed_by == desk.staff_id


def test_staff_change_answers_for_a_caller_unless_another_is_on_it(
    app: Flask, reference: str, desk: Actor
) -> None:
    change(app, reference, {"note": "Called"}, actor=desk)
    with app.app_context():
        other = actor_of(make_staff("other@example.com"))
    do(app, reference, Action.CLAIM, actor=other, now=NOW)
    before = all_rows(app)
    with pytest.raises(NotAllowed):
        change(app, reference, {"note": "Again", "patient_name": "Kim"}, actor=desk, seen=2)
    assert all_rows(app) == before
    assert messages_of(app, reference) == ["request_waits"]  # staff need no mail of their own


@pytest.mark.parametrize(
    ("action", "may"),
    [
        (Action.CLAIM, True),
        (Action.WITHDRAW, False),
        (Action.DECLINE, False),
        (Action.BOOK, False),
        (Action.QUARANTINE, True),
        (Action.MERGE, False),
    ],
)
def test_answers_change_only_while_the_request_is_open(
    app: Flask, reference: str, desk: Actor, action: Action, may: bool
) -> None:
    do(app, reference, action, actor=desk, now=NOW, booked_at=SOON)
    if may:
        change(app, reference, {"note": "Later"})
        assert actions_of(app, reference) == [action, Action.CHANGE]
        return
    before = all_rows(app)
    with pytest.raises(NotAllowed):
        change(app, reference, {"note": "Later"})
    assert all_rows(app) == before


def move_to(app: Flask, reference: str, slug: str, *, actor: Actor = PATIENT) -> None:
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE, to_change=True)
        change_location(found, slug, seen_version=None, actor=actor, now=SOON)


def test_patient_chooses_another_clinic_and_keeps_the_place_in_line(
    app: Flask, reference: str, desk: Actor
) -> None:
    do(app, reference, Action.CLAIM, actor=desk, now=NOW)
    with app.app_context(), transaction():
        get_request(reference, scope=EVERYWHERE).promise_at = SOON
    let_messages_leave(app)
    before = read(app, reference)
    move_to(app, reference, "issaquah")
    after = read(app, reference)
    assert (after.location.slug, after.status, after.claimed_by) == (
        "issaquah",
        Status.RECEIVED,
        None,
    )
    assert (after.promise_at, after.due_at) == (SOON, before.due_at)
    assert (after.first_contact_at, after.asked_location_id) == (None, before.location_id)
    assert messages_of(app, reference) == ["request_waits", "request_waits"]
    assert rows(app, "request_event", "actor_kind")[-1] == PATIENT.kind


@pytest.mark.parametrize("slug", ["covington", "nowhere"])
def test_clinic_that_takes_no_requests_is_refused_at_the_field(
    app: Flask, reference: str, slug: str
) -> None:
    with app.app_context(), transaction():
        get_location("covington").status = LocationStatus.CLOSED
    before = all_rows(app)
    with pytest.raises(Invalid) as refusal:
        move_to(app, reference, slug)
    assert [error.field for error in refusal.value.errors] == ["location"]
    assert all_rows(app) == before
