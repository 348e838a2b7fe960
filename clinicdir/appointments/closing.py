"""Moves what is open at a clinic that closes to the one that takes over, some at a time."""

from datetime import datetime

from sqlalchemy import func, select

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.rules import OPEN, Action, Status
from clinicdir.audit.rules import Actor
from clinicdir.db import db
from clinicdir.locations.models import Location

REASON = "The clinic closes."
_AT_ONCE = 25


def count_open(location: Location) -> int:
    """Return how many requests of a location somebody still has to do something for."""
    query = select(func.count()).where(
        AppointmentRequest.location_id == location.id, AppointmentRequest.status.in_(OPEN)
    )
    return db.session.scalar(query) or 0


def count_to_come(location: Location, *, now: datetime) -> int:
    """Return how many booked visits of a location are still to come: closing leaves them there."""
    query = select(func.count()).where(
        AppointmentRequest.location_id == location.id,
        AppointmentRequest.status == Status.BOOKED,
        AppointmentRequest.booked_at > now,
    )
    return db.session.scalar(query) or 0


def move_some(left: Location, to: Location, *, actor: Actor, now: datetime) -> int:
    """Pass on the first open requests and return how many; 0 says that none is left.

    Whoever is on one of them loses the hold: the request has to be taken up at the other clinic.
    Promises stay as they are; patients who read mail are told, as of any request passed on.
    """
    query = (
        select(AppointmentRequest)
        .where(AppointmentRequest.location_id == left.id, AppointmentRequest.status.in_(OPEN))
        .order_by(AppointmentRequest.id)
        .limit(_AT_ONCE)
        .with_for_update(of=AppointmentRequest)
    )
    moved = list(db.session.scalars(query))
    for request in moved:
        request.claimed_by = request.claimed_until = None
        act(request, Move(Action.TRANSFER, location=to, note=REASON), actor=actor, now=now)
    return len(moved)
