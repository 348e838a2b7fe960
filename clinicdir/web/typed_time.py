"""Reads a day and a time of day that were typed for a clinic."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from wtforms import Field

from clinicdir.errors import FieldError, Invalid, marked

_LATEST = timedelta(days=730)
_NOT_AHEAD = marked("The appointment must be in the future, within two years")


def read_instant(
    day: Field,
    time: Field,
    zone_name: str,
    *,
    now: datetime,
    latest: timedelta = _LATEST,
    not_ahead: str = _NOT_AHEAD,
) -> datetime:
    """Return the instant of a typed day and time at the clinic; one the clock skips is refused."""
    zone = ZoneInfo(zone_name)
    try:
        local = datetime.strptime(  # noqa: DTZ007 - the clinic's zone is put in below
            f"{(day.data or '').strip()} {(time.data or '').strip()}", "%Y-%m-%d %H:%M"
        )
        # Of an hour that comes twice when the clocks change, the first one is meant.
        instant = local.replace(tzinfo=zone).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        message = marked("Enter the day and the time, like 2026-11-24 and 14:30")
        raise Invalid(FieldError(day.name, "not_a_time", message)) from None
    if instant.astimezone(zone).replace(tzinfo=None) != local:
        message = marked("That time is skipped when the clocks change: choose another")
        raise Invalid(FieldError(time.name, "skipped", message))
    if not now < instant < now + latest:
        raise Invalid(FieldError(day.name, "not_ahead", not_ahead))
    return instant
