"""Fits a long named road to the house numbers that are known on it."""

import statistics
from collections.abc import Sequence

from clinicdir.finder.fitting.consensus import (
    INSIDE_M,
    SHARE_OF_ERROR,
    parts,
    quantile,
    simplified,
)
from clinicdir.finder.fitting.known import Scale
from clinicdir.finder.grid import Quality, Road, RoadKnot, road_position
from clinicdir.finder.rules import Position

LEAST_ROWS, LEAST_SHARE = 20, 0.75
_ROWS_A_KNOT = 5
_MOST_KNOTS = 12


def fit_road(names: tuple[str, ...], rows: Sequence[RoadKnot], scale: Scale) -> Road | None:
    """Return the road through rows of one street, None when too few of them agree."""
    if len(rows) < LEAST_ROWS:
        return None
    ordered = sorted(rows)
    knots = _knots(ordered, scale)
    if len(knots) < 2:  # noqa: PLR2004 - two points make a line
        return None
    off_m = [
        scale.apart_m(road_position(knots, row.number), Position(row.latitude, row.longitude))
        for row in ordered
    ]
    inside = sum(off <= INSIDE_M for off in off_m) / len(off_m)
    if inside < LEAST_SHARE:
        return None
    quality = Quality(
        rows=len(ordered),
        inside=round(inside, 2),
        residual_m=round(quantile(off_m, 0.5)),
        error_m=round(quantile(off_m, SHARE_OF_ERROR)),
    )
    return Road(names, tuple(knots), quality)


def _knots(rows: Sequence[RoadKnot], scale: Scale) -> list[RoadKnot]:
    """Return the bends of a road: middles of rows in order, without those on a straight piece."""
    middles = [
        RoadKnot(
            round(_middle_mean([row.number for row in part])),
            round(_middle_mean([row.latitude for row in part]), 5),
            round(_middle_mean([row.longitude for row in part]), 5),
        )
        for part in parts(rows, _ROWS_A_KNOT, _MOST_KNOTS)
    ]
    apart = middles[:1]
    for knot in middles[1:]:
        if knot.number > apart[-1].number:
            apart.append(knot)

    def off_m(first: RoadKnot, last: RoadKnot, knot: RoadKnot) -> float:
        chord = road_position((first, last), knot.number)
        return scale.apart_m(chord, Position(knot.latitude, knot.longitude))

    return simplified(apart, off_m) if len(apart) > 1 else []


def _middle_mean(values: Sequence[float]) -> float:
    """Return the mean of the middle half: no stray moves it, and it is no single row's value."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    return statistics.fmean(ordered[cut : len(ordered) - cut])
