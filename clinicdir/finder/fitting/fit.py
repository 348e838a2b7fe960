"""Fits a whole region: wide zones first, then the towns from what those leave unexplained."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clinicdir.finder.fitting.areas import fit_area, fit_middle
from clinicdir.finder.fitting.consensus import Seen
from clinicdir.finder.fitting.known import KnownAddress, Scale, degrees_on
from clinicdir.finder.fitting.lines import OWN, WIDE, Refused, fit_line
from clinicdir.finder.fitting.roads import fit_road
from clinicdir.finder.grid import NO_DIRECTION, Axis, Line, Road, RoadKnot, half_of, read_blocks
from clinicdir.finder.region import Region, Zone
from clinicdir.finder.rules import Position

# Rows this near to what a wide zone's lines say are not a town's.
EXPLAINED_M = 600


@dataclass(frozen=True)
class RefusedLine:
    """A line that was not kept, and why."""

    zone: str
    axis: Axis
    direction: str
    reason: str


@dataclass(frozen=True)
class Fitted:
    """A region as its rows give it, and the lines that were refused."""

    region: Region
    refused: tuple[RefusedLine, ...]


def fit(plan: Region, rows: Iterable[KnownAddress], points: Mapping[str, Position]) -> Fitted:
    """Return the plan's zones and ZIP codes fitted to the rows; `points` are the ZIPs' own points.

    Of the plan only names, ZIP codes and the towns' marks are taken, nothing that was fitted.
    """
    known = [row for row in rows if row.postal_code in points and plan.area(row.postal_code)]
    scale = Scale(_middle_latitude(points[area.code] for area in plan.areas if area.code in points))
    refused: list[RefusedLine] = []
    left: Sequence[KnownAddress] = known
    zones: list[Zone] = []
    for zone in sorted(plan.zones, key=lambda zone: zone.has_own_grid):
        wide = [done for done in zones if not done.has_own_grid]
        if zone.has_own_grid:
            left = [row for row in known if not _is_explained(row, wide, scale)]
        zones.append(_fit_zone(zone, left, scale, refused))
        if zone.has_own_grid:
            zones[-1] = _without_roads_of(wide, zones[-1])
    by_code: dict[str, list[Position]] = defaultdict(list)
    for row in known:
        by_code[row.postal_code].append(row.position)
    areas = tuple(
        fit_area(area.code, points[area.code], by_code[area.code], scale)
        for area in plan.areas
        if area.code in points
    )
    return Fitted(replace(plan, zones=tuple(zones), areas=areas), tuple(refused))


def _without_roads_of(wide: Iterable[Zone], zone: Zone) -> Zone:
    """Return a town without the roads that a wide zone around it has."""
    taken = {
        name
        for other in wide
        if other.postal_codes & zone.postal_codes
        for road in other.roads
        for name in road.names
    }
    return replace(zone, roads=tuple(road for road in zone.roads if road.names[0] not in taken))


def _middle_latitude(points: Iterable[Position]) -> float:
    latitudes = sorted(point.latitude for point in points)
    return latitudes[len(latitudes) // 2] if latitudes else 0


def _fit_zone(
    zone: Zone, rows: Iterable[KnownAddress], scale: Scale, refused: list[RefusedLine]
) -> Zone:
    """Return a zone with the lines, roads and middle that its rows give."""
    own = [
        row
        for row in rows
        if row.postal_code in zone.postal_codes and zone.may_have(row.street.number)
    ]
    bare = replace(zone, lines=(), roads=(), middle=None)
    gridded = replace(bare, lines=tuple(_fit_lines(bare, own, scale, refused)))
    off_grid = [row for row in own if not _is_explained(row, [gridded], scale, both=True)]
    middle = fit_middle([row.position for row in own], scale) if zone.numbers_below else None
    return replace(gridded, roads=tuple(_fit_roads(zone, off_grid, scale)), middle=middle)


def _fit_lines(
    zone: Zone, rows: Iterable[KnownAddress], scale: Scale, refused: list[RefusedLine]
) -> list[Line]:
    """Return the lines of a zone; note the refused ones."""
    pools: dict[tuple[Axis, str], list[Seen]] = defaultdict(list)
    for row in rows:
        for axis, direction, block in _blocks(row):
            if (direction == NO_DIRECTION) <= zone.has_own_grid:
                metres = degrees_on(axis, row.position) * scale.of(axis)
                key = half_of(axis, direction) if zone.has_own_grid else direction
                pools[axis, key].append(Seen(block, metres))
    lines = []
    demand = OWN if zone.has_own_grid else WIDE
    for (axis, direction), pool in sorted(pools.items()):
        try:
            line = fit_line(axis, direction, pool, scale=scale, demand=demand)
        except Refused as reason:
            refused.append(RefusedLine(zone.name, axis, direction, str(reason)))
        else:
            lines.append(line)
    return lines


def _blocks(row: KnownAddress) -> list[tuple[Axis, str, float]]:
    """Return what a row says of each axis: its direction and its block."""
    blocks = read_blocks(row.street)
    if blocks is None:
        return []
    read = ((Axis.LATITUDE, blocks.latitude), (Axis.LONGITUDE, blocks.longitude))
    return [(axis, blocks.direction, block) for axis, block in read if block is not None]


def _is_explained(
    row: KnownAddress, zones: Collection[Zone], scale: Scale, *, both: bool = False
) -> bool:
    """Return whether lines of the zones say where the row lies: on one axis, or on both."""
    agreeing = 0
    for zone in zones:
        if row.postal_code not in zone.postal_codes:
            continue
        for axis, direction, block in _blocks(row):
            line = zone.line(axis, direction)
            if line is None:
                continue
            off = line.at(block) - degrees_on(axis, row.position)
            agreeing += abs(off) * scale.of(axis) <= EXPLAINED_M
    return agreeing >= (2 if both else 1)


def _fit_roads(zone: Zone, rows: Iterable[KnownAddress], scale: Scale) -> list[Road]:
    """Return the long roads of a zone that its lines do not place."""
    names_of = {name: road.names for road in zone.roads for name in road.names}
    pools: dict[tuple[str, ...], list[RoadKnot]] = defaultdict(list)
    for row in rows:
        if row.street.number is None or not row.street.key:
            continue
        names = names_of.get(row.street.key, (row.street.key,))
        pools[names].append(RoadKnot(row.street.number, *_degrees(row.position)))
    fitted = (fit_road(names, pool, scale) for names, pool in sorted(pools.items()))
    return [road for road in fitted if road is not None]


def _degrees(position: Position) -> tuple[float, float]:
    return position.latitude, position.longitude
