"""ZIP codes and cities as they are known here: imported ones lie over those that ship."""

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import bindparam, select

from clinicdir.db import db
from clinicdir.finder.gazetteer import City, Gazetteer, PostalCode
from clinicdir.finder.in_use import kinds_in_use
from clinicdir.finder.models import FinderImport, ImportKind, ImportState, finder_place
from clinicdir.finder.wording import normalise

MOST_PLACES = 200
_E6 = 1_000_000

_place = finder_place.c
# The newest import first: it wins where two know a place.
PLACES_OF_KEY = (
    select(_place.state, _place.label, _place.latitude_e6, _place.longitude_e6, _place.spread_m)
    .join(FinderImport, FinderImport.id == _place.import_id)
    .where(_place.key == bindparam("key"), FinderImport.state == ImportState.CURRENT)
    .order_by(_place.import_id.desc(), _place.state)
    .limit(MOST_PLACES)
)


class Places(Protocol):
    """The ZIP codes and cities that the finder knows: what ships, or that and what was imported."""

    def postal_code(self, code: str) -> PostalCode | None:
        """Return the point of a five-digit ZIP code, or None."""

    def cities(
        self, name: str, state: str | None = None, *, prefer_states: Collection[str] = ()
    ) -> list[City]:
        """Return the cities of a name, largest first; preferred states hide all other states."""

    def similar_cities(self, name: str, states: Collection[str]) -> list[City]:
        """Return the cities of some states whose names differ by a slip or two."""


class KnownPlaces:
    """The shipped gazetteer, with the points of imported ZIP codes and cities in place of its own.

    What an import does not know stays as it ships; names and populations stay in any case.
    """

    def __init__(self, shipped: Gazetteer) -> None:
        """Take what ships."""
        self._shipped = shipped
        # The same few ZIP codes are asked for again and again.
        self._shipped_postal_code = lru_cache(maxsize=1_024)(shipped.postal_code)

    def postal_code(self, code: str) -> PostalCode | None:
        """Return the point of a five-digit ZIP code, or None."""
        shipped = self._shipped_postal_code(code)
        for state, label, latitude, longitude, _ in _imported(code):
            found = shipped or PostalCode(code, 0, 0, label, state)
            return replace(found, latitude=latitude / _E6, longitude=longitude / _E6)
        return shipped

    def similar_cities(self, name: str, states: Collection[str]) -> list[City]:
        """Return the shipped cities of some states whose names differ by a slip or two."""
        return self._shipped.similar_cities(name, states)

    def cities(
        self, name: str, state: str | None = None, *, prefer_states: Collection[str] = ()
    ) -> list[City]:
        """Return the cities of a name, largest first; preferred states hide all other states."""
        imported = _imported(normalise(name))
        if not imported:
            return self._shipped.cities(name, state, prefer_states=prefer_states)
        known = {city.state: city for city in reversed(self._shipped.cities(name, state))}
        for its_state, label, latitude, longitude, spread in reversed(imported):
            if state in (None, its_state):
                city = known.get(its_state) or City(label, its_state, 0, 0, spread, 0)
                known[its_state] = replace(
                    city, latitude=latitude / _E6, longitude=longitude / _E6, spread_m=spread
                )
        found = sorted(known.values(), key=lambda city: (-city.population, city.state))
        return [city for city in found if city.state in prefer_states] or found


def _imported(key: str) -> list[Any]:
    """Return the imported rows of a ZIP or a city's name, none at no cost without such imports."""
    if ImportKind.PLACES not in kinds_in_use():
        return []
    return list(db.session.connection().execute(PLACES_OF_KEY, {"key": key}))
