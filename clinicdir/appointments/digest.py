"""The list that a manager gets each working morning: what is overdue, and what was set aside.

A row of the outbox tells of a clinic here, not of a request: its number is stored below zero, where
no request's is.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status, show_reference
from clinicdir.db import db, transaction
from clinicdir.locations.hours import hours_of, open_spans
from clinicdir.locations.models import Location
from clinicdir.notifications.outbox import enqueue
from clinicdir.notifications.outcomes import NotNeeded
from clinicdir.notifications.plans import list_digests, note_digest, plan_of
from clinicdir.notifications.rules import Channel, Message, MessageKind

_MOST_NAMED = 50
# Where a clinic's hours are not known, its working days begin so.
_USUAL_START = time(8)
_SATURDAY = 5


def queue_digests(*, now: datetime) -> int:
    """Write the digests whose hour has come into the outbox, one a clinic and day; return how many.

    A morning on which nothing is overdue or set aside has none.
    """
    queued = 0
    for location_id in list_digests(before=_farthest_day(now)):
        location = db.session.get_one(Location, location_id)
        day = now.astimezone(ZoneInfo(location.time_zone)).date()
        begins = _begins(location, day)
        if begins is None or now < begins:
            continue
        has_news = any(_lists(location_id, now))
        with transaction():
            if note_digest(location_id, day) and has_news:
                enqueue(MessageKind.DIGEST, channel=Channel.EMAIL, subject_id=-location_id, now=now)
                queued += 1
    return queued


def _farthest_day(now: datetime) -> date:
    """Return the day that it is where it is latest."""
    return (now.astimezone(UTC) + timedelta(hours=14)).date()


def _begins(location: Location, day: date) -> datetime | None:
    """Return when the clinic opens on this day, None where it does not."""
    zone = ZoneInfo(location.time_zone)
    hours = hours_of(location)
    if hours is None:
        is_working = day.weekday() < _SATURDAY
        return datetime.combine(day, _USUAL_START, zone) if is_working else None
    start = datetime.combine(day, time(), zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    first = next(open_spans(hours, start, end), None)
    return None if first is None else first.start


def resolve_digest(subject_id: int, *, base_url: str, now: datetime) -> Message:
    """Return the digest as things are now; NotNeeded where nothing is overdue or set aside."""
    location = db.session.get(Location, -subject_id)
    to = "" if location is None else plan_of(location.id).digest_to
    if location is None or not to:
        raise NotNeeded
    overdue, aside = _lists(location.id, now)
    if not overdue and not aside:
        raise NotNeeded
    return Message(
        to=to,
        template=MessageKind.DIGEST.value,
        values={
            "clinic": location.name,
            "overdue": _lines(overdue, base_url),
            "aside": _lines(aside, base_url),
            "link": f"{base_url}/staff/?location={location.slug}",
        },
    )


def _lists(location_id: int, now: datetime) -> tuple[list[str], list[str]]:
    """Return the references of what is overdue and of what was set aside, oldest first."""
    base = select(AppointmentRequest.reference).where(AppointmentRequest.location_id == location_id)
    base = base.order_by(AppointmentRequest.created_at, AppointmentRequest.id).limit(_MOST_NAMED)
    overdue = base.where(
        AppointmentRequest.promise_at < now,
        AppointmentRequest.first_contact_at.is_(None),
        AppointmentRequest.status.in_([status for status in Status if status.is_open]),
    )
    aside = base.where(AppointmentRequest.status == Status.QUARANTINED)
    return list(db.session.scalars(overdue)), list(db.session.scalars(aside))


def _lines(references: Sequence[str], base_url: str) -> str:
    return "\n".join(
        f"{show_reference(reference)}  {base_url}/staff/requests/{reference}"
        for reference in references
    )
