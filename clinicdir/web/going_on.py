"""Lets the pages of the directory go on from a copy in memory while the database is away."""

import logging
import threading
import time

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from clinicdir.db import db
from clinicdir.locations.directory_copy import DirectoryCopy
from clinicdir.patience.waiting import copy_in_use, hurry, read_from

_log = logging.getLogger(__name__)

# What these show stands in the copy or in files; none of them shows a patient's data.
_DIRECTORY = frozenset(
    {
        "public.home", "public.all_locations", "public.location", "public.find", "public.guide",
        "public.privacy", "public.about", "api.locations", "api.location", "api.nearest_to",
        "api.nearest_to_postal_code",
    }
)  # fmt: skip
_COPY = "clinicdir.directory_copy"
MOST_PHONES = 50
_WAIT_S = 1.0
_REFRESH_EVERY_S = 15.0
# A group that takes long to read is read more seldom.
_REST = 100


def init_app(app: Flask) -> None:
    """Keep room for the copy; `keep_fresh` makes it."""
    app.extensions[_COPY] = DirectoryCopy()
    app.before_request(_hurry)
    app.jinja_env.globals["copy_in_use"] = copy_in_use


def directory_copy() -> DirectoryCopy:
    """Return the copy of the present app."""
    copy: DirectoryCopy = current_app.extensions[_COPY]
    return copy


def keep_fresh(app: Flask, stop: threading.Event) -> None:
    """Read the directory into memory now and again, until told to stop."""
    rest_s = 0.0
    while not stop.wait(rest_s):
        begun = time.monotonic()
        try:
            with app.app_context():
                copy = directory_copy()
                copy.refresh()
                # An error page gives them also where no page of the directory was opened yet.
                app.extensions["clinicdir.phones"].update(copy.phones(MOST_PHONES))
        except SQLAlchemyError as trouble:
            kind = type(trouble).__name__
            _log.warning("the copy of the directory stays as it is: %s", kind)
        rest_s = max(_REFRESH_EVERY_S, _REST * (time.monotonic() - begun))


def answer_from_copy() -> Response | None:
    """Return the present request's page as the copy gives it, None where that is not to be."""
    copy = directory_copy().engine
    if request.endpoint not in _DIRECTORY or copy is None or copy_in_use() is not None:
        return None
    db.session.remove()
    read_from(copy)
    view = current_app.view_functions[request.endpoint]
    answer: ResponseReturnValue
    try:
        answer = current_app.ensure_sync(view)(**(request.view_args or {}))
    except Exception as refusal:  # noqa: BLE001 - such as a clinic that there is not
        answer = current_app.handle_user_exception(refusal)
    response: Response = current_app.make_response(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def _hurry() -> None:
    """Let a page that can do without the database not wait long for it."""
    if request.endpoint in _DIRECTORY and directory_copy().engine is not None:
        hurry(_WAIT_S)
