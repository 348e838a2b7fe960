"""Which imported streets a typed one may mean, and how well each fits; pure rules."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from clinicdir.finder.address import ParsedLine
from clinicdir.finder.models import ImportKind

SHORTEST_MISTYPED = 7
SHORTEST_SWAPPED = 3
_DIGITS = re.compile(r"\d+")
_NUMBERED = re.compile(r"\d+(?:ST|ND|RD|TH)")
LEFT_OUT = 1
_LARGEST_FIT = 2


class ImportedStreet(NamedTuple):
    """One street of one ZIP as it was imported; parts that it lacks are empty."""

    id: int
    kind: ImportKind
    postal_code: str
    predirection: str
    name: str
    suffix: str
    postdirection: str
    city: str

    @property
    def key(self) -> str:
        """Return the street as one spelling: "NE 20TH ST"."""
        parts = (self.predirection, self.name, self.suffix, self.postdirection)
        return " ".join(filter(None, parts))


class Fit(NamedTuple):
    """How far a typed street differs from an imported one; smaller is better.

    Directions: 0 the same, 1 left out, 2 on the other side or one too many. Suffix: 0 the same,
    1 left out, 2 another.
    """

    directions: int
    suffix: int

    @property
    def is_weak(self) -> bool:
        """Return whether something typed contradicts the street."""
        return max(self) == _LARGEST_FIT


class Group(NamedTuple):
    """The parts of one street, one for each ZIP it runs through, and how well they fit.

    The city is empty where streets of one key count as one, whatever city they are in.
    """

    fit: Fit
    kind: ImportKind
    key: str
    city: str
    streets: tuple[ImportedStreet, ...]

    @property
    def named(self) -> tuple[str, str]:
        """Return what tells a person one street from another."""
        return self.key, self.city


def groups(
    parsed: ParsedLine, streets: Iterable[ImportedStreet], *, by_city: bool = False
) -> list[Group]:
    """Return the streets that fit a typed one, best first.

    One key is one street, or with `by_city` one in each city.
    """
    parts: dict[tuple[Fit, bool, str, str], list[ImportedStreet]] = defaultdict(list)
    for street in streets:
        how = fit(parsed, street)
        if how is not None:
            city = street.city if by_city else ""
            parts[how, street.kind == ImportKind.RANGES, street.key, city].append(street)
    return [
        Group(how, one_street[0].kind, key, city, tuple(one_street))
        for (how, _, key, city), one_street in sorted(parts.items())
    ]


def fit(parsed: ParsedLine, street: ImportedStreet) -> Fit | None:
    """Return how well an imported street of the typed name fits, None when it cannot be meant."""
    directions = _directions_fit(parsed, street)
    suffix = _suffix_fit(parsed, street)
    if directions is None or suffix is None or directions + suffix > _LARGEST_FIT:
        return None
    return Fit(directions, suffix)


def _directions_fit(parsed: ParsedLine, street: ImportedStreet) -> int | None:
    typed = (parsed.predirection or "", parsed.postdirection or "")
    known = (street.predirection, street.postdirection)
    if typed == known:
        return 0
    if not any(typed):
        return LEFT_OUT
    if not any(known) or set(typed) - {""} <= set(known):
        return 2
    return None


def _suffix_fit(parsed: ParsedLine, street: ImportedStreet) -> int | None:
    if (parsed.suffix or "") == street.suffix:
        return 0
    if not parsed.suffix or not street.suffix:
        return LEFT_OUT
    # 20th Ave and 20th St are two streets, Madison Ave is a slip for Madison St.
    return None if _NUMBERED.fullmatch(street.name) else 2


def likely_names(typed: str, names: Iterable[str]) -> list[str]:
    """Return the names one slip away: any in 7 letters or more, two letters swapped in 3 or more.

    Digits are never a slip: 20th and 21st are both real.
    """
    if len(typed) < SHORTEST_SWAPPED:
        return []
    # Slow start: rapidfuzz costs 15 ms, and only a street that is not known needs it.
    from rapidfuzz.distance.DamerauLevenshtein import distance  # noqa: PLC0415

    digits = _DIGITS.findall(typed)
    return sorted(
        name
        for name in names
        if distance(typed, name, score_cutoff=1) == 1
        and _DIGITS.findall(name) == digits
        and (len(typed) >= SHORTEST_MISTYPED or sorted(typed) == sorted(name))
    )
