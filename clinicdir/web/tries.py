"""Counts tries at something secret, exactly: over workers, restarts and presses at one moment."""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Response, abort, current_app
from limits import RateLimitItem

from clinicdir import clock
from clinicdir.errors import Unavailable
from clinicdir.web.errors import answer
from clinicdir.web.security import limiter


@dataclass(frozen=True)
class Counter:
    """One count: how many in what time, of what, by whom or at what."""

    limit: RateLimitItem
    kind: str
    key: str


def count_try(*counters: Counter) -> None:
    """Count a try at each counter, or end the request with 429 where one is full.

    A try is counted before it is looked at, so that many at once get no more than their number.
    """
    full = _full(counters)
    if full:
        abort(_refusal(full[0]))


def has_room(*counters: Counter) -> bool:
    """Count a try at each counter and say whether none is full; the caller answers."""
    return not _full(counters)


def give_back(*counters: Counter) -> None:
    """Take a try off again: it was right, and only wrong ones count."""
    for counter in counters:
        _hit(counter, -1)


def _full(counters: Iterable[Counter]) -> list[Counter]:
    return [counter for counter in counters if not _hit(counter, 1)]


def _hit(counter: Counter, cost: int) -> bool:
    if not current_app.config["RATELIMIT_ENABLED"]:
        return True
    try:
        return bool(limiter.limiter.hit(counter.limit, counter.kind, counter.key, cost=cost))
    except limiter.storage.base_exceptions as problem:
        # Without a count, somebody could try every number: better to send people to the phone.
        message = "Tries cannot be counted."
        raise Unavailable(message) from problem


def _refusal(counter: Counter) -> Response:
    stats = limiter.limiter.get_window_stats(counter.limit, counter.kind, counter.key)
    response = answer(429)
    wait = max(1, round(stats.reset_time - clock.now().timestamp()))
    response.headers["Retry-After"] = str(wait)
    return response
