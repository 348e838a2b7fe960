"""Fits the line of one axis and direction; refuses what would be no grid."""

from collections.abc import Sequence
from dataclasses import dataclass

from clinicdir.finder.fitting.consensus import (
    INSIDE_M,
    SHARE_OF_ERROR,
    STRAY_M,
    Seen,
    bent_line,
    ends_of,
    quantile,
    straight_line,
    thinned,
)
from clinicdir.finder.fitting.known import Scale
from clinicdir.finder.grid import BLOCK_M, OWN_BLOCK_M, Axis, Knot, Line, Quality


@dataclass(frozen=True)
class Demand:
    """What a line must show: rows, the share of them near it, metres a block, and if it may bend.

    A town is small, so there a wrong line finds agreement more easily and must show more of it.
    """

    rows: int
    share: float
    block_m: tuple[float, float]
    may_bend: bool


WIDE = Demand(rows=15, share=0.4, block_m=BLOCK_M, may_bend=True)
OWN = Demand(rows=10, share=0.7, block_m=OWN_BLOCK_M, may_bend=False)


class Refused(Exception):  # noqa: N818 - reads as a word
    """The rows give no line that could be trusted; the message says why."""


def fit_line(
    axis: Axis,
    direction: str,
    rows: Sequence[Seen],
    *,
    scale: Scale,
    demand: Demand,
) -> Line:
    """Return the line that most rows agree on, or raise Refused."""
    if len(rows) < demand.rows:
        raise Refused(f"{len(rows)} rows, {demand.rows} are needed")
    kept = thinned(rows)
    straight = straight_line(kept, demand.block_m)
    if straight is None:
        raise Refused("no line with blocks of {} to {} m".format(*demand.block_m))
    lines = [
        _line(axis, direction, knots, kept, scale.of(axis))
        for knots in (bent_line(kept, straight) if demand.may_bend else [], ends_of(kept, straight))
        if len(knots) > 1
    ]
    whole = [line for line in lines if line.is_grid(scale.latitude, demand.block_m)]
    if not whole:
        raise Refused("a piece of the line is no grid")
    best = max(whole, key=lambda line: line.quality.inside)
    if best.quality.inside < demand.share:
        raise Refused(f"only {best.quality.inside:.0%} of {len(rows)} rows agree")
    return best


def _line(
    axis: Axis, direction: str, knots: Sequence[Seen], rows: Sequence[Seen], m_a_degree: float
) -> Line:
    """Return a line through knots with its quality."""
    # Six decimals are 0.1 m.
    placed = tuple(Knot(round(k.block, 2), round(k.metres / m_a_degree, 6)) for k in knots)
    line = Line(axis, direction, placed, Quality(0, 0, 0, 0))
    off_m = [abs(line.at(row.block) * m_a_degree - row.metres) for row in rows]
    near_m = [off for off in off_m if off <= STRAY_M]
    quality = Quality(
        rows=len(rows),
        inside=round(sum(off <= INSIDE_M for off in off_m) / len(off_m), 2),
        residual_m=round(quantile(off_m, 0.5)),
        error_m=round(quantile(near_m or off_m, SHARE_OF_ERROR)),
    )
    return Line(axis, direction, placed, quality)
