"""Reads of requests; those for staff take the scope of the person who looks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, false, or_, select, tuple_
from sqlalchemy.orm import lazyload

from clinicdir.appointments.models import AppointmentRequest, RequestEvent, RequestLocation
from clinicdir.appointments.rules import Action, Status
from clinicdir.crypto import token_hash
from clinicdir.db import db, key_ring
from clinicdir.errors import NotFound
from clinicdir.locations.models import Location
from clinicdir.locations.queries import find_location
from clinicdir.staff.rules import Scope

CLOSED = tuple(status for status in Status if not status.is_open)
_ALIKE_WITHIN = timedelta(days=30)


def within(query: Select[AppointmentRequest], scope: Scope) -> Select[AppointmentRequest]:
    """Leave only what the scope holds: the one place that decides who sees which request."""
    if scope.location_ids is None:
        return query
    return query.where(AppointmentRequest.location_id.in_(scope.location_ids))


def get_request(reference: str, *, scope: Scope, to_change: bool = False) -> AppointmentRequest:
    """Return a request inside the scope; anything else is NotFound, whether it exists or not."""
    query = select(AppointmentRequest).where(AppointmentRequest.reference == reference)
    found = _read_one(within(query, scope), to_change=to_change)
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
    if location_id is not None:
        query = query.where(AppointmentRequest.location_id == location_id)
    query = page_of(within(query, scope), after_id, limit, scope=scope)
    return list(db.session.scalars(query))


def newest_arrival() -> datetime | None:
    """Return when the request came in that was stored last, None before the first one."""
    query = select(AppointmentRequest.created_at).order_by(AppointmentRequest.id.desc())
    return db.session.scalar(query.limit(1))


def page_of(
    query: Select[AppointmentRequest], after_id: int, limit: int | None, *, scope: Scope
) -> Select[AppointmentRequest]:
    """Put requests in the order of the lists, from the one after `after_id`.

    One outside the scope counts as none, or the list would tell when foreign requests are due.
    """
    order = tuple_(AppointmentRequest.due_at, AppointmentRequest.id)
    by_id = select(AppointmentRequest).where(AppointmentRequest.id == after_id)
    last = db.session.scalar(within(by_id, scope)) if after_id else None
    if last is not None:
        query = query.where(order > (last.due_at, last.id))
    return query.order_by(AppointmentRequest.due_at, AppointmentRequest.id).limit(limit)


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


def list_likely_duplicates(
    request: AppointmentRequest, *, scope: Scope, limit: int
) -> list[AppointmentRequest]:
    """Return other requests with the same phone or e-mail within 30 days, the newest first."""
    personal, ring = request.personal, key_ring()
    same = []
    if personal["phone_e164"] is not None:
        number = personal["phone_e164"].split(";")[0]
        same.append(AppointmentRequest.phone_hash.in_(ring.fingerprints("phone", number)))
    if personal["email"] is not None:
        address = personal["email"].casefold()
        same.append(AppointmentRequest.email_hash.in_(ring.fingerprints("email", address)))
    query = select(AppointmentRequest).where(
        or_(false(), *same),
        AppointmentRequest.id != request.id,
        AppointmentRequest.status != Status.ENTERED_IN_ERROR,
        AppointmentRequest.created_at.between(
            request.created_at - _ALIKE_WITHIN, request.created_at + _ALIKE_WITHIN
        ),
    )
    ordered = within(query, scope).order_by(AppointmentRequest.id.desc())
    return list(db.session.scalars(ordered.limit(limit)))


def list_booked(
    location_id: int, start: datetime, end: datetime, *, scope: Scope, limit: int
) -> list[AppointmentRequest]:
    """Return the requests booked at a location from `start` until before `end`, by their time."""
    query = select(AppointmentRequest).where(
        AppointmentRequest.location_id == location_id,
        AppointmentRequest.status == Status.BOOKED,
        AppointmentRequest.booked_at >= start,
        AppointmentRequest.booked_at < end,
    )
    order = (AppointmentRequest.booked_at, AppointmentRequest.id)
    return list(db.session.scalars(within(query, scope).order_by(*order).limit(limit)))


def find_original(request: AppointmentRequest, *, scope: Scope) -> AppointmentRequest | None:
    """Return the request that this one is a duplicate of, None outside the scope."""
    query = select(AppointmentRequest).where(AppointmentRequest.id == request.duplicate_of)
    return None if request.duplicate_of is None else db.session.scalar(within(query, scope))


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
