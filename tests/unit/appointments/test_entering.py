"""What staff looked for, as the answer of a request that it is."""

import pytest

from clinicdir.appointments.entering import read_caller


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        (" (206) 555-0177 ", {"phone": "(206) 555-0177"}),
        ("+44 20 7946 0123", {"phone": "+44 20 7946 0123"}),
        (" Kim@example.com", {"email": "Kim@example.com"}),
        ("José O'Neil", {"patient_name": "José O'Neil"}),
        ("李", {"patient_name": "李"}),
        ("0177", {}),
        ("555-0177", {}),
        ("C7K-4KQ2", {}),  # no reference, but meant as one
        ("  ", {}),
    ],
)
def test_caller_is_a_phone_an_email_a_name_or_nobody(typed: str, answer: dict[str, str]) -> None:
    assert read_caller(typed) == answer
