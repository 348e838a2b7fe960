"""Watches each request: its number in the log, how it was answered and how long that took."""

import ipaddress
import logging
import math
import re
import secrets
import threading
import time
from bisect import bisect_left
from collections import Counter
from functools import cache

from flask import Flask, Response, current_app, request

from clinicdir import clock
from clinicdir.web.exposition import Family

_log = logging.getLogger("clinicdir.access")

REQUEST_ID = "clinicdir.request_id"
_STARTED = "clinicdir.started"
_TRAFFIC = "clinicdir.traffic"
# As proxies make them. A phone number or a name is no such thing, so none gets into the log.
_WELL_FORMED = re.compile(r"[0-9a-fA-F-]{16,64}")
_REFUSED = "clinicdir.refused"
_STAFF_ID = "clinicdir.staff_id"
# Why a request came to nothing, where no part has said it more exactly.
_REASONS = {
    400: "malformed",
    403: "not_allowed",
    405: "method",
    413: "too_large",
    415: "media_type",
    422: "answers",
    429: "too_many",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LEFT_BY_PROXIES = ("FORWARDED", "X_FORWARDED_", "X_REAL_IP", "VIA")
# Upper ends in seconds.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Traffic:
    """Counts of this process alone, since its start."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._lock = threading.Lock()
        self._started_at = clock.now().timestamp()
        self._answers: Counter[tuple[str, str]] = Counter()
        self._times: dict[str, list[int]] = {}
        self._sums: Counter[str] = Counter()
        self._without_database = 0

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        with self._lock:
            self._answers[route, f"{status // 100}xx"] += 1
            counts = self._times.setdefault(route, [0] * (len(_BUCKETS) + 1))
            counts[bisect_left(_BUCKETS, seconds)] += 1
            self._sums[route] += seconds  # type: ignore[assignment]  # counts of seconds

    def note_no_database(self) -> None:
        """Count a request that found the database busy, full or away."""
        with self._lock:
            self._without_database += 1

    def families(self) -> list[Family]:
        """Return what was counted, as measures."""
        started = Family("process_start_time_seconds", "gauge", "Start of this process, Unix time.")
        answers = Family("clinicdir_http_answers_total", "counter", "Answers of this process.")
        took = Family(
            "clinicdir_http_duration_seconds", "histogram", "Time to an answer in this process."
        )
        busy = Family(
            "clinicdir_database_unavailable_total",
            "counter",
            "Requests of this process that found the database busy, full or away.",
        )
        with self._lock:
            started.add(self._started_at)
            busy.add(self._without_database)
            for (route, kind), count in sorted(self._answers.items()):
                answers.add(count, {"route": route, "class": kind})
            for route, counts in sorted(self._times.items()):
                _add_times(took, route, counts, self._sums[route])
        return [started, answers, took, busy]


def _add_times(took: Family, route: str, counts: list[int], total: float) -> None:
    so_far = 0
    for end, count in zip((*_BUCKETS, math.inf), counts, strict=True):
        so_far += count
        named = "+Inf" if math.isinf(end) else str(end)
        took.add(so_far, {"route": route, "le": named}, suffix="_bucket")
    took.add(total, {"route": route}, suffix="_sum")
    took.add(so_far, {"route": route}, suffix="_count")


def init_app(app: Flask) -> None:
    """Watch every request; to be called before anything else may answer one."""
    app.extensions[_TRAFFIC] = Traffic()
    app.before_request(_begin)
    app.after_request(_end)  # registered first, so called last


def traffic() -> Traffic:
    """Return the counts of the present app."""
    counts: Traffic = current_app.extensions[_TRAFFIC]
    return counts


def note_refused(reason: str) -> None:
    """Keep for the log why this request is refused, in a word of our own."""
    request.environ[_REFUSED] = reason


def note_staff(staff_id: int) -> None:
    """Keep for the log the number of the account that this request is made by or tries to open."""
    request.environ[_STAFF_ID] = staff_id


def is_from_this_machine() -> bool:
    """Say whether the request comes from loopback and no proxy has passed it on."""
    passed_on = any(
        name.startswith(f"HTTP_{prefix}") for name in request.environ for prefix in _LEFT_BY_PROXIES
    )
    try:
        peer = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None) or peer
    return not passed_on and bool(mapped.is_loopback)


def _begin() -> None:
    request.environ[_STARTED] = time.perf_counter()
    request.environ[REQUEST_ID] = _given_id() or secrets.token_hex(16)


def _given_id() -> str | None:
    """Return the number that a trusted proxy has given to the request."""
    # web/security.py lets ProxyFix look at requests of trusted proxies alone; it leaves this note.
    if "werkzeug.proxy_fix.orig" not in request.environ:
        return None
    given = request.headers.get("X-Request-Id", "")
    return given if _WELL_FORMED.fullmatch(given) else None


@cache  # there are as many as routes
def _template(rule: str) -> str:
    """Return a rule without its converters: `/staff/<any(a, b):name>` is `/staff/<name>`."""
    return re.sub(r"<[^<>]*?(\w+)>", r"<\1>", rule)


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - request.environ[_STARTED]
    route = _template(request.url_rule.rule) if request.url_rule else "none"
    traffic().note(route, response.status_code, seconds)
    # Only with a fault: what is not there and what is not yours must be answered alike.
    if response.status_code >= 500:  # noqa: PLR2004
        response.headers["X-Request-Id"] = request.environ[REQUEST_ID]
    _log.info(
        "answered",
        extra=_told_of_refusal(response.status_code)
        | {
            "route": route,
            "method": request.method if request.method in _METHODS else "other",
            "status": response.status_code,
            "duration_ms": round(seconds * 1000, 1),
        },
    )
    return response


def _told_of_refusal(status: int) -> dict[str, object]:
    """Return whose account it was, and why a request was refused if it was."""
    staff_id = request.environ.get(_STAFF_ID)
    told: dict[str, object] = {} if staff_id is None else {"staff_id": staff_id}
    reason = request.environ.get(_REFUSED) or _REASONS.get(status)
    if reason is None and status == 404 and staff_id is not None:  # noqa: PLR2004
        reason = "missing_or_foreign"
    return told if reason is None or status < 400 else told | {"refused": reason}  # noqa: PLR2004
