"""Where a house number stands among the known numbers of its street; pure rules."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clinicdir.finder.rules import EARTH_RADIUS_M, Level

BRACKET_NUMBERS = 200
NEAR_NUMBERS = 100
# Numbers go by about one a metre in a grid. Two that are much farther apart than that stand on
# two streets of one name, or one of them is wrong.
MOST_M_A_NUMBER = 3
MOST_M_BESIDE = 600
# The ends of a range are one street by definition; country roads have few numbers.
MOST_M_OF_RANGE = 20_000

# Beyond its last known number a street is followed for four times the known piece before that.
SHORTEST_BASE = 30
LONGEST_BEYOND = 4

POINT_ERROR_M = 90
NEAR_ERROR_M = 200
BETWEEN_ERROR_M = 75
STREET_ERROR_M = 300

_M_A_DEGREE = math.radians(EARTH_RADIUS_M)


class Known(NamedTuple):
    """A house number whose position is known, in degrees, and the imported street it is from."""

    number: int
    latitude: float
    longitude: float
    street_id: int = 0


@dataclass(frozen=True)
class Placed:
    """Where a number was put and how far off that may be in metres; a lower rank is surer."""

    rank: int
    level: Level
    at: Known
    error_m: int


# The ranks that stand on a known number within a block or two.
EXACT, BRACKETED, NEAR, FAR, STREET = range(5)


def place_close(
    number: int, known: Sequence[Known], beside_m: int = MOST_M_BESIDE
) -> Placed | None:
    """Return the place of a number among those known within 200 of it, in order of number.

    Two that are farther apart than `beside_m` and 3 m a number make no bracket.
    """
    same_side = [one for one in known if (one.number - number) % 2 == 0]
    for one in same_side:
        if one.number == number:
            return Placed(EXACT, Level.POINT, one, POINT_ERROR_M)
    for side in (same_side, known):
        low, high = _around(number, side)
        if low and high and high.number - low.number <= BRACKET_NUMBERS:
            between = _between(number, low, high, beside_m)
            if between is not None:
                return between
    nearest = min(known, key=lambda one: abs(one.number - number), default=None)
    if nearest is None or abs(nearest.number - number) > NEAR_NUMBERS:
        return None
    return Placed(NEAR, Level.NEAR_NUMBER, nearest, NEAR_ERROR_M)


def place_far(number: int, known: Sequence[Known], beside_m: int = MOST_M_BESIDE) -> Placed | None:
    """Return the place of a number by the next few known ones below and above, however far."""
    low, high = _around(number, known)
    if low and high:
        between = _between(number, low, high, beside_m)
        if between is not None:
            return between
    nearest = min(known, key=lambda one: abs(one.number - number), default=None)
    if nearest is None:
        return None
    error_m = STREET_ERROR_M + abs(nearest.number - number)
    at = _straight_on(number, nearest, known, beside_m)
    return Placed(STREET, Level.STREET, at or nearest, error_m)


def _straight_on(number: int, end: Known, known: Sequence[Known], beside_m: int) -> Known | None:
    """Return where a street would be if it went on beyond its end as it came, None if unclear."""
    before = max(known, key=lambda one: abs(one.number - end.number))
    base = end.number - before.number
    if abs(base) < SHORTEST_BASE or apart_m(before, end) > beside_m + MOST_M_A_NUMBER * abs(base):
        return None
    share = (number - end.number) / base
    if share > LONGEST_BEYOND:
        return None
    latitude = end.latitude + share * (end.latitude - before.latitude)
    longitude = end.longitude + share * (end.longitude - before.longitude)
    return Known(number, latitude, longitude, end.street_id)


def _around(number: int, known: Sequence[Known]) -> tuple[Known | None, Known | None]:
    """Return the nearest known numbers below and above."""
    low = high = None
    for one in known:
        if one.number < number and (low is None or one.number > low.number):
            low = one
        elif one.number > number and (high is None or one.number < high.number):
            high = one
    return low, high


def _between(number: int, low: Known, high: Known, beside_m: int) -> Placed | None:
    """Return the place between two known numbers, None when they cannot be of one street."""
    gap, apart = high.number - low.number, apart_m(low, high)
    if apart > beside_m + MOST_M_A_NUMBER * gap:
        return None
    rank = BRACKETED if gap <= BRACKET_NUMBERS else FAR
    share = (number - low.number) / gap
    latitude = low.latitude + share * (high.latitude - low.latitude)
    longitude = low.longitude + share * (high.longitude - low.longitude)
    nearer = low if share < 0.5 else high  # noqa: PLR2004 - the middle
    at = Known(number, latitude, longitude, nearer.street_id)
    return Placed(rank, Level.INTERPOLATED, at, round(BETWEEN_ERROR_M + apart / 2))


def apart_m(here: Known, there: Known) -> float:
    """Return the distance of two neighbouring points in metres, exact enough for a town."""
    north = there.latitude - here.latitude
    east = (there.longitude - here.longitude) * math.cos(math.radians(here.latitude))
    return math.hypot(north, east) * _M_A_DEGREE
