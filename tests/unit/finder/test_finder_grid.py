"""The address grid: which axis an address gives, and where a line puts it."""

import pytest

from clinicdir.finder.grid import (
    BLOCK_M,
    Axis,
    Blocks,
    Knot,
    Line,
    Quality,
    Road,
    RoadKnot,
    half_of,
    read_blocks,
)
from clinicdir.finder.rules import parse_line

QUALITY = Quality(rows=20, inside=1, residual_m=30, error_m=90)
# 90 m a block up to block 100, 111 m a block beyond.
BENT = Line(Axis.LATITUDE, "NE", (Knot(0, 47.6), Knot(100, 47.681), Knot(200, 47.781)), QUALITY)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("13112 NE 20th St", Blocks("NE", latitude=20, longitude=131.12)),
        ("8180 304th Ave SE", Blocks("SE", latitude=81.8, longitude=304)),
        ("3700 Rainier Ave S", Blocks("S", latitude=37, longitude=None)),
        ("1100 E Pike St", Blocks("E", latitude=None, longitude=11)),
        ("4634 E Marginal Way S", Blocks("S", latitude=46.34, longitude=None)),
        ("NE 20th St", Blocks("NE", latitude=20, longitude=None)),
        ("1500 12th Ave", Blocks("-", latitude=15, longitude=12)),
        ("1500 12th St", Blocks("-", latitude=12, longitude=15)),
    ],
)
def test_side_and_direction_tell_the_axes(typed: str, expected: Blocks) -> None:
    assert read_blocks(parse_line(typed).street) == expected


@pytest.mark.parametrize(
    "typed", ["100 Broadway", "100 S 91st Pl S", "100 NE Woodinville Rd NE", "98057"]
)
def test_street_that_may_run_either_way_gives_nothing(typed: str) -> None:
    assert read_blocks(parse_line(typed).street) is None


@pytest.mark.parametrize(
    ("block", "degrees"),
    [(0, 47.6), (50, 47.6405), (100, 47.681), (150, 47.731), (200, 47.781), (210, 47.79005)],
)
def test_line_is_straight_between_its_knots_and_goes_on(block: float, degrees: float) -> None:
    assert BENT.at(block) == pytest.approx(degrees)


def test_line_is_not_followed_far_beyond_its_ends() -> None:
    assert [BENT.reaches(block) for block in (-21, -20, 220, 221)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("knots", "expected"),
    [
        (((0, 47.6), (100, 47.69)), True),
        (((0, 47.6), (100, 47.51)), True),
        (((0, 47.6), (100, 47.66)), False),
        (((0, 47.6), (100, 47.72)), False),
        (((0, 47.6), (50, 47.68), (100, 47.69)), False),
        (((0, 47.6), (50, 47.595), (100, 47.69)), False),
    ],
)
def test_line_is_a_grid_only_with_blocks_of_a_believable_length(
    knots: tuple[tuple[float, float], ...], expected: bool
) -> None:
    line = Line(Axis.LATITUDE, "N", tuple(Knot(*knot) for knot in knots), QUALITY)
    assert line.is_grid(47.6, BLOCK_M) is expected


def test_block_of_longitude_is_shorter_in_the_north() -> None:
    line = Line(Axis.LONGITUDE, "E", (Knot(0, -122.3), Knot(100, -122.2)), QUALITY)
    assert [line.is_grid(latitude, BLOCK_M) for latitude in (0, 47.6)] == [True, False]


def test_road_follows_its_bends_and_ends() -> None:
    knots = (
        RoadKnot(1000, 47.6, -122.3),
        RoadKnot(2000, 47.61, -122.3),
        RoadKnot(3000, 47.61, -122.29),
    )
    road = Road(("LAKE RD",), knots, QUALITY)
    found = [road.at(number) for number in (799, 800, 1500, 2500, 3200, 3201)]
    assert [at and (round(at.latitude, 4), round(at.longitude, 4)) for at in found] == [
        None,
        (47.598, -122.3),
        (47.605, -122.3),
        (47.61, -122.295),
        (47.61, -122.288),
        None,
    ]


@pytest.mark.parametrize(
    ("axis", "direction", "half"),
    [
        (Axis.LATITUDE, "NE", "N"),
        (Axis.LONGITUDE, "NE", "E"),
        (Axis.LATITUDE, "E", "E"),
        (Axis.LONGITUDE, "-", "-"),
    ],
)
def test_half_of_a_town(axis: Axis, direction: str, half: str) -> None:
    assert half_of(axis, direction) == half
