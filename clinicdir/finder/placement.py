"""Where a region's grid puts an address: along a known road, in a grid, or amid its ZIP code."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clinicdir.finder.grid import Axis, Blocks, Line, read_blocks
from clinicdir.finder.region import Middle, PostalArea, Region, Zone
from clinicdir.finder.rules import Level, Position, haversine_m
from clinicdir.finder.street import Street


@dataclass(frozen=True)
class Placement:
    """A position, how it was found, and the metres by which it may be off.

    `known` is the axis that a grid gave when it gave one alone.
    """

    level: Level
    position: Position
    error_m: int
    known: Axis | None = None


class _Reading(NamedTuple):
    """What the lines of one zone say of an address, in degrees; None where they say nothing."""

    latitude: float | None = None
    longitude: float | None = None
    latitude_error_m: int = 0
    longitude_error_m: int = 0

    @property
    def says_nothing(self) -> bool:
        return self.latitude is None and self.longitude is None


_NOTHING = _Reading()


def place(region: Region, street: Street, area: PostalArea) -> Placement:
    """Return where an address of a ZIP code lies; the middle of the ZIP when no more is known."""
    zones = region.zones_of(area.code)
    return _on_road(zones, street, area) or _in_grid(zones, street, area) or amid(area)


def amid(area: PostalArea) -> Placement:
    """Return the middle of a ZIP code."""
    return Placement(Level.POSTAL_CODE, area.middle, area.error_m)


def _on_road(zones: tuple[Zone, ...], street: Street, area: PostalArea) -> Placement | None:
    """Return the place of a house number on a known road that passes through the ZIP code."""
    if street.number is None:
        return None
    key = street.key
    for zone in zones:
        road = zone.road(key)
        position = road.at(street.number) if road else None
        if road and position and area.has(position):
            return Placement(Level.STREET, position, road.quality.error_m)
    return None


def _in_grid(zones: tuple[Zone, ...], street: Street, area: PostalArea) -> Placement | None:
    """Return what the first zone that fits says of an address."""
    blocks = read_blocks(street)
    for zone in zones:
        if not zone.may_have(street.number):
            continue
        reading = _read(zone, blocks, area) if blocks else _NOTHING
        if not reading.says_nothing:
            return _placed(reading, zone, area)
        town = _town(zone, area)
        if town and street.number is not None:
            return Placement(Level.POSTAL_CODE, town.position, town.error_m)
    return None


def _read(zone: Zone, blocks: Blocks, area: PostalArea) -> _Reading:
    """Return the zone's coordinates of an address, none at all if one lies outside the ZIP code.

    An address that one axis puts out of its ZIP code does not follow this grid, so the other axis
    means nothing either.
    """
    north = _line(zone, Axis.LATITUDE, blocks.direction, blocks.latitude)
    east = _line(zone, Axis.LONGITUDE, blocks.direction, blocks.longitude)
    latitude = north[0].at(north[1]) if north else None
    longitude = east[0].at(east[1]) if east else None
    if latitude is not None and not area.has_latitude(latitude):
        return _NOTHING
    if longitude is not None and not area.has_longitude(longitude):
        return _NOTHING
    return _Reading(
        latitude,
        longitude,
        north[0].quality.error_m if north else 0,
        east[0].quality.error_m if east else 0,
    )


def _town(zone: Zone, area: PostalArea) -> Middle | None:
    """Return the middle of a town in a ZIP code, if it says more than the ZIP's own middle."""
    if zone.middle is None or zone.middle.error_m >= area.error_m:
        return None
    return zone.middle if area.has(zone.middle.position) else None


def _line(zone: Zone, axis: Axis, direction: str, block: float | None) -> tuple[Line, float] | None:
    """Return the line of an axis and the block to read on it."""
    line = zone.line(axis, direction) if block is not None else None
    return (line, block) if line and block is not None and line.reaches(block) else None


def _placed(reading: _Reading, zone: Zone, area: PostalArea) -> Placement:
    """Return the place of an address, an unknown coordinate taken from the town or ZIP code."""
    if reading.latitude is not None and reading.longitude is not None:
        error_m = math.hypot(reading.latitude_error_m, reading.longitude_error_m)
        position = Position(reading.latitude, reading.longitude)
        return Placement(Level.GRID, position, round(error_m))
    town = _town(zone, area)
    middle = town.position if town else area.middle
    known = Axis.LONGITUDE if reading.latitude is None else Axis.LATITUDE
    if reading.latitude is not None:
        missing_m = town.error_m if town else area.error_east_m
        position = Position(reading.latitude, middle.longitude)
    else:
        missing_m = town.error_m if town else area.error_north_m
        position = Position(middle.latitude, reading.longitude or middle.longitude)
    known_m = reading.latitude_error_m or reading.longitude_error_m
    error_m = round(math.hypot(missing_m, known_m))
    return Placement(Level.POSTAL_CODE, position, error_m, known)


def place_among(
    street: Street, found: Sequence[tuple[Region, PostalArea, Placement]], centre: Position | None
) -> Placement | None:
    """Return where an address lies whose ZIP code may be any of some, by the axis that is known.

    On the other axis it is put at the centre of its town, or without one amid those ZIP codes that
    have streets of its direction.
    """
    blocks = read_blocks(street)
    likely = [
        (area, placement)
        for region, area, placement in found
        if blocks and placement.known and _has_direction(region, area, blocks, placement.known)
    ]
    if not likely:
        return None
    latitudes = [placement.position.latitude for _, placement in likely]
    longitudes = [placement.position.longitude for _, placement in likely]
    if centre and likely[0][1].known is Axis.LATITUDE:
        longitudes = [centre.longitude]
    elif centre:
        latitudes = [centre.latitude]
    position = Position(statistics.fmean(latitudes), statistics.fmean(longitudes))
    error_m = max(haversine_m(position, area.middle) + area.error_m for area, _ in likely)
    return Placement(Level.CITY, position, round(error_m))


def _has_direction(region: Region, area: PostalArea, blocks: Blocks, known: Axis) -> bool:
    """Return whether streets of a direction lie in a ZIP code, by their line on the other axis."""
    other = Axis.LONGITUDE if known is Axis.LATITUDE else Axis.LATITUDE
    lines = [zone.line(other, blocks.direction) for zone in region.zones_of(area.code)]
    middle = area.middle.latitude if other is Axis.LATITUDE else area.middle.longitude
    return any(line is None or line.spans(middle) for line in lines[:1])
