"""The contact check alone: the end of the phone number, else the beginning of the e-mail."""

import pytest

from clinicdir.appointments.contact_check import Proof, proves, wanted_proof

PHONE = "+12065550123"


@pytest.mark.parametrize(
    "typed", ["0123", " 0123 ", "01 23", "01-23", "(0123)", "0.1.2.3", "０１２３", "٠١٢٣"]
)
def test_last_four_digits_prove_however_they_are_typed(typed: str) -> None:
    assert proves(typed, phone_e164=PHONE, email=None)


@pytest.mark.parametrize(
    "typed", ["", " ", "0124", "123", "00123", "012", "+12065550123", "kim", "0123a", "0123\0", "²"]
)
def test_anything_else_does_not(typed: str) -> None:
    assert not proves(typed, phone_e164=PHONE, email="kim@example.com")


def test_digits_of_an_extension_do_not_count() -> None:
    assert proves("0123", phone_e164=f"{PHONE};ext=4567", email=None)
    assert not proves("4567", phone_e164=f"{PHONE};ext=4567", email=None)


@pytest.mark.parametrize(
    ("email", "typed", "right"),
    [
        ("kim@example.com", "kim", True),
        ("kim@example.com", " KIM ", True),
        ("Kim@example.com", "kim", True),
        ("kim@example.com", "ki", False),
        ("kim@example.com", "kim@", False),
        ("kim@example.com", "0123", False),
        ("a@b.example", "a@b", True),
        ("éva@example.com", "e\u0301va", True),
    ],
)
def test_email_alone_is_known_by_its_first_three_letters(
    email: str, typed: str, right: bool
) -> None:
    assert proves(typed, phone_e164=None, email=email) is right


def test_what_is_asked_for() -> None:
    assert wanted_proof(PHONE) is Proof.PHONE_DIGITS
    assert wanted_proof(None) is Proof.EMAIL_LETTERS


def test_without_either_nothing_proves() -> None:
    assert not any(proves(typed, phone_e164=None, email=None) for typed in ("", "0000", "abc"))
