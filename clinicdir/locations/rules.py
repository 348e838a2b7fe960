"""Contact points and the lines that several clinics share, worked out from the data."""

import enum
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

import phonenumbers


class TelecomSystem(enum.StrEnum):
    """The kinds of contact point, by their FHIR codes."""

    PHONE = "phone"
    FAX = "fax"
    EMAIL = "email"
    URL = "url"


class HasTelecom(Protocol):
    """A location as far as its contact points go."""

    @property
    def slug(self) -> str:
        """Return the location's name in URLs."""

    def telecom_value(self, system: TelecomSystem) -> str | None:
        """Return the first value of a system."""


_Place = TypeVar("_Place", bound=HasTelecom)


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


def shares_with(
    location: HasTelecom, others: Iterable[_Place], system: TelecomSystem
) -> Sequence[_Place]:
    """Return the other locations that answer the same number, in the order given."""
    value = location.telecom_value(system)
    if value is None:
        return []
    return [
        other
        for other in others
        if other.slug != location.slug and other.telecom_value(system) == value
    ]
