"""What belongs to the person who is signed in: clinics, and the people they may manage."""

from typing import Any

from clinicdir.errors import NotFound
from clinicdir.locations.models import Location
from clinicdir.locations.queries import get_location, list_all_locations
from clinicdir.staff.queries import find_member
from clinicdir.staff.rules import may_manage
from clinicdir.web.present import signed_in


def own_places() -> list[Location]:
    """Return the person's clinics in seed order; an admin's are all."""
    scope = signed_in().scope
    return [place for place in list_all_locations() if scope.holds(place.id)]


def own_place(slug: str) -> Location:
    """Return one of the person's clinics; all others look as if they did not exist."""
    location = get_location(slug)
    if not signed_in().scope.holds(location.id):
        raise NotFound
    return location


def managed(staff_id: int) -> Any:  # noqa: ANN401 - the account's class is the staff package's own
    """Return somebody whom the person may manage; all others look as if they did not exist."""
    member = find_member(staff_id)
    if member is None or not may_manage(signed_in(), member):
        raise NotFound
    return member
