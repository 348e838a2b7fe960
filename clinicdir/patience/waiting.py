"""Who asks, and so how long it may wait: a person before a page, a machine, a worker."""

from flask import has_request_context, request
from sqlalchemy import Engine

_HURRY = "clinicdir.hurry"
_MUST_KNOW = "clinicdir.must_know"
_COPY = "clinicdir.copy"


def in_request() -> bool:
    """Say whether somebody waits for an answer; workers and commands have time."""
    return has_request_context()


def hurry(wait_s: float, *, must_know: bool = False) -> None:
    """Let this request wait for the database no longer than `wait_s` seconds at a time.

    One that `must_know` how the database is asks it also where others are turned away.
    """
    request.environ[_HURRY] = wait_s
    request.environ[_MUST_KNOW] = must_know


def must_know() -> bool:
    """Say whether this is a request that must learn how the database is."""
    return has_request_context() and bool(request.environ.get(_MUST_KNOW, False))


def longest_wait_s(usual_s: float) -> float:
    """Return how long this request, worker or command waits for what usually takes `usual_s`."""
    wait_s = request.environ.get(_HURRY) if has_request_context() else None
    return usual_s if wait_s is None else min(usual_s, float(wait_s))


def read_from(copy: Engine) -> None:
    """Have what this request reads from now on come from a copy in place of the database."""
    request.environ[_COPY] = copy


def copy_in_use() -> Engine | None:
    """Return the copy that this request reads, because the database is away."""
    return request.environ.get(_COPY) if has_request_context() else None
