"""The groups of the inbox: which requests each one lists, and how many there are."""

import enum
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, or_, select

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import CLOSED, page_of, within
from clinicdir.appointments.rules import OPEN, Status
from clinicdir.db import db
from clinicdir.staff.rules import Scope

COUNT_CAP = 99


class Group(enum.StrEnum):
    """The lists that the inbox is parted into; a request may stand in several."""

    OPEN = "open"
    OVERDUE = "overdue"
    MINE = "mine"
    NEW = "new"
    HANDLED = "handled"
    WAITING = "waiting"
    BOOKED = "booked"
    CLOSED = "closed"
    LATER = "later"
    SPAM = "spam"


# What may be spam stands apart, and is counted apart.
_TO_DO = tuple(status for status in OPEN if status is not Status.QUARANTINED)
STATUSES: dict[Group, tuple[Status, ...]] = {
    Group.OPEN: _TO_DO,
    Group.OVERDUE: _TO_DO,
    Group.MINE: (Status.IN_REVIEW,),
    Group.NEW: (Status.RECEIVED,),
    Group.HANDLED: (Status.IN_REVIEW, Status.WAITLISTED),
    Group.WAITING: (Status.AWAITING_PATIENT, Status.OFFERED),
    Group.BOOKED: (Status.BOOKED,),
    Group.CLOSED: tuple(status for status in CLOSED if status is not Status.BOOKED),
    Group.LATER: _TO_DO,
    Group.SPAM: (Status.QUARANTINED,),
}
_ALL_DAY = frozenset((Group.BOOKED, Group.CLOSED, Group.SPAM))


@dataclass(frozen=True)
class View:
    """Who looks at the lists, from where and when; `location_id` leaves only one clinic."""

    scope: Scope
    staff_id: int
    now: datetime
    location_id: int | None = None


def list_group(
    group: Group, view: View, *, limit: int, after_id: int = 0
) -> list[AppointmentRequest]:
    """Return a group's requests by promise, else by arrival, from the one after `after_id`."""
    query = page_of(_query(group, view), after_id, limit, scope=view.scope)
    return list(db.session.scalars(query))


def count_groups(view: View) -> dict[Group, int]:
    """Return how many there are of each group, counted up to one past `COUNT_CAP`."""
    counts = []
    for group in Group:
        some = _query(group, view).with_only_columns(AppointmentRequest.id).limit(COUNT_CAP + 1)
        counts.append(select(func.count()).select_from(some.subquery()).scalar_subquery())
    return dict(zip(Group, db.session.execute(select(*counts)).one(), strict=True))


@dataclass(frozen=True)
class Tally:
    """How many requests of a group a location has, and the earliest promise and arrival there."""

    count: int
    first_promise_at: datetime | None
    first_arrival_at: datetime


def tally_by_location(group: Group, view: View) -> dict[int, Tally]:
    """Return a tally of each location, by its id, that has requests of a group."""
    columns = (
        AppointmentRequest.location_id,
        func.count(),
        func.min(AppointmentRequest.promise_at),
        func.min(AppointmentRequest.created_at),
    )
    query = _query(group, view).with_only_columns(*columns)
    found = db.session.execute(query.group_by(AppointmentRequest.location_id))
    return {
        place_id: Tally(count, promise_at, arrival_at)
        for place_id, count, promise_at, arrival_at in found
    }


def count_by_status(statuses: Collection[Status]) -> dict[tuple[int, Status], int]:
    """Return how many requests each location, by its id, has in each of these states."""
    by = (AppointmentRequest.location_id, AppointmentRequest.status)
    query = select(*by, func.count()).where(AppointmentRequest.status.in_(statuses))
    found = db.session.execute(query.group_by(*by))
    return {(place_id, status): count for place_id, status, count in found}


def capped(count: int) -> str:
    """Return a count in words that stop at 99+."""
    return f"{COUNT_CAP}+" if count > COUNT_CAP else str(count)


def _query(group: Group, view: View) -> Select[AppointmentRequest]:
    query = select(AppointmentRequest).where(
        AppointmentRequest.status.in_(STATUSES[group]), *_conditions(group, view)
    )
    if view.location_id is not None:
        query = query.where(AppointmentRequest.location_id == view.location_id)
    return within(query, view.scope)


def _conditions(group: Group, view: View) -> list[ColumnElement[bool]]:
    """Return what a group asks for beside the state; who is to be tried again later is out."""
    again, now = AppointmentRequest.try_again_at, view.now
    if group is Group.LATER:
        return [again > now]
    conditions = [] if group in _ALL_DAY else [or_(again.is_(None), again <= now)]
    if group is Group.MINE:
        # A hold that has lapsed counts as free in every read.
        conditions += [
            AppointmentRequest.claimed_by == view.staff_id,
            AppointmentRequest.claimed_until > now,
        ]
    elif group is Group.OVERDUE:
        conditions += [
            AppointmentRequest.due_at < now,  # where there is a promise, it is due by then
            AppointmentRequest.promise_at < now,
            AppointmentRequest.first_contact_at.is_(None),
        ]
    return conditions
