"""Moves a request on; the only code that writes a request's status."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.rules import Action, Status, next_status
from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db
from clinicdir.errors import NotAllowed

LEASE = timedelta(minutes=15)


@dataclass(frozen=True)
class Move:
    """One step that staff want: the action, the version their page showed, and its details."""

    action: Action
    seen_version: int
    booked_at: datetime | None = None
    decline_reason: str | None = None
    note: str | None = None


def act(
    appointment_request: AppointmentRequest, move: Move, *, actor: Actor, now: datetime
) -> None:
    """Move a request on, with history and audit; NotAllowed where it has changed meanwhile."""
    came_from = appointment_request.status
    to = next_status(came_from, move.action)
    if appointment_request.version != move.seen_version:
        message = "The page is older than the request."
        raise NotAllowed(message)
    holder = lease_holder(appointment_request, now=now)
    if holder is not None and holder != actor.staff_id:
        message = "Somebody else is on it."
        raise NotAllowed(message)
    appointment_request.status = to
    appointment_request.changed_at = now
    if move.action is Action.CLAIM:
        appointment_request.claimed_by = actor.staff_id
        appointment_request.claimed_until = now + LEASE
    else:
        appointment_request.claimed_by = appointment_request.claimed_until = None
    if move.action is Action.BOOK:
        appointment_request.booked_at = move.booked_at
    if move.action is Action.DECLINE:
        appointment_request.decline_reason = move.decline_reason
    add_event(
        appointment_request, move.action, came_from=came_from, actor=actor, now=now, note=move.note
    )
    db.session.flush()


def lease_holder(appointment_request: AppointmentRequest, *, now: datetime) -> int | None:
    """Return who is on a request; a lapsed lease counts as free in every read."""
    until = appointment_request.claimed_until
    return appointment_request.claimed_by if until is not None and until > now else None


def add_event(
    appointment_request: AppointmentRequest,
    action: Action,
    *,
    came_from: Status | None,
    actor: Actor,
    now: datetime,
    note: str | None = None,
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
    event.seal({"note": note})
    db.session.add(event)
    record(
        action.value,
        actor=actor,
        now=now,
        subject=appointment_request.reference,
        detail=f"{came_from or '-'} > {appointment_request.status}",
        chain=location_chain(appointment_request.location_id),
    )
