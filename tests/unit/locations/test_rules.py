"""Contact points: how numbers are read and shown."""

import pytest

from clinicdir.locations.rules import display_number, parse_number

SHARED_PHONE = "+12066939929"


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
