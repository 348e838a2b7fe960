"""Times held out: who can take which, once; what ends them; and passing a request on."""

from datetime import datetime, timedelta

import pytest
from flask import Flask

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_by_link, get_request
from clinicdir.appointments.rules import Action, OfferState, Status
from clinicdir.audit.rules import PATIENT, SYSTEM, Actor
from clinicdir.db import db, transaction
from clinicdir.errors import Invalid, NotAllowed
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from tests.lives import actions_of, do, let_messages_leave, messages_of, offers_of
from tests.make import make_request, make_staff
from tests.tables import rows

NOW = datetime.fromisoformat("2026-11-24T20:00:00+00:00")
FIRST, SECOND, THIRD = (NOW + timedelta(days=days) for days in (1, 2, 3))
SOON = timedelta(minutes=1)
HELD, TAKEN, LAPSED = OfferState.HELD, OfferState.TAKEN, OfferState.LAPSED


@pytest.fixture
def desk(app: Flask) -> Actor:
    with app.app_context():
        return actor_of(make_staff("desk@example.com"))


@pytest.fixture
def reference(app: Flask, desk: Actor) -> str:
    """Return a request to whose sender three times are held out."""
    with app.app_context():
        made = make_request(app, now=NOW).reference
    do(app, made, Action.CLAIM, actor=desk, now=NOW)
    do(app, made, Action.OFFER, actor=desk, now=NOW, offered=(THIRD, FIRST, SECOND))
    return made


def accept(app: Flask, reference: str, at: datetime, now: datetime = NOW) -> None:
    """Take a time as the patient's page does, by the link and locked."""
    with app.app_context():
        token = link_token(get_request(reference, scope=EVERYWHERE))
        with transaction():
            found = get_by_link(token, to_change=True)
            act(found, Move(Action.BOOK, booked_at=at), actor=PATIENT, now=now)


def stands(app: Flask, reference: str) -> tuple[Status, datetime | None, int]:
    with app.app_context():
        found = get_request(reference, scope=EVERYWHERE)
        return found.status, found.booked_at, found.calendar_sequence


def test_patient_takes_one_of_the_times_and_the_others_lapse(app: Flask, reference: str) -> None:
    accept(app, reference, SECOND)
    assert stands(app, reference) == (Status.BOOKED, SECOND, 1)
    assert offers_of(app, reference) == [LAPSED, TAKEN, LAPSED]
    assert messages_of(app, reference) == ["request_waits", "patient_changed"]
    with pytest.raises(NotAllowed):
        accept(app, reference, FIRST)
    assert actions_of(app, reference) == [Action.CLAIM, Action.OFFER, Action.BOOK]


@pytest.mark.parametrize(
    ("at", "now"),
    [
        (FIRST + timedelta(seconds=1), NOW),  # nobody offered this
        (FIRST, FIRST),  # it has begun
        (FIRST, FIRST + SOON),
    ],
)
def test_patient_takes_only_what_is_held_out_and_ahead(
    app: Flask, reference: str, at: datetime, now: datetime
) -> None:
    with pytest.raises(NotAllowed):
        accept(app, reference, at, now)
    assert stands(app, reference) == (Status.OFFERED, None, 0)
    assert offers_of(app, reference) == [HELD, HELD, HELD]
    assert actions_of(app, reference) == [Action.CLAIM, Action.OFFER]


def test_refused_step_leaves_the_row_as_it_was_even_without_a_rollback(
    app: Flask, reference: str
) -> None:
    """A caller may go on after a refusal, as the worker does."""
    with app.app_context():
        with transaction():
            found = get_request(reference, scope=EVERYWHERE)
            before = found.version
            with pytest.raises(NotAllowed):
                act(found, Move(Action.BOOK, booked_at=NOW), actor=PATIENT, now=NOW)
        assert get_request(reference, scope=EVERYWHERE).version == before
    assert actions_of(app, reference) == [Action.CLAIM, Action.OFFER]


def test_staff_take_a_held_time_for_a_caller(app: Flask, desk: Actor, reference: str) -> None:
    do(app, reference, Action.BOOK, actor=desk, now=NOW + SOON, booked_at=THIRD)
    assert stands(app, reference) == (Status.BOOKED, THIRD, 1)
    assert offers_of(app, reference) == [LAPSED, LAPSED, TAKEN]
    assert messages_of(app, reference) == ["request_waits"]


def test_staff_book_any_other_time(app: Flask, desk: Actor, reference: str) -> None:
    other = THIRD + timedelta(days=7)
    do(app, reference, Action.BOOK, actor=desk, now=NOW, booked_at=other)
    assert stands(app, reference) == (Status.BOOKED, other, 1)
    assert offers_of(app, reference) == [LAPSED, LAPSED, LAPSED]


@pytest.mark.parametrize(
    "action", [Action.DECLINE, Action.WITHDRAW, Action.GIVE_UP, Action.EXPIRE_OFFER, Action.MERGE]
)
def test_whatever_ends_the_offering_ends_the_offers(
    app: Flask, desk: Actor, reference: str, action: Action
) -> None:
    do(app, reference, action, actor=desk, now=NOW)
    assert offers_of(app, reference) == [LAPSED, LAPSED, LAPSED]


@pytest.mark.parametrize("action", [Action.NOTE, Action.LOG_CONTACT])
def test_what_is_written_beside_leaves_the_offers(
    app: Flask, desk: Actor, reference: str, action: Action
) -> None:
    do(app, reference, action, actor=desk, now=NOW)
    assert offers_of(app, reference) == [HELD, HELD, HELD]


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ((), "count"),
        ((FIRST, SECOND, THIRD, THIRD + SOON), "count"),
        ((FIRST, NOW), "not_ahead"),
        ((NOW - SOON,), "not_ahead"),
    ],
)
def test_offer_is_of_one_to_three_times_ahead(
    app: Flask, desk: Actor, times: tuple[datetime, ...], code: str
) -> None:
    with app.app_context():
        made = make_request(app, now=NOW).reference
    do(app, made, Action.CLAIM, actor=desk, now=NOW)
    with pytest.raises(Invalid) as refusal:
        do(app, made, Action.OFFER, actor=desk, now=NOW, offered=times)
    assert [(error.field, error.code) for error in refusal.value.errors] == [("offered", code)]
    assert offers_of(app, made) == []


def pass_on(app: Flask, reference: str, slug: str, *, actor: Actor, now: datetime) -> None:
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE, to_change=True)
        act(found, Move(Action.TRANSFER, location=get_location(slug)), actor=actor, now=now)


def test_passing_on_ends_offers_and_lease_and_keeps_the_promise(
    app: Flask, desk: Actor, reference: str
) -> None:
    with app.app_context():
        with transaction():
            get_request(reference, scope=EVERYWHERE).promise_at = SECOND
        before = get_request(reference, scope=EVERYWHERE)
        kept = (before.promise_at, before.due_at, before.created_at, before.first_contact_at)
        left, renton = before.version, before.location_id
    let_messages_leave(app)
    pass_on(app, reference, "bellevue", actor=desk, now=NOW + SOON)
    with app.app_context():
        after = get_request(reference, scope=EVERYWHERE)
        bellevue = after.location_id
        assert (after.status, after.location.slug) == (Status.RECEIVED, "bellevue")
        assert (after.claimed_by, after.claimed_until) == (None, None)
        assert after.version == left + 1
        assert (
            (
                after.promise_at,
                after.due_at,
                after.created_at,
                after.first_contact_at,
            )
            == kept
            == (SECOND, NOW, NOW, NOW)
        )
    assert offers_of(app, reference) == [LAPSED, LAPSED, LAPSED]
    assert messages_of(app, reference) == ["request_waits", "request_waits"]
    written = rows(app, "audit_entry", "subject", "action", "chain", "detail")
    assert sorted(row[1:] for row in written if row[0] == reference and "transfer" in row[1]) == [
        ("transfer", f"location/{bellevue}", "offered > received"),
        ("transfer_out", f"location/{renton}", "to bellevue"),
    ]
    assert actions_of(app, reference)[-1] is Action.TRANSFER


def test_request_is_not_passed_on_to_where_it_is_or_to_a_closed_clinic(
    app: Flask, desk: Actor, reference: str
) -> None:
    with app.app_context(), transaction():
        get_location("covington").status = LocationStatus.CLOSED
    for slug in ("renton", "covington"):
        with pytest.raises(NotAllowed):
            pass_on(app, reference, slug, actor=desk, now=NOW)
    assert actions_of(app, reference) == [Action.CLAIM, Action.OFFER]


@pytest.mark.parametrize("action", [Action.CLAIM, Action.DECLINE, Action.EXPIRE_OFFER, Action.NOTE])
def test_patient_cannot_do_what_staff_do(app: Flask, reference: str, action: Action) -> None:
    with pytest.raises(NotAllowed):
        do(app, reference, action, actor=PATIENT, now=NOW)
    assert actions_of(app, reference) == [Action.CLAIM, Action.OFFER]


def test_only_who_is_on_it_puts_it_back_or_the_system_when_the_hold_has_ended(
    app: Flask, desk: Actor
) -> None:
    with app.app_context():
        other = actor_of(make_staff("other@example.com"))
        made = make_request(app, now=NOW).reference
    do(app, made, Action.CLAIM, actor=desk, now=NOW)
    late = NOW + timedelta(minutes=15)
    for actor, now in ((other, NOW), (SYSTEM, late - SOON), (other, late)):
        with pytest.raises(NotAllowed):
            do(app, made, Action.RELEASE, actor=actor, now=now)
    let_messages_leave(app)
    do(app, made, Action.RELEASE, actor=desk, now=late)
    let_messages_leave(app)
    do(app, made, Action.CLAIM, actor=desk, now=NOW)
    do(app, made, Action.RELEASE, actor=SYSTEM, now=late)
    assert actions_of(app, made) == [Action.CLAIM, Action.RELEASE, Action.CLAIM, Action.RELEASE]
    assert messages_of(app, made) == ["request_waits"] * 3


def test_lapsed_hold_is_free_for_the_next_person(app: Flask, desk: Actor) -> None:
    with app.app_context():
        other = actor_of(make_staff("other@example.com"))
        made = make_request(app, now=NOW).reference
    do(app, made, Action.CLAIM, actor=desk, now=NOW)
    with pytest.raises(NotAllowed):
        do(app, made, Action.CLAIM, actor=other, now=NOW + timedelta(minutes=14))
    do(app, made, Action.CLAIM, actor=other, now=NOW + timedelta(minutes=15))
    with app.app_context():
        found = get_request(made, scope=EVERYWHERE)
        assert (found.status, found.claimed_by) == (Status.IN_REVIEW, other.staff_id)


def test_end_of_a_booking_counts_in_the_calendar(app: Flask, desk: Actor, reference: str) -> None:
    accept(app, reference, FIRST)
    do(app, reference, Action.MISS, actor=desk, now=FIRST)
    do(app, reference, Action.UNDO, actor=desk, now=FIRST)
    assert stands(app, reference) == (Status.BOOKED, FIRST, 1)
    do(app, reference, Action.RETIME, actor=desk, now=FIRST)
    assert stands(app, reference)[2] == 2
    do(app, reference, Action.BOOK, actor=desk, now=FIRST, booked_at=THIRD)
    do(app, reference, Action.MARK_ERROR, actor=desk, now=FIRST)
    assert stands(app, reference) == (Status.ENTERED_IN_ERROR, THIRD, 4)


def test_what_may_be_spam_sends_no_mail_and_counts_as_no_contact(app: Flask, desk: Actor) -> None:
    with app.app_context():
        made = [make_request(app, now=NOW).reference for _ in range(2)]
    for reference in made:
        do(app, reference, Action.QUARANTINE, actor=desk, now=NOW)
    do(app, made[0], Action.WITHDRAW, actor=PATIENT, now=NOW)
    do(app, made[1], Action.DECLINE, actor=desk, now=NOW, decline_reason="other")
    assert [messages_of(app, reference) for reference in made] == [["request_waits"]] * 2
    with app.app_context():
        declined = get_request(made[1], scope=EVERYWHERE)
        assert (declined.first_contact_at, declined.decline_reason) == (None, "other")
        db.session.rollback()
    do(app, made[1], Action.REOPEN, actor=desk, now=NOW)
    with app.app_context():
        assert get_request(made[1], scope=EVERYWHERE).decline_reason is None
