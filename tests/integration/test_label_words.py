"""Words for codes; what is no code is shown as typed, on pages that show typed text again."""

import pytest
from flask import Flask

from clinicdir.web.labels import window_words


@pytest.mark.parametrize(
    ("weekday", "part", "words"),
    [
        ("monday", "morning", "Monday, morning"),
        ("\ufffd", "", "\ufffd"),
        ("monday", "midnight", "monday midnight"),
    ],
)
def test_wished_time_in_words(app: Flask, weekday: str, part: str, words: str) -> None:
    with app.test_request_context("/"):
        assert window_words(weekday, part) == words
