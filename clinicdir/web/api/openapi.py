"""Describes the JSON API by OpenAPI 3.1, with every code that a field takes."""

import enum
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from clinicdir.appointments.intake import Choice, Intake
from clinicdir.appointments.submission import (
    MAX_LOCATIONS,
    MAX_WINDOWS,
    NAME_LENGTH,
    NOTE_LENGTH,
    SHORT_TEXT,
    ContactBy,
    ForWhom,
    PartOfDay,
    Weekday,
    YesNoUnsure,
)
from clinicdir.finder.rules import Level

Schema = dict[str, Any]


def describe(intake: Intake, *, url: str, ask_birth_date: bool) -> Schema:
    """Return the document for this group's lists and settings."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "clinicdir",
            "version": _version(),
            "description": "Clinics, the nearest of them, and appointment requests. A request is"
            " not a booking: a clinic answers it.",
        },
        "servers": [{"url": url}],
        "paths": _paths(),
        "components": {
            "schemas": {
                "Location": _location(),
                "LocationPage": _object(
                    {"locations": _list(_ref("Location")), "next": _maybe(_text())}
                ),
                "NearestQuery": _nearest_query(),
                "NearestAnswer": _nearest_answer(),
                "RequestBody": _request_body(intake, ask_birth_date=ask_birth_date),
                "RequestMade": _request_made(),
                "Consent": _object({"version": _text(), "text": _text(), "locale": _text()}),
                "Problem": _problem(),
            }
        },
    }


def _version() -> str:
    try:
        return version("clinicdir")
    except PackageNotFoundError:  # a checkout that was not installed
        return "0"


def _paths() -> Schema:
    slug = {"name": "slug", "in": "path", "required": True, "schema": _text()}
    page = {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0}}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "Your own value, new for each request, the same at each try.",
        "schema": _text(200) | {"minLength": 1},
    }
    zip_code = {"name": "postal_code", "in": "query", "required": True, "schema": _zip_code()}
    limit = {"name": "limit", "in": "query", "schema": _limit()}
    return {
        "/api/v1/locations": {
            "get": _operation("List the clinics, 50 a page", "LocationPage", parameters=[page])
        },
        "/api/v1/locations/{slug}": {
            "get": _operation("Show one clinic", "Location", (404,), parameters=[slug])
        },
        "/api/v1/nearest": {
            "get": _operation(
                "Clinics nearest to a ZIP code",
                "NearestAnswer",
                (400, 422),
                parameters=[zip_code, limit],
            ),
            "post": _operation(
                "Clinics nearest to an address, a ZIP code or a position",
                "NearestAnswer",
                (400, 413, 415, 422),
                body="NearestQuery",
            ),
        },
        "/api/v1/requests": {
            "post": _operation(
                "Ask a clinic for an appointment",
                "RequestMade",
                (400, 409, 413, 415, 422, 429, 503),
                body="RequestBody",
                parameters=[key],
                success=201,
            )
        },
        "/api/v1/consent": {"get": _operation("The privacy notice in force", "Consent")},
        "/openapi.json": {
            "get": {
                "summary": "This document",
                "responses": {"200": {"description": "OpenAPI 3.1"}},
            }
        },
    }


def _operation(
    summary: str,
    answer: str,
    problems: Iterable[int] = (),
    *,
    body: str | None = None,
    parameters: Iterable[Schema] = (),
    success: int = 200,
) -> Schema:
    responses: Schema = {str(success): _content("Done", "application/json", answer)}
    for status in problems:
        responses[str(status)] = _content("Refused", "application/problem+json", "Problem")
    operation: Schema = {"summary": summary, "responses": responses}
    if body is not None:
        content = {"application/json": {"schema": _ref(body)}}
        operation["requestBody"] = {"required": True, "content": content}
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


def _content(description: str, mimetype: str, schema: str) -> Schema:
    return {"description": description, "content": {mimetype: {"schema": _ref(schema)}}}


def _location() -> Schema:
    number = _maybe(_object({"e164": _text(), "display": _text()}))
    address = {
        "line": _text(),
        "unit": _maybe(_text()),
        "city": _text(),
        "state": _text(),
        "postal_code": _text(),
    }
    return _object(
        {
            "slug": _text(),
            "name": _text(),
            "address": _object(address),
            "phone": number,
            "fax": number,
            "latitude": _maybe({"type": "number"}),
            "longitude": _maybe({"type": "number"}),
            "status": {"enum": ["open", "limited", "closed"]},
            "hours": _maybe(_text()),
            "shares_phone_with": _list(_text()),
            "request_url": _text(),
        }
    )


def _nearest_query() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "address": _text(200),
            "postal_code": _zip_code(),
            "latitude": {"type": "number", "minimum": -90, "maximum": 90},
            "longitude": {"type": "number", "minimum": -180, "maximum": 180},
            "limit": _limit(),
        },
        "oneOf": [
            {"required": ["address"]},
            {"required": ["postal_code"]},
            {"required": ["latitude", "longitude"]},
        ],
    }


def _nearest_answer() -> Schema:
    origin = {
        "level": _codes(Level),
        "latitude": {"type": "number"},
        "longitude": {"type": "number"},
        "error_m": {"type": "integer", "minimum": 0},
        "matched": _text(),
    }
    result = {
        "location": _ref("Location"),
        "distance_m": _maybe({"type": "integer", "minimum": 0}),
        "about_as_near_as_first": {"type": "boolean"},
    }
    return _object(
        {
            "origin": _maybe(_object(origin)),
            "alternatives": _list({}),
            "results": _list(_object(result)),
        }
    )


def _request_body(intake: Intake, *, ask_birth_date: bool) -> Schema:
    yes_no = {"type": "boolean"}
    window = _object({"weekday": _codes(Weekday), "part": _codes(PartOfDay)})
    fields: Schema = {
        "location": {
            "anyOf": [_text(), _list(_text()) | {"minItems": 1, "maxItems": MAX_LOCATIONS}]
        },
        "goal": _choices(intake.goals),
        "goal_text": _text(SHORT_TEXT),
        "body_area": _choices(intake.body_areas),
        "target_month": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
        "stopped": _list(_choices(intake.stopped)),
        "tried": _text(SHORT_TEXT),
        "for_whom": _codes(ForWhom),
        "asker_name": _text(NAME_LENGTH),
        "relation": _text(NAME_LENGTH),
        "patient_name": _text(NAME_LENGTH) | {"minLength": 1},
        "phone": _text(40),
        "email": _text(254),
        "contact_by": _codes(ContactBy),
        "best_time": _codes(PartOfDay),
        "voicemail_ok": yes_no,
        "windows": _list(window) | {"maxItems": MAX_WINDOWS},
        "returning": _codes(YesNoUnsure),
        "referral": _codes(YesNoUnsure),
        "language": _text(35) | {"description": "A BCP 47 tag"},
        "interpreter": yes_no,
        "access_needs": _text(SHORT_TEXT),
        "note": _text(NOTE_LENGTH),
        "short_notice": yes_no,
        "consent_version": {"enum": [intake.consent.version]},
    }
    if ask_birth_date:
        fields["birth_date"] = {"type": "string", "format": "date"}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": fields,
        "required": [
            "location", "goal", "for_whom", "patient_name", "contact_by", "consent_version",
        ],
        "anyOf": [{"required": ["phone"]}, {"required": ["email"]}],
    }  # fmt: skip


def _request_made() -> Schema:
    return _object(
        {
            "reference": _text(8),
            "status": {"enum": ["received"]},
            "location": _text(),
            "status_url": {"type": "string", "format": "uri"},
            "promise_at": _maybe({"type": "string", "format": "date-time"}),
        }
    )


def _problem() -> Schema:
    error = _object({"field": _text(), "code": _text(), "message": _text()})
    properties = {
        "type": _text(),
        "title": _text(),
        "status": {"type": "integer"},
        "detail": _text(),
        "errors": _list(error),
    }
    return _object(properties)


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _text(most: int | None = None) -> Schema:
    return {"type": "string"} if most is None else {"type": "string", "maxLength": most}


def _zip_code() -> Schema:
    return {"type": "string", "pattern": "^[0-9]{5}$"}


def _limit() -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": 50, "default": 3}


def _codes(kind: type[enum.StrEnum]) -> Schema:
    return {"type": "string", "enum": [code.value for code in kind]}


def _choices(choices: tuple[Choice, ...]) -> Schema:
    return {"type": "string", "enum": [choice.code for choice in choices]}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
