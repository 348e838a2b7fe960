"""Changes what a manager says of a location: its hours, how soon it answers, its notice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db
from clinicdir.errors import FieldError, Invalid, NotAllowed, marked
from clinicdir.locations.hours import tidy, unread_part, with_holidays_off
from clinicdir.locations.models import Location, LocationStatus

CHANGED = "settings"  # how the audit trail calls it
MOST_HOURS = 200
MOST_RETENTION_DAYS = 3650
_MOST_CLOSED_DAYS = 100
_HOURS_LENGTH = 500
_NOTICE_LENGTH = 200
# Shown, but not written into the audit trail: a notice is free text, and the trail is for good.
_NOT_QUOTED = frozenset({"notice"})


@dataclass(frozen=True)
class LocationSettings:
    """What a manager decides about a location, checked; each field is a column of it."""

    hours: str | None
    closed_days: list[str]
    answers_within_min: int | None
    status: LocationStatus
    notice: str | None
    retention_days: int | None


def check_settings(typed: Mapping[str, Any]) -> LocationSettings:
    """Return settings as they were typed, or raise Invalid with every refused field.

    `typed` holds the texts hours, closed_days, answers_within_h, status, notice and
    retention_days, and the truth value closed_on_holidays.
    """
    errors: list[FieldError] = []
    settings = LocationSettings(
        hours=_hours(typed, errors),
        closed_days=_closed_days(typed["closed_days"], errors),
        answers_within_min=_minutes(typed["answers_within_h"], errors),
        status=_status(typed["status"], errors),
        notice=_notice(typed["notice"], errors),
        retention_days=_days(typed["retention_days"], errors),
    )
    if settings.answers_within_min and not typed["hours"].strip():
        message = marked("Enter opening hours: how soon you answer is counted over them")
        errors.append(FieldError("hours", "missing", message))
    if errors:
        raise Invalid(*errors)
    return settings


def change_settings(
    location: Location,
    settings: LocationSettings,
    *,
    seen_version: int,
    actor: Actor,
    now: datetime,
) -> None:
    """Put these settings in force; NotAllowed where the page showed an older state.

    Requests that have come in keep the promise that was made to them.
    """
    check_version(location, seen_version)
    changed = []
    for name, after in vars(settings).items():
        before = getattr(location, name)
        if before != after:
            setattr(location, name, after)
            changed.append(name if name in _NOT_QUOTED else f"{name}: {before} > {after}")
    note_change(location, changed, actor=actor, now=now)


def check_version(location: Location, seen: int) -> None:
    """Raise NotAllowed where the page that asks for a change showed an older state."""
    if location.version != seen:
        message = "The page is older than what is in force."
        raise NotAllowed(message)


def note_change(location: Location, changed: Sequence[str], *, actor: Actor, now: datetime) -> None:
    """Write what changed of a location, and into the audit trail; nothing where nothing did."""
    if not changed:
        return
    db.session.flush()
    record(
        CHANGED,
        actor=actor,
        now=now,
        subject=location.slug,
        detail="; ".join(changed),
        chain=location_chain(location.id),
    )


def whole_number(typed: str, most: int) -> int | None:
    """Return a typed number from 1 to `most`, None for any other text."""
    plain = typed.isascii() and typed.isdecimal() and len(typed) <= len(str(most))
    return int(typed) if plain and 1 <= int(typed) <= most else None


def close_location(
    location: Location, notice: str, *, seen_version: int, actor: Actor, now: datetime
) -> None:
    """Take no more requests here and say why; Invalid for a notice that no page can show.

    NotAllowed where the page showed an older state, unless the location is closed already.
    """
    errors: list[FieldError] = []
    told = _notice(notice, errors)
    if errors:
        raise Invalid(*errors)
    if location.status is LocationStatus.CLOSED:
        seen_version = location.version
    settings = LocationSettings(
        hours=location.hours,
        closed_days=location.closed_days,
        answers_within_min=location.answers_within_min,
        status=LocationStatus.CLOSED,
        notice=told,
        retention_days=location.retention_days,
    )
    change_settings(location, settings, seen_version=seen_version, actor=actor, now=now)


def _hours(typed: Mapping[str, Any], errors: list[FieldError]) -> str | None:
    text = tidy(typed["hours"])
    if not text:
        return None
    if len(text) > _HOURS_LENGTH:
        message = marked("Opening hours must be 500 characters or less")
        errors.append(FieldError("hours", "too_long", message))
        return None
    unread = unread_part(text)
    if unread is not None:
        message = marked(
            "Write opening hours like Mo-Fr 08:00-17:00; Sa 09:00-12:00. “%(part)s” cannot be read"
        )
        errors.append(FieldError("hours", "unreadable", message, {"part": unread or text}))
        return None
    return with_holidays_off(text) if typed["closed_on_holidays"] else text


def _closed_days(text: str, errors: list[FieldError]) -> list[str]:
    days = set()
    for word in text.replace(",", " ").split():
        day = _day(word)
        if day is None:
            message = marked("Write each closed day like 2026-12-24. “%(part)s” is no day")
            errors.append(FieldError("closed_days", "not_a_day", message, {"part": word[:40]}))
            return []
        days.add(day.isoformat())
    if len(days) > _MOST_CLOSED_DAYS:
        message = marked("Closed days must be 100 or fewer: take out the ones that are over")
        errors.append(FieldError("closed_days", "too_many", message))
    return sorted(days)


def _day(word: str) -> date | None:
    for form in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(word, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def _minutes(text: str, errors: list[FieldError]) -> int | None:
    typed = text.strip()
    if not typed:
        return None
    hours = whole_number(typed, MOST_HOURS)
    if hours is None:
        message = marked("Enter a whole number of opening hours from 1 to 200")
        errors.append(FieldError("answers_within_h", "out_of_range", message))
        return None
    return hours * 60


def _days(text: str, errors: list[FieldError]) -> int | None:
    typed = text.strip()
    days = whole_number(typed, MOST_RETENTION_DAYS) if typed else None
    if typed and days is None:
        message = marked("Enter a whole number of days from 1 to 3650, or nothing")
        errors.append(FieldError("retention_days", "out_of_range", message))
    return days


def _status(word: str, errors: list[FieldError]) -> LocationStatus:
    if word not in {status.value for status in LocationStatus}:
        message = marked("Select whether this clinic takes requests")
        errors.append(FieldError("status", "missing", message))
        return LocationStatus.OPEN
    return LocationStatus(word)


def _notice(text: str, errors: list[FieldError]) -> str | None:
    notice = " ".join(text.split())
    if len(notice) > _NOTICE_LENGTH:
        message = marked("Notice must be 200 characters or less")
        errors.append(FieldError("notice", "too_long", message))
    if not notice.isprintable() or "\N{REPLACEMENT CHARACTER}" in notice:
        message = marked("Notice has a character that no page can show: type it again")
        errors.append(FieldError("notice", "unshowable", message))
    return notice or None
