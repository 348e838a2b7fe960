"""Describes the JSON API by OpenAPI 3.1, with every code that a field takes."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from clinicdir.appointments.intake import Intake
from clinicdir.web.api.schemas import (
    Schema,
    limit,
    list_of,
    location,
    maybe,
    nearest_answer,
    nearest_query,
    object_of,
    problem,
    ref,
    request_body,
    request_made,
    text_of,
    zip_code,
)


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
                "Location": location(),
                "LocationPage": object_of(
                    {"locations": list_of(ref("Location")), "next": maybe(text_of())}
                ),
                "NearestQuery": nearest_query(),
                "NearestAnswer": nearest_answer(),
                "RequestBody": request_body(intake, ask_birth_date=ask_birth_date),
                "RequestMade": request_made(),
                "Consent": object_of(
                    {"version": text_of(), "text": text_of(), "locale": text_of()}
                ),
                "Problem": problem(),
            }
        },
    }


def _version() -> str:
    try:
        return version("clinicdir")
    except PackageNotFoundError:  # a checkout that was not installed
        return "0"


def _paths() -> Schema:
    return _directory_paths() | _request_paths()


def _directory_paths() -> Schema:
    slug = {"name": "slug", "in": "path", "required": True, "schema": text_of()}
    page = {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0}}
    by_zip = {"name": "postal_code", "in": "query", "required": True, "schema": zip_code()}
    at_most = {"name": "limit", "in": "query", "schema": limit()}
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
                parameters=[by_zip, at_most],
            ),
            "post": _operation(
                "Clinics nearest to an address, a ZIP code or a position",
                "NearestAnswer",
                (400, 413, 415, 422),
                body="NearestQuery",
            ),
        },
    }


def _request_paths() -> Schema:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "Your own value, new for each request, the same at each try.",
        "schema": text_of(200) | {"minLength": 1},
    }
    return {
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
        content = {"application/json": {"schema": ref(body)}}
        operation["requestBody"] = {"required": True, "content": content}
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


def _content(description: str, mimetype: str, schema: str) -> Schema:
    return {"description": description, "content": {mimetype: {"schema": ref(schema)}}}
