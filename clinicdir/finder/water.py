"""Large waters make straight lines lie: the way round them by land, bridge and ferry.

A region's waters are lines along their middle, read from a file that a person can draw. The
shortest way from one place to another is looked for among the bends of these lines, the ends of
bridges and the landings of ferries. Its length only decides an order and is never shown: roads are
not known here.
"""

import heapq
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from clinicdir.finder.plane import Line, Point, bearing, crosses, met_at
from clinicdir.finder.rules import EARTH_RADIUS_M, Position
from clinicdir.finder.way import Way

WATERS_FOLDER = Path(__file__).parent / "waters"
# So far from the bend of a line the way passes it.
_CLEARANCE_M = 30


@dataclass(frozen=True, order=True)
class _Leg:
    """A part of a way in metres; those by ferry count in `length_m` and stand apart too."""

    length_m: float
    ferry_m: float = 0
    ferries: tuple[str, ...] = ()

    def then(self, following: "_Leg") -> "_Leg":
        """Return both parts as one."""
        return _Leg(
            self.length_m + following.length_m,
            self.ferry_m + following.ferry_m,
            self.ferries + following.ferries,
        )


@dataclass(frozen=True)
class Water:
    """One water, as the line along its middle."""

    name: str
    line: tuple[Position, ...]


@dataclass(frozen=True)
class Crossing:
    """A bridge, or a ferry that costs `extra_m` metres of road besides its length."""

    name: str
    ends: tuple[Position, Position]
    is_ferry: bool
    extra_m: float


@dataclass(frozen=True)
class Drawing:
    """A part of the earth with its waters; outside its box nothing is said."""

    name: str
    south_west: Position
    north_east: Position
    waters: tuple[Water, ...]
    crossings: tuple[Crossing, ...]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Return the drawing of a file; ValueError or KeyError when it is none."""
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        south, west, north, east = content["box"]
        waters = tuple(Water(entry["name"], _positions(entry)) for entry in content["water"])
        extra_m = float(content["ferry_extra_m"])
        bridges = (_crossing(entry, None) for entry in content.get("bridge", ()))
        ferries = (_crossing(entry, extra_m) for entry in content.get("ferry", ()))
        return cls(
            content["name"],
            Position(south, west),
            Position(north, east),
            waters,
            (*bridges, *ferries),
        )

    def holds(self, place: Position) -> bool:
        """Return whether a place lies in the box."""
        return (
            self.south_west.latitude <= place.latitude <= self.north_east.latitude
            and self.south_west.longitude <= place.longitude <= self.north_east.longitude
        )

    def ways(self, origin: Position, places: Sequence[Position]) -> list[Way]:
        """Return the shortest way from the origin to each place; all must lie in the box."""
        start = self._flat(origin)
        # Without a water under it, a straight line needs no way round.
        crossed = [self._crossed((start, self._flat(place))) for place in places]
        first = self._first_legs(origin) if any(crossed) else {}
        return [
            self._way(math.dist(start, self._flat(place)), names, first, place)
            for place, names in zip(places, crossed, strict=True)
        ]

    def _way(
        self,
        straight_m: float,
        names: tuple[str, ...],
        first: Mapping[int, _Leg],
        place: Position,
    ) -> Way:
        if not names:
            return Way(straight_m)
        onward = _onward(self, place)
        shortest = min(
            (leg.then(onward[node]) for node, leg in first.items() if node in onward),
            # Drawn so that no way leads there: the straight line is the best that is known.
            default=_Leg(straight_m),
        )
        land_m = shortest.length_m - shortest.ferry_m
        return Way(land_m, shortest.ferry_m, frozenset(shortest.ferries), names)

    def _crossed(self, line: Line) -> tuple[str, ...]:
        """Return the names of the waters under a line, each once, in the order of the line."""
        met = [(met_at(line, part), name) for name, part in self._parts if crosses(line, part)]
        return tuple(dict.fromkeys(name for _, name in sorted(met)))

    def _is_dry(self, line: Line) -> bool:
        return not any(crosses(line, part) for _, part in self._parts)

    def _first_legs(self, place: Position) -> dict[int, _Leg]:
        """Return the nodes that are reached from a place without crossing a water."""
        here = self._flat(place)
        return {
            number: _Leg(math.dist(here, node))
            for number, node in enumerate(self._nodes)
            if self._is_dry((here, node))
        }

    def _flat(self, place: Position) -> Point:
        """Return a place in metres east and north of the box's corner; true within 1 % here."""
        degree_m = math.radians(EARTH_RADIUS_M)
        middle = (self.south_west.latitude + self.north_east.latitude) / 2
        return (
            (place.longitude - self.south_west.longitude)
            * degree_m
            * math.cos(math.radians(middle)),
            (place.latitude - self.south_west.latitude) * degree_m,
        )

    @cached_property
    def _parts(self) -> tuple[tuple[str, Line], ...]:
        """Return every straight part of every water, with its name."""
        return tuple(
            (water.name, (self._flat(one), self._flat(other)))
            for water in self.waters
            for one, other in pairwise(water.line)
        )

    @cached_property
    def _ends(self) -> dict[Position, int]:
        """Return the number of each bridge end and landing; several ferries share a landing."""
        ends = dict.fromkeys(end for crossing in self.crossings for end in crossing.ends)
        return {end: number for number, end in enumerate(ends)}

    @cached_property
    def _nodes(self) -> tuple[Point, ...]:
        """Return the points where a shortest way may bend: ends of crossings, then bends."""
        return (*map(self._flat, self._ends), *self._bends())

    def _bends(self) -> Iterator[Point]:
        """Yield a point beside each bend of a line, on its outer side, and beyond each end."""
        beside: dict[Point, list[float]] = {}
        for _, (one, other) in self._parts:
            beside.setdefault(one, []).append(bearing(one, other))
            beside.setdefault(other, []).append(bearing(other, one))
        for point, bearings in beside.items():
            bearings.sort()
            for angle, following in pairwise([*bearings, bearings[0] + math.tau]):
                # Only round an outer corner is a bent way the shortest.
                if following - angle > math.pi:
                    middle = (angle + following) / 2
                    yield (
                        point[0] + _CLEARANCE_M * math.cos(middle),
                        point[1] + _CLEARANCE_M * math.sin(middle),
                    )

    @cached_property
    def _links(self) -> tuple[dict[int, _Leg], ...]:
        """Return for each node those that are reached from it in one leg."""
        links: tuple[dict[int, _Leg], ...] = tuple({} for _ in self._nodes)
        for one, here in enumerate(self._nodes):
            for other in range(one):
                if self._is_dry((here, self._nodes[other])):
                    leg = _Leg(math.dist(here, self._nodes[other]))
                    links[one][other] = links[other][one] = leg
        for crossing in self.crossings:
            one, other = (self._ends[end] for end in crossing.ends)
            length_m = math.dist(self._nodes[one], self._nodes[other]) + crossing.extra_m
            leg = _Leg(length_m)
            if crossing.is_ferry:
                leg = _Leg(length_m, length_m, (crossing.name,))
            links[one][other] = links[other][one] = leg
        return links

    def shortest_from(self, place: Position) -> dict[int, _Leg]:
        """Return the shortest way from a place to each node, by Dijkstra's algorithm."""
        settled: dict[int, _Leg] = {}
        due = [(leg, node) for node, leg in self._first_legs(place).items()]
        heapq.heapify(due)
        while due:
            so_far, node = heapq.heappop(due)
            if node in settled:
                continue
            settled[node] = so_far
            for following, leg in self._links[node].items():
                if following not in settled:
                    heapq.heappush(due, (so_far.then(leg), following))
        return settled


@lru_cache(maxsize=1)
def shipped_drawings() -> tuple[Drawing, ...]:
    """Return the drawings that ship, read once."""
    return tuple(Drawing.read(file) for file in sorted(WATERS_FOLDER.glob("*.toml")))


def find_drawing(origin: Position) -> Drawing | None:
    """Return the drawing that a place lies in, or None where none is."""
    return next((drawing for drawing in shipped_drawings() if drawing.holds(origin)), None)


def ways_from(origin: Position, places: Sequence[Position | None]) -> list[Way | None]:
    """Return the way to each place, None where the drawing says nothing about it."""
    drawing = find_drawing(origin)
    if drawing is None:
        return [None for _ in places]
    inside = [place for place in places if place is not None and drawing.holds(place)]
    found = dict(zip(inside, drawing.ways(origin, inside), strict=True))
    return [None if place is None else found.get(place) for place in places]


# Clinics stay where they are, so the ways from them are worked out once.
@lru_cache(maxsize=1_024)
def _onward(drawing: Drawing, place: Position) -> dict[int, _Leg]:
    return drawing.shortest_from(place)


def _positions(entry: dict[str, Any]) -> tuple[Position, ...]:
    return tuple(Position(latitude, longitude) for latitude, longitude in entry["line"])


def _crossing(entry: dict[str, Any], ferry_extra_m: float | None) -> Crossing:
    one, other = (Position(latitude, longitude) for latitude, longitude in entry["ends"])
    return Crossing(entry["name"], (one, other), ferry_extra_m is not None, ferry_extra_m or 0)
