"""Which of the imported streets that a line may mean is taken, and which are asked about."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from clinicdir.finder.address import ParsedLine
from clinicdir.finder.models import ImportKind
from clinicdir.finder.numbers import (
    MOST_M_BESIDE,
    MOST_M_OF_RANGE,
    STREET,
    Known,
    Placed,
    apart_m,
    place_close,
    place_far,
)
from clinicdir.finder.rules import Level, Origin
from clinicdir.finder.streets import LEFT_OUT, Group, ImportedStreet

RANGE_ERROR_M = 150
SAME_PLACE_M = 300
MOST_ALTERNATIVES = 5
# Beyond this the middle of the ZIP or city says as much.
MOST_STREET_ERROR_M = 9_000

_Place = Callable[[int, Sequence[Known], int], Placed | None]


class Choice(NamedTuple):
    """A street that may be meant, the part of it that is nearest, and where the number is."""

    group: Group
    street: ImportedStreet
    placed: Placed


class Circle(NamedTuple):
    """A part of the map in which a street must lie: a middle in degrees and a reach in metres."""

    middle: Known
    reach_m: int


# Some circles; without any, everything is inside.
Area = list[Circle]


class Within(NamedTuple):
    """Streets that may be meant, and the area in which they must lie."""

    groups: list[Group]
    area: Area


def is_inside(one: Known, area: Area) -> bool:
    """Return whether a point lies in one of the circles."""
    return not area or any(apart_m(circle.middle, one) <= circle.reach_m for circle in area)


def closest(number: int, found: list[Group], known: Sequence[Known]) -> list[Choice]:
    """Return the choices of the best fit that have a known number nearby, surest first."""
    choices: list[Choice] = []
    for group in found:
        if choices and group.fit != choices[0].group.fit:
            break
        choices += _choice(number, group, known, place_close)
    return sorted(choices, key=_sureness)


def farther(number: int, found: list[Group], known: Sequence[Known]) -> list[Choice]:
    """Return the choices by known numbers at any distance along the street, surest first."""
    choices: list[Choice] = []
    for group in found:
        # So far off, the number tells less than a direction that was perhaps left out.
        if choices and group.fit.directions > LEFT_OUT >= choices[0].group.fit.directions:
            break
        choices += _choice(number, group, known, place_far)
    sure = [choice for choice in choices if choice.placed.error_m <= MOST_STREET_ERROR_M]
    return sorted(sure, key=_sureness)


def _choice(number: int, group: Group, known: Iterable[Known], place: _Place) -> list[Choice]:
    """Return where a number is on one street, nothing when the known numbers do not tell."""
    parts = {street.id: street for street in group.streets}
    is_range = group.kind == ImportKind.RANGES
    beside_m = MOST_M_OF_RANGE if is_range else MOST_M_BESIDE
    placed = place(number, [one for one in known if one.street_id in parts], beside_m)
    if placed is None:
        return []
    return [Choice(group, parts[placed.at.street_id], _of_kind(placed, group.kind))]


def _of_kind(placed: Placed, kind: ImportKind) -> Placed:
    """Return a place as it may be claimed: the end of a range is no known house."""
    if kind != ImportKind.RANGES:
        return placed
    level = Level.INTERPOLATED if placed.level == Level.POINT else placed.level
    return replace(placed, level=level, error_m=max(placed.error_m, RANGE_ERROR_M))


def _sureness(choice: Choice) -> tuple[int, bool, int, int]:
    placed = choice.placed
    return placed.rank, choice.group.kind == ImportKind.RANGES, placed.error_m, choice.street.id


def settle(parsed: ParsedLine, choices: list[Choice]) -> Origin:
    """Return the surest choice; the others, where they lie elsewhere, become alternatives."""
    first, *others = choices
    here, error_m = first.placed, first.placed.error_m
    alternatives: dict[str, None] = {}
    for other in others:
        away = apart_m(here.at, other.placed.at)
        if away > SAME_PLACE_M and other.group.named != first.group.named:
            alternatives[label(parsed, other)] = None
            error_m = max(error_m, round(away) + other.placed.error_m)
    return Origin(
        here.level,
        here.at.latitude,
        here.at.longitude,
        error_m,
        label(parsed, first),
        tuple(alternatives)[:MOST_ALTERNATIVES],
    )


def label(parsed: ParsedLine, choice: Choice) -> str:
    """Return an address as a person writes it: "13112 NE 20th St, Bellevue 98005"."""
    street = choice.street
    name = " ".join(word.capitalize() for word in street.name.split())
    parts = [street.predirection, name, street.suffix.capitalize(), street.postdirection]
    named = " ".join(filter(None, parts))
    if choice.placed.rank < STREET:
        named = f"{parsed.number} {named}"
    place = f"{street.city.title()} {street.postal_code}".strip()
    return f"{named}, {place}" if place else named
