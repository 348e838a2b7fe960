"""Pure rules of the finder: how a typed US line is read, and how places are ranked."""

import enum
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Protocol, TypeVar

from clinicdir.finder import usps

EARTH_RADIUS_M = 6_371_008.8
LONGEST_LINE = 500
LONGEST_CITY = 60


class Level(enum.StrEnum):
    """How exactly an origin is known, from one house to a whole city."""

    POINT = "point"
    INTERPOLATED = "interpolated"
    NEAR_NUMBER = "near_number"
    STREET = "street"
    GRID = "grid"
    POSTAL_CODE = "postal_code"
    CITY = "city"
    POSITION = "position"
    ONLINE = "online"


@dataclass(frozen=True)
class Position:
    """A point on the earth in degrees (WGS 84); ValueError for what no map could show."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        """Refuse what is out of range; not-a-number fails both comparisons too."""
        if not -90 <= self.latitude <= 90:  # noqa: PLR2004 - the poles
            raise ValueError("Latitude must be between -90 and 90 degrees.")
        if not -180 <= self.longitude <= 180:  # noqa: PLR2004 - the date line
            raise ValueError("Longitude must be between -180 and 180 degrees.")


@dataclass(frozen=True)
class Origin:
    """Where a patient is, how that was found, and how far off it may be in metres."""

    level: Level
    latitude: float
    longitude: float
    error_m: int
    matched: str
    alternatives: tuple[str, ...] = ()

    @property
    def position(self) -> Position:
        """Return the point alone."""
        return Position(self.latitude, self.longitude)


@dataclass(frozen=True)
class ParsedLine:
    """One typed line, taken apart; every part is in normalised words, None when absent.

    `place` is the city together with a state that stood behind it without a comma, because
    "Port Washington" is a city and not a port in Washington.
    """

    postal_code: str | None = None
    state: str | None = None
    city: str | None = None
    place: str | None = None
    street_line: str | None = None

    @property
    def has_street_number(self) -> bool:
        """Return whether the street line starts with a house number."""
        return self.street_line is not None and _is_house_number(self.street_line.split(" ")[0])


class Place(Protocol):
    """What can be ranked: anything with a name and, perhaps, a position in degrees."""

    @property
    def name(self) -> str:
        """Return the name that breaks a tie."""

    @property
    def latitude(self) -> float | None:
        """Return the latitude in degrees, None while the position is unknown."""

    @property
    def longitude(self) -> float | None:
        """Return the longitude in degrees, None while the position is unknown."""


PlaceT = TypeVar("PlaceT", bound=Place)

_POSTAL_CODE = re.compile(r"(\d{5})(?:-\d{4})?")
_HOUSE_NUMBER = re.compile(r"\d+(?:-\d+)?[A-Z]?")
_DIGIT = re.compile(r"\d")
_UNIT = re.compile(
    r" (?:(?:APT|BLDG|FL|LOT|RM|SPC|STE|UNIT)(?: #)?|#) (?:[A-Z]?\d[A-Z0-9-]*|[A-Z])(?= |$)"
    r"| \d+(?:ST|ND|RD|TH) FL(?= |$)"
)
_DROPPED = re.compile("[\u0300-\u036f'\u2018\u2019\u02bb.]+")
_SEPARATORS = re.compile(r"[,;\r\n]+")
_OTHER = re.compile(r"[^A-Z0-9,#-]+|(?<![0-9])-|-(?![0-9])")


def _fold(text: str) -> str:
    """Return the line in plain capitals and digits; only commas still separate its parts."""
    # Upper case may bring back a composed letter, so accents are taken apart once more.
    capitals = unicodedata.normalize("NFKD", text[:LONGEST_LINE]).upper()
    plain = _DROPPED.sub("", unicodedata.normalize("NFKD", capitals))
    spaced = _OTHER.sub(" ", _SEPARATORS.sub(",", plain)).replace("#", " # ")
    return " ".join(spaced.split())[:LONGEST_LINE].rstrip(" -")


def _words(folded: str) -> list[str]:
    """Return the words of a folded part, each in its USPS abbreviation."""
    return [usps.SHORT_OF.get(word, word) for word in folded.split()]


def normalise(text: str) -> str:
    """Return a line in capitals and USPS abbreviations, without accents or punctuation."""
    return " ".join(_words(_fold(text).replace(",", " ")))


_STATES = {tuple(normalise(name).split()): code for code, name in usps.STATE_NAMES.items()}


def parse_line(text: str) -> ParsedLine:
    """Return the parts of one typed US line; any text is read, and what is unclear is absent."""
    folded = _fold(text).strip(" ,").removeprefix("NEAR ")
    parts = [words for part in folded.split(",") if (words := _words(part))]
    if len(parts) > 1 and " ".join(parts[0]).isdigit() and not _is_street(parts[1]):
        parts = [*parts[1:], parts[0]]
    _drop_country(parts)
    postal_code = _take_postal_code(parts)
    before_state = [" ".join(words) for words in parts]
    state = _take_state(parts)
    postal_code = postal_code or _take_postal_code(parts)
    street, city = _split(parts)
    as_typed = before_state[len(parts) - 1] if parts and not street else ""
    return ParsedLine(
        postal_code=postal_code,
        state=state,
        city=" ".join(city) or None,
        place=as_typed or None,
        street_line=" ".join(street) or None,
    )


def is_coarse(parsed: ParsedLine) -> bool:
    """Return whether a line names a ZIP or a city and nothing nearer to a person's door."""
    if parsed.street_line is not None:
        return False
    if parsed.city is None:
        return parsed.postal_code is not None
    # A longer text is a sentence and may tell anything.
    return len(parsed.city) <= LONGEST_CITY


def _is_house_number(word: str) -> bool:
    """Return whether a word can be a house number: 332, 12A or 41-20, but not 5TH."""
    return _HOUSE_NUMBER.fullmatch(word) is not None


def _is_street(words: list[str]) -> bool:
    """Return whether a part holds a street rather than the name of a town."""
    if any(_DIGIT.search(word) for word in words):
        return True
    return any(word in usps.SUFFIXES - usps.TOWN_SUFFIXES for word in words[1:])


def _pop(parts: list[list[str]], count: int) -> None:
    """Take words off the end of the last part, and the part itself when nothing is left."""
    del parts[-1][-count:]
    if not parts[-1]:
        del parts[-1]


def _drop_country(parts: list[list[str]]) -> None:
    """Take the country's name off the end."""
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
    for count in (3, 2, 1):
        code = _STATES.get(tuple(words[-count:]))
        # "New York" alone is the city, and "100 Delaware" a street.
        is_alone = len(parts) == 1 and len(words) <= count
        if code and not is_alone and _may_end_in_state(words[:-count]):
            _pop(parts, count)
            return code
    code = words[-1]
    if code not in usps.STATE_NAMES:
        return None
    if code in usps.SUFFIXES | usps.DIRECTIONS and not _may_end_in_state(words[:-1], code):
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


def _split(parts: list[list[str]]) -> tuple[list[str], list[str]]:
    """Return the words of the street and of the city."""
    for index, words in enumerate(parts):
        if not _is_street(words):
            continue
        street, rest = _split_street(words)
        others = [part for part in parts[:index] + parts[index + 1 :] if not _is_unit(part)]
        if not others:
            return street, rest
        # With a comma before the city, words behind the suffix belong to the street.
        return street + rest, others[-1]
    return [], parts[-1] if parts else []


def _is_unit(words: list[str]) -> bool:
    """Return whether a part of its own is a suite, flat or floor."""
    return bool(_DIGIT.search(words[-1]) or _UNIT.fullmatch(" " + " ".join(words)))


def _split_street(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the street without its unit, and the words that follow it."""
    words = _UNIT.sub("", " ".join(words)).split()
    first_name = 1 if _is_house_number(words[0]) else 0
    end = next((i + 1 for i in range(first_name + 1, len(words)) if words[i] in usps.SUFFIXES), 0)
    if not end:
        return words, []
    while end < len(words) and _continues_street(words[end - 1], words[end]):
        end += 1
    rest = words[end:]
    # A bare letter or number here is a unit without its word: "272nd St C".
    unit = list(takewhile(lambda word: len(word) == 1 or _DIGIT.search(word), rest))
    return words[:end], rest[len(unit) :]


def _continues_street(word: str, following: str) -> bool:
    """Return whether the word after a suffix is still the street's: Circle Dr, St NE, Hwy 99."""
    if word == "HWY" and _DIGIT.search(following):
        return True
    # "Main St St Paul": a second ST starts the name of a town.
    return word in usps.SUFFIXES and following in (usps.SUFFIXES | usps.DIRECTIONS) - {"ST"}


def haversine_m(origin: Position, place: Position) -> float:
    """Return the great-circle distance in metres, within 0.7 % of the true ellipsoid."""
    south, north = math.radians(origin.latitude), math.radians(place.latitude)
    half_height = math.sin((north - south) / 2)
    half_width = math.sin(math.radians(place.longitude - origin.longitude) / 2)
    chord = half_height**2 + math.cos(south) * math.cos(north) * half_width**2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def rank(origin: Position, places: Iterable[PlaceT]) -> list[PlaceT]:
    """Return the places nearest first, ties by name, those without a position last."""

    def distance(place: PlaceT) -> tuple[float, str]:
        if place.latitude is None or place.longitude is None:
            return math.inf, place.name
        return haversine_m(origin, Position(place.latitude, place.longitude)), place.name

    return sorted(places, key=distance)


def about_as_near(first_m: float, other_m: float, *, error_m: float) -> bool:
    """Return whether a place is no farther than the first by more than the error in metres."""
    return other_m - first_m <= error_m
