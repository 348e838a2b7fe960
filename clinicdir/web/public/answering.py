"""The answers of a draft: what they are, what they choose from, what is refused of them."""

from datetime import date
from typing import Any

from clinicdir import clock
from clinicdir.appointments.arrival import check_location
from clinicdir.appointments.models import RequestDraft
from clinicdir.appointments.submission import Context, Submission, check_submission, find_errors
from clinicdir.errors import FieldError, Invalid
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import day_at, find_location, list_locations
from clinicdir.web.errors import remember_phones
from clinicdir.web.parts import parts

_MOST_RADIOS = 20


def answers_of(draft: RequestDraft | None) -> dict[str, Any]:
    """Return what was answered so far, None where a question was left open."""
    return {} if draft is None else dict(draft.unseal()["answers"])


def source_of(draft: RequestDraft | None) -> str | None:
    """Return the name that the link had by which the patient came."""
    return None if draft is None else draft.unseal().get("source")


def submission_of(draft: RequestDraft) -> Submission:
    """Return the request that a draft makes, or raise Invalid."""
    answers = answers_of(draft)
    return check_submission(_given(answers), _context(answers))


def refused(answers: dict[str, Any]) -> list[FieldError]:
    """Return what the rules refuse, and the clinic if it does not take requests."""
    errors = find_errors(_given(answers), _context(answers))
    if answers.get("location"):
        try:
            check_location(answers["location"])
        except Invalid as refusal:
            errors += refusal.errors
    return errors


def _given(answers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answers.items() if value is not None}


def _context(answers: dict[str, Any]) -> Context:
    return Context(
        today=today_at(answers.get("location")),
        intake=parts().intake,
        ask_birth_date=parts().settings.ask_birth_date,
    )


def today_at(slug: str | None) -> date:
    """Return the day at the chosen clinic, or at the first one while none is chosen."""
    return day_at(slug, now=clock.now())


def offered(slug: str | None) -> list[Location]:
    """Return the clinics to choose from: all of them, or of very many the first and the chosen."""
    locations = list_locations(limit=_MOST_RADIOS)
    remember_phones(locations)
    chosen = find_location(slug) if slug else None
    if chosen is not None and chosen not in locations:
        locations = [chosen, *locations]
    return [place for place in locations if place.status is not LocationStatus.CLOSED]
