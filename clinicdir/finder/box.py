"""Boxes of latitude and longitude that hold every place within a distance."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clinicdir.finder.rules import EARTH_RADIUS_M, PlaceT, Position, haversine_m

# Past half the way round the earth there is nothing farther.
FARTHEST_M = math.pi * EARTH_RADIUS_M
_FIRST_RADIUS_M = 4_000.0
# More than these are not read, let alone ranked.
_CROWD = 200
_OTHER_CONTINENT_M = 4_000_000
_QUARTER = math.pi / 2
# Rounding must not put a place on the edge outside: a ten-thousandth of a second of arc.
_MARGIN = 1e-9

Span = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A span of latitudes and one or two spans of longitudes, in degrees, edges included."""

    south: float
    north: float
    longitudes: tuple[Span, ...]

    @classmethod
    def around(cls, middle: Position, radius_m: float) -> "Box":
        """Return the smallest box that holds the circle of `radius_m` metres, also at the poles."""
        angle = radius_m / EARTH_RADIUS_M + _MARGIN
        latitude = math.radians(middle.latitude)
        south, north = latitude - angle, latitude + angle
        if south <= -_QUARTER or north >= _QUARTER:
            # With a pole inside, every longitude is near.
            spans: tuple[Span, ...] = ((-180.0, 180.0),)
        else:
            half = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(latitude))))
            spans = _spans(middle.longitude, half + math.degrees(_MARGIN))
        return cls(
            max(math.degrees(south), -90.0),
            min(math.degrees(north), 90.0),
            spans,
        )


def growing_box(
    here: Position, count: int, look: Callable[[Box, int | None], Sequence[PlaceT]]
) -> Sequence[PlaceT]:
    """Return the content of a box that surely holds the `count` nearest, if there are as many.

    `look` returns what lies in a box, at most so many. The box doubles until the last one wanted is
    nearer than its edge, or until it is the whole earth; one with a crowd in it is narrowed first.
    """
    most: int | None = max(_CROWD, 2 * count)
    low_m, high_m, radius_m = 0.0, math.inf, _FIRST_RADIUS_M
    while True:
        found = look(Box.around(here, radius_m), None if most is None else most + 1)
        if most is not None and len(found) > most:
            high_m = wider_m = radius_m
        else:
            wider_m = _radius_needed_m(here, found, count, radius_m)
            if wider_m <= radius_m:
                return found
            low_m = radius_m
        radius_m = min(wider_m, (low_m + high_m) / 2)
        if high_m - low_m < 1:
            # So many stand on one spot that they must all be ranked.
            most, radius_m, high_m = None, high_m, math.inf
        elif radius_m > _OTHER_CONTINENT_M:
            # A box so large has a pole in it and no longer tells near from far.
            most, radius_m = None, FARTHEST_M


def _radius_needed_m(here: Position, found: Sequence[PlaceT], count: int, radius_m: float) -> float:
    """Return how far to look after having found these within a radius; no more when enough."""
    if radius_m >= FARTHEST_M:
        return radius_m
    if len(found) < count:
        return 2 * radius_m
    # The last one wanted may stand in a corner of the box, and nearer ones beyond the edge.
    return sorted(_distance_m(here, place) for place in found)[count - 1]


def _distance_m(here: Position, place: PlaceT) -> float:
    if place.latitude is None or place.longitude is None:
        return math.inf
    return haversine_m(here, Position(place.latitude, place.longitude))


def _spans(longitude: float, half: float) -> tuple[Span, ...]:
    """Return the longitudes around one, cut in two where they reach over the date line."""
    west, east = longitude - half, longitude + half
    if west < -180:  # noqa: PLR2004 - the date line
        return ((west + 360, 180.0), (-180.0, east))
    if east > 180:  # noqa: PLR2004
        return ((west, 180.0), (-180.0, east - 360))
    return ((west, east),)
