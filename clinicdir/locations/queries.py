"""Reads of the clinic group and its locations, always in seed order."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Integer, Select, bindparam, func, or_, select

from clinicdir.db import db
from clinicdir.errors import NotFound
from clinicdir.locations.models import Location, Organization, Telecom
from clinicdir.locations.rules import TelecomSystem

_EVERYTHING = 2**31 - 1


class Placed(NamedTuple):
    """What ranking needs of a location, read without the rest: its position in degrees."""

    id: int
    name: str
    latitude: float | None
    longitude: float | None


class Address(NamedTuple):
    """What the finder compares a typed address with, and where that is."""

    line: str
    city: str
    state: str
    postal_code: str
    latitude: float | None
    longitude: float | None
    position_error_m: int | None


def organization_name() -> str:
    """Return the group's name, empty before the first load of the seeds."""
    return db.session.scalar(select(Organization.name).limit(1)) or ""


def find_location(slug: str) -> Location | None:
    """Return the location of that slug, if there is one."""
    return db.session.scalar(select(Location).where(Location.slug == slug))


def get_location(slug: str) -> Location:
    """Return the location of that slug, or raise NotFound."""
    location = find_location(slug)
    if location is None:
        raise NotFound
    return location


def list_locations(*, limit: int, after: int = 0) -> list[Location]:
    """Return at most `limit` locations in seed order, from the one after ordinal `after`."""
    query = select(Location).where(Location.ordinal > after).order_by(Location.ordinal)
    return list(db.session.scalars(query.limit(limit)))


def count_locations() -> int:
    """Return how many locations there are."""
    return db.session.scalar(select(func.count()).select_from(Location)) or 0


def list_sharing(value: str, system: TelecomSystem) -> list[Location]:
    """Return every location that answers this number, in seed order."""
    query = (
        select(Location)
        .join(Telecom)
        .where(Telecom.system == system, Telecom.value == value)
        .order_by(Location.ordinal)
    )
    return list(db.session.scalars(query))


def list_all_locations() -> list[Location]:
    """Return every location in seed order, for the finder."""
    return list(db.session.scalars(select(Location).order_by(Location.ordinal)))


def list_slugs() -> dict[int, str]:
    """Return the slug of every location by its id."""
    found = db.session.execute(select(Location.id, Location.slug).order_by(Location.ordinal))
    return {row.id: row.slug for row in found}


def list_addresses() -> list[Address]:
    """Return every location's address in seed order, without the rest of it."""
    query = select(
        Location.line,
        Location.city,
        Location.state,
        Location.postal_code,
        Location.latitude,
        Location.longitude,
        Location.position_error_m,
    ).order_by(Location.ordinal)
    return [Address(*row) for row in db.session.execute(query)]


def first_placed(limit: int) -> list[Placed]:
    """Return the positions of at most `limit` locations, in no order that means anything."""
    return _placed(_positions().limit(limit))


@lru_cache(maxsize=2)
def positions_in_box(spans: int) -> Select[int, str, float | None, float | None]:
    """Return the query for a box, whose latitudes walk the index of positions.

    It takes `south`, `north`, `west_0`, `east_0` and so on for each span of longitudes, in
    degrees, and `most`.
    """
    longitudes = (
        Location.longitude.between(bindparam(f"west_{span}"), bindparam(f"east_{span}"))
        for span in range(spans)
    )
    latitudes = Location.latitude.between(bindparam("south"), bindparam("north"))
    return _positions().where(latitudes, or_(*longitudes)).limit(bindparam("most", type_=Integer))


def box_values(
    south: float, north: float, longitudes: Sequence[tuple[float, float]], most: int | None
) -> dict[str, float]:
    """Return what `positions_in_box` takes, for a box in degrees; None is every location."""
    values = {"south": south, "north": north, "most": _EVERYTHING if most is None else most}
    for span, (west, east) in enumerate(longitudes):
        values |= {f"west_{span}": west, f"east_{span}": east}
    return values


def list_placed_in_box(
    south: float,
    north: float,
    longitudes: Sequence[tuple[float, float]],
    *,
    most: int | None = None,
) -> list[Placed]:
    """Return the locations inside a box in degrees, edges included, in no order."""
    values = box_values(south, north, longitudes, most)
    query = positions_in_box(len(longitudes))
    return [Placed(*row) for row in db.session.execute(query, values)]


def list_unplaced(limit: int) -> list[Placed]:
    """Return at most `limit` locations without a position, by name."""
    lacking = or_(Location.latitude.is_(None), Location.longitude.is_(None))
    return _placed(_positions().where(lacking).order_by(Location.name, Location.id).limit(limit))


def list_by_name(limit: int) -> list[Location]:
    """Return the first `limit` locations by name."""
    query = select(Location).order_by(Location.name, Location.id).limit(limit)
    return list(db.session.scalars(query))


def list_with_ids(ids: Sequence[int]) -> list[Location]:
    """Return the locations of these keys in the order of the keys."""
    found = db.session.scalars(select(Location).where(Location.id.in_(ids)))
    by_id = {location.id: location for location in found}
    return [by_id[key] for key in ids if key in by_id]


def sharing_counts(among: Collection[str] | None = None) -> dict[str, int]:
    """Return how many locations answer each phone number, for the numbers of more than one.

    Where only some numbers are shown, `among` spares the reading of all others.
    """
    query = (
        select(Telecom.value, func.count())
        .where(Telecom.system == TelecomSystem.PHONE)
        .group_by(Telecom.value)
        .having(func.count() > 1)
    )
    if among is not None:
        query = query.where(Telecom.value.in_(among))
    return dict(db.session.execute(query).all())


def on_same_line(location_ids: Collection[int]) -> frozenset[int]:
    """Return the other locations that answer a phone number of one of these."""
    phones = select(Telecom.location_id, Telecom.value).where(Telecom.system == TelecomSystem.PHONE)
    own = phones.where(Telecom.location_id.in_(location_ids)).subquery()
    query = select(Telecom.location_id).where(
        Telecom.system == TelecomSystem.PHONE,
        Telecom.value.in_(select(own.c.value)),
        Telecom.location_id.not_in(location_ids),
    )
    return frozenset(db.session.scalars(query))


def _positions() -> Select[int, str, float | None, float | None]:
    return select(Location.id, Location.name, Location.latitude, Location.longitude)


def _placed(query: Select[int, str, float | None, float | None]) -> list[Placed]:
    return [Placed(*row) for row in db.session.execute(query)]


def day_at(slug: str | None, *, now: datetime) -> date:
    """Return the day at the location of that slug, or at the first one where there is none."""
    location = find_location(slug) if slug else None
    location = location or next(iter(list_locations(limit=1)), None)
    return now.astimezone(ZoneInfo(location.time_zone if location else "UTC")).date()
