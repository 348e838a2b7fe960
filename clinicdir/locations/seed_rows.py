"""Carries the fields of a seed file to the tables and back; both sides use the same flat names."""

from datetime import date
from typing import Any

from clinicdir.locations.models import Location, LocationStatus, Organization, Telecom
from clinicdir.locations.rules import TelecomSystem
from clinicdir.locations.seed_file import Seed

_ADDRESS = ("line", "unit", "city", "state", "postal_code")
_TELECOM = (TelecomSystem.PHONE, TelecomSystem.FAX, TelecomSystem.EMAIL)
_PLACE = (
    "latitude",
    "longitude",
    "position_source",
    "position_error_m",
    "position_is_estimate",
    "time_zone",
    "hours",
)
_COLUMNS = ("name", *_ADDRESS, *_PLACE, "source")
_WORK = "work"


def wanted_values(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a location of the file as flat fields."""
    wanted = {"email": None, **entry, **entry["address"]}
    del wanted["slug"], wanted["address"]
    return wanted


def row_values(row: Location) -> dict[str, Any]:
    """Return a location of the database as the same flat fields."""
    return {
        **{field: getattr(row, field) for field in _COLUMNS},
        **{system.value: _value(row, system) for system in _TELECOM},
        # In no column, for nobody edits it; a location from elsewhere has a name of its own.
        "name_source": row.seed.get("name_source", "given by the group"),
        "status": row.status.value,
        "checked_at": row.checked_at.isoformat() if row.checked_at else None,
    }


def entry_of(row: Location) -> dict[str, Any]:
    """Return a location of the database as the file writes it."""
    values = row_values(row)
    return {
        "slug": row.slug,
        "name": values["name"],
        "name_source": values["name_source"],
        "address": {field: values[field] for field in _ADDRESS},
        **{system.value: values[system.value] for system in _TELECOM},
        **{field: values[field] for field in _PLACE},
        "status": values["status"],
        "source": values["source"],
        "checked_at": values["checked_at"],
    }


def new_row(slug: str, ordinal: int, wanted: dict[str, Any]) -> Location:
    """Return a row for a location that the database does not know yet."""
    row = Location(slug=slug, ordinal=ordinal, seed=wanted)
    for field, value in wanted.items():
        set_value(row, field, value)
    return row


def set_value(row: Location, field: str, value: Any) -> None:  # noqa: ANN401 - as the file has it
    """Write one flat field of the file into a row."""
    if field in _TELECOM:
        _set_telecom(row, TelecomSystem(field), value)
    elif field == "status":
        row.status = LocationStatus(value)
    elif field == "checked_at":
        row.checked_at = date.fromisoformat(value) if value else None
    elif field in _COLUMNS:
        setattr(row, field, value)


def wanted_group(seed: Seed) -> dict[str, Any]:
    """Return what the file says of the clinic group, with the lines attached to no location."""
    return {**seed.organization, "unattached": seed.unattached}


def group_values(row: Organization) -> dict[str, Any]:
    """Return what the database holds of the clinic group; only its name can be edited there."""
    return {**row.seed, "name": row.name}


def _work_point(row: Location, system: TelecomSystem) -> Telecom | None:
    points = (point for point in row.telecom if point.system is system and point.use == _WORK)
    return next(points, None)


def _value(row: Location, system: TelecomSystem) -> str | None:
    point = _work_point(row, system)
    return point.value if point else None


def _set_telecom(row: Location, system: TelecomSystem, value: str | None) -> None:
    point = _work_point(row, system)
    if value is None:
        if point is not None:
            row.telecom.remove(point)
    elif point is None:
        row.telecom.append(Telecom(system=system, use=_WORK, value=value))
    else:
        point.value = value
