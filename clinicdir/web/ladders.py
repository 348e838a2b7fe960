"""The ladder of stages up to a goal: for whom it is shown, and its words from the top down."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask

from clinicdir.appointments.knowledge import Continuum, Guide
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import Status
from clinicdir.web.answers import goal_words
from clinicdir.web.language import gettext
from clinicdir.web.parts import parts


@dataclass(frozen=True)
class Rung:
    """One stage in words, with its parts in their order."""

    words: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Ladder:
    """What a page shows: the rungs from the top down, the last stage first."""

    rungs: tuple[Rung, ...]
    is_reviewed: bool


def init_app(app: Flask) -> None:
    """Let pages link to the guides that are shown."""
    app.jinja_env.globals |= {"guide_links": guide_links}


def ladder_of(goal: str, body_area: str | None) -> Ladder | None:
    """Return the ladder for these answers, None where none is for them or none may be shown.

    The ladder tells of the body area: the caller decides whether the reader may know it.
    """
    knowledge = parts().knowledge
    fitting = (found for found in knowledge.continua if found.fits(goal, body_area))
    shown = (found for found in fitting if is_shown(reviewed=knowledge.is_reviewed(found)))
    return next((_in_words(found) for found in shown), None)


def ladder_of_request(found: AppointmentRequest, told: Status) -> Ladder | None:
    """Return the ladder for a request that its patient is told is open or booked, else None."""
    if not (told.is_open or told is Status.BOOKED):
        return None
    return ladder_of(found.goal, found.body_area)


def goal_of_request(found: AppointmentRequest) -> str:
    """Return the patient's goal in words, for the top of their ladder."""
    return goal_words(found.goal, found.personal["goal_text"], parts().intake)


def ladder_of_guide(guide: Guide) -> Ladder | None:
    """Return the ladder that a guide shows, if it shows one."""
    continuum = parts().knowledge.find_continuum(guide.continuum)
    return _in_words(continuum) if continuum else None


def is_shown(*, reviewed: bool) -> bool:
    """Say whether what is so reviewed is shown: in production only with a reviewer or a setting."""
    settings = parts().settings
    return reviewed or settings.show_unreviewed or not settings.is_production


def guide_links() -> Mapping[str, str]:
    """Return the titles of the guides that are shown, by slug."""
    return {
        guide.slug: gettext(guide.title)
        for guide in parts().knowledge.guides
        if is_shown(reviewed=guide.is_reviewed)
    }


def _in_words(continuum: Continuum) -> Ladder:
    rungs = [
        Rung(gettext(stage.display), tuple(gettext(part.display) for part in stage.children))
        for stage in continuum.stages
    ]
    return Ladder(tuple(reversed(rungs)), parts().knowledge.is_reviewed(continuum))
