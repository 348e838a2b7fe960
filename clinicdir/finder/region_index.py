"""Looks an address up in the regions' grids: the steps between imported points and bare ZIPs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from clinicdir.finder.address import ParsedLine
from clinicdir.finder.gazetteer import City
from clinicdir.finder.placement import Placement, place, place_among
from clinicdir.finder.region import PostalArea, Region
from clinicdir.finder.region_file import read_regions
from clinicdir.finder.rules import Level, Origin, haversine_m
from clinicdir.finder.street import Street
from clinicdir.finder.usps import DIRECTIONS

# Two placements this near to each other are one place.
SAME_PLACE_M = 300
# A town stretches at least so far from its centre.
CITY_REACH_M = 4_500
MOST_ALTERNATIVES = 5
# A larger city has no one centre.
TOWN_REACH_M = 8_000
_MOST_CITIES = 1_000
_EXACT = frozenset({Level.STREET, Level.GRID})
# Kinds of streets that run one way in the regions known; others may run either way.
_AVENUES = frozenset({"AVE"})
_STREETS = frozenset({"ST"})


class RegionIndex:
    """All regions; their files are read when a street is first asked for."""

    def __init__(self, read: Callable[[], tuple[Region, ...]] = read_regions) -> None:
        """Take the function that reads the regions."""
        self._read = read
        self._around_city: dict[City, list[tuple[Region, PostalArea]]] = {}

    @cached_property
    def _by_code(self) -> dict[str, tuple[Region, PostalArea]]:
        """Return each ZIP code's region and what is known of it."""
        return {area.code: (region, area) for region in self._read() for area in region.areas}

    def in_postal_code(self, parsed: ParsedLine, code: str) -> Origin | None:
        """Return where an address of a ZIP code lies, None outside all regions."""
        known = self._by_code.get(code)
        if known is None:
            return None
        region, area = known
        found = place(region, parsed.street, area)
        if found.level in _EXACT and not _lacks_direction(parsed.street):
            return _origin(found, label(parsed.street, code))
        meant = list(_meant(region, parsed.street, area))
        if found.level in _EXACT:
            # "1st Ave" is a street of its own, and may be 1st Ave S without its direction.
            others = [one.label for one in meant if one.off_m(found) > SAME_PLACE_M]
            return _origin(found, label(parsed.street, code), others)
        if len(meant) == 1 and _has_one_grid(region, parsed.street, area):
            # The only street that fits in the ZIP code is likely, but is not what was typed.
            found = replace(found, position=meant[0].placement.position)
        return _origin(found, code, [one.label for one in meant])

    def in_city(self, parsed: ParsedLine, city: City) -> Origin | None:
        """Return where an address of a city without a ZIP code lies, None if no grid tells."""
        if parsed.street == Street():
            return None
        around = [
            (region, area, place(region, parsed.street, area))
            for region, area in self._around(city)
        ]
        exact = [
            _Meant(parsed.street, placement, area)
            for _, area, placement in around
            if placement.level in _EXACT
        ]
        # A road that is known runs where it runs; a grid can only say where it would.
        on_road = [one for one in exact if one.placement.level is Level.STREET]
        meant = (
            on_road
            or exact
            or [one for region, area, _ in around for one in _meant(region, parsed.street, area)]
        )
        if meant:
            return _choice(meant, city)
        centre = city.position if city.spread_m <= TOWN_REACH_M else None
        partly = place_among(parsed.street, around, centre)
        if partly is None or haversine_m(city.position, partly.position) > _reach_m(city):
            return None
        return _origin(partly, city.label)

    def _around(self, city: City) -> list[tuple[Region, PostalArea]]:
        """Return the ZIP codes that a city may lie in; remembered, for it costs 0.2 ms."""
        known = self._around_city.get(city)
        if known is None:
            centre = city.position
            reach_m = _reach_m(city)
            known = [
                (region, area)
                for region, area in self._by_code.values()
                if haversine_m(centre, area.middle) <= reach_m
            ]
            if len(self._around_city) < _MOST_CITIES:
                self._around_city[city] = known
        return known


class _Meant(NamedTuple):
    """A street that may be meant, and where the address is on it."""

    street: Street
    placement: Placement
    area: PostalArea

    @property
    def label(self) -> str:
        return label(self.street, self.area.code)

    @property
    def off_middle_m(self) -> float:
        return haversine_m(self.area.middle, self.placement.position)

    def off_m(self, other: Placement) -> float:
        return haversine_m(self.placement.position, other.position)


def _reach_m(city: City) -> int:
    """Return how far a city reaches from its centre, in metres."""
    return max(city.spread_m, CITY_REACH_M)


def _choice(meant: Sequence[_Meant], city: City) -> Origin:
    """Return the place nearest to a city's centre, the others as alternatives."""
    apart: list[_Meant] = []
    for one in sorted(meant, key=lambda one: one.off_middle_m):
        if all(one.off_m(other.placement) > SAME_PLACE_M for other in apart):
            apart.append(one)
    apart.sort(key=lambda one: haversine_m(city.position, one.placement.position))
    first, *others = apart
    return _origin(first.placement, first.label, [one.label for one in others])


def _lacks_direction(street: Street) -> bool:
    """Return whether a numbered street has no direction, as most of them should."""
    if street.predirection or street.postdirection:
        return False
    return street.ordinal is not None


def _meant(region: Region, street: Street, area: PostalArea) -> Iterator[_Meant]:
    """Yield the streets of a ZIP code that a numbered street without a direction may be."""
    if not _lacks_direction(street):
        return
    directions = {direction for zone in region.zones_of(area.code) for direction in zone.directions}
    for direction in sorted(directions):
        for full in _completed(street, direction):
            placement = place(region, full, area)
            if placement.level is Level.GRID:
                yield _Meant(full, placement, area)


def _completed(street: Street, direction: str) -> Iterator[Street]:
    """Yield a street with the direction where its kind has it: before the name, or behind."""
    if street.suffix not in _AVENUES:
        yield replace(street, predirection=direction)
    if street.suffix not in _STREETS:
        yield replace(street, postdirection=direction)


def _has_one_grid(region: Region, street: Street, area: PostalArea) -> bool:
    """Return whether no grid of a town's own can have the house number."""
    return not any(
        zone.has_own_grid and zone.may_have(street.number) for zone in region.zones_of(area.code)
    )


def _origin(found: Placement, matched: str, others: Sequence[str] = ()) -> Origin:
    """Return a placement as the ladder gives it."""
    return Origin(
        found.level,
        # Six decimals are 0.1 m.
        round(found.position.latitude, 6),
        round(found.position.longitude, 6),
        found.error_m,
        matched,
        tuple(others[:MOST_ALTERNATIVES]),
    )


def label(street: Street, code: str) -> str:
    """Return an address as a person writes it: "13112 NE 20th St, 98005"."""
    words = [_spelled(word) for word in street.key.split()]
    number = [] if street.number is None else [f"{street.number}{street.number_suffix or ''}"]
    return f"{' '.join([*number, *words])}, {code}"


def _spelled(word: str) -> str:
    """Return a word as on a street sign: NE, 20th, St."""
    if word in DIRECTIONS:
        return word
    return word.lower() if word[0].isdigit() else word.capitalize()
