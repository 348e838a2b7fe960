"""Reads of the clinic group and its locations, always in seed order."""

from sqlalchemy import func, select

from clinicdir.db import db
from clinicdir.errors import NotFound
from clinicdir.locations.models import Location, Organization, Telecom
from clinicdir.locations.rules import TelecomSystem


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


def sharing_counts() -> dict[str, int]:
    """Return how many locations answer each phone number, for the numbers of more than one."""
    query = (
        select(Telecom.value, func.count())
        .where(Telecom.system == TelecomSystem.PHONE)
        .group_by(Telecom.value)
        .having(func.count() > 1)
    )
    return dict(db.session.execute(query).all())
