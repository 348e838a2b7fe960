"""Lines that most rows agree on, though some rows are wrong or belong to another grid; pure.

All values are metres here. Nothing is drawn at random: the same rows give the same line.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

NEAR_M = 250
INSIDE_M = 350
# A row this far from the straight line may still tell where the line bends.
BEND_M = 900
# A bend that moves no place by more is not worth a knot.
FLAT_M = 80
# What lies farther off is another grid or a mistake, and says nothing of the line's error.
STRAY_M = 1_500
# On rows that were not fitted to, an error that holds here for 19 in 20 holds for 9 in 10.
SHARE_OF_ERROR = 0.95
MOST_ROWS = 1_500
_MOST_PAIRS = 300
_LEAST_PAIR_BLOCKS = 1
_ROWS_A_KNOT = 10
_MOST_KNOTS = 12
_LEAST_KNOT_BLOCKS = 3

RowT = TypeVar("RowT")


class Seen(NamedTuple):
    """One row: its block, and where it lies on the axis in metres."""

    block: float
    metres: float


class Straight(NamedTuple):
    """A straight line: metres at block 0, and metres a block."""

    origin: float
    slope: float

    def off_m(self, row: Seen) -> float:
        """Return how far a row lies from the line in metres, signed."""
        return row.metres - self.origin - self.slope * row.block


def thinned(rows: Sequence[Seen]) -> list[Seen]:
    """Return the rows by block, no more than are needed."""
    step = math.ceil(len(rows) / MOST_ROWS) or 1
    return sorted(rows)[::step]


def straight_line(rows: Sequence[Seen], slopes: tuple[float, float]) -> Straight | None:
    """Return the line of most rows, its slope within bounds in metres a block; rows are sorted."""
    best, best_count = None, 0
    for candidate in _candidates(rows, slopes):
        count = sum(abs(candidate.off_m(row)) <= NEAR_M for row in rows)
        if count > best_count:
            best, best_count = candidate, count
    for _ in range(2):
        best = best and _least_squares([row for row in rows if abs(best.off_m(row)) <= INSIDE_M])
    if best is None or not slopes[0] <= abs(best.slope) <= slopes[1]:
        return None
    return best


def _candidates(rows: Sequence[Seen], slopes: tuple[float, float]) -> Iterator[Straight]:
    """Yield lines through pairs of rows that lie well apart."""
    pairs = [
        (low, low + step)
        for share in (0.5, 0.3, 0.7)
        for step in (round(share * len(rows)),)
        for low in range(len(rows) - step)
    ]
    for low, high in pairs[:: math.ceil(len(pairs) / _MOST_PAIRS) or 1]:
        one, other = rows[low], rows[high]
        if other.block - one.block < _LEAST_PAIR_BLOCKS:
            continue
        slope = (other.metres - one.metres) / (other.block - one.block)
        if slopes[0] <= abs(slope) <= slopes[1]:
            yield Straight(one.metres - slope * one.block, slope)


def _least_squares(rows: Sequence[Seen]) -> Straight | None:
    """Return the line with the least squares of distances, None when all rows share a block."""
    if len({row.block for row in rows}) < 2:  # noqa: PLR2004 - two points make a line
        return None
    slope, origin = statistics.linear_regression(
        [row.block for row in rows], [row.metres for row in rows]
    )
    return Straight(origin, slope)


def bent_line(rows: Sequence[Seen], straight: Straight) -> list[Seen]:
    """Return the knots of a line that follows the rows where they bend; rows are sorted."""
    near = [row for row in rows if abs(straight.off_m(row)) <= BEND_M]
    knots = [
        Seen(block, straight.origin + straight.slope * block + off_m)
        for part in parts(near, _ROWS_A_KNOT, _MOST_KNOTS)
        for block in (statistics.median(row.block for row in part),)
        for off_m in (statistics.median(straight.off_m(row) for row in part),)
    ]
    apart = knots[:1]
    for knot in knots[1:]:
        if knot.block - apart[-1].block >= _LEAST_KNOT_BLOCKS:
            apart.append(knot)
    if len(apart) < 2:  # noqa: PLR2004 - two points make a line
        return []
    low, high = ends_of(rows, straight)
    if low.block < apart[0].block - _LEAST_KNOT_BLOCKS:
        apart.insert(0, _moved(apart[0], low.block, straight))
    if high.block > apart[-1].block + _LEAST_KNOT_BLOCKS:
        apart.append(_moved(apart[-1], high.block, straight))
    return simplified(apart, off_chord)


def _moved(knot: Seen, block: float, straight: Straight) -> Seen:
    """Return a knot moved to another block, along the straight line."""
    return Seen(block, knot.metres + (block - knot.block) * straight.slope)


def ends_of(rows: Sequence[Seen], straight: Straight) -> list[Seen]:
    """Return the two ends of a straight line along the rows that agree with it."""
    blocks = [row.block for row in rows if abs(straight.off_m(row)) <= INSIDE_M]
    return [
        Seen(block, straight.origin + straight.slope * block)
        for block in (min(blocks), max(blocks))
    ]


def off_chord(first: Seen, last: Seen, knot: Seen) -> float:
    """Return how far a knot lies from the straight line between two others, in metres."""
    share = (knot.block - first.block) / (last.block - first.block)
    return abs(first.metres + share * (last.metres - first.metres) - knot.metres)


def parts(rows: Sequence[RowT], least: int, most: int) -> Iterator[Sequence[RowT]]:
    """Yield the rows in order, in equal parts of at least `least` rows where there are as many."""
    count = max(1, min(most, len(rows) // least))
    edges = [round(number * len(rows) / count) for number in range(count + 1)]
    for low, high in pairwise(edges):
        if high > low:
            yield rows[low:high]


def simplified(
    knots: list[RowT], off_m: Callable[[RowT, RowT, RowT], float], flat_m: float = FLAT_M
) -> list[RowT]:
    """Return the knots without those that lie within `flat_m` metres of a straight piece."""
    farthest = max(
        range(1, len(knots) - 1), default=0, key=lambda at: off_m(knots[0], knots[-1], knots[at])
    )
    if not farthest or off_m(knots[0], knots[-1], knots[farthest]) <= flat_m:
        return [knots[0], knots[-1]]
    before = simplified(knots[: farthest + 1], off_m, flat_m)
    return before[:-1] + simplified(knots[farthest:], off_m, flat_m)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
