"""Pure rules of the finder: what an origin is, and how places are ranked from it."""

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from clinicdir.finder.address import ParsedLine, is_coarse, parse_line
from clinicdir.finder.wording import normalise

# The rules of reading a line stand in a module of their own and are asked for here.
__all__ = [
    "Level",
    "Origin",
    "ParsedLine",
    "Place",
    "PlaceT",
    "Position",
    "about_as_near",
    "haversine_m",
    "is_coarse",
    "normalise",
    "parse_line",
    "rank",
]

EARTH_RADIUS_M = 6_371_008.8


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


def haversine_m(origin: Position, place: Position) -> float:
    """Return the great-circle distance in metres, within 0.7 % of the true ellipsoid."""
    return _haversine_m(
        math.radians(origin.latitude), origin.longitude, place.latitude, place.longitude
    )


def _haversine_m(south: float, west: float, latitude: float, longitude: float) -> float:
    """Return the distance from a latitude in radians and a longitude in degrees, in metres."""
    north = math.radians(latitude)
    half_height = math.sin((north - south) / 2)
    half_width = math.sin(math.radians(longitude - west) / 2)
    chord = half_height**2 + math.cos(south) * math.cos(north) * half_width**2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def rank(origin: Position, places: Iterable[PlaceT]) -> list[PlaceT]:
    """Return the places nearest first, ties by name, those without a position last."""
    south, west = math.radians(origin.latitude), origin.longitude

    def distance(place: PlaceT) -> tuple[float, str]:
        if place.latitude is None or place.longitude is None:
            return math.inf, place.name
        return _haversine_m(south, west, place.latitude, place.longitude), place.name

    return sorted(places, key=distance)


def about_as_near(first_m: float, other_m: float, *, error_m: float) -> bool:
    """Return whether a place is no farther than the first by more than the error in metres."""
    return other_m - first_m <= error_m
