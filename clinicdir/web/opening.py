"""Says in words when a clinic is open and how soon it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from clinicdir.appointments.promise import promised_by
from clinicdir.locations.hours import (
    Hours,
    Span,
    hours_of,
    split_holidays,
    standing,
    unusual_days,
    usual_week,
)
from clinicdir.locations.models import Location
from clinicdir.web.filters import WEEKDAYS, clock_time, day_time, day_words
from clinicdir.web.language import gettext, ngettext

_DAYS_AHEAD = 14


@dataclass(frozen=True)
class ShownHours:
    """A clinic's hours as a page shows them: now, the usual week, and the days unlike it."""

    now: str
    week: list[tuple[str, str]]
    unusual: list[tuple[str, str]]
    closed_on_holidays: bool


def shown_hours(location: Location, now: datetime) -> ShownHours | None:
    """Return the hours in words, None where they are not known."""
    hours = hours_of(location)
    if hours is None:
        return None
    today = now.astimezone(ZoneInfo(hours.time_zone)).date()
    return ShownHours(
        now=now_words(hours, now),
        week=_week(usual_week(hours, today)),
        unusual=[
            (day_words(day), _spans_words(spans))
            for day, spans in unusual_days(hours, today, _DAYS_AHEAD)
        ],
        closed_on_holidays=split_holidays(hours.text)[1],
    )


def now_words(hours: Hours, now: datetime) -> str:
    """Return whether it is open and when that changes: Open now, closes 6:00 pm."""
    found = standing(hours, now)
    if found.changes_at is None:
        return gettext("Open now") if found.is_open else gettext("Closed now")
    when = _from_today(found.changes_at, now, ZoneInfo(hours.time_zone))
    if found.is_open:
        return gettext("Open now, closes %(when)s", when=when)
    return gettext("Closed now, opens %(when)s", when=when)


def _from_today(instant: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Return the time of an instant, and its day where that is another one than today."""
    local, today = instant.astimezone(zone), now.astimezone(zone).date()
    ends_today = local.time() == time() and local.date() - today == timedelta(days=1)
    if local.date() == today or ends_today:
        return _clock(local.time())
    return day_time(instant, zone.key)


def answer_words(location: Location | None, now: datetime) -> str:
    """Return how soon a clinic answers: 8 opening hours; nothing where it makes no promise."""
    if location is None or promised_by(location, arrived_at=now) is None:
        return ""
    minutes = location.answers_within_min or 0
    if minutes % 60:
        return ngettext("%(count)s opening minute", "%(count)s opening minutes", minutes)
    return ngettext("%(count)s opening hour", "%(count)s opening hours", minutes // 60)


def _week(week: Sequence[Sequence[Span]]) -> list[tuple[str, str]]:
    """Put days in a row with the same hours together."""
    rows = []
    for _, alike in groupby(range(7), key=lambda day: week[day]):
        days = list(alike)
        rows.append((_days_words(days[0], days[-1]), _spans_words(week[days[0]])))
    return rows


def _days_words(first: int, last: int) -> str:
    if first == last:
        return gettext(WEEKDAYS[first])
    ends = {"first": gettext(WEEKDAYS[first]), "last": gettext(WEEKDAYS[last])}
    return gettext("%(first)s–%(last)s", **ends)  # noqa: RUF001 - the dash of a range


def _spans_words(spans: Sequence[Span]) -> str:
    return ", ".join(map(_span_words, spans)) or gettext("closed")


def _span_words(span: Span) -> str:
    opens, closes = span.start.time(), span.end.time()
    if opens == closes == time():
        return gettext("open 24 hours")
    ends = {"opens": _clock(opens), "closes": _clock(closes)}
    return gettext("%(opens)s – %(closes)s", **ends)  # noqa: RUF001 - the dash of a range


def _clock(at: time) -> str:
    return gettext("midnight") if at == time() else clock_time(at)
