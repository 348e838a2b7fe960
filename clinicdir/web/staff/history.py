"""A request's history in words: what was done, by whom, and what was written beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clinicdir.appointments.entering import NOTICE_TOLD
from clinicdir.appointments.merging import JOINED, PARTED
from clinicdir.appointments.models import RequestEvent
from clinicdir.appointments.rules import Action, RequestChannel, show_reference
from clinicdir.appointments.undoing import UNDONE
from clinicdir.audit.rules import ActorKind
from clinicdir.web.filters import age
from clinicdir.web.language import gettext
from clinicdir.web.staff_labels import (
    ANSWER_NAMES,
    CHANNELS,
    EVENT_WORDS,
    IN_CALENDAR,
    OUTCOMES,
    PRESSED,
)


@dataclass(frozen=True)
class Line:
    """One event in words; `who` is empty where the words say it already."""

    at: datetime
    words: str
    who: str
    note: str | None


def history_lines(
    events: Sequence[RequestEvent], people: Mapping[int, str], places: Mapping[str, str]
) -> list[Line]:
    """Return the lines of a history; `people` and `places` give the names to show."""
    lines = []
    for event in events:
        said = event.unseal()
        is_patients = event.action is Action.SUBMIT and event.staff_id is None
        who = "" if is_patients else who_did(event, people)
        lines.append(Line(event.at, _words(event.action, said, places), who, said.get("note")))
    return lines


def who_did(event: RequestEvent, people: Mapping[int, str]) -> str:
    """Return who made an event: a person of the staff by name, the patient as such."""
    if event.staff_id is not None:
        return people.get(event.staff_id, "")
    return {
        ActorKind.PATIENT: gettext("the patient"),
        ActorKind.OPERATOR: gettext("whoever runs this site"),
    }.get(event.actor_kind, gettext("this site"))


def latest_change(events: Sequence[RequestEvent], *, now: datetime) -> dict[str, str] | None:
    """Return how long ago the patient last changed answers and which, None where never."""
    for event in reversed(events):
        if event.action is Action.CHANGE and event.actor_kind is ActorKind.PATIENT:
            return {"age": age(event.at, now), "what": _answer_names(event.unseal())}
    return None


def is_in_calendar(events: Sequence[RequestEvent]) -> bool:
    """Say whether somebody put the present booking into the clinic's own calendar."""
    for event in reversed(events):
        if event.action is Action.BOOK:
            return False
        if event.action is Action.NOTE and event.unseal().get("details") == [IN_CALENDAR]:
            return True
    return False


def _words(action: Action, said: Mapping[str, Any], places: Mapping[str, str]) -> str:
    what, details = gettext(EVENT_WORDS[action]), said.get("details") or []
    if details[:1] == [UNDONE]:
        undone = [gettext(EVENT_WORDS[Action(name)]) for name in details[1:]]
        return gettext("undone: %(what)s", what=undone[0]) if undone else what
    if action is Action.TRANSFER and "passed" in said:
        slug = said["passed"][1]
        return gettext("passed on to %(clinic)s", clinic=places.get(slug, slug))
    if action is Action.NOTE and details:
        return _pressed(details)
    if action is Action.SUBMIT and details[-1:] == [NOTICE_TOLD]:
        channel = gettext(CHANNELS[RequestChannel(details[0])])
        return gettext("entered (%(channel)s), the privacy notice was told", channel=channel)
    if action is Action.CHANGE:
        return gettext("%(what)s (%(details)s)", what=what, details=_answer_names(said))
    added = _added(action, details)
    return gettext("%(what)s: %(details)s", what=what, details=added) if added else what


def _pressed(details: Sequence[str]) -> str:
    """Return what a note says that nobody typed."""
    if details[0] == JOINED:
        return gettext("%(reference)s joined with this one", reference=show_reference(details[1]))
    if details[0] == PARTED:
        undone = gettext("%(reference)s joined with this one", reference=show_reference(details[1]))
        return gettext("undone: %(what)s", what=undone)
    return gettext(PRESSED.get(details[0], EVENT_WORDS[Action.NOTE]))


def _added(action: Action, details: Sequence[str]) -> str:
    """Return what stands behind the words of a move, empty where nothing does."""
    if action is Action.MERGE and details:
        return show_reference(details[0])
    if action is Action.LOG_CONTACT and details:
        return gettext(OUTCOMES[details[0]]) if details[0] in OUTCOMES else details[0]
    return ""


def _answer_names(said: Mapping[str, Any]) -> str:
    names = (ANSWER_NAMES.get(name, name) for name in said.get("details") or [])
    return ", ".join(dict.fromkeys(gettext(name) for name in names))
