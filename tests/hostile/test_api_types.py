"""JSON of the wrong shape: named field by field, or refused whole; no row in between."""

import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.asking import BODY
from tests.conftest import Clock
from tests.hostile.doors import API, UNSHOWABLE, counts, problems, send_api
from tests.hostile.items import item
from tests.tables import rows

TEXT = "This must be sent as text"
LIST = "This must be sent as a list of texts"
FLAG = "This must be sent as true or false"
WINDOWS = "This must be sent as a list of weekday and part"
ODD: list[Any] = [7, 1.5, True, ["x"], {"a": 1}, [[]], {}, -0.0]
TEXTS = {
    "goal_text": TEXT, "tried": TEXT, "patient_name": TEXT, "asker_name": TEXT, "relation": TEXT,
    "phone": TEXT, "email": TEXT, "language": TEXT, "access_needs": TEXT, "note": TEXT,
    "target_month": TEXT, "consent_version": TEXT,
}  # fmt: skip
CHOICES = {
    "goal": "Select what you want to get back to",
    "body_area": "Select one of the answers",
    "for_whom": "Select who the appointment is for",
    "contact_by": "Select how we should contact you",
    "best_time": "Select one of the answers",
    "returning": "Select one of the answers",
    "referral": "Select one of the answers",
}


def send_text(app: Flask, body: str) -> TestResponse:
    headers = {"Idempotency-Key": "k"}
    return app.test_client().post(API, data=body, content_type="application/json", headers=headers)


@item(3, 23, 34)
@pytest.mark.parametrize("field", [*TEXTS, *CHOICES])
def test_text_of_another_type_is_refused(sqlite_app: Flask, frozen: Clock, field: str) -> None:
    for value in ODD:
        answer = send_api(sqlite_app.test_client(), **{field: value})
        sentence = (TEXTS | CHOICES)[field]
        assert (answer.status_code, problems(answer)) == (422, [(field, sentence)]), value
    assert set(counts(sqlite_app).values()) == {0}


@item(14, 34)
@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("location", 7, LIST), ("location", {"slug": "renton"}, LIST), ("location", [7], LIST),
        ("location", ["renton", None], LIST), ("location", [["renton"]], LIST),
        ("location", ["renton\0"], UNSHOWABLE), ("location", [], "Select a clinic"),
        ("location", ["a"] * 9_000, "Select a clinic"),
        ("location", ["a", "b", "c", "d"], "Select up to 3 clinics"),
        ("stopped", "running", LIST), ("stopped", {"running": 1}, LIST), ("stopped", [1], LIST),
        ("stopped", ["x"] * 9_000, "Select answers from the list"),
        ("voicemail_ok", "yes", FLAG), ("voicemail_ok", 1, FLAG), ("interpreter", [], FLAG),
        ("short_notice", "true", FLAG), ("windows", "any any", WINDOWS), ("windows", {}, WINDOWS),
        ("windows", [7], WINDOWS), ("windows", [{"weekday": "any"}], WINDOWS),
        ("windows", [{"weekday": "any", "part": "any", "x": 1}], WINDOWS),
        ("windows", [{"weekday": ["any"], "part": "any"}], WINDOWS),
        ("windows", [{"weekday": "someday", "part": "any"}], "Choose up to 3 times"),
        ("windows", [{"weekday": "any", "part": "any"}] * 900, "Choose up to 3 times"),
    ],
)  # fmt: skip
def test_list_or_flag_of_another_shape_is_refused(
    sqlite_app: Flask, frozen: Clock, field: str, value: object, sentence: str
) -> None:
    changes: dict[str, Any] = {field: value}
    answer = send_api(sqlite_app.test_client(), **changes)
    assert (answer.status_code, problems(answer)) == (422, [(field, sentence)])
    assert set(counts(sqlite_app).values()) == {0}


@item(24)
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e400", "-0", "9" * 4_000])
def test_number_that_json_has_not_is_no_answer(sqlite_app: Flask, frozen: Clock, word: str) -> None:
    for field in ("patient_name", "voicemail_ok", "windows", "location"):
        body = json.dumps(BODY | {field: "HERE"}).replace('"HERE"', word)
        answer = send_text(sqlite_app, body)
        json.loads(answer.get_data(), parse_constant=pytest.fail)
        assert (answer.status_code, [name for name, _ in problems(answer)]) == (422, [field])
    assert set(counts(sqlite_app).values()) == {0}


@item(14)
def test_last_of_two_equal_names_counts_alone(app: Flask, frozen: Clock) -> None:
    doubled = json.dumps(BODY)[:-1] + ', "location": "covington", "patient_name": "Kim Second"}'
    answer = send_text(app, doubled)
    assert (answer.status_code, answer.get_json()["location"]) == (201, "covington")
    assert len(rows(app, "request_location", "id")) == 1
    again = send_text(app, json.dumps(BODY | {"location": "covington"}))
    assert again.status_code == 409


@item(3)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[" * 30_000, 400), ('{"a":' * 12_000, 400), ("[" * 900 + "]" * 900, 422),
        ('{"note": ' + "[" * 900 + "]" * 900 + "}", 422), ('{"note": "\\ud800"}', 422),
        ('{"\\ud800": 1}', 422), ('{"\\u0000": 1}', 422), ('{"": 1}', 422), ('{"a": 1,}', 400),
        ("{'a': 1}", 400), ('{"a": 01}', 400), ("\ufeff{}", 422), ("", 400), ("null", 422),
        ('{"a": ' + "9" * 5_000 + "}", 400), ('"' + "x" * 60_000 + '"', 422),
        ("{" + ",".join(f'"f{n}": 1' for n in range(5_000)) + "}", 422),
    ],
    ids=lambda value: str(value)[:16],
)  # fmt: skip
def test_body_that_is_no_request_is_refused_whole(
    sqlite_app: Flask, body: str, status: int
) -> None:
    for path in (API, "/api/v1/nearest"):
        headers = {"Idempotency-Key": "k"}
        client = sqlite_app.test_client()
        answer = client.post(path, data=body, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
        assert len(answer.get_json()["errors"]) <= 40
    assert set(counts(sqlite_app).values()) == {0}
