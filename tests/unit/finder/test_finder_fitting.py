"""Fitting a region to known addresses: invented grids, with strays and a second grid inside."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from clinicdir.finder.fitting.areas import fit_area, fit_middle, geometric_median
from clinicdir.finder.fitting.consensus import Seen, quantile, simplified
from clinicdir.finder.fitting.fit import fit
from clinicdir.finder.fitting.known import KnownAddress, Scale
from clinicdir.finder.fitting.lines import OWN, WIDE, Refused, fit_line
from clinicdir.finder.fitting.roads import fit_road
from clinicdir.finder.grid import M_A_DEGREE, Axis, Quality, Road, RoadKnot
from clinicdir.finder.region import PostalArea, Region, Zone
from clinicdir.finder.rules import Position, parse_line

SCALE = Scale(47.6)
QUALITY = Quality(0, 0, 0, 0)


def rows_of(slope_m: float, blocks: range, *, origin_m: float = 5_000_000) -> list[Seen]:
    """Return rows on one line, each off by up to 40 m."""
    return [Seen(block, origin_m + slope_m * block + (block * 37 % 81) - 40) for block in blocks]


def test_line_is_found_among_strays() -> None:
    strays = [Seen(block, 5_000_000 + block * 7_919 % 30_000) for block in range(0, 200, 3)]
    line = fit_line(Axis.LATITUDE, "NE", rows_of(91, range(200)) + strays, scale=SCALE, demand=WIDE)
    assert line.slope * M_A_DEGREE == pytest.approx(91, abs=1)
    assert line.at(100) * M_A_DEGREE == pytest.approx(5_009_100, abs=60)
    assert (line.quality.rows, 0.7 < line.quality.inside < 0.9) == (267, True)


def test_line_bends_where_the_rows_bend() -> None:
    low, high = rows_of(100, range(100)), rows_of(83, range(100, 200), origin_m=5_001_700)
    line = fit_line(Axis.LATITUDE, "NE", low + high, scale=SCALE, demand=WIDE)
    off_m = [line.at(row.block) * M_A_DEGREE - row.metres for row in low + high]
    # One straight line would be off by 430 m at the bend.
    assert max(map(abs, off_m)) < 250
    assert 3 <= len(line.knots) <= 4


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (rows_of(91, range(14)), "14 rows, 15 are needed"),
        (rows_of(20, range(100)), "no line with blocks of 75 to 115 m"),
        (rows_of(160, range(100)), "no line with blocks of 75 to 115 m"),
        ([Seen(5, 5_000_000.0)] * 20, "no line with blocks of 75 to 115 m"),
        (
            [Seen(b % 90, 5_000_000 + b * 7_919 % 60_000) for b in range(300)],
            "rows agree",
        ),
    ],
)
def test_bad_fit_is_refused_and_says_why(rows: list[Seen], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        fit_line(Axis.LATITUDE, "NE", rows, scale=SCALE, demand=WIDE)


def test_town_may_have_longer_blocks_but_must_agree_more() -> None:
    rows = rows_of(150, range(12))
    line = fit_line(Axis.LATITUDE, "N", rows, scale=SCALE, demand=OWN)
    assert line.slope * M_A_DEGREE == pytest.approx(150, abs=8)
    strays = [Seen(block, 5_050_000 + block * 9_000) for block in range(8)]
    with pytest.raises(Refused, match="rows agree"):
        fit_line(Axis.LATITUDE, "N", rows + strays, scale=SCALE, demand=OWN)


def test_line_does_not_depend_on_the_order_of_rows() -> None:
    rows = rows_of(91, range(200))
    one, other = (
        fit_line(Axis.LATITUDE, "NE", order, scale=SCALE, demand=WIDE)
        for order in (rows, rows[::-1])
    )
    assert one == other


def test_road_follows_its_bend() -> None:
    rows = [RoadKnot(1_000 + 10 * step, 47.6 + step * 1e-4, -122.3) for step in range(50)]
    rows += [RoadKnot(1_500 + 10 * step, 47.605, -122.3 + step * 2e-4) for step in range(50)]
    road = fit_road(("LAKE RD",), rows, SCALE)
    assert road is not None
    assert (len(road.knots) <= 5, road.quality.inside, road.quality.residual_m < 40) == (
        True,
        1.0,
        True,
    )


@pytest.mark.parametrize("count", [19, 40])
def test_road_with_few_or_scattered_rows_is_none(count: int) -> None:
    rows = [RoadKnot(n, 47.6 + n * 7_919 % 100 / 1e3, -122.3) for n in range(count)]
    assert fit_road(("LAKE RD",), rows, SCALE) is None


def test_road_of_one_number_is_none() -> None:
    assert fit_road(("MALL",), [RoadKnot(1, 47.6, -122.3)] * 30, SCALE) is None


def test_middle_is_not_moved_by_a_stray() -> None:
    crowd = [Position(47.6 + n * 1e-4, -122.3) for n in range(9)]
    stray = Position(48.6, -121.3)
    median = geometric_median([*crowd, stray], SCALE)
    assert SCALE.apart_m(median, Position(47.6004, -122.3)) < 60


def test_area_with_few_rows_keeps_the_published_point() -> None:
    point = Position(47.6, -122.3)
    area = fit_area("99901", point, [Position(47.7, -122.4)] * 7, SCALE)
    assert area == PostalArea("99901", point, 3_000, 3_000, 4_500, 4_500, 4_500)
    assert fit_middle([point] * 7, SCALE) is None


def test_area_lies_between_its_point_and_its_rows_and_reaches_them() -> None:
    rows = [Position(47.6 + n * 1e-3, -122.3) for n in range(40)]
    area = fit_area("99901", Position(47.65, -122.3), rows, SCALE)
    assert 47.62 < area.middle.latitude < 47.65
    assert all(area.has(row) for row in rows)
    assert (area.reach_east_m, area.error_east_m) == (1_500, 0)


def test_simplified_keeps_only_bends() -> None:
    def off_m(first: Seen, last: Seen, knot: Seen) -> float:
        share = (knot.block - first.block) / (last.block - first.block)
        return abs(first.metres + share * (last.metres - first.metres) - knot.metres)

    knots = [Seen(0, 0), Seen(1, 10), Seen(2, 1_000), Seen(3, 1_990), Seen(4, 3_000)]
    assert [knot.block for knot in simplified(knots, off_m)] == [0, 1, 4]


def test_quantile_takes_a_value_that_is_there() -> None:
    assert [quantile([3, 1, 2, 4], share) for share in (0.0, 0.5, 0.9)] == [4, 2, 4]


def known(line: str, code: str, latitude: float, longitude: float) -> KnownAddress:
    return KnownAddress(parse_line(line).street, code, Position(latitude, longitude))


def county() -> Iterator[KnownAddress]:
    """Yield a county grid of 90 and 100 m a block, a town's inside it, and a road."""
    for block in range(100):
        y, x = 47.5 + block * 90 / M_A_DEGREE, -122.3 + block * 0.0013
        yield known(f"{block * 100 + 5} {block}th Ave NE", "99901", y, x)
        yield known(f"{block * 100 + 5} NE {block}th St", "99901", y, x)
    for block in range(12):
        y, x = 47.45 + block * 120 / M_A_DEGREE, -122.2
        yield known(f"{block * 100 + 7} Main Ave NE", "99902", y, x)
        yield known(f"{block * 100 + 7} Broadway", "99902", y, x)
    for step in range(30):
        yield known(f"{step * 50 + 9000} Old Lake Rd", "99901", 47.55, -122.3 + step * 0.001)


AREA = PostalArea("", Position(47.5, -122.2), 0, 0, 0, 0, 0)
PLAN = Region(
    "Somewhere",
    "invented",
    (
        Zone("town", frozenset({"99902"}), has_own_grid=True, numbers_below=5_000),
        Zone(
            "county",
            frozenset({"99901", "99902"}),
            roads=(Road(("LAKE RD", "OLD LAKE RD"), (), QUALITY),),
        ),
    ),
    (replace(AREA, code="99901"), replace(AREA, code="99902"), replace(AREA, code="99903")),
)
POINTS = {"99901": Position(47.54, -122.24), "99902": Position(47.455, -122.2)}


def test_region_is_fitted_wide_zones_first() -> None:
    fitted = fit(PLAN, county(), POINTS)
    wide, town = fitted.region.zones
    assert (wide.name, {(line.axis, line.direction) for line in wide.lines}) == (
        "county",
        {(Axis.LATITUDE, "NE"), (Axis.LONGITUDE, "NE")},
    )
    assert [(line.axis, line.direction) for line in town.lines] == [(Axis.LATITUDE, "N")]
    assert [road.names for road in wide.roads] == [("LAKE RD", "OLD LAKE RD")]
    assert town.middle is not None
    assert [area.code for area in fitted.region.areas] == ["99901", "99902"]


def test_fit_without_rows_refuses_nothing_and_keeps_the_points() -> None:
    fitted = fit(PLAN, [], POINTS)
    assert (fitted.refused, [zone.lines for zone in fitted.region.zones]) == ((), [(), ()])
    assert [area.middle for area in fitted.region.areas] == list(POINTS.values())


def test_fit_names_what_it_refused() -> None:
    few = [row for row in county() if row.postal_code == "99902"]
    refused = {(line.zone, line.reason) for line in fit(PLAN, few, POINTS).refused}
    assert ("county", "12 rows, 15 are needed") in refused
