"""What the audiences ask the finder: where a patient is, and which clinics are near."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from clinicdir.finder.box import Box, growing_box
from clinicdir.finder.rules import (
    Level,
    Origin,
    Place,
    PlaceT,
    Position,
    about_as_near,
    rank,
)
from clinicdir.finder.water import find_drawing, ways_from
from clinicdir.finder.way import Way, in_order
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import (
    Placed,
    count_locations,
    first_placed,
    list_by_name,
    list_placed_in_box,
    list_unplaced,
    list_with_ids,
)

# Not bound to Place: mypy checks a bound before it knows the columns of a mapped class.
LocationT = TypeVar("LocationT")

# A group no larger than this is ranked as a whole, by one query.
SMALL_GROUP = 50
# Round a water another clinic may be the first: so many are looked at, shown or not.
_CANDIDATES = 12


class Geocoder(Protocol):
    """The part of geopy's Geocoder that the finder asks; tests give one with fixed answers."""

    def geocode(self, query: str) -> Any:  # noqa: ANN401 - geopy has no types
        """Return geopy's Location, or None for a line that names no known place."""


@dataclass(frozen=True)
class Nearest(Generic[LocationT]):
    """One ranked location and its straight-line distance in metres, None when unknown.

    `across` names the waters under the straight line. `is_way_longer` says that this one is nearer
    in a straight line than the one above it, and stands below it for the way round a water.
    """

    location: LocationT
    distance_m: int | None
    about_as_near_as_first: bool
    across: tuple[str, ...] = ()
    needs_ferry: bool = False
    is_way_longer: bool = False


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


def locate_position(latitude: float, longitude: float, *, error_m: int = 0) -> Origin:
    """Return the origin at given degrees, off by `error_m` metres; ValueError if out of range."""
    position = Position(latitude, longitude)
    matched = f"{latitude:.4f}, {longitude:.4f}"
    return Origin(Level.POSITION, position.latitude, position.longitude, error_m, matched)


def nearest(
    origin: Origin | None, locations: Iterable[PlaceT], *, limit: int
) -> list[Nearest[PlaceT]]:
    """Return the nearest in a straight line, or without an origin the first ones by name."""
    if origin is None:
        by_name = sorted(locations, key=lambda location: location.name)
        return [
            Nearest(location, None, about_as_near_as_first=False) for location in by_name[:limit]
        ]
    shown = rank(origin.position, locations)[:limit]
    return _results(origin, shown, [None for _ in shown], overtaken=())


def find_nearest(origin: Origin | None, *, limit: int) -> list[Nearest[Location]]:
    """Return the nearest of all locations, those behind a water after those on this side of it.

    Without an origin these are the first ones by name.
    """
    if origin is None:
        return nearest(None, list_by_name(limit), limit=limit)
    count = limit if find_drawing(origin.position) is None else max(limit, _CANDIDATES)
    places = _nearest_placed(origin.position, count)
    ways = ways_from(origin.position, [_position(place) for place in places])
    order = in_order(ways)[:limit]
    locations = list_with_ids([places[number].id for number in order])
    overtaken = {place for place, number in enumerate(order) if number < max(order[: place + 1])}
    return _results(origin, locations, [ways[number] for number in order], overtaken=overtaken)


def find_open_near(location: Location, *, limit: int) -> list[Nearest[Location]]:
    """Return the nearest other clinics that take requests, those with no limits if there are any.

    A clinic without a position gives the first ones by name.
    """
    origin = None
    if location.latitude is not None and location.longitude is not None:
        origin = locate_position(location.latitude, location.longitude)
    for most in (_CANDIDATES, SMALL_GROUP, None):
        near = find_nearest(origin, limit=most or count_locations())
        for status in (LocationStatus.OPEN, LocationStatus.LIMITED):
            found = [
                result
                for result in near
                if result.location.status is status and result.location.slug != location.slug
            ]
            if len(found) >= limit or (found and most is None):
                return found[:limit]
    return []


def _nearest_placed(here: Position, count: int) -> list[Placed]:
    """Return the `count` nearest locations in a straight line, then those without a position."""
    everyone = first_placed(SMALL_GROUP + 1)
    if len(everyone) <= SMALL_GROUP:
        return rank(here, everyone)[:count]
    found = rank(here, growing_box(here, count, _look))[:count]
    return found + list_unplaced(count - len(found)) if len(found) < count else found


def _look(box: Box, most: int | None) -> list[Placed]:
    return list_placed_in_box(box.south, box.north, box.longitudes, most=most)


def _position(place: Place) -> Position | None:
    if place.latitude is None or place.longitude is None:
        return None
    return Position(place.latitude, place.longitude)


def _results(
    origin: Origin,
    shown: Sequence[PlaceT],
    ways: Sequence[Way | None],
    *,
    overtaken: Collection[int],
) -> list[Nearest[PlaceT]]:
    """Return the places in the order given, each with what is said of it."""
    distances = [_distance_m(origin, place) for place in shown]
    return [
        Nearest(
            place,
            distance_m,
            about_as_near_as_first=_about_as_near(origin, distances, ways, number),
            across=way.across if way else (),
            needs_ferry=bool(way and way.ferries),
            is_way_longer=number in overtaken,
        )
        for number, (place, distance_m, way) in enumerate(zip(shown, distances, ways, strict=True))
    ]


def _about_as_near(
    origin: Origin, distances: Sequence[int | None], ways: Sequence[Way | None], number: int
) -> bool:
    """Return whether neither the distance nor a way round tells a place from the first one."""
    first_m, other_m, first, other = distances[0], distances[number], ways[0], ways[number]
    if first_m is None or other_m is None:
        return False
    if first and other and other.across and first.is_clearly_shorter(other):
        return False
    return about_as_near(first_m, other_m, error_m=origin.error_m)


def _distance_m(origin: Origin, location: PlaceT) -> int | None:
    """Return the distance on the ellipsoid in whole metres, None without a position."""
    if location.latitude is None or location.longitude is None:
        return None
    # Slow start: geopy costs 75 ms, and only a search needs it.
    from geopy.distance import geodesic  # type: ignore[import-untyped]  # noqa: PLC0415

    here, there = (origin.latitude, origin.longitude), (location.latitude, location.longitude)
    metres: float = geodesic(here, there).meters
    return round(metres)
