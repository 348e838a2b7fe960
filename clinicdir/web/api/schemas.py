"""The shapes of the JSON API, in JSON Schema, from the same codes and limits as the rules."""

import enum
from typing import Any

from clinicdir.appointments.codes import ContactBy, ForWhom, PartOfDay, Weekday, YesNoUnsure
from clinicdir.appointments.intake import Choice, Intake
from clinicdir.appointments.submission import (
    MAX_LOCATIONS,
    MAX_WINDOWS,
    NAME_LENGTH,
    NOTE_LENGTH,
    SHORT_TEXT,
)
from clinicdir.finder.rules import Level

Schema = dict[str, Any]


def location() -> Schema:
    """Describe a clinic."""
    number = maybe(object_of({"e164": text_of(), "display": text_of()}))
    address = {
        "line": text_of(),
        "unit": maybe(text_of()),
        "city": text_of(),
        "state": text_of(),
        "postal_code": text_of(),
    }
    return object_of(
        {
            "slug": text_of(),
            "name": text_of(),
            "address": object_of(address),
            "phone": number,
            "fax": number,
            "latitude": maybe({"type": "number"}),
            "longitude": maybe({"type": "number"}),
            "status": {"enum": ["open", "limited", "closed"]},
            "notice": maybe(text_of()) | {"description": "What patients should know first"},
            "hours": maybe(text_of()),
            "goals": list_of(text_of()) | {"description": "Codes of the goals that it takes"},
            "contact_by": list_of(codes_of(ContactBy)),
            "shares_phone_with": list_of(text_of()),
            "request_url": text_of(),
        }
    )


def nearest_query() -> Schema:
    """Describe what the finder takes."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "address": text_of(200),
            "postal_code": zip_code(),
            "latitude": {"type": "number", "minimum": -90, "maximum": 90},
            "longitude": {"type": "number", "minimum": -180, "maximum": 180},
            "limit": limit(),
        },
        "oneOf": [
            {"required": ["address"]},
            {"required": ["postal_code"]},
            {"required": ["latitude", "longitude"]},
        ],
    }


def nearest_answer() -> Schema:
    """Describe what the finder answers."""
    origin = {
        "level": codes_of(Level),
        "latitude": {"type": "number"},
        "longitude": {"type": "number"},
        "error_m": {"type": "integer", "minimum": 0},
        "matched": text_of(),
    }
    result = {
        "location": ref("Location"),
        "distance_m": maybe({"type": "integer", "minimum": 0}),
        "about_as_near_as_first": {"type": "boolean"},
        "across": list_of(text_of()) | {"description": "Waters under the straight line"},
        "needs_ferry": {"type": "boolean"},
    }
    return object_of(
        {
            "origin": maybe(object_of(origin)),
            "alternatives": list_of(text_of()),
            "results": list_of(object_of(result)),
        }
    )


def request_body(intake: Intake, *, ask_birth_date: bool) -> Schema:
    """Describe a request, with this group's lists of answers."""
    fields = _answers(intake)
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


def _answers(intake: Intake) -> Schema:
    yes_no = {"type": "boolean"}
    window = object_of({"weekday": codes_of(Weekday), "part": codes_of(PartOfDay)})
    return {
        "location": {
            "anyOf": [text_of(), list_of(text_of()) | {"minItems": 1, "maxItems": MAX_LOCATIONS}]
        },
        "goal": choices_of(intake.goals),
        "goal_text": text_of(SHORT_TEXT),
        "body_area": choices_of(intake.body_areas),
        "target_month": {"type": "string", "pattern": r"^\d{4}-\d{2}$"},
        "stopped": list_of(choices_of(intake.stopped)),
        "tried": text_of(SHORT_TEXT),
        "for_whom": codes_of(ForWhom),
        "asker_name": text_of(NAME_LENGTH),
        "relation": text_of(NAME_LENGTH),
        "patient_name": text_of(NAME_LENGTH) | {"minLength": 1},
        "phone": text_of(40),
        "email": text_of(254),
        "contact_by": codes_of(ContactBy),
        "best_time": codes_of(PartOfDay),
        "voicemail_ok": yes_no,
        "windows": list_of(window) | {"maxItems": MAX_WINDOWS},
        "returning": codes_of(YesNoUnsure),
        "referral": codes_of(YesNoUnsure),
        "language": text_of(35) | {"description": "A BCP 47 tag"},
        "interpreter": yes_no,
        "access_needs": text_of(SHORT_TEXT),
        "note": text_of(NOTE_LENGTH),
        "short_notice": yes_no,
        "consent_version": {"enum": [intake.consent.version]},
    }


def request_made() -> Schema:
    """Describe the answer to a request that was stored."""
    return object_of(
        {
            "reference": text_of(8),
            "status": {"enum": ["received"]},
            "location": text_of(),
            "status_url": {"type": "string", "format": "uri"},
            "promise_at": maybe({"type": "string", "format": "date-time"}),
        }
    )


def problem() -> Schema:
    """Describe an error (RFC 9457) with its refused fields."""
    error = object_of({"field": text_of(), "code": text_of(), "message": text_of()})
    properties = {
        "type": text_of(),
        "title": text_of(),
        "status": {"type": "integer"},
        "detail": text_of(),
        "errors": list_of(error),
    }
    return object_of(properties)


def object_of(properties: Schema) -> Schema:
    """Describe an object that has all of these properties."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def list_of(items: Schema) -> Schema:
    """Describe a list."""
    return {"type": "array", "items": items}


def text_of(most: int | None = None) -> Schema:
    """Describe a text of at most `most` characters."""
    return {"type": "string"} if most is None else {"type": "string", "maxLength": most}


def zip_code() -> Schema:
    """Describe a ZIP code."""
    return {"type": "string", "pattern": "^[0-9]{5}$"}


def limit() -> Schema:
    """Describe how many clinics to answer."""
    return {"type": "integer", "minimum": 1, "maximum": 50, "default": 3}


def codes_of(kind: type[enum.StrEnum]) -> Schema:
    """Describe the words of an enumeration."""
    return {"type": "string", "enum": [code.value for code in kind]}


def choices_of(choices: tuple[Choice, ...]) -> Schema:
    """Describe the codes of one of the group's lists."""
    return {"type": "string", "enum": [choice.code for choice in choices]}


def maybe(schema: Schema) -> Schema:
    """Describe a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    """Point to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}
