"""A booked appointment as a calendar entry (RFC 5545); nothing in it tells of health."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.locations.models import Location

if TYPE_CHECKING:
    from icalendar import Timezone

_AROUND = timedelta(days=366)


def calendar_entry(request: AppointmentRequest, *, summary: str, description: str) -> bytes:
    """Return the calendar file of a booked request.

    The entry keeps its UID for life and counts its changes in SEQUENCE, so that a calendar puts
    a new one in place of the old one. It has no end: nobody has told how long it takes.
    """
    from icalendar import Calendar, Event  # noqa: PLC0415 - slow start

    if request.booked_at is None:
        message = "There is no time to put into a calendar."
        raise ValueError(message)
    zone = request.location.time_zone
    event = Event()
    event.add("uid", _uid(request))
    event.add("dtstamp", request.changed_at)
    event.add("sequence", request.calendar_sequence)
    event.add("dtstart", request.booked_at.astimezone(ZoneInfo(zone)))
    event.add("status", "CONFIRMED")
    event.add("summary", summary)
    event.add("location", _address(request.location))
    event.add("description", description)
    calendar = Calendar()
    calendar.add("prodid", "-//clinicdir//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(_time_zone(zone, around=request.booked_at))
    calendar.add_component(event)
    entry: bytes = calendar.to_ical()
    return entry


def _uid(request: AppointmentRequest) -> str:
    """Return a name of the entry that no new link and no rotated key changes."""
    return hashlib.sha256(b"calendar entry" + request.row_key).hexdigest()[:32] + "@clinicdir"


def _address(location: Location) -> str:
    street = f"{location.line}, {location.unit}" if location.unit else location.line
    return f"{location.name}, {street}, {location.city}, {location.state} {location.postal_code}"


def _time_zone(zone: str, *, around: datetime) -> "Timezone":
    """Return the zone's rules for a year before and after; icalendar's own start an hour late.

    RFC 5545 wants the moment of a change by the clock that went before it.
    """
    from icalendar import Timezone, TimezoneDaylight, TimezoneStandard  # noqa: PLC0415 - slow start

    rules = Timezone()
    rules.add("tzid", zone)
    for before, after in _changes(ZoneInfo(zone), around - _AROUND, around + _AROUND):
        part = TimezoneDaylight() if after.dst() else TimezoneStandard()
        old, new = before.utcoffset(), after.utcoffset()
        part.add("dtstart", (after.astimezone(UTC) + (old or timedelta())).replace(tzinfo=None))
        part.add("tzoffsetfrom", old)
        part.add("tzoffsetto", new)
        part.add("tzname", after.tzname())
        rules.add_component(part)
    return rules


def _changes(
    zone: ZoneInfo, first: datetime, last: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the first instant with itself, then each change of the clock: just before, and at it.

    In whole hours of UTC, for none has changed between them since 1972.
    """
    hour = timedelta(hours=1)
    at = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    local = at.astimezone(zone)
    yield local, local
    while at < last:
        ahead = at + 24 * hour
        if (ahead.astimezone(zone).utcoffset()) == local.utcoffset():
            at, local = ahead, ahead.astimezone(zone)
            continue
        while (at + hour).astimezone(zone).utcoffset() == local.utcoffset():
            at += hour
        before, at = at.astimezone(zone), at + hour
        local = at.astimezone(zone)
        yield before, local
