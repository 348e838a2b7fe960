"""Reads and writes the file of one region: TOML that a person can read and mend."""

import json
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from clinicdir.finder.grid import (
    BLOCK_M,
    OWN_BLOCK_M,
    Axis,
    Knot,
    Line,
    Quality,
    Road,
    RoadKnot,
)
from clinicdir.finder.region import Middle, PostalArea, Region, Zone
from clinicdir.finder.rules import Position
from clinicdir.finder.toml_table import BadTable, Table, as_integer, as_list, as_number, as_text
from clinicdir.finder.usps import DIRECTIONS

REGIONS_FOLDER = Path(__file__).parent / "regions"
_HEADER = """\
# The address grid of one region. Made by tools/fit_grid.py; may be mended by hand.
# Positions are degrees (WGS 84), distances metres. How it is used: docs/finder.md.
#
# postal_codes  ZIP code, latitude and longitude of the middle of its addresses, how far they reach
#               from it north and east, the error when no more is known: distance, north, east
# zones         ZIP codes with one grid. own_grid: a town's, used where the wider one does not fit
#   lines       knots are [block, degrees]; a block is 100 house numbers or one street number
#   roads       long roads off the grid: knots are [house number, latitude, longitude]
# rows, inside, residual_m, error_m: known addresses, the share of them within 350 m, the median
# error, and the error that held for 19 of 20.
"""
_CODE_DIGITS = 5


def read_regions(folder: Path = REGIONS_FOLDER) -> tuple[Region, ...]:
    """Return the regions of a folder, one a file, in the order of the files' names."""
    return tuple(read_region(file) for file in sorted(folder.glob("*.toml")))


def read_region(file: Path) -> Region:
    """Return the region of a file, or raise BadTable."""
    try:
        return parse_region(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadTable) as problem:
        raise BadTable(f"{file.name}: {problem}") from None


def parse_region(text: str) -> Region:
    """Return the region that a file's text describes, or raise BadTable."""
    try:
        top = Table(tomllib.loads(text), "")
    except tomllib.TOMLDecodeError as problem:
        raise BadTable(f"This is not TOML: {problem}") from None
    rows = top.text("postal_codes").splitlines()
    areas = tuple(_area(row, number) for number, row in enumerate(rows, 1) if row.strip())
    if not areas:
        top.refuse("postal_codes", "at least one ZIP code is needed")
    latitude = sorted(area.middle.latitude for area in areas)[len(areas) // 2]
    zones = tuple(_zone(table, latitude) for table in top.list_of_tables("zones"))
    region = Region(top.text("name"), top.text("source"), zones, areas)
    top.allow_no_more()
    return region


def _code(value: object) -> str:
    code = as_text(value)
    if len(code) != _CODE_DIGITS or not (code.isascii() and code.isdigit()):
        raise ValueError
    return code


def _position(value: object) -> Position:
    latitude, longitude = (as_number(entry) for entry in as_list(value))
    return Position(latitude, longitude)


def _area(row: str, number: int) -> PostalArea:
    """Return the ZIP code of one row of the table."""
    try:
        code, latitude, longitude, *metres = row.split()
        reach_north, reach_east, *errors = (as_integer(int(entry)) for entry in metres)
        middle = Position(float(latitude), float(longitude))
        error, error_north, error_east = errors
        return PostalArea(
            _code(code), middle, reach_north, reach_east, error, error_north, error_east
        )
    except ValueError:
        raise BadTable(
            f"postal_codes, row {number}: {row!r}: a ZIP code, two degrees and five whole"
            " numbers of metres are needed"
        ) from None


def _zone(table: Table, latitude: float) -> Zone:
    name = table.text("name")
    codes = table.get(
        "postal_codes",
        lambda value: frozenset(_code(entry) for entry in as_list(value)),
        "a list of ZIP codes in quotes is needed",
    )
    has_own_grid = table.has("own_grid") and table.get("own_grid", _true, "true or left out")
    below = table.integer("numbers_below") if table.has("numbers_below") else None
    middle = _middle(table.table("middle")) if table.has("middle") else None
    block_m = OWN_BLOCK_M if has_own_grid else BLOCK_M
    lines = tuple(_line(entry, latitude, block_m) for entry in table.list_of_tables("lines"))
    roads = tuple(_road(entry) for entry in table.list_of_tables("roads"))
    table.allow_no_more()
    return Zone(name, codes, has_own_grid, below, middle, lines, roads)


def _true(value: object) -> bool:
    if value is not True:
        raise ValueError
    return True


def _middle(table: Table) -> Middle:
    position = table.get("at", _position, "[latitude, longitude] in degrees is needed")
    middle = Middle(position, table.integer("error_m"))
    table.allow_no_more()
    return middle


def _line(table: Table, latitude: float, block_m: tuple[float, float]) -> Line:
    axis = table.get("axis", Axis, 'must be "latitude" or "longitude"')
    direction = table.get("direction", _direction, 'N, NE, ... or "-" is needed')
    knots = table.get("knots", _line_knots, "two or more [block, degrees] by block are needed")
    line = Line(axis, direction, knots, _quality(table))
    table.allow_no_more()
    if not line.is_grid(latitude, block_m):
        table.refuse("knots", "blocks must be {} to {} m long, all one way".format(*block_m))
    return line


def _direction(value: object) -> str:
    direction = as_text(value)
    if direction not in DIRECTIONS | {"-"}:
        raise ValueError
    return direction


def _line_knots(value: object) -> tuple[Knot, ...]:
    knots = tuple(Knot(*(as_number(entry) for entry in as_list(knot))) for knot in as_list(value))
    _check_ascending([knot.block for knot in knots])
    return knots


def _road_knots(value: object) -> tuple[RoadKnot, ...]:
    knots = tuple(
        RoadKnot(*(as_number(entry) for entry in as_list(knot))) for knot in as_list(value)
    )
    _check_ascending([knot.number for knot in knots])
    for knot in knots:
        Position(knot.latitude, knot.longitude)
    return knots


def _check_ascending(values: list[float]) -> None:
    if len(values) < 2 or not all(low < high for low, high in pairwise(values)):  # noqa: PLR2004
        raise ValueError


def _road(table: Table) -> Road:
    names = table.get(
        "names",
        lambda value: tuple(as_text(entry) for entry in as_list(value)) or _refused(),
        "a list of names in USPS words is needed",
    )
    knots = table.get(
        "knots", _road_knots, "two or more [number, latitude, longitude] by number are needed"
    )
    road = Road(names, knots, _quality(table))
    table.allow_no_more()
    return road


def _refused() -> NoReturn:
    raise ValueError


def _quality(table: Table) -> Quality:
    return Quality(
        table.integer("rows"),
        table.get("inside", _share, "a share from 0 to 1 is needed"),
        table.integer("residual_m"),
        table.integer("error_m"),
    )


def _share(value: object) -> float:
    share = as_number(value)
    if not 0 <= share <= 1:
        raise ValueError
    return share


def written(region: Region) -> str:
    """Return the text of a region's file; reading it gives the same region."""
    lines = [
        *_HEADER.splitlines(),
        f"name = {_quoted(region.name)}",
        f"source = {_quoted(region.source)}",
        "",
        'postal_codes = """',
        *(_area_text(area) for area in region.areas),
        '"""',
    ]
    for zone in region.zones:
        lines += ["", *_zone_lines(zone)]
    return "\n".join(lines) + "\n"


def _area_text(area: PostalArea) -> str:
    return (
        f"{area.code}  {area.middle.latitude:.5f} {area.middle.longitude:.5f}"
        f"  {area.reach_north_m:5} {area.reach_east_m:5}"
        f"  {area.error_m:5} {area.error_north_m:5} {area.error_east_m:5}"
    )


def _zone_lines(zone: Zone) -> list[str]:
    """Return the lines of one zone."""
    codes = [f'"{code}"' for code in sorted(zone.postal_codes)]
    per_line = 10
    rows = [", ".join(codes[at : at + per_line]) for at in range(0, len(codes), per_line)]
    lines = ["[[zones]]", f"name = {_quoted(zone.name)}"]
    lines += ["postal_codes = [", *(f"    {row}," for row in rows), "]"]
    if zone.has_own_grid:
        lines.append("own_grid = true")
    if zone.numbers_below is not None:
        lines.append(f"numbers_below = {zone.numbers_below}")
    if zone.middle is not None:
        at = zone.middle.position
        lines.append(
            f"middle = {{ at = [{at.latitude}, {at.longitude}], error_m = {zone.middle.error_m} }}"
        )
    lines += _listed("lines", [_line_text(line) for line in zone.lines])
    return lines + _listed("roads", [_road_text(road) for road in zone.roads])


def _listed(key: str, entries: list[str]) -> list[str]:
    """Return a list of tables, one a line."""
    return [f"{key} = [", *(f"    {entry}," for entry in entries), "]"] if entries else []


def _line_text(line: Line) -> str:
    knots = ", ".join(f"[{knot.block:g}, {knot.degrees}]" for knot in line.knots)
    return (
        f'{{ axis = "{line.axis}", direction = "{line.direction}", knots = [{knots}],'
        f" {_quality_text(line.quality)} }}"
    )


def _road_text(road: Road) -> str:
    names = ", ".join(_quoted(name) for name in road.names)
    knots = ", ".join(f"[{k.number:g}, {k.latitude}, {k.longitude}]" for k in road.knots)
    return f"{{ names = [{names}], knots = [{knots}], {_quality_text(road.quality)} }}"


def _quality_text(quality: Quality) -> str:
    return (
        f"rows = {quality.rows}, inside = {quality.inside},"
        f" residual_m = {quality.residual_m}, error_m = {quality.error_m}"
    )


def _quoted(text: str) -> str:
    """Return a text as TOML's basic string, which is JSON's."""
    return json.dumps(text, ensure_ascii=False)
