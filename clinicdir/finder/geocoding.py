"""The finder's ladder behind geopy's Geocoder interface; it never leaves the machine."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NoReturn

# geopy ships no type information.
from geopy.adapters import BaseSyncAdapter  # type: ignore[import-untyped]
from geopy.exc import GeocoderUnavailable  # type: ignore[import-untyped]
from geopy.geocoders.base import DEFAULT_SENTINEL, Geocoder  # type: ignore[import-untyped]
from geopy.location import Location  # type: ignore[import-untyped]

from clinicdir.finder.gazetteer import City, PostalCode
from clinicdir.finder.own_addresses import OwnAddress, OwnAddresses
from clinicdir.finder.places import Places
from clinicdir.finder.region_index import RegionIndex
from clinicdir.finder.rules import (
    Level,
    Origin,
    ParsedLine,
    haversine_m,
    parse_line,
)

# Outside the regions: nine in ten addresses lie within this distance of their ZIP's point (90.3 %
# of 2,218 in King County outside Seattle, 99.6 % of 3,367 in Seattle).
POSTAL_CODE_ERROR_M = 4_500
MOST_ALTERNATIVES = 10
SURE_M = 250
MOST_CITY_WORDS = 6


Step = Callable[[ParsedLine], Origin | None]


class NoNetworkAdapter(BaseSyncAdapter):  # type: ignore[misc]
    """The proof that no address leaves the machine: every request is refused."""

    def get_json(self, *_args: object, **_options: object) -> NoReturn:
        """Refuse a request for JSON."""
        raise GeocoderUnavailable("The offline finder uses no network.")

    def get_text(self, *_args: object, **_options: object) -> NoReturn:
        """Refuse a request for text."""
        raise GeocoderUnavailable("The offline finder uses no network.")


class OfflineGeocoder(Geocoder):  # type: ignore[misc]
    """The ladder from a clinic's own address down to a city; the first step that answers wins."""

    def __init__(
        self,
        places: Places,
        own_addresses: Callable[[], Iterable[OwnAddress]],
        *,
        points: Step | None = None,
        regions: RegionIndex | None = None,
    ) -> None:
        """Take the known places and a function that gives the clinics as they are now.

        `points` is the step that asks imported address points; the shipped regions are the default.
        """
        super().__init__(adapter_factory=NoNetworkAdapter)
        self._places = places
        self._points = points
        self._own = OwnAddresses(own_addresses)
        self._regions = regions or RegionIndex()
        self._steps: tuple[Step, ...] = (
            self._own.locate,
            self._street,
            self._postal_code,
            self._city,
        )

    def geocode(
        self,
        query: str,
        *,
        exactly_one: bool = True,
        timeout: Any = DEFAULT_SENTINEL,  # noqa: ANN401, ARG002 - geopy's signature
    ) -> Any:  # noqa: ANN401 - Location, a list of one, or None; geopy has no types
        """Return geopy's Location with level, error_m, matched and alternatives in `raw`."""
        parsed = self._settled(parse_line(query))
        origin = next(filter(None, (step(parsed) for step in self._steps)), None)
        if origin is None:
            return None
        found = Location(
            origin.matched,
            (origin.latitude, origin.longitude),
            {
                "level": origin.level.value,
                "error_m": origin.error_m,
                "matched": origin.matched,
                "alternatives": list(origin.alternatives),
            },
        )
        return found if exactly_one else [found]

    def reverse(
        self,
        query: Any,  # noqa: ANN401 - geopy's signature
        *,
        exactly_one: bool = True,
        timeout: Any = DEFAULT_SENTINEL,  # noqa: ANN401 - geopy's signature
    ) -> NoReturn:
        """Refuse: nobody needs the address of a position, so it is not looked up."""
        raise NotImplementedError

    def _settled(self, parsed: ParsedLine) -> ParsedLine:
        """Return the line with its city told from its street, where no comma did."""
        if parsed.street_line is None or parsed.city is not None:
            return parsed
        if parsed.postal_code is not None:
            found = self._places.postal_code(parsed.postal_code)
            return parsed.with_city(found.city_key) if found else parsed
        name = self._city_behind_street(parsed, self._own.states)
        return parsed.with_city(name) if name else parsed

    def _street(self, parsed: ParsedLine) -> Origin | None:
        """Return the surer of what the imported points and a region's grid say of an address."""
        point = self._points(parsed) if self._points else None
        if point is None:
            return self._region(parsed)
        # No grid is as sure as a known number nearby, and none may answer where a question is due.
        if point.error_m <= SURE_M or point.alternatives:
            return point
        region = self._region(parsed)
        return region if region and region.error_m < point.error_m else point

    def _region(self, parsed: ParsedLine) -> Origin | None:
        """Return where a region's grid puts the line."""
        found = self._find_postal_code(parsed)
        if found is not None:
            # A ZIP that leads the line is no house number.
            address = parsed if parsed.postal_code else ParsedLine()
            origin = self._regions.in_postal_code(address, found.code)
            return origin and self._with_typed_city(origin, parsed, found)
        if not parsed.has_street_number:
            return None
        cities = self._cities(parsed)
        return self._regions.in_city(parsed, cities[0]) if cities else None

    def _postal_code(self, parsed: ParsedLine) -> Origin | None:
        """Return the point of the typed ZIP code."""
        found = self._find_postal_code(parsed)
        if found is None:
            return None
        origin = Origin(
            Level.POSTAL_CODE, found.latitude, found.longitude, POSTAL_CODE_ERROR_M, found.code
        )
        return self._with_typed_city(origin, parsed, found)

    def _with_typed_city(self, origin: Origin, parsed: ParsedLine, code: PostalCode) -> Origin:
        """Return the origin with the typed city as an alternative when the ZIP lies elsewhere."""
        if parsed.city is None or parsed.city == code.city_key:
            return origin
        cities = self._places.cities(parsed.city, parsed.state or code.state)
        if not cities or haversine_m(cities[0].position, origin.position) <= _far_m(cities[0]):
            return origin
        return replace(origin, alternatives=(*origin.alternatives, cities[0].label))

    def _find_postal_code(self, parsed: ParsedLine) -> PostalCode | None:
        """Return the ZIP at the end of the line, or at its start before its own city."""
        if parsed.postal_code is not None:
            return self._places.postal_code(parsed.postal_code)
        first, _, others = (parsed.street_line or "").partition(" ")
        found = self._places.postal_code(first)
        # "98057 Renton" is a ZIP; before anything else five digits are a house number.
        return found if found is not None and found.city_key == others else None

    def _city(self, parsed: ParsedLine) -> Origin | None:
        """Return the centre of the typed city."""
        cities = self._cities(parsed)
        if not cities:
            return None
        likeliest, *others = cities
        # Not less than a ZIP claims; held for 96.3 % of addresses near Seattle, 99.3 % in it.
        error_m = max(likeliest.spread_m, POSTAL_CODE_ERROR_M)
        others_named = tuple(city.label for city in others[:MOST_ALTERNATIVES])
        return Origin(
            Level.CITY,
            likeliest.latitude,
            likeliest.longitude,
            error_m,
            likeliest.label,
            others_named,
        )

    def _cities(self, parsed: ParsedLine) -> list[City]:
        """Return the cities that may be meant, those in the clinics' states before all others."""
        states = self._own.states
        for name, state in ((parsed.city, parsed.state), (parsed.place, None)):
            if not name:
                continue
            found = self._places.cities(name, state, prefer_states=states)
            if any(city.state in (state, *states) for city in found):
                return found
            near = frozenset({state}) if state else states
            if found := [*found, *self._places.similar_cities(name, near)]:
                return sorted(found, key=lambda city: -city.population)
        behind = self._city_behind_street(parsed, states)
        allowed = {parsed.state} if parsed.state else states
        found = self._places.cities(behind, parsed.state) if behind else []
        return [city for city in found if city.state in allowed]

    def _city_behind_street(self, parsed: ParsedLine, states: frozenset[str]) -> str | None:
        """Return the city that ends an address without a comma, as in "1101 Madison Seattle"."""
        if not parsed.has_street_number:
            return None
        words = f"{parsed.street_line} {parsed.city or ''}".split()
        # A street's own name is a city somewhere, so a state must be typed or have a clinic.
        allowed = {parsed.state} if parsed.state else states
        for start in range(max(2, len(words) - MOST_CITY_WORDS), len(words)):
            name = " ".join(words[start:])
            found = self._places.cities(name, parsed.state)
            if any(city.state in allowed for city in found):
                return name
        return None


def _far_m(city: City) -> int:
    """Return the distance from a city's centre beyond which a ZIP is not the city's, in metres."""
    return 2 * max(city.spread_m, POSTAL_CODE_ERROR_M)
