"""Which goals and ways of contact a form offers, from what each clinic takes."""

from collections.abc import Sequence

from clinicdir.appointments.codes import ContactBy
from clinicdir.appointments.intake import Choice
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts


def goals_for(
    places: Sequence[Location], goals: Sequence[Choice], answered: str | None
) -> list[Choice]:
    """Return the goals that one of these clinics takes, and the one that was answered before."""
    open_places = _open(places)
    return [
        goal
        for goal in goals
        if goal.code == answered
        or not open_places
        or any(place.takes(goal.code) for place in open_places)
    ]


def ways_for(
    places: Sequence[Location], *, goal: str | None = None, answered: str | None = None
) -> list[ContactBy]:
    """Return the ways by which one of the clinics that take the goal contacts patients."""
    takers = [place for place in _open(places) if place.takes(goal)]
    return [
        way
        for way in ContactBy
        if way == answered or not takers or any(place.contacts_by(way) for place in takers)
    ]


def goals_left_out(place: Location) -> list[str]:
    """Return what a clinic does not take, as people read it."""
    return [
        gettext(goal.label) for goal in parts().intake.goals if goal.code in place.goals_not_taken
    ]


def _open(places: Sequence[Location]) -> list[Location]:
    return [place for place in places if place.status is not LocationStatus.CLOSED]
