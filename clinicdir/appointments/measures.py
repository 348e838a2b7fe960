"""Measures how soon clinics get in touch, from plain times alone: no personal data is opened."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import within
from clinicdir.appointments.rules import SPAM, Status
from clinicdir.db import db
from clinicdir.locations.models import Location
from clinicdir.staff.rules import Scope

WEEKS = 12
_WEEK = timedelta(days=7)
_HOUR = timedelta(hours=1)
# What is or may be spam waits for nobody, and what was a mistake was no request.
_NOT_COUNTED = (Status.QUARANTINED, Status.ENTERED_IN_ERROR)
_AT_ONCE = 1000


@dataclass(frozen=True)
class Asked:
    """When a request came, was promised an answer, was first answered; and if it is open."""

    created_at: datetime
    promise_at: datetime | None
    first_contact_at: datetime | None
    is_open: bool


@dataclass(frozen=True)
class WeekMeasures:
    """One clinic's week: the requests that came in, how soon it got in touch, promises missed.

    Times are hours from arrival to first contact, by day and night; None where nobody was
    contacted yet.
    """

    monday: date
    requests: int
    contacted: int
    median_h: float | None
    p90_h: float | None
    overdue: int


def measure(
    locations: Sequence[Location], *, scope: Scope, now: datetime
) -> dict[int, list[WeekMeasures]]:
    """Return the last 12 weeks of each location of the scope, oldest first, this week at the end.

    A week begins on Monday at midnight by the clinic's clock; a request counts in the week in
    which it came in, at the clinic where it is now.
    """
    zones = {place.id: ZoneInfo(place.time_zone) for place in locations if scope.holds(place.id)}
    weeks = {place_id: _mondays(now, zone) for place_id, zone in zones.items()}
    asked = _asked_by_week(zones, weeks, scope)
    return {
        place_id: [week_of(monday, asked[place_id, monday], now=now) for monday in mondays]
        for place_id, mondays in weeks.items()
    }


def week_of(monday: date, asked: Iterable[Asked], *, now: datetime) -> WeekMeasures:
    """Return the measures of the requests of one week."""
    every = list(asked)
    waits = sorted(
        (one.first_contact_at - one.created_at) / _HOUR
        for one in every
        if one.first_contact_at is not None
    )
    return WeekMeasures(
        monday=monday,
        requests=len(every),
        contacted=len(waits),
        median_h=quantile(waits, 0.5),
        p90_h=quantile(waits, 0.9),
        overdue=sum(was_overdue(one, now=now) for one in every),
    )


def was_overdue(asked: Asked, *, now: datetime) -> bool:
    """Say whether a promise was not kept: first contact after it, or none yet and it has passed.

    A request that was closed without any contact, such as one that the patient took back, is not.
    """
    if asked.promise_at is None:
        return False
    if asked.first_contact_at is None:
        return asked.is_open and asked.promise_at < now
    return asked.promise_at < asked.first_contact_at


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least `share` of them do not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _mondays(now: datetime, zone: ZoneInfo) -> list[date]:
    today = now.astimezone(zone).date()
    this_week = today - timedelta(days=today.weekday())
    return [this_week - _WEEK * back for back in reversed(range(WEEKS))]


def _asked_by_week(
    zones: Mapping[int, ZoneInfo], weeks: Mapping[int, Sequence[date]], scope: Scope
) -> dict[tuple[int, date], list[Asked]]:
    """Read what came in since the first of the weeks, four columns of each request."""
    found: dict[tuple[int, date], list[Asked]] = defaultdict(list)
    if not zones:
        return found
    starts = (datetime.combine(weeks[key][0], time(), zone) for key, zone in zones.items())
    query = select(AppointmentRequest).where(
        AppointmentRequest.location_id.in_(zones),
        AppointmentRequest.status.not_in(_NOT_COUNTED),
        AppointmentRequest.decline_reason.is_distinct_from(SPAM),
        AppointmentRequest.created_at >= min(starts),
    )
    columns = within(query, scope).with_only_columns(
        AppointmentRequest.location_id,
        AppointmentRequest.created_at,
        AppointmentRequest.promise_at,
        AppointmentRequest.first_contact_at,
        AppointmentRequest.status,
    )
    for place_id, created_at, promise_at, contact_at, status in db.session.execute(
        columns.execution_options(yield_per=_AT_ONCE)
    ):
        day = created_at.astimezone(zones[place_id]).date()
        monday = day - timedelta(days=day.weekday())
        asked = Asked(created_at, promise_at, contact_at, status.is_open)
        found[place_id, monday].append(asked)
    return found
