"""Shows numbers, times and codes as people read them."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Flask

from clinicdir import clock
from clinicdir.appointments.promise import is_overdue
from clinicdir.appointments.rules import show_reference
from clinicdir.errors import marked
from clinicdir.locations.models import Location
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.web.language import gettext, ngettext

METRES_A_MILE = 1609.344
_NEAR_MILES = 10

WEEKDAYS = (
    marked("Mon"), marked("Tue"), marked("Wed"), marked("Thu"),
    marked("Fri"), marked("Sat"), marked("Sun"),
)  # fmt: skip
_MONTHS = (
    marked("Jan"), marked("Feb"), marked("Mar"), marked("Apr"), marked("May"), marked("Jun"),
    marked("Jul"), marked("Aug"), marked("Sep"), marked("Oct"), marked("Nov"), marked("Dec"),
)  # fmt: skip


def init_app(app: Flask) -> None:
    """Offer the filters to templates."""
    app.jinja_env.filters |= {
        "age": age,
        "day_time": day_time,
        "all_of": all_of,
        "any_of": any_of,
        "display_number": display_number,
        "full_day": full_day,
        "miles": miles,
        "month_year": month_year,
        "reference": show_reference,
        "zoned": zoned,
    }
    app.jinja_env.tests["phone"] = lambda point: point.system is TelecomSystem.PHONE
    app.jinja_env.tests["overdue"] = lambda asked: is_overdue(asked, clock.now())


def day_time(instant: datetime, zone: str) -> str:
    """Return an instant at a place: Tue, Nov 24, 5:00 pm."""
    local = instant.astimezone(ZoneInfo(zone))
    return gettext("%(day)s, %(time)s", day=day_words(local.date()), time=clock_time(local.time()))


def day_words(day: date) -> str:
    """Return a day: Tue, Nov 24."""
    return gettext(
        "%(weekday)s, %(month)s %(day)s",
        weekday=gettext(WEEKDAYS[day.weekday()]),
        month=gettext(_MONTHS[day.month - 1]),
        day=day.day,
    )


def clock_time(at: time) -> str:
    """Return a time of the day: 5:00 pm."""
    return gettext(
        "%(hour)s:%(minute)s %(half)s",
        hour=at.hour % 12 or 12,
        minute=f"{at.minute:02}",
        half=gettext("pm") if at.hour >= 12 else gettext("am"),  # noqa: PLR2004
    )


def zoned(instant: datetime, zone: str) -> str:
    """Return an instant at a place with the name of its time: Tue, Nov 24, 5:00 pm (PST)."""
    name = instant.astimezone(ZoneInfo(zone)).tzname()
    return gettext("%(time)s (%(zone)s)", time=day_time(instant, zone), zone=name)


def month_year(day: date) -> str:
    """Return a month: May 2027."""
    return gettext("%(month)s %(year)s", month=gettext(_MONTHS[day.month - 1]), year=day.year)


def full_day(day: date) -> str:
    """Return a day with its year: Nov 24, 2026."""
    return gettext(
        "%(month)s %(day)s, %(year)s",
        month=gettext(_MONTHS[day.month - 1]),
        day=day.day,
        year=day.year,
    )


def age(since: datetime, now: datetime) -> str:
    """Return how long something has waited, in whole minutes, hours or days."""
    waited = max(now - since, timedelta())
    minutes = int(waited.total_seconds() // 60)
    if minutes < 60:  # noqa: PLR2004
        return ngettext("%(count)s min", "%(count)s min", minutes)
    hours = minutes // 60
    if hours < 48:  # noqa: PLR2004
        return ngettext("%(count)s hour", "%(count)s hours", hours)
    return ngettext("%(count)s day", "%(count)s days", hours // 24)


def miles(distance_m: float) -> str:
    """Return a distance in miles: one decimal below ten, whole above."""
    distance = distance_m / METRES_A_MILE
    if distance < 0.1:  # noqa: PLR2004
        return gettext("less than 0.1 miles")
    shown = f"{distance:.1f}" if distance < _NEAR_MILES else f"{distance:.0f}"
    return gettext("%(distance)s miles", distance=shown)


def all_of(names: Sequence[str]) -> str:
    """Return names as a list: A, B and C."""
    return _listed(names, marked("%(others)s and %(last)s"))


def any_of(names: Sequence[str]) -> str:
    """Return names as a choice: A, B or C."""
    return _listed(names, marked("%(others)s or %(last)s"))


def _listed(names: Sequence[str], words: str) -> str:
    *others, last = names
    return gettext(words, others=", ".join(others), last=last) if others else last


def call_words(location: Location, sharing: int) -> str:
    """Return what the link to a clinic's phone says; on a shared line, whom to ask for."""
    phone = location.telecom_value(TelecomSystem.PHONE)
    if phone is None:
        return ""
    if sharing:
        return gettext(
            "Call %(number)s, ask for %(clinic)s",
            number=display_number(phone),
            clinic=location.name,
        )
    return gettext("Call %(number)s", number=display_number(phone))
