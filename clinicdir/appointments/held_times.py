"""The places of a clinic's times, where a manager has said how many there are at once.

An offer and a booking take a place each. The unique key of the table has the last word.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from clinicdir.appointments.models import AppointmentRequest, HeldTime
from clinicdir.db import db
from clinicdir.errors import NotAllowed
from clinicdir.locations.models import Location


class NoPlaceLeft(NotAllowed):
    """All places of the clinic at this time are taken."""

    def __init__(self, starts_at: datetime) -> None:
        """Keep the time, for the words that name it."""
        super().__init__(f"no place left at {starts_at.isoformat()}")
        self.starts_at = starts_at


def hold_places(
    request: AppointmentRequest,
    times: Iterable[datetime],
    *,
    must: bool = True,
    at: Location | None = None,
) -> None:
    """Let a request hold a place at exactly these times, at its present clinic or the one given.

    What it holds there already stays its own. NoPlaceLeft where all places of a time are taken,
    unless it need not have one: a time that was held out before there was a limit is kept.
    """
    wanted, location = set(times), at or request.location
    of_request = HeldTime.request_id == request.id
    here = HeldTime.location_id == location.id
    kept = select(HeldTime.starts_at).where(of_request, here, HeldTime.starts_at.in_(wanted))
    held = set(db.session.scalars(kept))
    other = ~(here & HeldTime.starts_at.in_(wanted))
    db.session.execute(delete(HeldTime).where(of_request, other))
    # In one order, so that two that want the same times do not wait for each other in a circle.
    for starts_at in sorted(wanted - held):
        if not _take_place(request, location, starts_at) and must:
            raise NoPlaceLeft(starts_at)


def _take_place(request: AppointmentRequest, location: Location, starts_at: datetime) -> bool:
    """Take the lowest free place; another that takes it at this moment wins, and we look again."""
    capacity, location_id = location.capacity, location.id
    query = select(HeldTime.place).where(
        HeldTime.location_id == location_id, HeldTime.starts_at == starts_at
    )
    while True:
        taken = set(db.session.scalars(query))
        # Without a limit a place is taken too: one that is set later counts what stands already.
        free = set(range(1, (capacity or len(taken) + 1) + 1)) - taken
        if capacity is not None and (not free or len(taken) >= capacity):
            return False
        row = {
            "location_id": location_id,
            "starts_at": starts_at,
            "place": min(free),
            "request_id": request.id,
        }
        try:
            with db.session.begin_nested():
                db.session.execute(insert(HeldTime).values(row))
        except IntegrityError:
            continue
        return True
