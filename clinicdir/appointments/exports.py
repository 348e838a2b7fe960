"""Reads requests one after the other for a file, in constant memory and without a long read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import within
from clinicdir.appointments.rules import Status
from clinicdir.db import db
from clinicdir.staff.rules import Scope

_AT_ONCE = 100


@dataclass(frozen=True)
class Wanted:
    """Which requests go into a file: of which clinic (None: all), states, and time of arrival."""

    statuses: tuple[Status, ...]
    location_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Extent:
    """How many requests there are at one moment, and the number of the last one."""

    count: int
    last_id: int


def extent_of(wanted: Wanted, *, scope: Scope) -> Extent:
    """Return how many requests of the scope are wanted, and where to stop."""
    columns = (func.count(AppointmentRequest.id), func.max(AppointmentRequest.id))
    count, last_id = db.session.execute(_query(wanted, scope).with_only_columns(*columns)).one()
    return Extent(count, last_id or 0)


def each_request(wanted: Wanted, *, scope: Scope, last_id: int) -> Iterator[AppointmentRequest]:
    """Yield the wanted requests in the order of arrival, up to the number `last_id`.

    They are walked by their key: the table is read once, however many batches there are. Between
    two batches no read is open, so a slow download holds nothing up.
    """
    query = _query(wanted, scope).where(AppointmentRequest.id <= last_id)
    query = query.order_by(AppointmentRequest.id).limit(_AT_ONCE)
    after, more = 0, True
    while more:
        batch = list(db.session.scalars(query.where(AppointmentRequest.id > after)))
        db.session.expunge_all()
        db.session.rollback()
        more = len(batch) == _AT_ONCE
        after = batch[-1].id if batch else after
        yield from batch
        batch.clear()  # or two batches would be held while the next one is read


def _query(wanted: Wanted, scope: Scope) -> Select[AppointmentRequest]:
    query = select(AppointmentRequest).where(AppointmentRequest.status.in_(wanted.statuses))
    if wanted.location_id is not None:
        query = query.where(AppointmentRequest.location_id == wanted.location_id)
    if wanted.since is not None:
        query = query.where(AppointmentRequest.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AppointmentRequest.created_at < wanted.until)
    return within(query, scope)
