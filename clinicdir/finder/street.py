"""How one street line is taken apart: number, directions, name, suffix."""

import re
from dataclasses import dataclass

from clinicdir.finder.usps import DIRECTIONS, NUMBERED_ROADS, SUFFIXES

_HOUSE_NUMBER = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?([A-Z])?")
# The two letters are often swapped in typing, and tell nothing that the number does not.
_ORDINAL = re.compile(r"(\d{1,4})(?:ST|ND|RD|TH|TS|DN|DR|HT)?")
_DIGIT = re.compile(r"\d")
_NORTH_SOUTH = frozenset("NS")
_EAST_WEST = frozenset("EW")
_ORDINAL_ENDINGS = {1: "ST", 2: "ND", 3: "RD"}


@dataclass(frozen=True)
class Street:
    """A street line in USPS words; a part that is absent is None.

    `number_suffix` is what stands behind the house number: A in 12A, 20 in 41-20.
    """

    number: int | None = None
    number_suffix: str | None = None
    predirection: str | None = None
    name: str | None = None
    suffix: str | None = None
    postdirection: str | None = None

    @property
    def key(self) -> str:
        """Return the street without its house number, as one spelling: "NE 20TH ST"."""
        parts = (self.predirection, self.name, self.suffix, self.postdirection)
        return " ".join(filter(None, parts))

    @property
    def ordinal(self) -> int | None:
        """Return the number of a numbered street, 20 for "NE 20TH ST", None for a named one."""
        found = _ORDINAL.fullmatch(self.name) if self.name else None
        return int(found[1]) if found else None


def is_house_number(word: str) -> bool:
    """Return whether a word can be a house number: 332, 12A or 41-20, but not 5TH."""
    return _HOUSE_NUMBER.fullmatch(word) is not None


def read_street(line: str) -> Street:
    """Return the parts of a normalised street line; what stands behind the street is left out."""
    words = line.split()
    found = _HOUSE_NUMBER.fullmatch(words[0]) if len(words) > 1 else None
    # "5 Ave": a bare number before a suffix and nothing else is the street's own.
    if found and len(words) == 2 and words[1] in SUFFIXES:  # noqa: PLR2004 - number and suffix
        found = None
    number = int(found[1]) if found else None
    behind_number = (found[2] or found[3]) if found else None
    predirection, words = _take_predirection(words[1:] if found else words)
    end = _name_end(words)
    suffix = words[end] if end < len(words) and words[end] in SUFFIXES else None
    postdirection = _leading_direction(words[end + 1 if suffix else end :])[0]
    name = _spell_name(words[:end])
    return Street(number, behind_number, predirection, name, suffix, postdirection)


def _leading_direction(words: list[str]) -> tuple[str | None, int]:
    """Return the direction that words begin with, "N E" taken as NE, and how many words it has."""
    if not words or words[0] not in DIRECTIONS:
        return None, 0
    if len(words) > 1 and words[0] in _NORTH_SOUTH and words[1] in _EAST_WEST:
        return words[0] + words[1], 2
    return words[0], 1


def _take_predirection(words: list[str]) -> tuple[str | None, list[str]]:
    """Return the direction before a name and the words of the name and behind it."""
    direction, count = _leading_direction(words)
    rest = words[count:]
    if direction is None or not rest:
        return None, words
    # "N ST NE" and "West St": before a suffix that ends the street, the letter is its name.
    if rest[0] in SUFFIXES and (len(rest) == 1 or rest[1] in DIRECTIONS):
        return (None, words) if count == 1 else (words[0], words[1:])
    return direction, rest


def _name_end(words: list[str]) -> int:
    """Return where the name ends: at its suffix, or at what follows a street without one."""
    for index in range(len(words) - 1):
        if words[index] in NUMBERED_ROADS and _DIGIT.search(words[index + 1]):
            return index + 2
    suffixes = [index for index in range(1, len(words)) if words[index] in SUFFIXES]
    if suffixes:
        return suffixes[-1]
    if words and _ORDINAL.fullmatch(words[0]):
        return 1
    for index in range(1, len(words)):
        if words[index] in DIRECTIONS:
            return index
    return len(words)


def _spell_name(words: list[str]) -> str | None:
    """Return a street's name, a number as its ordinal: 48 and 48TH are one street."""
    found = _ORDINAL.fullmatch(words[0]) if len(words) == 1 else None
    if found is None:
        return " ".join(words) or None
    ordinal = int(found[1])
    teens = range(11, 14)
    ending = "TH" if ordinal % 100 in teens else _ORDINAL_ENDINGS.get(ordinal % 10, "TH")
    return f"{ordinal}{ending}"
