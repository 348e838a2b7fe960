"""Changes how a location is reached and how many it can see at once, and confirms its facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm.attributes import flag_modified

from clinicdir.audit.rules import Actor
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.locations.models import Location
from clinicdir.locations.operations import check_version, note_change, whole_number
from clinicdir.locations.rules import TelecomSystem, parse_number
from clinicdir.locations.seed_check import EMAIL
from clinicdir.locations.seed_rows import set_value

MOST_AT_ONCE = 99
_LONGEST_NUMBER = 40


@dataclass(frozen=True)
class LocationFacts:
    """How a location is reached, numbers in E.164, and how many can begin at the same minute."""

    phone: str
    fax: str | None
    email: str | None
    capacity: int | None


def check_facts(typed: Mapping[str, str]) -> LocationFacts:
    """Return phone, fax, email and capacity as they were typed, or raise Invalid with every fault.

    An empty text unsets a fact; a location without a phone could not be reached at all.
    """
    errors: list[FieldError] = []
    phone = _number(typed["phone"], "phone", errors)
    if not typed["phone"].strip():
        errors.append(FieldError("phone", "missing", marked("Enter the phone number")))
    facts = LocationFacts(
        phone=phone or "",
        fax=_number(typed["fax"], "fax", errors),
        email=_email(typed["email"], errors),
        capacity=_capacity(typed["capacity"], errors),
    )
    if errors:
        raise Invalid(*errors)
    return facts


def facts_of(location: Location) -> LocationFacts:
    """Return what is in force."""
    return LocationFacts(
        phone=location.telecom_value(TelecomSystem.PHONE) or "",
        fax=location.telecom_value(TelecomSystem.FAX),
        email=location.telecom_value(TelecomSystem.EMAIL),
        capacity=location.capacity,
    )


def change_facts(
    location: Location,
    facts: LocationFacts,
    *,
    confirmed: bool,
    seen_version: int,
    actor: Actor,
    now: datetime,
) -> None:
    """Put these facts in force; `confirmed` says that all facts of the page are right today.

    NotAllowed where the page showed an older state.
    """
    check_version(location, seen_version)
    today, present = now.astimezone(ZoneInfo(location.time_zone)).date(), vars(facts_of(location))
    changed = [
        f"{name}: {present[name] or None} > {after}"
        for name, after in vars(facts).items()
        if present[name] != after
    ]
    for name in ("phone", "fax", "email"):
        set_value(location, name, getattr(facts, name))
    location.capacity = facts.capacity
    if confirmed and location.checked_at != today:
        changed.append(f"checked_at: {location.checked_at} > {today}")
        location.checked_at = today
    if not changed:
        return
    flag_modified(location, "checked_at")  # numbers stand in another table, the version here
    note_change(location, changed, actor=actor, now=now)


def _number(text: str, field: str, errors: list[FieldError]) -> str | None:
    typed = text.strip()
    if not typed:
        return None
    try:
        number = parse_number(typed[: _LONGEST_NUMBER + 1])
    except ValueError:
        number = ""
    # An extension is not stored, so it must not get lost unsaid.
    if not number or ";" in number or any(symbol.isalpha() for symbol in typed):
        message = marked("Enter a phone or fax number like (206) 555-0100, without an extension")
        errors.append(FieldError(field, "not_a_number", message))
        return None
    return number


def _email(text: str, errors: list[FieldError]) -> str | None:
    typed = text.strip()
    if not typed:
        return None
    if not EMAIL.fits(typed):
        message = marked("Enter an email address, like name@example.com")
        errors.append(FieldError("email", "not_an_email", message))
    return typed


def _capacity(text: str, errors: list[FieldError]) -> int | None:
    typed = text.strip()
    if not typed:
        return None
    count = whole_number(typed, MOST_AT_ONCE)
    if count is None:
        message = marked("Enter a whole number of patients from 1 to 99, or leave it empty")
        errors.append(FieldError("capacity", "out_of_range", message))
    return count
