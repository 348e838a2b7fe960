"""What is known of one region: its grids, its long roads, its ZIP codes; pure data."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from clinicdir.finder.grid import M_A_DEGREE, NO_DIRECTION, Axis, Line, Road, half_of
from clinicdir.finder.rules import Position


@dataclass(frozen=True)
class Middle:
    """The middle of known addresses, and the metres within which nine in ten of them lie."""

    position: Position
    error_m: int


@dataclass(frozen=True)
class Zone:
    """ZIP codes that share a grid.

    One with `has_own_grid` lies inside a wider zone and is asked when that one does not fit. With
    `numbers_below` it is a town: only house numbers below that one can be the town's, and they
    lie around its middle.
    """

    name: str
    postal_codes: frozenset[str]
    has_own_grid: bool = False
    numbers_below: int | None = None
    middle: Middle | None = None
    lines: tuple[Line, ...] = ()
    roads: tuple[Road, ...] = ()
    directions: frozenset[str] = field(init=False, repr=False, compare=False)
    _line_of: dict[tuple[Axis, str], Line] = field(init=False, repr=False, compare=False)
    _road_of: dict[str, Road] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index lines and roads, for each look-up asks for them by name."""
        lines = {(line.axis, line.direction): line for line in self.lines}
        roads = {name: road for road in self.roads for name in road.names}
        both = {direction for axis, direction in lines if axis is Axis.LATITUDE} - {NO_DIRECTION}
        object.__setattr__(self, "directions", frozenset(both))
        object.__setattr__(self, "_line_of", lines)
        object.__setattr__(self, "_road_of", roads)

    def line(self, axis: Axis, direction: str) -> Line | None:
        """Return the line of an axis for streets of one direction."""
        key = half_of(axis, direction) if self.has_own_grid else direction
        return self._line_of.get((axis, key))

    def may_have(self, number: int | None) -> bool:
        """Return whether a house number can be one of this zone's."""
        return self.numbers_below is None or (number is not None and number < self.numbers_below)

    def road(self, street_key: str) -> Road | None:
        """Return the road of that name."""
        return self._road_of.get(street_key)


@dataclass(frozen=True)
class PostalArea:
    """One ZIP code: the middle of its addresses, and how far they reach on each axis in metres.

    `error_m` is the distance from the middle within which nine in ten addresses lie, and
    `error_north_m` and `error_east_m` are the same on one axis.
    """

    code: str
    middle: Position
    reach_north_m: int
    reach_east_m: int
    error_m: int
    error_north_m: int
    error_east_m: int

    def has_latitude(self, latitude: float) -> bool:
        """Return whether an address of this ZIP code can lie at a latitude in degrees."""
        return abs(latitude - self.middle.latitude) * M_A_DEGREE <= self.reach_north_m

    def has_longitude(self, longitude: float) -> bool:
        """Return whether an address of this ZIP code can lie at a longitude in degrees."""
        m_a_degree = M_A_DEGREE * math.cos(math.radians(self.middle.latitude))
        return abs(longitude - self.middle.longitude) * m_a_degree <= self.reach_east_m

    def has(self, position: Position) -> bool:
        """Return whether an address of this ZIP code can lie at a position."""
        return self.has_latitude(position.latitude) and self.has_longitude(position.longitude)


@dataclass(frozen=True)
class Region:
    """A county or so: its zones, wide ones before towns, and its ZIP codes."""

    name: str
    source: str
    zones: tuple[Zone, ...]
    areas: tuple[PostalArea, ...]
    _area_of: dict[str, PostalArea] = field(init=False, repr=False, compare=False)
    _zones_of: dict[str, tuple[Zone, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the ZIP codes."""
        object.__setattr__(self, "_area_of", {area.code: area for area in self.areas})
        zones = {
            area.code: tuple(zone for zone in self.zones if area.code in zone.postal_codes)
            for area in self.areas
        }
        object.__setattr__(self, "_zones_of", zones)

    def area(self, postal_code: str) -> PostalArea | None:
        """Return what is known of a ZIP code."""
        return self._area_of.get(postal_code)

    def zones_of(self, postal_code: str) -> tuple[Zone, ...]:
        """Return the zones that a ZIP code lies in."""
        return self._zones_of.get(postal_code, ())

    def each_line(self) -> Iterator[tuple[Zone, Line]]:
        """Yield all lines with their zones."""
        for zone in self.zones:
            for line in zone.lines:
                yield zone, line
