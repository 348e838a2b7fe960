"""Gathers the rows of one file by street, small enough to keep a whole state in memory."""

import math
from array import array
from collections.abc import Iterator
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from clinicdir.finder.importing.rows import AddressRow, BadFile, PlaceRow, RangeRow
from clinicdir.finder.rules import Position, haversine_m
from clinicdir.finder.street import Street, read_street
from clinicdir.finder.wording import normalise

# Twelve bytes each: 240 MB. No state has as many addresses.
MOST_POINTS = 20_000_000
_TOO_MANY = f"More than {MOST_POINTS:,} rows. Import one state at a time."
E6 = 1_000_000
_SPREAD_SHARE = 0.9


class StreetKey(NamedTuple):
    """What tells one street from another."""

    postal_code: str
    predirection: str
    name: str
    suffix: str
    postdirection: str


# Number, latitude and longitude, the degrees times a million.
FoundPoint = tuple[int, int, int]


class FoundPlace(NamedTuple):
    """A ZIP or a city of a file; nine in ten of a city's ZIP points lie within `spread_m`."""

    key: str
    state: str
    label: str
    latitude_e6: int
    longitude_e6: int
    spread_m: int


class StreetCollector:
    """Takes addresses and ranges in any order and gives streets in order."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._points: dict[StreetKey, array[int]] = {}
        self._cities: dict[StreetKey, str] = {}
        # The same texts come again and again: each is taken apart once.
        self._of_texts: dict[tuple[str, str], array[int]] = {}
        self.count = 0

    def add(self, row: AddressRow) -> None:
        """Take one address."""
        # Taken apart at once, for this is done for every address there is.
        _, number, street, _, city, postal_code, latitude, longitude = row
        points = self._of_texts.get((street, postal_code))
        if points is None:
            points = self._start(street, postal_code, city)
        points.extend((number, round(latitude * E6), round(longitude * E6)))
        self.count += 1
        if self.count > MOST_POINTS:
            raise BadFile(_TOO_MANY)

    def add_range(self, row: RangeRow) -> None:
        """Take the numbers at the bends of a range; between them the finder interpolates."""
        points = self._of_texts.get((row.street, row.postal_code))
        if points is None:
            points = self._start(row.street, row.postal_code, "")
        for number, latitude, longitude in numbers_along(row):
            points.extend((number, round(latitude * E6), round(longitude * E6)))
        self.count += 1
        if self.count > MOST_POINTS:
            raise BadFile(_TOO_MANY)

    def __iter__(self) -> Iterator[tuple[StreetKey, str]]:
        """Yield every street in order, with its city in normalised words."""
        for key in sorted(self._points):
            yield key, self._cities[key]

    def points(self) -> Iterator[list[FoundPoint]]:
        """Yield the points of every street in the same order, by number, one for each number."""
        for key in sorted(self._points):
            flat = self._points[key]
            yield _one_each(sorted(zip(flat[::3], flat[1::3], flat[2::3], strict=True)))

    def _start(self, street: str, postal_code: str, city: str) -> "array[int]":
        """Return the list for a street's texts, the same for all spellings of one street."""
        # A street's own text may start with digits, so it is read behind a house number.
        read = read_street(normalise(f"1 {street}"))
        key = StreetKey(postal_code, *street_parts(read))
        self._cities.setdefault(key, normalise(city))
        points = self._points.setdefault(key, array("i"))
        self._of_texts[street, postal_code] = points
        return points


class PlaceCollector:
    """Takes ZIP points and gives them back with the cities they make up."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._codes: dict[str, PlaceRow] = {}

    def add(self, row: PlaceRow) -> None:
        """Take one ZIP; the first row of a ZIP counts."""
        self._codes.setdefault(row.postal_code, row)

    def places(self) -> Iterator[FoundPlace]:
        """Yield every ZIP, then every city: the middle of its ZIPs."""
        rows = [self._codes[code] for code in sorted(self._codes)]
        for row in rows:
            yield FoundPlace(
                row.postal_code, row.state, row.city,
                round(row.latitude * E6), round(row.longitude * E6), 0,
            )  # fmt: skip
        named = [(normalise(row.city), row.state, row) for row in rows if row.city and row.state]
        named.sort(key=itemgetter(0, 1))
        for (key, state), group in groupby(named, key=itemgetter(0, 1)):
            yield _city(key, state, [row for _, _, row in group])


def street_parts(street: Street) -> tuple[str, str, str, str]:
    """Return the parts of a street as they are stored: empty where there is none."""
    return (
        street.predirection or "",
        street.name or "",
        street.suffix or "",
        street.postdirection or "",
    )


def numbers_along(row: RangeRow) -> list[tuple[int, float, float]]:
    """Return the numbers at the ends and bends of a range with their degrees."""
    steps = [_apart(here, there) for here, there in pairwise(row.path)]
    length = sum(steps) or 1.0
    found, gone = [(row.first, *row.path[0])], 0.0
    for step, here in zip(steps[:-1], row.path[1:-1], strict=True):
        gone += step
        # Numbers of one side go by twos.
        number = row.first + 2 * round((row.last - row.first) * gone / length / 2)
        if number not in (found[-1][0], row.last):
            found.append((number, *here))
    return [*found, (row.last, *row.path[-1])]


def _apart(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the length of a short way in degrees of latitude."""
    east = (there[1] - here[1]) * math.cos(math.radians(here[0]))
    return math.hypot(there[0] - here[0], east)


def _one_each(points: list[FoundPoint]) -> list[FoundPoint]:
    """Return the middle point of each number: flats of one house have one row each."""
    if len({number for number, _, _ in points}) == len(points):
        return points
    single = []
    for _, group in groupby(points, key=itemgetter(0)):
        same = list(group)
        single.append(same[len(same) // 2])
    return single


def _city(key: str, state: str, rows: list[PlaceRow]) -> FoundPlace:
    """Return the middle of a city's ZIP points and how far they spread."""
    latitude = sum(row.latitude for row in rows) / len(rows)
    longitude = sum(row.longitude for row in rows) / len(rows)
    middle = Position(latitude, longitude)
    away = sorted(haversine_m(middle, Position(row.latitude, row.longitude)) for row in rows)
    spread = round(away[math.ceil(_SPREAD_SHARE * len(away)) - 1])
    return FoundPlace(key, state, rows[0].city, round(latitude * E6), round(longitude * E6), spread)
