"""Changes what a location takes on: which of the group's goals, and how it contacts patients."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from clinicdir.audit.rules import Actor
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.locations.models import Location
from clinicdir.locations.operations import check_version, note_change


@dataclass(frozen=True)
class Leaving:
    """What a location leaves out of the group's goals and ways of contact; columns of it."""

    goals_not_taken: list[str]
    ways_not_used: list[str]


def check_left_out(
    *, goals: Sequence[str], taken: Collection[str], ways: Sequence[str], used: Collection[str]
) -> Leaving:
    """Return what is left out of all `goals` and `ways`; Invalid where one of them is left bare.

    A code that is in no list is passed over: the lists may have changed since the page was shown.
    """
    leaving = Leaving(
        goals_not_taken=[code for code in goals if code not in taken],
        ways_not_used=[code for code in ways if code not in used],
    )
    errors = []
    if len(leaving.goals_not_taken) == len(goals):
        message = marked("Select at least one goal: a clinic that takes none is closed instead")
        errors.append(FieldError("goals", "missing", message))
    if len(leaving.ways_not_used) == len(ways):
        message = marked("Select at least one way by which patients are contacted")
        errors.append(FieldError("ways", "missing", message))
    if errors:
        raise Invalid(*errors)
    return leaving


def change_left_out(
    location: Location, leaving: Leaving, *, seen_version: int, actor: Actor, now: datetime
) -> None:
    """Leave these out from the next request on; NotAllowed where the page was older.

    Requests that have come in stay where they are, with the goal and the way they came with.
    """
    check_version(location, seen_version)
    changed = []
    for name, after in vars(leaving).items():
        before = getattr(location, name)
        if before != after:
            setattr(location, name, after)
            changed.append(f"{name}: {before} > {after}")
    note_change(location, changed, actor=actor, now=now)
