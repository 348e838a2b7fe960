"""A geocoding service of somebody else's, off unless the operator names one.

Only a street address that could not be placed offline is sent, without name or flat number, and
the page says so before. Whatever goes wrong, the offline answer stands and the failure is counted.
"""

import inspect
import logging
import queue
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from typing import Any

from clinicdir import clock
from clinicdir.db import db
from clinicdir.finder.pace import FILE_NAME, Pace
from clinicdir.finder.rules import Level, ParsedLine, Position, haversine_m, parse_line
from clinicdir.settings import BadSettings, Settings

TIMEOUT_S = 3.0
ONLINE_ERROR_M = 300
# Far beyond the offline error the service has understood something else.
_SLACK_M = 5_000
_KEPT = 512
_MOST_THREADS = 4
_LONGEST_LABEL = 120
_COARSE = frozenset({Level.STREET, Level.POSTAL_CODE, Level.CITY})
_OF_OPENSTREETMAP = frozenset({"nominatim", "openmapquest", "photon", "pickpoint"})
# By geopy's names of errors: what is counted, and how many seconds to leave the service alone.
_OUTCOMES: dict[str, tuple[str, float]] = {
    "GeocoderTimedOut": ("timed out", 0),
    "GeocoderUnavailable": ("unreachable", 0),
    "GeocoderRedirected": ("redirected", 0),
    "GeocoderRateLimited": ("too many", 60),
    "GeocoderQuotaExceeded": ("too many", 600),
    "GeocoderInsufficientPrivileges": ("refused", 600),
    "GeocoderAuthenticationFailure": ("refused", 600),
    "GeocoderServiceError": ("server error", 0),
}

Answer = Any  # geopy's Location, or None; geopy has no types


class _NotNow(Exception):  # noqa: N818 - reads as a word
    """The service is not asked: too many wait, or it is left alone for a while."""


@dataclass(frozen=True)
class Service:
    """A service as people read of it: its name, and whom to credit for its data."""

    name: str
    credit: str


def with_online(offline: Any, settings: Settings) -> tuple[Any, Service | None]:  # noqa: ANN401
    """Return the geocoder that the settings ask for, and the service it may send an address to."""
    if settings.geocoder == "offline":
        return offline, None
    try:
        service = open_service(
            settings.geocoder, settings.geocoder_arguments, agent=f"clinicdir ({settings.url})"
        )
    except ValueError as problem:
        message = f"CLINICDIR_GEOCODER: {problem}."
        raise BadSettings(message) from None
    # Ends the page's read: no lock is held while a stranger's computer thinks.
    online = OnlineGeocoder(
        offline,
        service,
        Pace(settings.instance / FILE_NAME),
        before_asking=db.session.rollback,
    )
    return online, describe_service(settings.geocoder, service)


def open_service(name: str, options: Mapping[str, str], agent: str) -> Any:  # noqa: ANN401
    """Return geopy's geocoder of a service; ValueError says what is wrong with the settings."""
    # Slow start: geopy loads the classes of all its services.
    from geopy.exc import ConfigurationError, GeocoderNotFound  # type: ignore[import-untyped] # noqa: PLC0415
    from geopy.geocoders import get_geocoder_for_service  # type: ignore[import-untyped] # noqa: PLC0415

    from clinicdir.finder.adapter import CautiousAdapter  # noqa: PLC0415

    # geopy logs whole URLs with the address in them, some as information, most for debugging.
    logging.getLogger("geopy").disabled = True
    try:
        kind = get_geocoder_for_service(name)
    except GeocoderNotFound:
        message = f"geopy knows no service {name!r}; set offline, or a name such as nominatim"
        raise ValueError(message) from None
    known = inspect.signature(kind).parameters
    unknown = sorted(set(options) - set(known))
    if unknown or "adapter_factory" not in known:
        message = f"the service {name} takes no option {', '.join(unknown) or 'adapter_factory'}"
        raise ValueError(message)
    given: dict[str, Any] = {"user_agent": agent} if "user_agent" in known else {}
    given |= dict(options) | {"timeout": TIMEOUT_S, "adapter_factory": CautiousAdapter}
    try:
        return kind(**given)
    except (TypeError, ValueError, ConfigurationError) as problem:
        message = f"the service {name} cannot be used so: {problem}"
        raise ValueError(message) from None


def describe_service(name: str, service: Any) -> Service:  # noqa: ANN401 - geopy has no types
    """Return how pages name a service: "Nominatim (nominatim.openstreetmap.org)"."""
    host = getattr(service, "domain", None)
    label = type(service).__name__
    credit = "© OpenStreetMap contributors" if name in _OF_OPENSTREETMAP else label
    return Service(f"{label} ({host})" if isinstance(host, str) and host else label, credit)


class OnlineGeocoder:
    """Asks the offline ladder first, and the service only for what the ladder could not place."""

    def __init__(
        self,
        offline: Any,  # noqa: ANN401 - whatever geocodes; geopy has no types
        service: Any,  # noqa: ANN401
        pace: Pace,
        *,
        before_asking: Callable[[], None],
    ) -> None:
        """Take both geocoders, and what ends the page's reading, for no lock may be held."""
        self._offline = offline
        self._service = service
        self._before_asking = before_asking
        self.pace = pace
        self._key = token_bytes(32)
        self._kept: OrderedDict[bytes, Answer] = OrderedDict()
        self._lock = threading.Lock()
        self._threads = threading.BoundedSemaphore(_MOST_THREADS)

    def geocode(self, query: str) -> Answer:
        """Return geopy's Location with level, error_m, matched and alternatives in `raw`."""
        found = self._offline.geocode(query)
        parsed = parse_line(query)
        if not _is_worth_asking(parsed, found):
            return found
        try:
            return self._ask(_line_to_send(parsed), found) or found
        except (sqlite3.Error, OSError):  # the pace cannot be kept, so nothing may be sent
            return found

    def _ask(self, line: str, found: Answer) -> Answer:
        key = blake2b(line.encode(), key=self._key, digest_size=16).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            outcome, answer = _judge(self._fetch(line), found)
        except _NotNow:
            self.pace.count("not asked")
            return None
        except Exception as trouble:  # noqa: BLE001 - garbage breaks geopy's parsers in any way
            outcome, pause_s = _OUTCOMES.get(type(trouble).__name__, ("garbage", 0))
            pause_s = max(pause_s, getattr(trouble, "retry_after", None) or 0)
            self.pace.fail(outcome, clock.now().timestamp(), pause_s=pause_s)
            return None
        self.pace.succeed(outcome)
        self._keep(key, answer)
        return answer

    def _keep(self, key: bytes, answer: Answer) -> None:
        with self._lock:
            self._kept[key] = answer
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def _fetch(self, line: str) -> Answer:
        """Return what the service says, within three seconds, at most once a second."""
        wait_s = self.pace.reserve(clock.now().timestamp())
        if wait_s is None:
            raise _NotNow
        self._before_asking()
        time.sleep(wait_s)
        if not self._threads.acquire(blocking=False):
            raise _NotNow
        # A thread of its own, because a look-up of the service's name knows no time limit.
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(line, answers), daemon=True).start()
        try:
            answered = answers.get(timeout=TIMEOUT_S)
        except queue.Empty:
            from geopy.exc import GeocoderTimedOut  # noqa: PLC0415 - slow start

            raise GeocoderTimedOut("The service took too long.") from None
        if isinstance(answered, Exception):
            raise answered
        return answered

    def _run(self, line: str, answers: "queue.SimpleQueue[Answer]") -> None:
        try:
            answers.put(self._service.geocode(line))
        except Exception as trouble:  # noqa: BLE001 - raised again where somebody waits
            answers.put(trouble)
        finally:
            self._threads.release()


def _is_worth_asking(parsed: ParsedLine, found: Answer) -> bool:
    """Return whether a line is a street address that is only roughly placed, and no question."""
    if not parsed.has_street_number:
        return False
    if found is None:
        return True
    return Level(found.raw["level"]) in _COARSE and not found.raw["alternatives"]


def _line_to_send(parsed: ParsedLine) -> str:
    """Return the address alone, always in one spelling: no flat number, nothing else typed."""
    end = " ".join(filter(None, (parsed.state, parsed.postal_code)))
    return ", ".join(filter(None, (parsed.street_line, parsed.city, end)))


def _judge(answered: Answer, found: Answer) -> tuple[str, Answer]:
    """Return what is counted, and the answer if it is better than the offline one."""
    if answered is None:
        return "unknown", None
    position = Position(float(answered.latitude), float(answered.longitude))
    error_m = _error_m(answered.raw)
    if found is not None:
        offline = Position(found.latitude, found.longitude)
        if haversine_m(offline, position) > 2 * found.raw["error_m"] + _SLACK_M:
            return "elsewhere", None
        if error_m >= found.raw["error_m"]:
            return "no better", None
    label = "".join(filter(str.isprintable, str(answered.address)))[:_LONGEST_LABEL]
    return "answered", _location(label, position, error_m)


def _error_m(raw: object) -> int:
    """Return half the diagonal of what was found, where the service tells its box."""
    box = raw.get("boundingbox") if isinstance(raw, Mapping) else None
    try:
        south, north, west, east = map(float, box or ())
        metres = haversine_m(Position(south, west), Position(north, east)) / 2
    except (TypeError, ValueError):
        return ONLINE_ERROR_M
    return max(ONLINE_ERROR_M, round(metres))


def _location(label: str, position: Position, error_m: int) -> Answer:
    from geopy.location import Location  # type: ignore[import-untyped] # noqa: PLC0415 - slow start

    raw = {"level": Level.ONLINE.value, "error_m": error_m, "matched": label, "alternatives": []}
    return Location(label, (position.latitude, position.longitude), raw)
