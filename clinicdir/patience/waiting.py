"""Who asks, and so how long it may wait: a person before a page, a machine, a worker."""

from flask import g, has_request_context

_HURRY = "clinicdir.hurry"
_MUST_KNOW = "clinicdir.must_know"


def in_request() -> bool:
    """Say whether somebody waits for an answer; workers and commands have time."""
    return has_request_context()


def hurry(wait_s: float, *, must_know: bool = False) -> None:
    """Let this request wait for the database no longer than `wait_s` seconds at a time.

    One that `must_know` how the database is asks it also where others are turned away.
    """
    setattr(g, _HURRY, wait_s)
    setattr(g, _MUST_KNOW, must_know)


def must_know() -> bool:
    """Say whether this is a request that must learn how the database is."""
    return has_request_context() and bool(g.get(_MUST_KNOW, False))


def longest_wait_s(usual_s: float) -> float:
    """Return how long this request, worker or command waits for what usually takes `usual_s`."""
    wait_s = g.get(_HURRY) if has_request_context() else None
    return usual_s if wait_s is None else min(usual_s, float(wait_s))
