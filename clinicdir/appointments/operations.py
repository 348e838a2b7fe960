"""Moves a request on; the only code that writes a request's status."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm.attributes import flag_modified

from clinicdir.appointments.held_times import hold_places
from clinicdir.appointments.history import add_event
from clinicdir.appointments.lost_hold import add_line, has_only_lapsed, record_hold
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.notices import notify
from clinicdir.appointments.offers import check_times, find_offer, hold_out, settle_offers
from clinicdir.appointments.rules import BESIDE, OF_PATIENT, Action, Status, is_contact, next_status
from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, ActorKind, location_chain
from clinicdir.db import db
from clinicdir.errors import NotAllowed
from clinicdir.locations.models import Location, LocationStatus

LEASE = timedelta(minutes=15)
# A booking that goes over into one of these stays in the patient's calendar.
_KEEPS_BOOKING = frozenset({Status.BOOKED, Status.ATTENDED, Status.MISSED})
# Stands in the words of an event that has ended a wait to try again, for an undo of it.
HIDDEN_UNTIL = "hidden_until"
_HOLDS_PLACES = _KEEPS_BOOKING | {Status.OFFERED}


@dataclass(frozen=True)
class Move:
    """One wanted step: the action, the version that the page showed, and its details.

    A patient's step names no version: a claim or a note of staff is no reason to refuse it.
    """

    action: Action
    seen_version: int | None = None
    booked_at: datetime | None = None
    offered: tuple[datetime, ...] = ()
    location: Location | None = None
    decline_reason: str | None = None
    note: str | None = None
    details: tuple[str, ...] = ()
    try_again_at: datetime | None = None
    # It leads back to before a mistaken press, so by itself it tells nobody anything.
    undoes: bool = False


@dataclass(frozen=True)
class _Step:
    """A move as it is made: by whom, when, where it stood before; `resumes` a hold that lapsed."""

    move: Move
    actor: Actor
    now: datetime
    came_from: Status
    to: Status
    left: Location
    hidden_until: datetime | None
    resumes: bool

    @property
    def action(self) -> Action:
        return self.move.action

    @property
    def by_staff(self) -> bool:
        return self.actor.kind is ActorKind.STAFF

    @property
    def by_patient(self) -> bool:
        return self.actor.kind is ActorKind.PATIENT


def act(
    appointment_request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime
) -> None:
    """Move a request on, with history and audit; NotAllowed where it has changed meanwhile.

    NoPlaceLeft where the clinic's places at an offered or booked time are all taken.

    StaleDataError where another did so at this very moment: read the row `to_change` and it
    waits for the other instead. That an undo comes within ten minutes is checked in `undoing`.
    """
    with db.session.no_autoflush:  # one step is one UPDATE and so one new version
        step = _step(appointment_request, move, actor=actor, now=now)
        _check_actor(appointment_request, step)
        _check_details(appointment_request, step)
        _set_hold(appointment_request, step)
        _apply(appointment_request, step)
    flag_modified(appointment_request, "changed_at")  # a new version also within one instant
    # First the row, then its offers, then the chains: in one order nobody waits in a circle.
    db.session.flush()
    _hold_places(appointment_request, step)
    if move.action is Action.OFFER:
        hold_out(appointment_request, move.offered, made_by=actor.staff_id, now=now)
    elif step.came_from is Status.OFFERED and step.to is not Status.OFFERED:
        settle_offers(appointment_request, taken=move.booked_at)
    _write_down(appointment_request, step)
    if not move.undoes:  # what an undo leaves to be told stands in `undoing`
        notify(
            appointment_request,
            move.action,
            came_from=step.came_from,
            by_patient=step.by_patient,
            now=now,
        )
    db.session.flush()


def check_move(request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime) -> None:
    """Raise NotAllowed where a move cannot be made now, before anybody fills in its details."""
    _check_actor(request, _step(request, move, actor=actor, now=now))


def _step(request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime) -> _Step:
    resumes = has_only_lapsed(request, move.seen_version, actor=actor)
    is_held = resumes and move.action is not Action.CLAIM
    came_from = Status.IN_REVIEW if is_held else request.status
    return _Step(
        move,
        actor,
        now,
        came_from=came_from,
        to=next_status(came_from, move.action),
        left=request.location,
        hidden_until=request.try_again_at,
        resumes=resumes,
    )


def _check_actor(request: AppointmentRequest, step: _Step) -> None:
    """Refuse what is not theirs to do, was pressed on an older page, or while another is on it."""
    if request.erased_at is not None:
        message = "Its personal data is erased."
        raise NotAllowed(message)
    if step.by_patient and step.action not in OF_PATIENT:
        message = f"{step.action} is not for patients."
        raise NotAllowed(message)
    if not step.resumes and step.move.seen_version not in (None, request.version):
        message = "The page is older than the request."
        raise NotAllowed(message)
    holder = lease_holder(request, now=step.now)
    if step.by_staff and holder not in (None, step.actor.staff_id):
        message = "Somebody else is on it."
        raise NotAllowed(message)
    if step.action is Action.RELEASE and not step.resumes:
        # A person may still put back what they had until a moment ago.
        is_theirs = request.claimed_by == step.actor.staff_id if step.by_staff else holder is None
        if not is_theirs:
            message = "Only who is on it can put it back."
            raise NotAllowed(message)


def _check_details(request: AppointmentRequest, step: _Step) -> None:
    """Refuse a step whose time or clinic does not fit; ValueError where it is left out."""
    move = step.move
    if step.action is Action.OFFER:
        check_times(move.offered, now=step.now)
    elif step.action is Action.BOOK:
        if move.booked_at is None:
            message = "A booking needs its time."
            raise ValueError(message)
        # Staff may book any time; a patient only takes what is held out.
        if step.by_patient and find_offer(request, move.booked_at, now=step.now) is None:
            message = "This time is not held out any more."
            raise NotAllowed(message)
    elif step.action is Action.TRANSFER:
        if move.location is None:
            message = "Passing on needs a clinic."
            raise ValueError(message)
        is_closed = move.location.status is LocationStatus.CLOSED
        if is_closed or move.location.id == request.location_id:
            message = "It cannot be passed on to this clinic."
            raise NotAllowed(message)


def _set_hold(request: AppointmentRequest, step: _Step) -> None:
    """Give the request to who brings it into review, renew their hold, or end it."""
    person, until = step.actor.staff_id, step.now + LEASE
    if step.action in BESIDE:
        has_it = step.resumes or lease_holder(request, now=step.now) == person
        if person is not None and has_it:
            request.claimed_by, request.claimed_until = person, until
    elif step.to is Status.IN_REVIEW and person is not None:
        request.claimed_by, request.claimed_until = person, until
    else:
        request.claimed_by = request.claimed_until = None


def _apply(request: AppointmentRequest, step: _Step) -> None:
    """Write what a step means into the row; its promise stays whatever happens."""
    action, move = step.action, step.move
    if action is Action.BOOK:
        request.booked_at = move.booked_at
    elif action is Action.TRANSFER and move.location is not None:
        request.location_id, request.location = move.location.id, move.location
    elif action is Action.DECLINE:
        request.decline_reason = move.decline_reason
    elif action is Action.REOPEN:
        request.decline_reason = None
    # A hold that has run out is no news: whoever had it tried to reach the patient.
    has_lapsed = action is Action.RELEASE and step.actor.kind is ActorKind.SYSTEM
    if action is not Action.NOTE and not has_lapsed:
        request.try_again_at = move.try_again_at
    ends_booking = step.came_from is Status.BOOKED and step.to not in _KEEPS_BOOKING
    if action is Action.BOOK or ends_booking:
        request.calendar_sequence += 1
    # The sender of a quarantined request is told nothing, so that is no contact.
    hears = step.by_staff and is_contact(action, move.details) and not move.undoes
    if hears and step.came_from is not Status.QUARANTINED:
        request.first_contact_at = request.first_contact_at or step.now
    request.status = step.to
    request.changed_at = step.now


def _hold_places(request: AppointmentRequest, step: _Step) -> None:
    """Take the places of the times that are offered or booked; free them once they are not."""
    move = step.move
    if step.action is Action.OFFER:
        hold_places(request, move.offered)
    elif step.action is Action.BOOK and move.booked_at is not None:
        is_own = find_offer(request, move.booked_at, now=step.now) is not None
        hold_places(request, [move.booked_at], must=not is_own)
    elif step.came_from in _HOLDS_PLACES and step.to not in _HOLDS_PLACES:
        hold_places(request, ())


def _write_down(request: AppointmentRequest, step: _Step) -> None:
    """Write history and audit; a clinic that loses the request keeps that it did, in its chain."""
    move = step.move
    words: dict[str, Any] = {"note": move.note}
    if move.details:
        words["details"] = list(move.details)
    if move.decline_reason is not None:
        words["reason"] = move.decline_reason
    if request.location_id != step.left.id:
        words["passed"] = [step.left.slug, request.location.slug]
    ends_wait = step.action is Action.LOG_CONTACT or step.hidden_until != request.try_again_at
    if step.hidden_until is not None and ends_wait:
        words[HIDDEN_UNTIL] = step.hidden_until.isoformat()
    has_again = step.resumes and step.came_from is Status.IN_REVIEW
    if has_again:
        add_line(request, actor=step.actor, now=step.now)
    # Chains are locked in the order of the clinics: two that pass on to each other must not
    # each hold what the other waits for.
    for location_id in sorted({step.left.id, request.location_id}):
        if has_again and location_id == step.left.id:
            record_hold(request.reference, location_id, actor=step.actor, now=step.now)
        if location_id == request.location_id:
            add_event(
                request,
                step.action,
                came_from=step.came_from,
                actor=step.actor,
                now=step.now,
                words=words,
            )
        else:
            record(
                "transfer_out",
                actor=step.actor,
                now=step.now,
                subject=request.reference,
                detail=f"to {request.location.slug}",
                chain=location_chain(location_id),
            )


def lease_holder(appointment_request: AppointmentRequest, *, now: datetime) -> int | None:
    """Return who is on a request; a lapsed lease counts as free in every read."""
    until = appointment_request.claimed_until
    return appointment_request.claimed_by if until is not None and until > now else None
