"""Writes the history of a request: a line, and the entry of the audit trail that goes with it."""

from datetime import datetime
from typing import Any

from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.rules import Action, Status
from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db


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
