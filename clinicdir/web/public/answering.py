"""The answers of a draft: what they are, what they choose from, what is refused of them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from clinicdir import clock
from clinicdir.appointments.arrival import first_taking, ticked_locations
from clinicdir.appointments.submission import Context, Submission, check_submission, find_errors
from clinicdir.errors import FieldError, Invalid
from clinicdir.finder.queries import Nearest, find_open_near
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import day_at, find_location, list_locations
from clinicdir.web.answers import slugs_of
from clinicdir.web.errors import remember_phones
from clinicdir.web.goals import ways_for
from clinicdir.web.parts import parts

_MOST_SHOWN = 20
_MOST_NEAR = 2


def submission_of(answers: dict[str, Any]) -> Submission:
    """Return the request that these answers make, or raise Invalid."""
    return check_submission(_given(answers), _context(answers))


def refused(answers: dict[str, Any]) -> list[FieldError]:
    """Return what the rules refuse, and the clinics if none of them takes requests."""
    errors = find_errors(_given(answers), _context(answers))
    if not any(error.field == "location" for error in errors):
        try:
            _receiver(answers)
        except Invalid as refusal:
            errors += refusal.errors
    return errors


def receiver(answers: dict[str, Any]) -> Location | None:
    """Return the clinic that would get these answers now, None where none of them takes them."""
    try:
        return _receiver(answers)
    except Invalid:
        return None


def _receiver(answers: dict[str, Any]) -> Location:
    goal, contact_by = answers.get("goal"), answers.get("contact_by")
    return first_taking(ticked_locations(slugs_of(answers)), goal, contact_by)


def _given(answers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answers.items() if value is not None}


def _context(answers: dict[str, Any]) -> Context:
    return Context(
        today=today_at(slugs_of(answers)),
        intake=parts().intake,
        ask_birth_date=parts().settings.ask_birth_date,
        ways=ways_for(chosen(slugs_of(answers)), goal=answers.get("goal")),
    )


def today_at(slugs: Sequence[str]) -> date:
    """Return the day at the first of these clinics, or at any one while none is chosen."""
    return day_at(next(iter(slugs), None), now=clock.now())


def chosen(slugs: Sequence[str]) -> list[Location]:
    """Return the clinics of these slugs that there are, in the order given."""
    found = (find_location(slug) for slug in slugs[:_MOST_SHOWN])
    return [place for place in found if place is not None]


def offered(slugs: Sequence[str]) -> list[Location]:
    """Return the clinics to choose from: all of them, or of very many the first and the chosen.

    What the closed ones among the chosen leave to choose from is shown too.
    """
    locations = list_locations(limit=_MOST_SHOWN)
    remember_phones(locations)
    picked = chosen(slugs)
    near = [result.location for place in limited(picked) for result in instead_of(place)]
    shown = {place.slug for place in locations}
    more = {place.slug: place for place in (*picked, *near) if place.slug not in shown}
    return [*more.values(), *locations]


def limited(places: Sequence[Location]) -> list[Location]:
    """Return those of these clinics of which there is something to say before anything else."""
    return [place for place in places if place.notice or place.status is not LocationStatus.OPEN]


def instead_of(place: Location) -> list[Nearest[Location]]:
    """Return the nearest clinics to ask in place of one that is closed or limited."""
    if place.status is LocationStatus.OPEN:
        return []
    return find_open_near(place, limit=_MOST_NEAR)
