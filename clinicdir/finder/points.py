"""Looks a typed address up among the imported points: the step above grid, ZIP and city."""

from clinicdir.finder.address import ParsedLine
from clinicdir.finder.choices import (
    Area,
    Choice,
    Circle,
    Within,
    closest,
    farther,
    is_inside,
    settle,
)
from clinicdir.finder.in_use import kinds_in_use
from clinicdir.finder.models import ImportKind
from clinicdir.finder.numbers import FAR, Known
from clinicdir.finder.places import Places
from clinicdir.finder.point_queries import PointQueries
from clinicdir.finder.rules import Origin
from clinicdir.finder.streets import LEFT_OUT, Group, ImportedStreet, groups, likely_names

ZIP_REACH_M = 8_000
CITY_REACH_M = 8_000
LABELLED_REACH_M = 50_000
# A large ZIP reaches this far from its point.
ZIP_SPREAD_M = 30_000
MOST_STREETS = 240
MOST_FAR_STREETS = 12
MOST_CITIES = 5

_STREET_KINDS = frozenset({ImportKind.ADDRESSES, ImportKind.RANGES})


class PointIndex:
    """The imported points, read through the session; costs next to nothing while there are none."""

    def __init__(self, places: Places) -> None:
        """Take the ZIPs and cities."""
        self._places = places

    def locate(self, parsed: ParsedLine) -> Origin | None:
        """Return where a typed address is, with other streets that may be meant, or None."""
        if parsed.number is None or parsed.name is None:
            return None
        if kinds_in_use().isdisjoint(_STREET_KINDS):
            return None
        choices = _Search(parsed, self._places).choices()
        return settle(parsed, choices) if choices else None


class _Search:
    """The look-up of one address."""

    def __init__(self, parsed: ParsedLine, places: Places) -> None:
        self._parsed, self._places, self._queries = parsed, places, PointQueries()
        self._number, self._name = parsed.number or 0, parsed.name or ""

    def choices(self) -> list[Choice]:
        """Return the streets that may be meant, surest first."""
        if self._parsed.postal_code is not None:
            return self._in_zip(self._parsed.postal_code)
        if self._parsed.city is not None:
            return self._in_city(self._parsed.city)
        streets = self._queries.streets_anywhere(self._name)
        return self._closest(groups(self._parsed, streets, by_city=True), [])

    def _in_zip(self, postal_code: str) -> list[Choice]:
        """Return the choices of a line with a ZIP: in it, then along the street, then mistyped."""
        in_zip = groups(self._parsed, self._queries.streets_in_zip(self._name, postal_code))
        if choices := self._closest(_strong(in_zip), []):
            return choices
        near = self._queries.streets_near_zip(self._name, postal_code)
        beside = self._beside(near, self._zip_area(postal_code))
        choices = self._widening(Within(in_zip, []), beside)
        if choices or in_zip:
            return choices
        mistyped = [
            group
            for name in likely_names(self._name, self._queries.names_in_zip(postal_code))
            for group in groups(self._parsed, self._queries.streets_in_zip(name, postal_code))
        ]
        return self._closest(mistyped, []) or self._farther(mistyped, [])

    def _in_city(self, city: str) -> list[Choice]:
        """Return the choices of a line with a city and no ZIP: in it, then near it."""
        in_city = groups(self._parsed, self._queries.streets_in_city(self._name, city))
        area = self._city_area(city, self._parsed.state)
        # A city of that name in another state is not meant, a far corner of this one is.
        wide = [circle._replace(reach_m=LABELLED_REACH_M) for circle in area]
        if choices := self._closest(_strong(in_city), wide):
            return choices
        beside = self._beside(self._queries.streets_anywhere(self._name), area)
        return self._widening(Within(in_city, wide), beside)

    def _beside(self, streets: list[ImportedStreet], area: Area) -> Within:
        """Return the very street as other ZIPs near an area have it; nothing without an area."""
        around = [circle._replace(reach_m=circle.reach_m + ZIP_SPREAD_M) for circle in area]
        near = [street for street in streets if area and self._is_near(street, around)]
        found = [group for group in groups(self._parsed, near) if not group.fit.directions]
        return Within(_strong(found), area)

    def _is_near(self, street: ImportedStreet, around: Area) -> bool:
        """Return whether the ZIP of a street is near an area, as far as is known."""
        found = self._places.postal_code(street.postal_code)
        return found is None or is_inside(Known(0, found.latitude, found.longitude), around)

    def _widening(self, inside: Within, beside: Within) -> list[Choice]:
        """Return the choices along the very street, then by a likeness, then at any distance."""
        if choices := self._closest(*beside):
            # The ZIP has no such street, but may have one of which the direction was left out.
            left_out = [group for group in inside.groups if group.fit.directions == LEFT_OUT]
            return [*choices, *self._farther(left_out, inside.area)]
        weak = [group for group in inside.groups if group.fit.is_weak]
        if choices := self._closest(weak, inside.area):
            return choices
        between = [one for one in self._farther(*beside) if one.placed.rank <= FAR]
        return between or self._farther(*inside)

    def _closest(self, found: list[Group], area: Area) -> list[Choice]:
        """Return the choices of the best fit that have a known number nearby, surest first."""
        ids = [street.id for group in found for street in group.streets][:MOST_STREETS]
        known = self._queries.close_points(ids, self._number) if ids else []
        return closest(self._number, found, [one for one in known if is_inside(one, area)])

    def _farther(self, found: list[Group], area: Area) -> list[Choice]:
        """Return the choices by known numbers at any distance along the street, surest first."""
        ids = [street.id for group in found for street in group.streets][:MOST_FAR_STREETS]
        known = self._queries.far_points(ids, self._number)
        return farther(self._number, found, [one for one in known if is_inside(one, area)])

    def _zip_area(self, postal_code: str) -> Area:
        found = self._places.postal_code(postal_code)
        if found is None:
            return []
        return [Circle(Known(0, found.latitude, found.longitude), ZIP_REACH_M)]

    def _city_area(self, city: str, state: str | None) -> Area:
        return [
            Circle(Known(0, one.latitude, one.longitude), max(one.spread_m, CITY_REACH_M))
            for one in self._places.cities(city, state)[:MOST_CITIES]
        ]


def _strong(found: list[Group]) -> list[Group]:
    """Return the streets that nothing typed contradicts."""
    return [group for group in found if not group.fit.is_weak]
