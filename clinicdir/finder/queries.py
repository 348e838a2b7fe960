"""What the audiences ask the finder: where a patient is, and which clinics are near."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from clinicdir.finder.rules import Level, Origin, PlaceT, Position, about_as_near, rank

# Not bound to Place: mypy checks a bound before it knows the columns of a mapped class.
LocationT = TypeVar("LocationT")


class Geocoder(Protocol):
    """The part of geopy's Geocoder that the finder asks; tests give one with fixed answers."""

    def geocode(self, query: str) -> Any:  # noqa: ANN401 - geopy has no types
        """Return geopy's Location, or None for a line that names no known place."""


@dataclass(frozen=True)
class Nearest(Generic[LocationT]):
    """One ranked location and its straight-line distance in metres, None when unknown."""

    location: LocationT
    distance_m: int | None
    about_as_near_as_first: bool


def locate(text: str, *, geocoder: Geocoder) -> Origin | None:
    """Return where a typed line is, or None when no step of the ladder knows it."""
    found = geocoder.geocode(text)
    if found is None:
        return None
    return Origin(
        level=Level(found.raw["level"]),
        latitude=found.latitude,
        longitude=found.longitude,
        error_m=found.raw["error_m"],
        matched=found.raw["matched"],
        alternatives=tuple(found.raw["alternatives"]),
    )


def locate_position(latitude: float, longitude: float) -> Origin:
    """Return the origin at given degrees, taken as exact; ValueError when out of range."""
    position = Position(latitude, longitude)
    matched = f"{latitude:.4f}, {longitude:.4f}"
    return Origin(Level.POSITION, position.latitude, position.longitude, 0, matched)


def nearest(
    origin: Origin | None, locations: Iterable[PlaceT], *, limit: int
) -> list[Nearest[PlaceT]]:
    """Return the nearest locations, or without an origin the first ones by name."""
    if origin is None:
        by_name = sorted(locations, key=lambda location: location.name)
        return [
            Nearest(location, None, about_as_near_as_first=False) for location in by_name[:limit]
        ]
    shown = rank(origin.position, locations)[:limit]
    distances = [_distance_m(origin, location) for location in shown]
    return [
        Nearest(
            location,
            distance,
            about_as_near_as_first=distance is not None
            and distances[0] is not None
            and about_as_near(distances[0], distance, error_m=origin.error_m),
        )
        for location, distance in zip(shown, distances, strict=True)
    ]


def _distance_m(origin: Origin, location: PlaceT) -> int | None:
    """Return the distance on the ellipsoid in whole metres, None without a position."""
    if location.latitude is None or location.longitude is None:
        return None
    # Slow start: geopy costs 75 ms, and only a search needs it.
    from geopy.distance import geodesic  # type: ignore[import-untyped]  # noqa: PLC0415

    here, there = (origin.latitude, origin.longitude), (location.latitude, location.longitude)
    metres: float = geodesic(here, there).meters
    return round(metres)
