"""The clinics and the finder as JSON."""

from typing import Any

from flask import Response, jsonify, request, url_for

from clinicdir.appointments.codes import ContactBy
from clinicdir.errors import FieldError, Invalid, marked
from clinicdir.finder.queries import Nearest, find_nearest, locate, locate_position
from clinicdir.finder.rules import Origin
from clinicdir.locations.models import Location
from clinicdir.locations.queries import get_location, list_locations, list_sharing
from clinicdir.locations.rules import TelecomSystem, display_number
from clinicdir.web.api.blueprint import bp, json_body, refuse
from clinicdir.web.api.openapi import describe
from clinicdir.web.paging import after
from clinicdir.web.parts import parts

PAGE_SIZE = 50
DEFAULT_LIMIT = 3
MOST = 50
_LONGEST_ADDRESS = 200
_MOST_UNKNOWN = 20
_WAYS = ("address", "postal_code", "latitude", "longitude")


@bp.get("/api/v1/locations")
def locations() -> Response:
    """List the locations in seed order, 50 a page."""
    found = list_locations(limit=PAGE_SIZE + 1, after=after())
    page = found[:PAGE_SIZE]
    following = url_for("api.locations", after=page[-1].ordinal) if len(found) > PAGE_SIZE else None
    return jsonify({"locations": [location_json(place) for place in page], "next": following})


@bp.get("/api/v1/locations/<slug>")
def location(slug: str) -> Response:
    """Show one location."""
    return jsonify(location_json(get_location(slug)))


@bp.post("/api/v1/nearest")
def nearest_to() -> Response:
    """Rank the locations from an address, a ZIP code or a position; nothing of it is kept."""
    body = json_body()
    origin = _origin(body)
    return _answer(origin, _limit(body.get("limit", DEFAULT_LIMIT)))


@bp.get("/api/v1/nearest")
def nearest_to_postal_code() -> Response:
    """Rank the locations from a ZIP code; a street address does not belong in a URL."""
    if "address" in request.args:
        message = marked("Send a street address by POST: a URL is kept in logs and histories.")
        return refuse(400, FieldError("address", "not_in_a_url", message))
    postal_code = request.args.get("postal_code")
    if postal_code is None:
        raise Invalid(FieldError("postal_code", "missing", marked("Enter a ZIP code")))
    typed = request.args.get("limit", str(DEFAULT_LIMIT))
    limit = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < MOST else 0
    return _answer(_by_postal_code(postal_code), _limit(limit))


@bp.get("/openapi.json")
def openapi() -> Response:
    """Describe the API by OpenAPI 3.1."""
    settings = parts().settings
    return jsonify(
        describe(parts().intake, url=settings.url, ask_birth_date=settings.ask_birth_date)
    )


def location_json(place: Location) -> dict[str, Any]:
    """Return a location as the API shows it."""
    phone = place.telecom_value(TelecomSystem.PHONE)
    sharing = list_sharing(phone, TelecomSystem.PHONE) if phone else []
    return {
        "slug": place.slug,
        "name": place.name,
        "address": {
            "line": place.line,
            "unit": place.unit,
            "city": place.city,
            "state": place.state,
            "postal_code": place.postal_code,
        },
        "phone": _number(phone),
        "fax": _number(place.telecom_value(TelecomSystem.FAX)),
        "latitude": place.latitude,
        "longitude": place.longitude,
        "status": place.status.value,
        "notice": place.notice,
        "hours": place.hours,
        "goals": [goal.code for goal in parts().intake.goals if place.takes(goal.code)],
        "contact_by": [way.value for way in ContactBy if place.contacts_by(way)],
        "shares_phone_with": [other.slug for other in sharing if other.slug != place.slug],
        "request_url": parts().settings.url + url_for("public.start", location=place.slug),
    }


def _number(e164: str | None) -> dict[str, str] | None:
    return None if e164 is None else {"e164": e164, "display": display_number(e164)}


def _origin(body: dict[str, Any]) -> Origin | None:
    unknown = sorted(set(body) - {*_WAYS, "limit"})[:_MOST_UNKNOWN]
    if unknown:
        errors = (
            FieldError(name[:80], "unknown", marked("There is no such field")) for name in unknown
        )
        raise Invalid(*errors)
    sent = {name for name in _WAYS if body.get(name) is not None}
    if sent == {"latitude", "longitude"}:
        return _by_position(body["latitude"], body["longitude"])
    if sent == {"postal_code"}:
        return _by_postal_code(body["postal_code"])
    if sent == {"address"}:
        address = body["address"]
        if not isinstance(address, str) or len(address) > _LONGEST_ADDRESS:
            message = marked("Address must be text of 200 characters or less")
            raise Invalid(FieldError("address", "type", message))
        return locate(address, geocoder=parts().geocoder)
    message = marked("Send one of address, postal_code, or latitude with longitude")
    raise Invalid(FieldError("address", "missing", message))


def _by_postal_code(postal_code: object) -> Origin | None:
    digits = 5
    if (
        not isinstance(postal_code, str)
        or not (postal_code.isascii() and postal_code.isdecimal())
        or len(postal_code) != digits
    ):
        raise Invalid(FieldError("postal_code", "not_a_zip", marked("ZIP code must be 5 digits")))
    return locate(postal_code, geocoder=parts().geocoder)


def _by_position(latitude: object, longitude: object) -> Origin:
    errors = []
    for name, value, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not -most <= value <= most  # not-a-number and the infinite fail this too
        ):
            message = marked("This must be a number of degrees from %(least)s to %(most)s")
            errors.append(FieldError(name, "out_of_range", message, {"least": -most, "most": most}))
    if errors:
        raise Invalid(*errors)
    return locate_position(float(latitude), float(longitude))  # type: ignore[arg-type]


def _limit(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        message = marked("Limit must be a whole number from 1 to 50")
        raise Invalid(FieldError("limit", "out_of_range", message))
    return value


def _answer(origin: Origin | None, limit: int) -> Response:
    results = find_nearest(origin, limit=limit)
    return jsonify(
        {
            "origin": None if origin is None else _origin_json(origin),
            "alternatives": [] if origin is None else list(origin.alternatives),
            "results": [_result_json(result) for result in results],
        }
    )


def _origin_json(origin: Origin) -> dict[str, Any]:
    return {
        "level": origin.level.value,
        "latitude": origin.latitude,
        "longitude": origin.longitude,
        "error_m": origin.error_m,
        "matched": origin.matched,
    }


def _result_json(result: Nearest[Location]) -> dict[str, Any]:
    return {
        "location": location_json(result.location),
        "distance_m": result.distance_m,
        "about_as_near_as_first": result.about_as_near_as_first,
        "across": list(result.across),
        "needs_ferry": result.needs_ferry,
    }
