"""Contact points: how numbers are read and shown, and who shares a line."""

from dataclasses import dataclass, field

import pytest

from clinicdir.locations.rules import TelecomSystem, display_number, parse_number, shares_with

SHARED_PHONE = "+12066939929"


@dataclass
class Place:
    slug: str
    telecom: dict[TelecomSystem, str] = field(default_factory=dict)

    def telecom_value(self, system: TelecomSystem) -> str | None:
        return self.telecom.get(system)


def sharing(*slugs: str) -> list[Place]:
    return [Place(slug, {TelecomSystem.PHONE: SHARED_PHONE}) for slug in slugs]


@pytest.mark.parametrize(
    ("e164", "shown"),
    [
        ("+12066939929", "(206) 693-9929"),
        ("+12069228909", "(206) 922-8909"),
        ("+14256299997", "(425) 629-9997"),
        ("+14256299979", "(425) 629-9979"),
        ("+493012345678", "+49 30 12345678"),
    ],
)
def test_number_is_shown_as_its_country_writes_it(e164: str, shown: str) -> None:
    assert display_number(e164) == shown


@pytest.mark.parametrize(
    "typed",
    ["(206) 693-9929", "206.693.9929", "(206)693-9929", "+1 206 693 9929", "1-206-693-9929"],
)
def test_typed_number_becomes_e164(typed: str) -> None:
    assert parse_number(typed) == SHARED_PHONE


def test_shown_number_is_read_back() -> None:
    assert parse_number(display_number(SHARED_PHONE)) == SHARED_PHONE


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "'' is no phone number"),
        ("call us", "'call us' is no phone number"),
        ("693-9929", "'693-9929' is no full phone number"),
        ("+1 206 693 99291", "'+1 206 693 99291' is no full phone number"),
    ],
)
def test_what_is_no_number_is_refused(typed: str, message: str) -> None:
    with pytest.raises(ValueError, match="is no") as refused:
        parse_number(typed)
    assert str(refused.value) == message


def test_sharing_names_the_others_in_the_order_given() -> None:
    places = sharing("first", "second", "third")
    others = shares_with(places[1], places, TelecomSystem.PHONE)
    assert [other.slug for other in others] == ["first", "third"]


def test_sharing_follows_a_change_of_the_data() -> None:
    places = sharing("first", "second", "third")
    places[2].telecom[TelecomSystem.PHONE] = "+14256299997"
    assert [
        [other.slug for other in shares_with(place, places, TelecomSystem.PHONE)]
        for place in places
    ] == [["second"], ["first"], []]


def test_sharing_looks_at_one_system_only() -> None:
    phone, fax = sharing("phone")[0], Place("fax", {TelecomSystem.FAX: SHARED_PHONE})
    assert list(shares_with(phone, [phone, fax], TelecomSystem.PHONE)) == []


def test_nobody_shares_a_missing_number() -> None:
    silent = [Place("first"), Place("second")]
    assert list(shares_with(silent[0], silent, TelecomSystem.FAX)) == []
