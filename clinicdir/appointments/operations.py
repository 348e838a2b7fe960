"""Moves a request on; the only code that writes a request's status."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.offers import hold_out, lapse_offers, take_offer
from clinicdir.appointments.rules import FIRST_CONTACTS, Action, Status, next_status
from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, ActorKind, location_chain
from clinicdir.db import db
from clinicdir.errors import NotAllowed
from clinicdir.locations.models import Location
from clinicdir.notifications.outbox import enqueue
from clinicdir.notifications.rules import Channel, MessageKind

LEASE = timedelta(minutes=15)
# What staff write beside a request does not end their hold on it.
_BESIDE = frozenset({Action.NOTE, Action.LOG_CONTACT, Action.CHANGE})
_UNHEARD_OF = frozenset({Action.CHANGE, Action.WITHDRAW, Action.BOOK})


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


def act(
    appointment_request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime
) -> None:
    """Move a request on, with history and audit; NotAllowed where it has changed meanwhile."""
    came_from, left = appointment_request.status, appointment_request.location
    to = check_move(appointment_request, move, actor=actor, now=now)
    _apply(appointment_request, move, actor=actor, now=now)
    appointment_request.status = to
    appointment_request.changed_at = now
    if actor.kind is ActorKind.STAFF and move.action in FIRST_CONTACTS:
        appointment_request.first_contact_at = appointment_request.first_contact_at or now
    add_event(
        appointment_request,
        move.action,
        came_from=came_from,
        actor=actor,
        now=now,
        words=_words_of(move, left),
    )
    _tell(appointment_request, move, actor=actor, now=now)
    db.session.flush()


def check_move(request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime) -> Status:
    """Return the state that a move leads to; NotAllowed where it cannot be made.

    Neither on a page older than the request, nor while another is on it.
    """
    to = next_status(request.status, move.action)
    if move.seen_version not in (None, request.version):
        message = "The page is older than the request."
        raise NotAllowed(message)
    holder = lease_holder(request, now=now)
    if actor.kind is ActorKind.STAFF and holder not in (None, actor.staff_id):
        message = "Somebody else is on it."
        raise NotAllowed(message)
    return to


def _apply(request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime) -> None:
    """Write what a step means besides the new status."""
    action = move.action
    if action is Action.CLAIM:
        request.claimed_by, request.claimed_until = actor.staff_id, now + LEASE
    elif action not in _BESIDE:
        request.claimed_by = request.claimed_until = None
    elif lease_holder(request, now=now) == actor.staff_id is not None:
        request.claimed_until = now + LEASE
    if action is Action.OFFER:
        hold_out(request, move.offered, made_by=actor.staff_id, now=now)
    elif action is Action.BOOK:
        _book(request, move, actor=actor, now=now)
    elif action not in _BESIDE and request.status is Status.OFFERED:
        lapse_offers(request)
    if action is Action.TRANSFER:
        _pass_on(request, move, actor=actor, now=now)
    if action is Action.DECLINE:
        request.decline_reason = move.decline_reason
    if request.status is Status.BOOKED and action in (Action.RETIME, Action.WITHDRAW):
        request.calendar_sequence += 1


def _book(request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime) -> None:
    """Fix a time; a patient can take only one that is held out."""
    if move.booked_at is None:
        message = "A booking needs its time."
        raise ValueError(message)
    if actor.kind is ActorKind.PATIENT:
        take_offer(request, move.booked_at, now=now)
    lapse_offers(request)
    request.booked_at = move.booked_at
    request.calendar_sequence += 1


def _pass_on(request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime) -> None:
    """Set the other location; the one that loses the request keeps that it did, in its chain."""
    if move.location is None or move.location.id == request.location_id:
        message = "There is no other clinic to pass it on to."
        raise NotAllowed(message)
    record(
        "transfer_out",
        actor=actor,
        now=now,
        subject=request.reference,
        detail=f"to {move.location.slug}",
        chain=location_chain(request.location_id),
    )
    request.location_id, request.location = move.location.id, move.location


def _tell(request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime) -> None:
    """Write the message to the clinic that a step causes."""
    kind = None
    if move.action in (Action.TRANSFER, Action.CLEAR):
        kind = MessageKind.REQUEST_WAITS
    elif actor.kind is ActorKind.PATIENT and move.action in _UNHEARD_OF:
        kind = MessageKind.PATIENT_CHANGED
    if kind is not None and request.status is not Status.QUARANTINED:
        enqueue(kind, channel=Channel.EMAIL, subject_id=request.id, now=now)


def lease_holder(appointment_request: AppointmentRequest, *, now: datetime) -> int | None:
    """Return who is on a request; a lapsed lease counts as free in every read."""
    until = appointment_request.claimed_until
    return appointment_request.claimed_by if until is not None and until > now else None


def _words_of(move: Move, left: Location) -> dict[str, Any]:
    words: dict[str, Any] = {"note": move.note}
    if move.details:
        words["details"] = list(move.details)
    if move.location is not None:
        words["passed"] = [left.slug, move.location.slug]
    return words


def add_event(
    appointment_request: AppointmentRequest,
    action: Action,
    *,
    came_from: Status | None,
    actor: Actor,
    now: datetime,
    words: dict[str, Any] | None = None,
) -> None:
    """Write the line of history and the audit entry that every change carries."""
    event = RequestEvent(
        request_id=appointment_request.id,
        at=now,
        actor_kind=actor.kind,
        staff_id=actor.staff_id,
        action=action,
        from_status=came_from,
        to_status=appointment_request.status,
    )
    event.seal(words or {"note": None})
    db.session.add(event)
    record(
        action.value,
        actor=actor,
        now=now,
        subject=appointment_request.reference,
        detail=f"{came_from or '-'} > {appointment_request.status}",
        chain=location_chain(appointment_request.location_id),
    )
