"""Adds a location by hand, under the same rules as those of the seed file."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.locations.facts import check_facts
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import find_location
from clinicdir.locations.seed_check import ADDRESS, TIME_ZONE
from clinicdir.locations.seed_rows import new_row
from clinicdir.locations.seed_shapes import SLUG, text

_RULES: dict[str, tuple[Any, str]] = {
    "name": (text(100), marked("Enter the name in 1 to 100 characters")),
    "slug": (
        SLUG,
        marked("Enter at most 60 small letters and digits, with single hyphens between"),
    ),
    "line": (ADDRESS.fields["line"], marked("Enter the street and number in 1 to 200 characters")),
    "city": (ADDRESS.fields["city"], marked("Enter the city in 1 to 100 characters")),
    "state": (ADDRESS.fields["state"], marked("Enter the state in two capital letters, like WA")),
    "postal_code": (
        ADDRESS.fields["postal_code"],
        marked("Enter the ZIP code, like 98121 or 98121-1234"),
    ),
    "time_zone": (TIME_ZONE, marked("Enter the time zone, like America/Los_Angeles")),
}
_UNIT: Any = ADDRESS.fields["unit"]
_DEGREES = {"latitude": 90, "longitude": 180}
_SAID = "given by the group"
_TAKEN = FieldError(
    "slug",
    "taken",
    marked("Another clinic has this address of its page: choose another word"),
)


def add_location(typed: Mapping[str, str], *, actor: Actor, now: datetime) -> Location:
    """Store a location and return it, or raise Invalid with every refused field.

    It takes no requests until its settings say so. Nothing of it comes from a seed file, so a
    later load keeps all of it.
    """
    errors: list[FieldError] = []
    values = _values(typed, errors)
    try:
        # A capacity belongs to the settings; an empty one is no limit.
        facts = vars(check_facts({**typed, "capacity": ""}))
    except Invalid as refusal:
        errors += refusal.errors
    if errors:
        raise Invalid(*errors)
    ordinal = (db.session.scalar(select(func.max(Location.ordinal))) or 0) + 1
    place = new_row(values.pop("slug"), ordinal, {**values, **facts})
    place.seed = {"name_source": _SAID}
    try:
        with db.session.begin_nested():
            db.session.add(place)
    except IntegrityError:  # another one of this name was added this very moment
        raise Invalid(_TAKEN) from None
    chain = location_chain(place.id)
    record("location_added", actor=actor, now=now, subject=place.slug, chain=chain)
    return place


def _values(typed: Mapping[str, str], errors: list[FieldError]) -> dict[str, Any]:
    values: dict[str, Any] = {name: " ".join(typed[name].split()) for name in (*_RULES, "unit")}
    for name, (rule, message) in _RULES.items():
        if not rule.fits(values[name]):
            errors.append(FieldError(name, "unfit", message))
    values["unit"] = values["unit"] or None
    if not _UNIT.fits(values["unit"]):
        message = marked("Enter the unit in 60 characters or less")
        errors.append(FieldError("unit", "unfit", message))
    if find_location(values["slug"]) is not None:
        errors.append(_TAKEN)
    degrees = {name: _degrees(typed[name], name, errors) for name in _DEGREES}
    if (degrees["latitude"] is None) is not (degrees["longitude"] is None):
        message = marked("Enter latitude and longitude together, or neither")
        errors.append(FieldError("longitude", "half", message))
    is_placed = degrees["latitude"] is not None
    return {
        **values,
        **degrees,
        "position_source": _SAID if is_placed else None,
        "position_error_m": None,
        "position_is_estimate": False,
        "hours": None,
        "status": LocationStatus.CLOSED.value,
        "source": _SAID,
        "checked_at": None,
    }


def _degrees(typed: str, name: str, errors: list[FieldError]) -> float | None:
    plain = typed.strip()
    if not plain:
        return None
    try:
        degrees = float(plain) if plain.isascii() else math.nan
    except ValueError:
        degrees = math.nan
    if not abs(degrees) <= _DEGREES[name]:  # also refuses what is not a number
        message = marked("Enter degrees as a decimal number, like 47.4829 and -122.2171")
        errors.append(FieldError(name, "out_of_range", message))
        return None
    return degrees
