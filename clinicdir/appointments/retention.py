"""Erases the personal data of requests that have been closed for longer than their clinic keeps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select

from clinicdir.appointments.erasing import erase_rows, lock_family
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import CLOSED
from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db, transaction
from clinicdir.locations.models import Location
from clinicdir.locations.queries import list_all_locations

ACTION = "purge"  # how the audit trail calls it
_AT_ONCE = 50


@dataclass(frozen=True)
class Due:
    """What a location keeps no longer: how many requests, and closed before when."""

    slug: str
    count: int
    before: datetime


def kept_days(location: Location, retention_days: int) -> int:
    """Return for how many days a location keeps, where the group keeps `retention_days`."""
    return location.retention_days or retention_days


def list_due(*, retention_days: int, now: datetime) -> list[Due]:
    """Return what would be erased now, by location in seed order; nothing changes."""
    found = []
    for place in list_all_locations():
        before = now - timedelta(days=kept_days(place, retention_days))
        query = _due(place.id, before).with_only_columns(func.count(AppointmentRequest.id))
        found.append(Due(place.slug, db.session.scalar(query) or 0, before))
    return [due for due in found if due.count]


def purge(*, retention_days: int, actor: Actor, now: datetime) -> list[Due]:
    """Erase what is due, and return how many rows at each location, duplicates with them.

    Each 50 requests are a transaction with an audit entry of its own, so that nobody waits long
    and a run that is cut short has written down what it did.
    """
    done = []
    for place_id, slug, days in _keepers(retention_days):
        before = now - timedelta(days=days)
        counts = _purge_location(place_id, slug, before, actor=actor, now=now)
        done.append(Due(slug, sum(counts), before))
    return [due for due in done if due.count]


def _keepers(retention_days: int) -> list[tuple[int, str, int]]:
    places = list_all_locations()
    return [(place.id, place.slug, kept_days(place, retention_days)) for place in places]


def _purge_location(
    place_id: int, slug: str, before: datetime, *, actor: Actor, now: datetime
) -> Iterator[int]:
    last, more = 0, True
    while more:
        query = _due(place_id, before).with_only_columns(AppointmentRequest.id)
        query = query.where(AppointmentRequest.id > last).order_by(AppointmentRequest.id)
        numbers = list(db.session.scalars(query.limit(_AT_ONCE)))
        more = len(numbers) == _AT_ONCE
        if numbers:
            last = numbers[-1]
            with transaction():
                count = _purge_some(numbers, place_id, before, actor=actor, now=now)
                if count:
                    record(
                        ACTION,
                        actor=actor,
                        now=now,
                        subject=slug,
                        detail=f"{count} erased, closed before {before:%Y-%m-%d}",
                        chain=location_chain(place_id),
                    )
            yield count


def _purge_some(
    numbers: Sequence[int], place_id: int, before: datetime, *, actor: Actor, now: datetime
) -> int:
    """Erase those of these requests that are still due once they are locked."""
    count = 0
    for number in numbers:
        family = lock_family(number)
        still_due = _due(place_id, before).where(AppointmentRequest.id == number)
        if db.session.scalar(still_due.with_only_columns(AppointmentRequest.id)) is not None:
            count += erase_rows(family, actor=actor, now=now, audits=False)
    return count


def _due(place_id: int, before: datetime) -> Select[AppointmentRequest]:
    """Return the query for what a location keeps no longer; duplicates go with what they repeat.

    A booking counts from its time on, all else from the last thing that was done.
    """
    row = AppointmentRequest
    return select(row).where(
        row.location_id == place_id,
        row.status.in_(CLOSED),
        row.erased_at.is_(None),
        row.duplicate_of.is_(None),
        row.changed_at < before,
        or_(row.booked_at.is_(None), row.booked_at < before),
    )
