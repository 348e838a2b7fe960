"""Which request a patient's link or reference shows: a merged one shows where it went."""

from sqlalchemy import select

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import get_by_link
from clinicdir.appointments.rules import Status
from clinicdir.db import db

_MOST_MERGES = 20


def follow_link(token: str, *, to_change: bool = False) -> AppointmentRequest:
    """Return the request that a patient's link shows, or raise NotFound."""
    return _followed(get_by_link(token, to_change=to_change), to_change=to_change)


def find_shown(reference: str) -> AppointmentRequest | None:
    """Return the request that the link behind a reference shows, None where there is none."""
    query = select(AppointmentRequest).where(AppointmentRequest.reference == reference)
    found = db.session.scalar(query)
    return None if found is None else _followed(found)


def _followed(found: AppointmentRequest, *, to_change: bool = False) -> AppointmentRequest:
    """Go from duplicate to original; a ring of them, which no staff page makes, must end too."""
    for _ in range(_MOST_MERGES):
        if found.status is not Status.ENTERED_IN_ERROR or found.duplicate_of is None:
            break
        query = select(AppointmentRequest).where(AppointmentRequest.id == found.duplicate_of)
        if to_change:
            query = query.with_for_update(of=AppointmentRequest)
        found = db.session.scalars(query).one()
    return found
