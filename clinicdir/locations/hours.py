"""When a clinic is open: OpenStreetMap's opening_hours read, counted over, laid out as a week."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from opening_hours import (  # type: ignore[attr-defined]  # its stubs forget ParserError
    OpeningHours,
    ParserError,
    State,
)

COUNTRY = "US"  # whose public holidays `PH` means
LONGEST_WAIT = timedelta(days=60)
_FARTHEST = timedelta(days=730)
_DAY = timedelta(days=1)
# Without more they would mean 7 am and 7 pm the year round, which nobody has said.
_SUN = re.compile("sunrise|sunset|dawn|dusk", re.IGNORECASE)
_HOLIDAYS_OFF = re.compile(r"\s*;\s*PH\s+(?:off|closed)\s*$", re.IGNORECASE)
_HYPHENS = dict.fromkeys(map(ord, "\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"), "-")


class HasHours(Protocol):
    """A location as far as its hours go."""

    @property
    def hours(self) -> str | None:
        """Return the words of opening_hours, None where nobody has told us."""

    @property
    def time_zone(self) -> str:
        """Return the zone by its IANA name."""

    @property
    def closed_days(self) -> Sequence[str]:
        """Return the days besides, YYYY-MM-DD, on which nobody is there."""


class Span(NamedTuple):
    """Time from `start` until just before `end`, both in one and the same clock."""

    start: datetime
    end: datetime


class Standing(NamedTuple):
    """Whether a clinic is open at a moment, and when that changes, if it does within 60 days."""

    is_open: bool
    changes_at: datetime | None


@dataclass(frozen=True)
class Hours:
    """Hours that can be read, with the zone that they are meant in and the days left out."""

    text: str
    time_zone: str
    closed_days: tuple[date, ...] = ()


def hours_of(place: HasHours) -> Hours | None:
    """Return a location's hours; None where nobody told us or nobody can read them."""
    if place.hours is None or unread_part(place.hours) is not None:
        return None
    days = tuple(sorted(map(date.fromisoformat, place.closed_days)))
    return Hours(place.hours, place.time_zone, days)


def tidy(text: str) -> str:
    """Return typed hours with plain hyphens, single spaces and no separator at the end."""
    return " ".join(text.translate(_HYPHENS).split()).rstrip(" ;,")


def unread_part(text: str) -> str | None:
    """Return hours from where they cannot be read, None where all of it can be."""
    sun = _SUN.search(text)
    if sun is not None:
        return text[sun.start() :]
    try:
        OpeningHours(text)
    except ParserError as refusal:
        place = re.search(r"--> \d+:(\d+)", str(refusal))
        return text[int(place[1]) - 1 :] if place else text
    return None


def split_holidays(text: str) -> tuple[str, bool]:
    """Return hours without their end `; PH off`, and whether they had it."""
    match = _HOLIDAYS_OFF.search(text)
    return (text[: match.start()], True) if match else (text, False)


def with_holidays_off(text: str) -> str:
    """Return hours that end with `; PH off`."""
    return f"{split_holidays(text)[0]}; PH off"


def open_spans(hours: Hours, start: datetime, end: datetime) -> Iterator[Span]:
    """Yield the open time from `start` to `end` in UTC, earliest first."""
    zone = ZoneInfo(hours.time_zone)
    first, last = (moment.astimezone(zone).date() for moment in (start, end))
    for span in _merged(_spans(hours, first, last + _DAY, zone=zone, country=COUNTRY)):
        begins, ends = max(span.start, start), min(span.end, end)
        if begins < ends:
            yield Span(begins, ends)


def after_open_time(hours: Hours, since: datetime, minutes: int) -> datetime | None:
    """Return the instant in UTC by which so many minutes of open time have passed.

    None where the clinic does not open for 60 days, or all of it takes more than two years.
    """
    left, reached = timedelta(minutes=minutes), since
    for span in open_spans(hours, since, since + _FARTHEST):
        if span.start - reached > LONGEST_WAIT:
            return None
        if left <= span.end - span.start:
            return span.start + left
        left -= span.end - span.start
        reached = span.end
    return None


def standing(hours: Hours, now: datetime) -> Standing:
    """Return whether it is open now, and until when it stays so."""
    horizon = now + LONGEST_WAIT
    span = next(open_spans(hours, now, horizon), None)
    if span is None:
        return Standing(is_open=False, changes_at=None)
    if span.start > now:
        return Standing(is_open=False, changes_at=span.start)
    return Standing(is_open=True, changes_at=span.end if span.end < horizon else None)


def usual_week(hours: Hours, today: date) -> list[list[Span]]:
    """Return the open time of Monday to Sunday as the clinic's own clock shows it.

    Seasons count as from `today` on; public holidays and closed days do not count.
    """
    plain = Hours(hours.text, hours.time_zone)
    days = _by_day(_spans(plain, today - 2 * _DAY, today + 9 * _DAY))
    week: list[list[Span]] = [[] for _ in range(7)]
    for ahead in range(7):
        day = today + ahead * _DAY
        week[day.weekday()] = [_in_week(span, day) for span in days.get(day, [])]
    return week


def unusual_days(hours: Hours, today: date, count: int) -> list[tuple[date, list[Span]]]:
    """Return the days among the next `count` whose open time is not that of the usual week."""
    week = usual_week(hours, today)
    after = today + (count + 2) * _DAY
    days = _by_day(_spans(hours, today - 2 * _DAY, after, country=COUNTRY))
    coming = ((today + ahead * _DAY) for ahead in range(count))
    return [
        (day, days.get(day, []))
        for day in coming
        if [_in_week(span, day) for span in days.get(day, [])] != week[day.weekday()]
    ]


def next_holidays(today: date, count: int) -> list[date]:
    """Return the next public holidays, today's among them."""
    open_on = OpeningHours("PH", country=COUNTRY).intervals(datetime.combine(today, time()))
    found: list[date] = []
    for begins, ends, state, _ in open_on:
        if state is State.OPEN:
            days = (ends.date() - begins.date()).days
            found += [begins.date() + ahead * _DAY for ahead in range(days)]
        if len(found) >= count:
            break
    return found[:count]


def _spans(
    hours: Hours, first: date, after: date, *, zone: ZoneInfo | None = None, country: str = ""
) -> Iterator[Span]:
    """Yield the open time of whole days: in UTC with a zone, else by the clinic's own clock."""
    read = OpeningHours(hours.text, timezone=zone, country=country or None)
    closed = [
        Span(_moment(day, zone), _moment(day + _DAY, zone))
        for day in hours.closed_days
        if first <= day < after
    ]
    # With a zone the ends are asked for in it; no end of a day is an hour that comes twice.
    ends = (datetime.combine(day, time(), zone) for day in (first, after))
    for begins, until, state, _ in read.intervals(*ends):
        if state is State.OPEN:
            span = Span(begins, until) if zone is None else Span(_utc(begins), _utc(until))
            yield from _without(span, closed)


def _moment(day: date, zone: ZoneInfo | None) -> datetime:
    begins = datetime.combine(day, time(), zone)
    return begins if zone is None else _utc(begins)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _without(span: Span, closed: Iterable[Span]) -> Iterator[Span]:
    start = span.start
    for gap in closed:
        if gap.end <= start or gap.start >= span.end:
            continue
        if gap.start > start:
            yield Span(start, gap.start)
        start = gap.end
    if start < span.end:
        yield Span(start, span.end)


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Join what touches: a change of comment at noon is no closing."""
    held: Span | None = None
    for span in spans:
        if held is not None and held.end == span.start:
            held = Span(held.start, span.end)
            continue
        if held is not None:
            yield held
        held = span
    if held is not None:
        yield held


def _by_day(spans: Iterable[Span]) -> dict[date, list[Span]]:
    """Put each span under the day on which it begins; one of over 24 hours is cut at midnight."""
    days: dict[date, list[Span]] = {}
    for span in _merged(spans):
        for part in _cut(span) if span.end - span.start > _DAY else [span]:
            days.setdefault(part.start.date(), []).append(part)
    return days


def _cut(span: Span) -> list[Span]:
    count = (span.end.date() - span.start.date()).days
    midnights = (_moment(span.start.date() + ahead * _DAY, None) for ahead in range(1, count + 1))
    ends = [span.start, *(moment for moment in midnights if moment < span.end), span.end]
    return [Span(*pair) for pair in pairwise(ends)]


def _in_week(span: Span, day: date) -> Span:
    """Return a span as if its day were the first of a calendar, so that weeks can be compared."""
    shift = datetime.combine(day, time()) - datetime(1, 1, 1)  # noqa: DTZ001 - a wall clock
    return Span(span.start - shift, span.end - shift)
