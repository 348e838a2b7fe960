"""What a region is fitted to: addresses with known positions, and metres on a flat map."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from clinicdir.finder.grid import Axis, metres_a_degree
from clinicdir.finder.rules import Position
from clinicdir.finder.street import Street


class KnownAddress(NamedTuple):
    """One address whose position is known."""

    street: Street
    postal_code: str
    position: Position


@dataclass(frozen=True)
class Scale:
    """Metres a degree around one latitude, the same all over a region."""

    latitude: float

    def of(self, axis: Axis) -> float:
        """Return the metres a degree of an axis."""
        return metres_a_degree(axis, self.latitude)

    def apart_m(self, one: Position, other: Position) -> float:
        """Return the distance of two positions in metres, good within a region."""
        north = (one.latitude - other.latitude) * self.of(Axis.LATITUDE)
        east = (one.longitude - other.longitude) * self.of(Axis.LONGITUDE)
        return math.hypot(north, east)


def degrees_on(axis: Axis, position: Position) -> float:
    """Return the coordinate of a position on an axis."""
    return position.latitude if axis is Axis.LATITUDE else position.longitude
