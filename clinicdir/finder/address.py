"""How one typed US line is read: street, unit, city, state, ZIP."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

from clinicdir.finder import usps
from clinicdir.finder.street import Street, is_house_number, read_street
from clinicdir.finder.wording import fold, normalise, words_of

LONGEST_CITY = 60


@dataclass(frozen=True)
class ParsedLine:
    """One typed line, taken apart; every part is in normalised words, None when absent.

    `place` is the city together with a state that stood behind it without a comma, because
    "Port Washington" is a city and not a port in Washington. `street` is read from
    `street_line` when it is first asked for.
    """

    postal_code: str | None = None
    state: str | None = None
    city: str | None = None
    place: str | None = None
    street_line: str | None = None
    unit: str | None = None

    @property
    def has_street_number(self) -> bool:
        """Return whether the street line starts with a house number."""
        return self.street_line is not None and is_house_number(self.street_line.split(" ")[0])

    def with_city(self, city: str) -> "ParsedLine":
        """Return the line with a normalised city name taken off the street's end, if it is there.

        Without a comma and a suffix nothing else parts "704 E Thomas Seattle".
        """
        street_line = (self.street_line or "").removesuffix(f" {city}")
        if not city or self.city is not None or street_line in ("", self.street_line):
            return self
        return replace(self, street_line=street_line, city=city)

    @cached_property
    def street(self) -> Street:
        """Return the parts of the street line, all absent when there is none."""
        return read_street(self.street_line) if self.street_line else Street()

    @property
    def number(self) -> int | None:
        """Return the house number."""
        return self.street.number

    @property
    def number_suffix(self) -> str | None:
        """Return what stands behind the house number: A in 12A, 20 in 41-20."""
        return self.street.number_suffix

    @property
    def predirection(self) -> str | None:
        """Return the direction before the street's name: NE in "NE 20TH ST"."""
        return self.street.predirection

    @property
    def name(self) -> str | None:
        """Return the street's name alone: 20TH in "NE 20TH ST"."""
        return self.street.name

    @property
    def suffix(self) -> str | None:
        """Return the kind of street as USPS abbreviates it: ST in "NE 20TH ST"."""
        return self.street.suffix

    @property
    def postdirection(self) -> str | None:
        """Return the direction behind the street: SE in "304TH AVE SE"."""
        return self.street.postdirection

    @property
    def street_key(self) -> str:
        """Return the street without its house number, as one spelling: "NE 20TH ST"."""
        return self.street.key


_STREET_WORDS = usps.SUFFIXES | usps.DIRECTIONS
_STREET_SUFFIXES = usps.SUFFIXES - usps.TOWN_SUFFIXES
# "Main St St Paul": a second ST starts the name of a town.
_CONTINUING = _STREET_WORDS - {"ST"}
_POSTAL_CODE = re.compile(r"(\d{5})(?:-\d{4})?")
_DIGIT = re.compile(r"\d")
_UNIT = re.compile(
    rf" (?:(?:{'|'.join(sorted(usps.UNITS))})(?: #)?|#) (?:[A-Z]?\d[A-Z0-9-]*|[A-Z])(?= |$)"
    rf"| (?:\d+(?:ST|ND|RD|TH) FL|{'|'.join(sorted(usps.LONE_UNITS))})(?= |$)"
)
_UNIT_WORDS = usps.UNITS | usps.LONE_UNITS | {"#"}


_STATES = {tuple(normalise(name).split()): code for code, name in usps.STATE_NAMES.items()}
_STATE_CODES = frozenset(usps.STATE_NAMES)
_STATE_ENDS = frozenset(name[-1] for name in _STATES)
_COUNTRY_ENDS = frozenset(name[-1] for name in usps.COUNTRY_NAMES)


def parse_line(text: str) -> ParsedLine:
    """Return the parts of one typed US line; any text is read, and what is unclear is absent."""
    folded = fold(text).strip(" ,").removeprefix("NEAR ")
    parts = [words for part in folded.split(",") if (words := words_of(part))]
    if len(parts) > 1 and " ".join(parts[0]).isdigit() and not _is_street(parts[1]):
        parts = [*parts[1:], parts[0]]
    behind = _take_what_is_behind(parts)
    _drop_country(parts)
    postal_code = _take_postal_code(parts)
    before_state = [" ".join(words) for words in parts]
    state = _take_state(parts)
    postal_code = postal_code or _take_postal_code(parts)
    street, unit, city = _split(parts)
    as_typed = before_state[len(parts) - 1] if parts and not street else ""
    return ParsedLine(
        postal_code=postal_code,
        state=state,
        city=" ".join(city) or None,
        place=as_typed or None,
        street_line=" ".join(street) or None,
        unit=" ".join(unit or behind) or None,
    )


def is_coarse(parsed: ParsedLine) -> bool:
    """Return whether a line names a ZIP or a city and nothing nearer to a person's door."""
    if parsed.street_line is not None:
        return False
    if parsed.city is None:
        return parsed.postal_code is not None
    # A longer text is a sentence and may tell anything.
    return len(parsed.city) <= LONGEST_CITY


def _is_street(words: list[str]) -> bool:
    """Return whether a part holds a street rather than the name of a town."""
    if any(_DIGIT.search(word) for word in words):
        return True
    return any(word in _STREET_SUFFIXES for word in words[1:])


def _take_what_is_behind(parts: list[list[str]]) -> list[str]:
    """Take off what stands behind the ZIP code: a unit, or after a state whatever it is."""
    if len(parts) > 1 and _POSTAL_CODE.fullmatch(parts[-2][-1]) and _is_whole_unit(parts[-1]):
        return parts.pop()
    last = parts[-1] if parts else []
    for index in range(len(last) - 2, -1, -1):
        after_state = index > 0 and last[index - 1] in _STATE_CODES
        if _POSTAL_CODE.fullmatch(last[index]) and (
            after_state or _is_whole_unit(last[index + 1 :])
        ):
            behind = last[index + 1 :]
            del last[index + 1 :]
            return behind if _is_whole_unit(behind) else []
    return []


def _is_whole_unit(words: list[str]) -> bool:
    return _UNIT.fullmatch(" " + " ".join(words)) is not None


def _pop(parts: list[list[str]], count: int) -> None:
    """Take words off the end of the last part, and the part itself when nothing is left."""
    del parts[-1][-count:]
    if not parts[-1]:
        del parts[-1]


def _drop_country(parts: list[list[str]]) -> None:
    """Take the country's name off the end."""
    if not parts or parts[-1][-1] not in _COUNTRY_ENDS:
        return
    for count in (4, 2, 1):
        if parts and tuple(parts[-1][-count:]) in usps.COUNTRY_NAMES:
            _pop(parts, count)


def _take_postal_code(parts: list[list[str]]) -> str | None:
    """Take a ZIP or ZIP+4 off the end and return its five digits."""
    found = _POSTAL_CODE.fullmatch(parts[-1][-1]) if parts else None
    if found is None:
        return None
    _pop(parts, 1)
    return found[1]


def _take_state(parts: list[list[str]]) -> str | None:
    """Take a state's code or name off the end and return its code."""
    if not parts:
        return None
    words = parts[-1]
    for count in (3, 2, 1) if words[-1] in _STATE_ENDS else ():
        code = _STATES.get(tuple(words[-count:]))
        # "New York" alone is the city, and "100 Delaware" a street.
        is_alone = len(parts) == 1 and len(words) <= count
        if code and not is_alone and _may_end_in_state(words[:-count]):
            _pop(parts, count)
            return code
    code = words[-1]
    if code not in usps.STATE_NAMES:
        return None
    if code in _STREET_WORDS and not _may_end_in_state(words[:-1], code):
        return None
    _pop(parts, 1)
    return code


def _may_end_in_state(before: list[str], code: str = "") -> bool:
    """Return whether a state can follow: after a house number only behind a whole street."""
    if not before or not _DIGIT.search(before[0]):
        return True
    if code in usps.DIRECTIONS and before[-1] in usps.SUFFIXES:
        return False
    return any(word in usps.SUFFIXES for word in before[1:])


def _split(parts: list[list[str]]) -> tuple[list[str], list[str], list[str]]:
    """Return the words of the street, of the unit, and of the city."""
    for index, words in enumerate(parts):
        if not _is_street(words):
            continue
        street, unit, rest = _split_street(words)
        others = parts[:index] + parts[index + 1 :]
        cities = []
        for part in others:
            if _is_unit(part):
                unit = [*unit, *part]
            else:
                cities.append(part)
        # With a comma before the city, words behind the suffix belong to the street.
        return (street + rest, unit, cities[-1]) if cities else (street, unit, rest)
    return [], [], parts[-1] if parts else []


def _is_unit(words: list[str]) -> bool:
    """Return whether a part of its own is a suite, flat or floor."""
    return bool(_DIGIT.search(words[-1]) or _UNIT.fullmatch(" " + " ".join(words)))


def _split_street(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the street, its unit, and the words that follow both."""
    words, unit = _without_unit(words)
    if "WY" in words:
        # Wyoming was taken off the end before; inside a street WY is a way.
        words = ["WAY" if word == "WY" else word for word in words]
    first_name = 1 if is_house_number(words[0]) else 0
    end = next((i + 1 for i in range(first_name + 1, len(words)) if words[i] in usps.SUFFIXES), 0)
    if not end:
        return words, unit, []
    while end < len(words) and _continues_street(words[end - 1], words[end]):
        end += 1
    rest = words[end:]
    # A bare letter or number here is a unit without its word: "272nd St C".
    bare = list(takewhile(lambda word: len(word) == 1 or _DIGIT.search(word), rest))
    return words[:end], unit + bare, rest[len(bare) :]


def _without_unit(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words of a part without its unit, and the words of the unit."""
    if _UNIT_WORDS.isdisjoint(words):
        return words, []
    line = " ".join(words)
    unit = [word for found in _UNIT.finditer(line) for word in found[0].split()]
    return _UNIT.sub("", line).split(), unit


def _continues_street(word: str, following: str) -> bool:
    """Return whether the word after a suffix is still the street's: Circle Dr, St NE, Hwy 99."""
    if word in usps.NUMBERED_ROADS and _DIGIT.search(following):
        return True
    return word in usps.SUFFIXES and following in _CONTINUING
