"""Contact points: their kinds, and how numbers are read and shown."""

import enum

import phonenumbers


class TelecomSystem(enum.StrEnum):
    """The kinds of contact point, by their FHIR codes."""

    PHONE = "phone"
    FAX = "fax"
    EMAIL = "email"
    URL = "url"


def display_number(e164: str) -> str:
    """Return a phone or fax number as people in its country write it: (206) 693-9929."""
    number = phonenumbers.parse(e164)
    style = phonenumbers.PhoneNumberFormat
    national = number.country_code == phonenumbers.country_code_for_region("US")
    return phonenumbers.format_number(number, style.NATIONAL if national else style.INTERNATIONAL)


def parse_number(text: str) -> str:
    """Return the E.164 form of a typed US phone or fax number, or raise ValueError."""
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException as problem:
        message = f"{text!r} is no phone number"
        raise ValueError(message) from problem
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        message = f"{text!r} is no full phone number"
        raise ValueError(message)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
