"""Adds a location by hand, under the same rules as those of the seed file."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.db import db
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.locations.address import SAID, Address, Pin, check_address
from clinicdir.locations.facts import check_facts
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import find_location
from clinicdir.locations.seed_check import TIME_ZONE
from clinicdir.locations.seed_rows import new_row
from clinicdir.locations.seed_shapes import SLUG

_TAKEN = FieldError(
    "slug",
    "taken",
    marked("Another clinic has this address of its page: choose another word"),
)


def check_location(typed: Mapping[str, str]) -> Address:
    """Return the name and the address of a new location, or raise Invalid with every fault."""
    return _checked(typed)[0]


def add_location(typed: Mapping[str, str], pin: Pin, *, actor: Actor, now: datetime) -> Location:
    """Store a location and return it, or raise Invalid with every refused field.

    It takes no requests until its settings say so. Nothing of it comes from a seed file, so a
    later load keeps all of it.
    """
    address, facts = _checked(typed)
    ordinal = (db.session.scalar(select(func.max(Location.ordinal))) or 0) + 1
    values = {
        **vars(address),
        **vars(pin),
        **facts,
        "time_zone": typed["time_zone"].strip(),
        "hours": None,
        "status": LocationStatus.CLOSED.value,
        "source": SAID,
        "checked_at": None,
    }
    place = new_row(typed["slug"].strip(), ordinal, values)
    place.seed = {"name_source": SAID}
    try:
        with db.session.begin_nested():
            db.session.add(place)
    except IntegrityError:  # another one of this name was added this very moment
        raise Invalid(_TAKEN) from None
    chain = location_chain(place.id)
    record("location_added", actor=actor, now=now, subject=place.slug, chain=chain)
    return place


def _checked(typed: Mapping[str, str]) -> tuple[Address, dict[str, Any]]:
    """Return the address and the contact points, or raise Invalid with every refused field."""
    errors: list[FieldError] = []
    try:
        address = check_address(typed)
    except Invalid as refusal:
        errors += refusal.errors
    slug = typed["slug"].strip()
    if not SLUG.fits(slug):
        message = marked("Enter at most 60 small letters and digits, with single hyphens between")
        errors.append(FieldError("slug", "unfit", message))
    elif find_location(slug) is not None:
        errors.append(_TAKEN)
    if not TIME_ZONE.fits(typed["time_zone"].strip()):
        message = marked("Enter the time zone, like America/Los_Angeles")
        errors.append(FieldError("time_zone", "unfit", message))
    try:
        # A capacity belongs to the settings; an empty one is no limit.
        facts = vars(check_facts({**typed, "capacity": ""}))
    except Invalid as refusal:
        errors += refusal.errors
    if errors:
        raise Invalid(*errors)
    return address, facts
