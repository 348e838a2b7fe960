"""Turns refusals and faults into plain pages or problem+json, with a way on for the person."""

import logging
import secrets

from flask import Flask, Response, current_app, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from clinicdir import clock
from clinicdir.appointments.answers import showable
from clinicdir.crypto import CannotOpen
from clinicdir.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Invalid,
    NotAllowed,
    NotFound,
    Unavailable,
    marked,
)
from clinicdir.locations.models import Location
from clinicdir.locations.rules import TelecomSystem
from clinicdir.web.going_on import MOST_PHONES, answer_from_copy
from clinicdir.web.language import gettext
from clinicdir.web.security import limiter
from clinicdir.web.watching import traffic

_log = logging.getLogger(__name__)

RETRY_AFTER_S = 5
# What opens doors is never sent back to a page.
SECRET = frozenset({"password", "current", "code"})
_STATUS: dict[type[DomainError], int] = {
    NotFound: 404,
    NotAllowed: 409,
    Conflict: 409,
    Forbidden: 403,
    Invalid: 422,
    Unavailable: 503,
}

# The heading of an error page, and what to do about it.
_WORDS: dict[int, tuple[str, str]] = {
    400: (
        marked("We could not read that"),
        marked("Go back and send it again."),
    ),
    403: (
        marked("You cannot do this here"),
        marked("Sign in with an account that may, and open the page anew."),
    ),
    404: (
        marked("There is no such page"),
        marked("Check the address, or start from the list of clinics."),
    ),
    405: (
        marked("This page cannot be used that way"),
        marked("Start from the list of clinics."),
    ),
    409: (
        marked("This has changed since you opened it"),
        marked("Open it again to see how it stands now."),
    ),
    413: (
        marked("That was too much text"),
        marked("Shorten it to 64,000 bytes in all and send it again."),
    ),
    415: (
        marked("That form of data is not taken here"),
        marked("Send it as application/json."),
    ),
    422: (
        marked("Some answers need a change"),
        marked("See the list of errors, change these fields and send it again."),
    ),
    429: (
        marked("We have had several tries from you"),
        marked("Try again in a while, or call a clinic."),
    ),
    431: (marked("Your browser sent too much"), marked("Clear its cookies and try again.")),
    503: (
        marked("We cannot store anything right now"),
        marked("Nothing you typed is lost. Try again in a few seconds, or call a clinic."),
    ),
    500: (
        marked("Something went wrong on our side"),
        marked("Try again, or call a clinic."),
    ),
}


def init_app(app: Flask) -> None:
    """Answer every error in our own words."""
    app.extensions["clinicdir.phones"] = {}
    app.register_error_handler(DomainError, _on_domain_error)
    app.register_error_handler(StaleDataError, lambda _error: answer(409))
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(DBAPIError, _on_database_error)
    app.register_error_handler(NoConnection, _without_database)
    app.register_error_handler(Exception, _on_fault)


def remember_phones(locations: list[Location]) -> None:
    """Keep these numbers for an error page of this request, and in memory for any other.

    An error page must not need the database; it may come before this request has read anything.
    """
    phones = {
        location.name: number
        for location in locations
        if (number := location.telecom_value(TelecomSystem.PHONE)) is not None
    }
    g.phones = phones
    known: dict[str, str] = current_app.extensions["clinicdir.phones"]
    for name, number in phones.items():
        if name in known or len(known) < MOST_PHONES:
            known[name] = number


def answer(
    status: int, *, detail: str = "", errors: list[dict[str, str]] | None = None
) -> Response:
    """Return the page or problem of a status, by who asked."""
    title, advice = _words(status)
    phones = g.get("phones") or dict(current_app.extensions["clinicdir.phones"])
    wait = _seconds_to_wait(status)
    if request.path.startswith(("/api/", "/openapi.json")):
        problem = _problem(status, title, detail or advice, errors)
        response = jsonify(problem if wait is None else problem | {"phones": phones})
        response.content_type = "application/problem+json"
    else:
        page = render_template(
            "errors/error.html",
            title=title,
            advice=detail or advice,
            phones=phones,
            typed=_typed() if status == 503 else None,  # noqa: PLR2004
            lost=status == 404,  # noqa: PLR2004
        )
        response = current_app.make_response(page)
    response.status_code = status
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    return response


def _seconds_to_wait(status: int) -> int | None:
    """Return how long to wait before the next try, None where waiting is of no use."""
    if status == 503:  # noqa: PLR2004
        return RETRY_AFTER_S
    if status != 429:  # noqa: PLR2004
        return None
    limit = limiter.current_limit
    until = limit.reset_at if limit is not None else 0
    return max(1, round(until - clock.now().timestamp()))


def field_errors(refusal: Invalid) -> list[dict[str, str]]:
    """Return the refused fields as JSON names them."""
    return [
        {
            "field": error.field,
            "code": error.code,
            "message": gettext(error.message, **error.values),
        }
        for error in refusal.errors
    ]


def _problem(
    status: int, title: str, detail: str, errors: list[dict[str, str]] | None
) -> dict[str, object]:
    problem: dict[str, object] = {
        "type": "about:blank", "title": title, "status": status, "detail": detail,
    }  # fmt: skip
    return problem | {"errors": errors or []}


def _typed() -> dict[str, list[str]] | None:
    """Return what a form sent, to be sent again with one press."""
    if request.method != "POST" or request.mimetype == "application/json":
        return None
    return {
        showable(name): [showable(value) for value in values]
        for name, values in request.form.lists()
        if name not in SECRET
    }


def _words(status: int) -> tuple[str, str]:
    """Return the heading of an error and what to do about it."""
    known = status if status in _WORDS else 400 if status < 500 else 500  # noqa: PLR2004
    title, advice = _WORDS[known]
    return gettext(title), gettext(advice)


def _on_domain_error(error: DomainError) -> Response:
    if isinstance(error, Unavailable):
        return _without_database(error)
    status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
    if isinstance(error, Invalid):
        return answer(status, errors=field_errors(error))
    return answer(status, detail=str(error) if isinstance(error, Conflict) else "")


def _on_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:  # noqa: PLR2004 - a redirect is no error
        return error.get_response()
    response = answer(error.code)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _on_database_error(error: DBAPIError) -> Response:
    """Answer 503 where the database is busy, full or away; any other database error is a fault."""
    if type(error).__name__ in ("OperationalError", "InterfaceError", "InternalError"):
        return _without_database(error.orig or error)
    return _on_fault(error)


def _without_database(error: BaseException) -> Response:
    """Answer a page of the directory from the copy, any other with where to call."""
    kind = type(error).__name__
    _log.warning("database unavailable: %s", kind, extra={"exception": kind})
    traffic().note_no_database()
    return answer_from_copy() or answer(503)


def _on_fault(error: Exception) -> Response:
    """Log a fault once under a number that the person can read out, and say no more."""
    number = secrets.token_hex(4)
    if isinstance(error, CannotOpen):
        known = {"fault": number, "exception": type(error).__name__}
        _log.error("fault %s: %s", number, error, extra=known)
    else:
        _log.error("fault %s", number, exc_info=error, extra={"fault": number})
    return answer(
        500,
        detail=gettext(
            "Try again, or call a clinic. If you report this, say number %(number)s.",
            number=number,
        ),
    )
