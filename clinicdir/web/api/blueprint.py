"""The blueprint that the JSON API hangs on, and how it reads a body."""

from typing import Any

from flask import Blueprint, Response, abort, request

from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.web.errors import answer, field_errors

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


def refuse(status: int, error: FieldError) -> Response:
    """Return the problem of one thing that is wrong with a call, told in full as its detail."""
    errors = field_errors(Invalid(error))
    return answer(status, detail=errors[0]["message"], errors=errors)
