"""The blueprint that the JSON API hangs on, and how it reads a body."""

from typing import Any

from flask import Blueprint, abort, request

from clinicdir.errors import FieldError, Invalid, marked

bp = Blueprint("api", __name__)


def json_body() -> dict[str, Any]:
    """Return the body as an object, or end with 415 (not JSON), 400 (broken) or 422 (no object)."""
    if request.mimetype != "application/json":
        abort(415)
    try:
        body = request.get_json()
    except RecursionError:
        abort(400)
    if not isinstance(body, dict):
        raise Invalid(FieldError("", "type", marked("Send one JSON object")))
    return body
