"""What import files hold, once read; and what is said about rows that cannot be used."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from clinicdir.errors import DomainError

SHOWN_PROBLEMS = 20
LONGEST_SHOWN = 60
MOST_DIGITS = 6
LONGEST_STREET = 120

_NUMBER = re.compile(r"\s*(\d{1,6})(?!\d)")
_ZIP = re.compile(r"(\d{3,5})(?:-?\d{4})?")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\uffff]")


class AddressRow(NamedTuple):
    """One address with its position in degrees; texts as the file writes them."""

    line: int
    number: int
    street: str
    unit: str
    city: str
    postal_code: str
    latitude: float
    longitude: float


class RangeRow(NamedTuple):
    """House numbers along one side of a street, from the first end of a path to its last.

    The path is a list of (latitude, longitude) in degrees.
    """

    line: int
    first: int
    last: int
    street: str
    postal_code: str
    path: list[tuple[float, float]]


class PlaceRow(NamedTuple):
    """The point of a ZIP code in degrees; city and state are empty where the file names none."""

    line: int
    postal_code: str
    city: str
    state: str
    latitude: float
    longitude: float


class BadFile(DomainError):  # noqa: N818 - reads as a word, like the others
    """A file that cannot be imported at all; the text says why and what to do."""


@dataclass(frozen=True)
class Problem:
    """One value that was refused, where it stands, and what is allowed there."""

    file: str
    line: int
    field: str
    value: str
    allowed: str

    def __str__(self) -> str:
        """Return the form that every --dry-run prints."""
        shown = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", self.value)
        if len(shown) > LONGEST_SHOWN:
            shown = shown[:LONGEST_SHOWN] + "\N{HORIZONTAL ELLIPSIS}"
        return f"{self.file}:{self.line}: {self.field}: {shown!r}: {self.allowed}"


@dataclass
class Problems:
    """Counts the refused rows of a file, by reason, and keeps the first; `tell` hears of each."""

    file: str
    tell: Callable[[Problem], None] | None = None
    count: int = 0
    first: list[Problem] = field(default_factory=list)
    last: Problem | None = None
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, line: int, name: str, value: str, allowed: str) -> None:
        """Note one refused row."""
        self.count += 1
        self.last = problem = Problem(self.file, line, name, value, allowed)
        self.reasons[name, allowed] += 1
        if len(self.first) < SHOWN_PROBLEMS:
            self.first.append(problem)
        if self.tell is not None:
            self.tell(problem)


# Number, street, unit, city, ZIP, latitude and longitude of one address, before they are checked.
AddressTexts = tuple[str, str, str, str, str, str, str]


def read_number(text: str) -> int | None:
    """Return the house number that a text begins with, 12 for "12A" and "12 1/2", or None."""
    if text.isdecimal() and len(text) <= MOST_DIGITS:  # most of them, and quicker
        return int(text)
    found = _NUMBER.match(text)
    return int(found[1]) if found else None


def read_postal_code(text: str) -> str | None:
    """Return five digits, with the zeros that spreadsheets drop; empty stays, else None."""
    if len(text) == 5 and text.isdigit() and text.isascii():  # noqa: PLR2004 - most of them
        return text
    stripped = text.strip()
    found = _ZIP.fullmatch(stripped)
    if found and stripped.isascii():
        return found[1].zfill(5)
    return None if stripped else ""


def position_problem(latitude: float, longitude: float) -> tuple[str, str] | None:
    """Return the field at fault and what is allowed, None for a position in the US."""
    # Most lie here; all that follows is asked about the others only.
    if 18 <= latitude <= 72 and -180 <= longitude <= -64:  # noqa: PLR2004 - Hawaii to Alaska
        return None
    if _in_us(latitude, longitude):
        return None
    if _in_us(longitude, latitude):
        return "latitude", "latitude and longitude look exchanged"
    if not -90 <= latitude <= 90:  # noqa: PLR2004 - the poles; not-a-number fails too
        return "latitude", "degrees from -90 to 90"
    if not -180 <= longitude <= 180:  # noqa: PLR2004 - the date line
        return "longitude", "degrees from -180 to 180"
    return "position", "a place in the United States or its islands"


def _in_us(latitude: float, longitude: float) -> bool:
    """Return whether a box around the states and islands holds a position in degrees."""
    # From American Samoa to Alaska; from Maine westward, and on to Guam past the date line.
    return -15 <= latitude <= 72 and (-180 <= longitude <= -64 or 144 <= longitude <= 180)  # noqa: PLR2004


def check_address(line: int, texts: AddressTexts, problems: Problems) -> AddressRow | None:
    """Return an address ready to be stored, or note why it cannot be used."""
    number_text, street, unit, city, zip_text, latitude_text, longitude_text = texts
    try:
        latitude, longitude = float(latitude_text), float(longitude_text)
    except ValueError:
        wrong = f"{latitude_text}, {longitude_text}"
        problems.add(line, "position", wrong, "two numbers of degrees")
        return None
    number, postal_code = read_number(number_text), read_postal_code(zip_text)
    at_fault = position_problem(latitude, longitude)
    if number is None:
        problems.add(line, "number", number_text, f"digits in front, at most {MOST_DIGITS}")
    elif not street.strip() or len(street) > LONGEST_STREET:
        problems.add(line, "street", street, f"1 to {LONGEST_STREET} characters")
    elif postal_code is None:
        problems.add(line, "postal_code", zip_text, "a ZIP code of 5 digits, or empty")
    elif at_fault is not None:
        problems.add(line, at_fault[0], f"{latitude}, {longitude}", at_fault[1])
    else:
        return AddressRow(line, number, street, unit, city, postal_code, latitude, longitude)
    return None
