"""The shipped list of US ZIP codes and cities, searched in place without parsing it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

from clinicdir.finder.rules import Position, normalise

DATA_FOLDER = Path(__file__).parent / "data"
POSTAL_CODES_FILE = "us_postal_codes.tsv"
CITIES_FILE = "us_cities.tsv"
# One slip may make a short name any other; long ones may have two.
_SHORTEST_MISTYPED, _LONG_NAME = 5, 9


@dataclass(frozen=True)
class PostalCode:
    """The point of a ZIP code in degrees; city and state are empty where no source names them."""

    code: str
    latitude: float
    longitude: float
    city: str
    state: str

    @property
    def city_key(self) -> str:
        """Return the city's name as typed ones are normalised."""
        return _key(self.city)


@lru_cache(maxsize=1_024)
def _key(name: str) -> str:
    """Return a shipped name normalised; remembered, for the same few are asked for."""
    return normalise(name)


@dataclass(frozen=True)
class City:
    """A city or town in degrees; nine in ten of its ZIP points lie within `spread_m` metres."""

    name: str
    state: str
    latitude: float
    longitude: float
    spread_m: int
    population: int

    @property
    def position(self) -> Position:
        """Return the centre."""
        return Position(self.latitude, self.longitude)

    @property
    def label(self) -> str:
        """Return the name as a person would write it: "Renton, WA"."""
        return f"{self.name}, {self.state}"


@dataclass(frozen=True)
class Gazetteer:
    """Two tables as bytes, their lines sorted, so that opening them costs only the reading."""

    _postal_codes: bytes
    _cities: bytes

    @classmethod
    def open(cls, folder: Path = DATA_FOLDER) -> Self:
        """Return the gazetteer of a folder; the default is the one that ships."""
        return cls(
            (folder / POSTAL_CODES_FILE).read_bytes(),
            (folder / CITIES_FILE).read_bytes(),
        )

    def postal_code(self, code: str) -> PostalCode | None:
        """Return the point of a five-digit ZIP code, or None."""
        return _postal_code(self._postal_codes, code)

    def cities(
        self, name: str, state: str | None = None, *, prefer_states: Collection[str] = ()
    ) -> list[City]:
        """Return the cities of a name, largest first; preferred states hide all other states."""
        found = [
            City(label, code, float(latitude), float(longitude), int(spread), int(population))
            for _, code, latitude, longitude, spread, population, label in _rows(
                self._cities, normalise(name)
            )
            if state in (None, code)
        ]
        found.sort(key=lambda city: (-city.population, city.state))
        return [city for city in found if city.state in prefer_states] or found

    def similar_cities(self, name: str, states: Collection[str]) -> list[City]:
        """Return the cities of some states whose names differ by a slip or two, likeliest first."""
        # Slow start: rapidfuzz costs 15 ms, and only a mistyped city needs it.
        from rapidfuzz.distance.DamerauLevenshtein import distance  # noqa: PLC0415

        typed = normalise(name)
        if len(typed) < _SHORTEST_MISTYPED:
            return []
        most = 1 if len(typed) < _LONG_NAME else 2
        slips = {
            known: count
            for known in _names(self._cities, frozenset(states))
            if (count := distance(typed, known, score_cutoff=most)) <= most
        }
        fewest = min(slips.values(), default=0)
        likely = [known for known in slips if slips[known] == fewest]
        found = [city for known in likely for city in self.cities(known) if city.state in states]
        return sorted(found, key=lambda city: (-city.population, city.state))


@lru_cache(maxsize=1_024)
def _postal_code(table: bytes, code: str) -> PostalCode | None:
    """Return a ZIP code; remembered, for the same few are asked for again and again."""
    for fields in _rows(table, code):
        _, latitude, longitude, city, state = fields
        return PostalCode(code, float(latitude), float(longitude), city, state)
    return None


@lru_cache(maxsize=8)
def _names(table: bytes, states: frozenset[str]) -> frozenset[str]:
    """Return the normalised names of all cities of some states; remembered, for it costs 20 ms."""
    rows = (line.split("\t", 2) for line in table.decode().splitlines())
    return frozenset(row[0] for row in rows if len(row) > 1 and row[1] in states)


def _rows(table: bytes, key: str) -> Iterator[list[str]]:
    """Yield the fields of all lines that have the key in front, by binary search."""
    prefix = f"{key}\t".encode(errors="replace")
    low, high = 0, len(table)
    while low < high:
        start = table.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = table.find(b"\n", start) + 1
        if table[start:end] < prefix:
            low = end
        else:
            high = start
    while table.startswith(prefix, low):
        end = table.index(b"\n", low)
        yield table[low:end].decode().split("\t")
        low = end + 1
