"""Reads of requests; those for staff take the scope of the person who looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import lazyload

from clinicdir.appointments.models import AppointmentRequest, RequestEvent, RequestLocation
from clinicdir.appointments.rules import Action, Status
from clinicdir.crypto import token_hash
from clinicdir.db import db
from clinicdir.errors import NotFound
from clinicdir.locations.models import Location
from clinicdir.locations.queries import find_location
from clinicdir.staff.rules import Scope

CLOSED = tuple(status for status in Status if not status.is_open)
COUNT_CAP = 99


def _within(query: Select[AppointmentRequest], scope: Scope) -> Select[AppointmentRequest]:
    """Leave only what the scope holds: the one place that decides who sees which request."""
    if scope.location_ids is None:
        return query
    return query.where(AppointmentRequest.location_id.in_(scope.location_ids))


def within(query: Select[AppointmentRequest], scope: Scope) -> Select[AppointmentRequest]:
    """Leave only what the scope holds, for reads that stand in a module of their own."""
    return _within(query, scope)


def get_request(reference: str, *, scope: Scope, to_change: bool = False) -> AppointmentRequest:
    """Return a request inside the scope; anything else is NotFound, whether it exists or not."""
    query = select(AppointmentRequest).where(AppointmentRequest.reference == reference)
    found = _read_one(_within(query, scope), to_change=to_change)
    if found is None:
        raise NotFound
    return found


def list_requests(
    *,
    scope: Scope,
    location_id: int | None = None,
    statuses: tuple[Status, ...] = tuple(Status),
    limit: int | None,
    after_id: int = 0,
) -> list[AppointmentRequest]:
    """Return requests by promise, else by arrival, from the one after `after_id`."""
    query = select(AppointmentRequest).where(AppointmentRequest.status.in_(statuses))
    order = tuple_(AppointmentRequest.due_at, AppointmentRequest.id)
    if after_id:
        last = db.session.get(AppointmentRequest, after_id)
        query = query if last is None else query.where(order > (last.due_at, last.id))
    if location_id is not None:
        query = query.where(AppointmentRequest.location_id == location_id)
    ordered = _within(query, scope).order_by(AppointmentRequest.due_at, AppointmentRequest.id)
    return list(db.session.scalars(ordered.limit(limit)))


def count_requests(
    *, scope: Scope, location_id: int | None = None, groups: Mapping[str, tuple[Status, ...]]
) -> dict[str, int]:
    """Return how many there are of each group, counted up to one past `COUNT_CAP`."""
    counts = []
    for statuses in groups.values():
        query = select(AppointmentRequest).where(AppointmentRequest.status.in_(statuses))
        if location_id is not None:
            query = query.where(AppointmentRequest.location_id == location_id)
        some = _within(query, scope).with_only_columns(AppointmentRequest.id).limit(COUNT_CAP + 1)
        counts.append(select(func.count()).select_from(some.subquery()).scalar_subquery())
    return dict(zip(groups, db.session.execute(select(*counts)).one(), strict=True))


def list_events(appointment_request: AppointmentRequest) -> list[RequestEvent]:
    """Return a request's history, oldest first."""
    query = select(RequestEvent).where(RequestEvent.request_id == appointment_request.id)
    return list(db.session.scalars(query.order_by(RequestEvent.id)))


def list_ticked(appointment_request: AppointmentRequest) -> list[Location]:
    """Return the locations that the patient ticked, in the order of ticking."""
    query = (
        select(Location)
        .join(RequestLocation, RequestLocation.location_id == Location.id)
        .where(RequestLocation.request_id == appointment_request.id)
    )
    return list(db.session.scalars(query.order_by(RequestLocation.ordinal)))


@dataclass(frozen=True)
class PassedOn:
    """What a location keeps of a request that it passed on: the reference, to whom, and when."""

    reference: str
    left: Location
    to: Location
    at: datetime


def find_passed_on(reference: str, *, scope: Scope) -> PassedOn | None:
    """Return where a request went that once lay inside the scope, None for any other."""
    query = (
        select(RequestEvent)
        .join(AppointmentRequest, AppointmentRequest.id == RequestEvent.request_id)
        .where(AppointmentRequest.reference == reference, RequestEvent.action == Action.TRANSFER)
    )
    for event in db.session.scalars(query.order_by(RequestEvent.id.desc())):
        left, to = (find_location(slug) for slug in event.unseal()["passed"])
        if left is not None and to is not None and scope.holds(left.id):
            return PassedOn(reference, left, to, event.at)
    return None


def get_by_link(token: str, *, to_change: bool = False) -> AppointmentRequest:
    """Return the request of a patient's link, or raise NotFound."""
    query = select(AppointmentRequest).where(AppointmentRequest.link_hash == token_hash(token))
    found = _read_one(query, to_change=to_change)
    if found is None:
        raise NotFound
    return found


def find_by_submission_key(key: str) -> AppointmentRequest | None:
    """Return the request that a form with this one-time key made, if it was sent."""
    query = select(AppointmentRequest).where(AppointmentRequest.submission_key == key)
    return db.session.scalar(query)


def lock_free_request(number: int) -> AppointmentRequest | None:
    """Return a request locked, or None while another transaction is at it."""
    query = select(AppointmentRequest).where(AppointmentRequest.id == number)
    return db.session.scalar(_locking(query, skip_locked=True))


def _read_one(query: Select[AppointmentRequest], *, to_change: bool) -> AppointmentRequest | None:
    """Read one request; locked where it is to change, so that a patient is not told to wait."""
    return db.session.scalar(_locking(query) if to_change else query)


def _locking(
    query: Select[AppointmentRequest], *, skip_locked: bool = False
) -> Select[AppointmentRequest]:
    """Lock what a query reads, and read it as it is once the lock is ours.

    Without its clinic: PostgreSQL checks a join again after a wait, against the clinic of before,
    and a request that was passed on meanwhile would be found nowhere.
    """
    return (
        query.options(lazyload(AppointmentRequest.location))
        .with_for_update(of=AppointmentRequest, skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )
