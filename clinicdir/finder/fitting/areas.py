"""Fits the middle and the reach of ZIP codes and towns."""

import math
from collections.abc import Sequence

from clinicdir.finder.fitting.consensus import SHARE_OF_ERROR, quantile
from clinicdir.finder.fitting.known import Scale
from clinicdir.finder.grid import Axis
from clinicdir.finder.region import Middle, PostalArea
from clinicdir.finder.rules import Position

LEAST_ROWS = 8
# With fewer rows: how far a ZIP code reaches, and how far its point may be off.
UNKNOWN_REACH_M = 3_000
UNKNOWN_ERROR_M = 4_500
LEAST_REACH_M = 1_500
_SHARE_IN_REACH = 0.98
_MARGIN = 1.1
# Known addresses are mostly shops, which crowd together more than homes do. So the middle keeps
# a part of the ZIP's own point, which stands amid its area.
_WEIGHT_OF_ROWS = 0.7
_STEPS = 40
_LEAST_STEP_M = 30


def fit_area(code: str, point: Position, rows: Sequence[Position], scale: Scale) -> PostalArea:
    """Return what the rows of a ZIP code tell of it, beside its published point."""
    if len(rows) < LEAST_ROWS:
        unknown_m = UNKNOWN_ERROR_M
        reach_m = UNKNOWN_REACH_M
        return PostalArea(code, point, reach_m, reach_m, unknown_m, unknown_m, unknown_m)
    crowd = geometric_median(rows, scale)
    middle = Position(
        round(_mixed(crowd.latitude, point.latitude), 5),
        round(_mixed(crowd.longitude, point.longitude), 5),
    )
    north_m = _off_m(Axis.LATITUDE, middle, rows, scale)
    east_m = _off_m(Axis.LONGITUDE, middle, rows, scale)
    return PostalArea(
        code,
        middle,
        reach_north_m=_reach_m(north_m),
        reach_east_m=_reach_m(east_m),
        error_m=_error_m([scale.apart_m(middle, row) for row in rows]),
        error_north_m=_error_m(north_m),
        error_east_m=_error_m(east_m),
    )


def fit_middle(rows: Sequence[Position], scale: Scale) -> Middle | None:
    """Return the middle of a town, None with too few rows."""
    if len(rows) < LEAST_ROWS:
        return None
    middle = geometric_median(rows, scale)
    return Middle(middle, _error_m([scale.apart_m(middle, row) for row in rows]))


def geometric_median(rows: Sequence[Position], scale: Scale) -> Position:
    """Return the point with the least sum of distances: a few strays do not move it."""
    latitude = sum(row.latitude for row in rows) / len(rows)
    longitude = sum(row.longitude for row in rows) / len(rows)
    for _ in range(_STEPS):
        here = Position(latitude, longitude)
        weights = [1 / max(scale.apart_m(here, row), _LEAST_STEP_M) for row in rows]
        total = sum(weights)
        latitude = sum(w * row.latitude for w, row in zip(weights, rows, strict=True)) / total
        longitude = sum(w * row.longitude for w, row in zip(weights, rows, strict=True)) / total
    return Position(round(latitude, 5), round(longitude, 5))


def _mixed(crowd: float, point: float) -> float:
    return _WEIGHT_OF_ROWS * crowd + (1 - _WEIGHT_OF_ROWS) * point


def _off_m(axis: Axis, middle: Position, rows: Sequence[Position], scale: Scale) -> list[float]:
    """Return how far each row lies from the middle on one axis, in metres."""
    if axis is Axis.LATITUDE:
        return [abs(row.latitude - middle.latitude) * scale.of(axis) for row in rows]
    return [abs(row.longitude - middle.longitude) * scale.of(axis) for row in rows]


def _reach_m(off_m: Sequence[float]) -> int:
    return max(LEAST_REACH_M, _rounded(_MARGIN * quantile(off_m, _SHARE_IN_REACH)))


def _error_m(off_m: Sequence[float]) -> int:
    return _rounded(quantile(off_m, SHARE_OF_ERROR))


def _rounded(metres: float) -> int:
    """Return metres in steps of 50, upwards: more would be a precision that is not there."""
    return 50 * math.ceil(metres / 50)
