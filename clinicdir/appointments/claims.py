"""Ends the holds of a person on requests, when the person leaves."""

from datetime import datetime

from sqlalchemy import select

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.rules import Action, Status
from clinicdir.audit.rules import Actor
from clinicdir.db import db


def free_claims(staff_id: int, *, actor: Actor, now: datetime) -> int:
    """Put what a person was on back among the new requests; return how many there were."""
    query = (
        select(AppointmentRequest)
        .where(
            AppointmentRequest.claimed_by == staff_id,
            AppointmentRequest.status == Status.IN_REVIEW,
        )
        .order_by(AppointmentRequest.id)
        .with_for_update(of=AppointmentRequest)
    )
    held = list(db.session.scalars(query))
    for request in held:
        # Only who is on a request puts it back: the hold passes to the one who acts, and is over.
        request.claimed_by, request.claimed_until = actor.staff_id, now
        act(request, Move(Action.RELEASE), actor=actor, now=now)
    return len(held)
