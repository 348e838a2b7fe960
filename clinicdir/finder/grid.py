"""The address grid of a region: what house numbers and street numbers say of a position.

In a grid one block is a hundred house numbers, and also one step from a numbered street to the
next: 13112 NE 20th St stands 131.12 blocks east of one base line and 20 north of another.
"""

import enum
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from clinicdir.finder.rules import EARTH_RADIUS_M, Position
from clinicdir.finder.street import Street

M_A_DEGREE = math.radians(EARTH_RADIUS_M)
NUMBERS_A_BLOCK = 100
# A hundred house numbers are a mile's tenth to a mile's sixteenth. What is flatter or steeper
# comes from the grids of several towns mixed together. A piece of a line may be off by more.
BLOCK_M = (75, 115)
PIECE_M = (55, 165)
OWN_BLOCK_M = (60, 165)
# A line is not followed beyond its known blocks for more than this many.
LINE_ENDS = 20
# A road is not followed beyond its known numbers for more than this many.
ROAD_ENDS = 200
# The direction of streets that have none.
NO_DIRECTION = "-"


class Axis(enum.StrEnum):
    """Which of the two coordinates a line gives."""

    LATITUDE = "latitude"
    LONGITUDE = "longitude"


def metres_a_degree(axis: Axis, latitude: float) -> float:
    """Return the metres that a degree of an axis has at a latitude in degrees."""
    if axis is Axis.LATITUDE:
        return M_A_DEGREE
    return M_A_DEGREE * math.cos(math.radians(latitude))


class Knot(NamedTuple):
    """One known place of a line: the block, and the degrees there."""

    block: float
    degrees: float


@dataclass(frozen=True)
class Quality:
    """How a line was fitted: rows, the share of them that agree, and two errors in metres.

    The residual is the median; `error_m` held for 19 of 20 rows.
    """

    rows: int
    inside: float
    residual_m: int
    error_m: int


@dataclass(frozen=True)
class Line:
    """One axis for streets of one direction, straight between its knots."""

    axis: Axis
    direction: str
    knots: tuple[Knot, ...]
    quality: Quality
    _blocks: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the blocks apart, for each look-up searches them."""
        object.__setattr__(self, "_blocks", tuple(knot.block for knot in self.knots))

    @property
    def slope(self) -> float:
        """Return the degrees a block from the first knot to the last."""
        first, last = self.knots[0], self.knots[-1]
        return (last.degrees - first.degrees) / (last.block - first.block)

    def reaches(self, block: float) -> bool:
        """Return whether the line is known so far: not for long beyond its ends."""
        return self._blocks[0] - LINE_ENDS <= block <= self._blocks[-1] + LINE_ENDS

    def spans(self, degrees: float) -> bool:
        """Return whether a coordinate lies between the ends of the line."""
        low, high = sorted((self.knots[0].degrees, self.knots[-1].degrees))
        return low <= degrees <= high

    def at(self, block: float) -> float:
        """Return the degrees at a block; beyond the ends the line goes on with its mean slope."""
        place = bisect_right(self._blocks, block)
        if place in (0, len(self.knots)):
            end = self.knots[0] if place == 0 else self.knots[-1]
            return end.degrees + (block - end.block) * self.slope
        low, high = self.knots[place - 1], self.knots[place]
        share = (block - low.block) / (high.block - low.block)
        return low.degrees + share * (high.degrees - low.degrees)

    def slopes(self) -> list[float]:
        """Return the degrees a block of the whole line and then of each piece, signed."""
        pieces = [
            (after.degrees - before.degrees) / (after.block - before.block)
            for before, after in pairwise(self.knots)
        ]
        return [self.slope, *pieces]

    def is_grid(self, latitude: float, block_m: tuple[float, float]) -> bool:
        """Return whether the blocks have a believable length in metres, and all go one way."""
        m_a_degree = metres_a_degree(self.axis, latitude)
        whole_m, *pieces_m = (slope * m_a_degree for slope in self.slopes())
        if not block_m[0] <= abs(whole_m) <= block_m[1]:
            return False
        low, high = PIECE_M
        return all(low <= piece_m * (1 if whole_m > 0 else -1) <= high for piece_m in pieces_m)


class RoadKnot(NamedTuple):
    """One known place of a road: a house number, and the position in degrees there."""

    number: float
    latitude: float
    longitude: float


@dataclass(frozen=True)
class Road:
    """A long named road that leaves the grid, by its house numbers; `names` are all spellings."""

    names: tuple[str, ...]
    knots: tuple[RoadKnot, ...]
    quality: Quality

    def at(self, number: int) -> Position | None:
        """Return where a house number stands, None when the road is not known so far."""
        first, last = self.knots[0].number, self.knots[-1].number
        if not first - ROAD_ENDS <= number <= last + ROAD_ENDS:
            return None
        return road_position(self.knots, number)


def road_position(knots: Sequence[RoadKnot], number: float) -> Position:
    """Return where a number stands on the line through the knots, which goes on at its ends."""
    low, high = knots[0], knots[1]
    for before, after in pairwise(knots):
        low, high = before, after
        if number < after.number:
            break
    share = (number - low.number) / (high.number - low.number)
    return Position(
        low.latitude + share * (high.latitude - low.latitude),
        low.longitude + share * (high.longitude - low.longitude),
    )


def half_of(axis: Axis, direction: str) -> str:
    """Return the half of a town that a direction lies in: on the latitude's axis NE is N.

    A town is cut by two base lines, and from each the numbers go up on either side.
    """
    halves = "NS" if axis is Axis.LATITUDE else "EW"
    return next((letter for letter in direction if letter in halves), direction)


class Blocks(NamedTuple):
    """What an address says in a grid: its direction, and its block on each axis, or None."""

    direction: str
    latitude: float | None
    longitude: float | None


def read_blocks(street: Street) -> Blocks | None:
    """Return the blocks of an address, None when nothing tells which way its street runs.

    A direction before the name makes an east-west road, one behind it a north-south road. House
    numbers count along the road, the street's own number counts across.
    """
    before, behind = street.predirection, street.postdirection
    if before and behind and (before == behind or len(before) > 1):
        return None
    # "E Marginal Way S": one letter before a name that ends in a direction is part of the name.
    runs_north = behind is not None or (before is None and street.suffix in {"AVE", "PL"})
    if before is None and behind is None and street.suffix not in {"AVE", "PL", "ST"}:
        return None
    along = None if street.number is None else street.number / NUMBERS_A_BLOCK
    across = street.ordinal
    direction = behind or before or NO_DIRECTION
    if runs_north:
        return Blocks(direction, latitude=along, longitude=across)
    return Blocks(direction, latitude=across, longitude=along)
