"""The first step of the finder's ladder: the clinics' own addresses."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from clinicdir.finder.rules import Level, Origin, ParsedLine, normalise, parse_line

# The clinics are read from the database, which costs more than all other steps together. A change
# shows after a second; a group that takes long to read is remembered fifty times as long.
REMEMBERED_S = 1.0
_REST = 50


class OwnAddress(Protocol):
    """A clinic as the finder knows it: its address, its pinned position in degrees, its error."""

    @property
    def line(self) -> str:
        """Return the street line, without the unit."""

    @property
    def city(self) -> str:
        """Return the city."""

    @property
    def state(self) -> str:
        """Return the state's two letters."""

    @property
    def postal_code(self) -> str:
        """Return the five-digit ZIP code."""

    @property
    def latitude(self) -> float | None:
        """Return the latitude in degrees, None while unknown."""

    @property
    def longitude(self) -> float | None:
        """Return the longitude in degrees, None while unknown."""

    @property
    def position_error_m(self) -> int | None:
        """Return how far off the position may be in metres, None while unknown."""


@dataclass(frozen=True)
class _Own:
    """One clinic as typed lines are compared with it."""

    street: str | None
    city: str
    state: str
    postal_code: str
    origin: Origin | None

    def is_at(self, parsed: ParsedLine) -> bool:
        """Return whether the typed street is the clinic's, and the ZIP or city does not object."""
        if parsed.street_line == f"{self.street} {self.city}":
            # A street without a suffix, and no comma: the city could not be told from the street.
            return True
        if parsed.street_line != self.street or parsed.state not in (None, self.state):
            return False
        given = [
            typed == known
            for typed, known in (
                (parsed.postal_code, self.postal_code),
                (parsed.city, self.city),
            )
            if typed is not None
        ]
        return any(given) or not given


class OwnAddresses:
    """The clinics' addresses, read anew after a second."""

    def __init__(self, read: Callable[[], Iterable[OwnAddress]]) -> None:
        """Take a function that gives the clinics as they are now."""
        self._read = read
        # By house number, so that a group of thousands is not looked through.
        self._known: dict[str, list[_Own]] = {}
        self._states: frozenset[str] = frozenset()
        self._until = 0.0

    def locate(self, parsed: ParsedLine) -> Origin | None:
        """Return the clinic that stands at the typed address."""
        if not parsed.has_street_number:
            return None
        self._refresh()
        number = (parsed.street_line or "").partition(" ")[0]
        at_number = self._known.get(number, ())
        found = [own.origin for own in at_number if own.origin and own.is_at(parsed)]
        if not found:
            return None
        return replace(found[0], alternatives=tuple(origin.matched for origin in found[1:]))

    @property
    def states(self) -> frozenset[str]:
        """Return the states that have a clinic."""
        self._refresh()
        return self._states

    def _refresh(self) -> None:
        """Read the clinics when what is known of them is too old."""
        now = time.monotonic()
        if now < self._until:
            return
        own = list(self._read())
        known: dict[str, list[_Own]] = {}
        for clinic in map(_own, own):
            known.setdefault((clinic.street or "").partition(" ")[0], []).append(clinic)
        self._known = known
        self._states = frozenset(clinic.state for clinic in own)
        until = time.monotonic()
        self._until = until + max(REMEMBERED_S, _REST * (until - now))


def _own(clinic: OwnAddress) -> _Own:
    """Return a clinic with its street read as typed ones are."""
    street = parse_line(clinic.line).street_line
    city = normalise(clinic.city)
    return _Own(street, city, clinic.state, clinic.postal_code, _pinned(clinic))


def _pinned(own: OwnAddress) -> Origin | None:
    """Return a clinic as an origin, None while its position or the error of it is unknown."""
    if own.latitude is None or own.longitude is None or own.position_error_m is None:
        return None
    label = f"{own.line}, {own.city}, {own.state} {own.postal_code}"
    return Origin(Level.POINT, own.latitude, own.longitude, own.position_error_m, label)
