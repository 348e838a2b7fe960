"""Where a location is: its name, its address and its point on the map, checked and changed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clinicdir.audit.rules import Actor
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.locations.models import Location
from clinicdir.locations.operations import check_version, note_change
from clinicdir.locations.seed_check import ADDRESS
from clinicdir.locations.seed_shapes import text

SAID = "given by the group"

_RULES: dict[str, tuple[Any, str]] = {
    "name": (text(100), marked("Enter the name in 1 to 100 characters")),
    "line": (ADDRESS.fields["line"], marked("Enter the street and number in 1 to 200 characters")),
    "city": (ADDRESS.fields["city"], marked("Enter the city in 1 to 100 characters")),
    "state": (ADDRESS.fields["state"], marked("Enter the state in two capital letters, like WA")),
    "postal_code": (
        ADDRESS.fields["postal_code"],
        marked("Enter the ZIP code, like 98121 or 98121-1234"),
    ),
}
_UNIT: Any = ADDRESS.fields["unit"]
_DEGREES = {"latitude": 90, "longitude": 180}


@dataclass(frozen=True)
class Address:
    """A location's name and its street address; the name may tell of the street."""

    name: str
    line: str
    unit: str | None
    city: str
    state: str
    postal_code: str

    @property
    def in_one_line(self) -> str:
        """Return the address as the finder reads one; a unit moves no house."""
        return f"{self.line}, {self.city}, {self.state} {self.postal_code}"


@dataclass(frozen=True)
class Pin:
    """A point in degrees, who says so, how many metres it may be off, and if it is a guess."""

    latitude: float | None = None
    longitude: float | None = None
    position_source: str | None = None
    position_error_m: int | None = None
    position_is_estimate: bool = False


def check_address(typed: Mapping[str, str]) -> Address:
    """Return name and address as they were typed, or raise Invalid with every refused field."""
    errors: list[FieldError] = []
    values: dict[str, Any] = {name: " ".join(typed[name].split()) for name in (*_RULES, "unit")}
    for name, (rule, message) in _RULES.items():
        if not rule.fits(values[name]):
            errors.append(FieldError(name, "unfit", message))
    values["unit"] = values["unit"] or None
    if not _UNIT.fits(values["unit"]):
        message = marked("Enter the unit in 60 characters or less")
        errors.append(FieldError("unit", "unfit", message))
    if errors:
        raise Invalid(*errors)
    return Address(**values)


def check_pin(typed: Mapping[str, str]) -> Pin:
    """Return a point that somebody typed, an empty one for two empty texts, or raise Invalid."""
    errors: list[FieldError] = []
    latitude, longitude = (_degrees(typed[name], name, errors) for name in _DEGREES)
    if (latitude is None) is not (longitude is None) and not errors:
        message = marked("Enter latitude and longitude together, or neither")
        errors.append(FieldError("longitude", "half", message))
    if errors:
        raise Invalid(*errors)
    return Pin() if latitude is None else Pin(latitude, longitude, SAID)


def address_of(location: Location) -> Address:
    """Return the name and the address in force."""
    return Address(**{name: getattr(location, name) for name in Address.__dataclass_fields__})


def pin_of(location: Location) -> Pin:
    """Return the point in force."""
    return Pin(**{name: getattr(location, name) for name in Pin.__dataclass_fields__})


def change_address(
    location: Location,
    address: Address,
    pin: Pin,
    *,
    seen_version: int,
    actor: Actor,
    now: datetime,
) -> None:
    """Put a name, an address and a point in force; links to the location stay as they are.

    NotAllowed where the page showed an older state.
    """
    check_version(location, seen_version)
    changed = []
    for name, after in (vars(address) | vars(pin)).items():
        before = getattr(location, name)
        if before != after:
            setattr(location, name, after)
            changed.append(f"{name}: {before} > {after}")
    note_change(location, changed, actor=actor, now=now)


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
