"""How a place is reached, and when the way round a water changes the order of places."""

from collections.abc import Sequence
from dataclasses import dataclass

# A way is clearly shorter when it saves 15 % and more than the drawing may be wrong by.
CLEARLY = 0.85
CLEARLY_M = 2_000


@dataclass(frozen=True)
class Way:
    """How one place is reached: metres on land and by ferry, and waters under the straight line."""

    land_m: float
    ferry_m: float = 0
    ferries: frozenset[str] = frozenset()
    across: tuple[str, ...] = ()

    def is_clearly_shorter(self, other: "Way") -> bool:
        """Return whether the way saves 15 % and 2 km; ferries that both take do not count."""
        shared = self.ferries == other.ferries
        own_m = self.land_m + (0 if shared else self.ferry_m)
        other_m = other.land_m + (0 if shared else other.ferry_m)
        return other_m - own_m >= CLEARLY_M and own_m <= CLEARLY * other_m


def in_order(ways: Sequence[Way | None]) -> list[int]:
    """Return the order of places whose ways are given nearest first in a straight line.

    The straight order stands; only when the way to a later one is clearly shorter than the way to
    the next in turn does the shortest of these go first.
    """
    left = list(range(len(ways)))
    order = []
    while left:
        order.append(_next(ways, left))
        left.remove(order[-1])
    return order


def _next(ways: Sequence[Way | None], left: Sequence[int]) -> int:
    """Return which of the places that are left is to be named next."""
    due = ways[left[0]]
    # A straight line over land is the shortest way there is.
    if due is None or not due.across:
        return left[0]
    shorter = [
        (way.land_m + way.ferry_m, number)
        for number in left[1:]
        if (way := ways[number]) is not None and way.is_clearly_shorter(due)
    ]
    return min(shorter)[1] if shorter else left[0]
