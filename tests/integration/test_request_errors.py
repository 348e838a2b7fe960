"""Answers that are refused: named, linked, kept."""

import shutil
import unicodedata
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.db import db
from tests.asking import (
    ANSWERS,
    CHECK,
    CONTACT,
    START,
    TIMES,
    WHO,
    follow,
    path_of,
    shown,
    walk,
)
from tests.conftest import Clock, build_app
from tests.make import make_request
from tests.pages import (
    Typed,
    field_errors,
    form,
    heading,
    ids,
    main_text,
    press,
    summary,
    title,
)
from tests.tables import all_rows, rows

ERRORS: list[tuple[str, dict[str, Typed], list[tuple[str, str]]]] = [
    (
        START,
        {"location": None, "goal": None},
        [
            ("#location", "Select a clinic"),
            ("#goal", "Select what you want to get back to"),
        ],
    ),
    (
        START,
        {"goal": "other", "goal_text": "  ", "location": "nowhere"},
        [
            ("#location", "Select a clinic"),
            ("#goal_text", "Enter what you want to get back to"),
        ],
    ),
    (
        START,
        {
            "goal_text": "x" * 201,
            "tried": "y" * 201,
            "target_month": "2026-10",
            "body_area": "elbow",
            "stopped": ["flying"],
        },
        [
            ("#goal_text", "Goal must be 200 characters or less"),
            ("#body_area", "Select one of the answers"),
            ("#target_month", "Target month must be this month or later"),
            ("#stopped", "Select answers from the list"),
            ("#tried", "What you have tried must be 200 characters or less"),
        ],
    ),
    (
        START,
        {"consent_version": "2020-01-01"},
        [
            (
                "#consent_version",
                "Read the privacy notice again: it changed while you were filling in this form",
            )
        ],
    ),
    (
        WHO,
        {"for_whom": None, "patient_name": ""},
        [
            ("#for_whom", "Select who the appointment is for"),
            ("#patient_name", "Enter the patient's full name"),
        ],
    ),
    (
        WHO,
        {
            "for_whom": "someone_else",
            "patient_name": "Bad\u202ename",
            "asker_name": "\u200b",
            "relation": "r" * 129,
        },
        [
            ("#patient_name", "Type this again: it contains characters that cannot be shown"),
            ("#asker_name", "Enter your own full name"),
            ("#relation", "How you know the patient must be 128 characters or less"),
        ],
    ),
    (
        CONTACT,
        {"phone": "", "email": "", "contact_by": None},
        [
            ("#phone", "Enter a phone number or an email address"),
            ("#contact_by", "Select how we should contact you"),
        ],
    ),
    (
        CONTACT,
        {"phone": "555-0142", "email": "a@b", "best_time": "night"},
        [
            ("#phone", "Enter a phone number, like 206 555 0123"),
            ("#email", "Enter an email address, like name@example.com"),
            ("#best_time", "Select one of the answers"),
        ],
    ),
    (
        CONTACT,
        {"email": "", "contact_by": "email"},
        [("#contact_by", "Enter an email address, or select phone")],
    ),
    (
        TIMES,
        {
            "window1": "someday morning",
            "language": "!!",
            "note": "n" * 501,
            "access_needs": "a" * 201,
            "returning": "perhaps",
        },
        [
            ("#window1", "Choose up to 3 times"),
            ("#returning", "Select one of the answers"),
            ("#language", "Select the language you want to speak"),
            ("#access_needs", "What you need for access must be 200 characters or less"),
            ("#note", "Note must be 500 characters or less"),
        ],
    ),
]


@pytest.mark.parametrize(("step", "changes", "expected"), ERRORS)
def test_refused_answers_are_named_kept_and_linked(
    sqlite_app: Flask,
    frozen: Clock,
    step: str,
    changes: dict[str, Typed],
    expected: list[tuple[str, str]],
) -> None:
    client = sqlite_app.test_client()
    page = walk(client, step)
    before = all_rows(sqlite_app)
    typed = ANSWERS[step] | changes
    refused = press(client, page, step, **typed)
    assert refused.status_code == 422
    assert title(refused) == f"Error: {heading(page)} – HIDEF"
    assert sorted(summary(refused)) == sorted(expected)
    assert field_errors(refused) == [sentence for _, sentence in summary(refused)]
    assert {link[1:] for link, _ in expected} <= ids(refused)
    text = {name for name in typed if name in TEXT_FIELDS}
    assert shown(refused, step, text) == {name: typed[name] for name in text}
    assert all_rows(sqlite_app) == before
    better = follow(client, press(client, refused, step, **ANSWERS[step]))
    assert heading(better) != heading(page)


TEXT_FIELDS = {
    "goal_text", "tried", "patient_name", "asker_name", "relation", "phone", "email",
    "access_needs",
}  # fmt: skip


def test_choices_stay_chosen_when_a_text_is_refused(client: FlaskClient, frozen: Clock) -> None:
    for step, name in ((START, "tried"), (CONTACT, "email"), (TIMES, "access_needs")):
        page = walk(client, step)
        typed = ANSWERS[step] | {name: "x" * 300, "note": None}
        refused = press(client, page, step, **typed)
        kept = {field: value for field, value in typed.items() if value is not None}
        assert shown(refused, step, kept) == kept


@pytest.mark.parametrize(
    "hostile",
    [
        "{{7*7}} ${7*7} %s%n %(name)s",
        '<script>alert(1)</script> "><svg onload=x>',
        "=HYPERLINK(1) +1 -1 @SUM",
        "e" + "\u0301" * 90,
        "None",
        "&amp; &lt; &#0;",
        "Robert'); DROP TABLE appointment_request;--",
        "مرحبا שלום",
    ],
)
def test_hostile_text_is_shown_as_typed_and_stored_as_typed(
    sqlite_app: Flask, frozen: Clock, hostile: str
) -> None:
    client = sqlite_app.test_client()
    page = walk(client, patient_name=hostile, note=hostile, goal_text=hostile)
    composed = unicodedata.normalize("NFC", hostile)
    assert main_text(page).count(hostile) == 3
    own = follow(client, press(client, page, CHECK))
    assert own.status_code == 200
    with sqlite_app.app_context():
        personal = db.session.query(AppointmentRequest).one().personal
        assert {personal[name] for name in ("patient_name", "note", "goal_text")} == {composed}


@pytest.mark.parametrize(
    "unfit", ["a\0b", "a\x1bb", "a\x85b", "a\ufffdb", "a\uffffb", "a\u202eb", "\0", "a\x0cb"]
)
def test_character_that_no_page_can_hold_is_refused_on_a_page_that_is_still_sound(
    sqlite_app: Flask, frozen: Clock, unfit: str
) -> None:
    client = sqlite_app.test_client()
    for step, name in ((START, "tried"), (WHO, "patient_name"), (TIMES, "note")):
        page = walk(client, step)
        refused = press(client, page, step, **(ANSWERS[step] | {name: unfit}))
        assert (refused.status_code, field_errors(refused)) == (
            422,
            ["Type this again: it contains characters that cannot be shown"],
        )
    assert rows(sqlite_app, "appointment_request", "id") == []


def test_hidden_fields_with_rubbish_change_nothing(sqlite_app: Flask, frozen: Clock) -> None:
    client = sqlite_app.test_client()
    page = client.get(START)
    rubbish = {"draft": "x\0" * 500, "change": "\0", "source": "<b>\0", "submission_key": "y"}
    answer = press(client, page, START, **(ANSWERS[START] | rubbish))
    assert answer.status_code == 303
    page = walk(client)
    again = press(client, page, CHECK, draft="nobody's", submission_key="form:x")
    assert (again.status_code, path_of(again)) == (303, START)
    assert rows(sqlite_app, "appointment_request", "id") == []
    stolen = app_token(sqlite_app)
    again = press(client, page, CHECK, draft="nobody's", submission_key=stolen)
    assert path_of(again) == START


def app_token(app: Flask) -> str:
    """Return the key of a request that came in by the API."""
    with app.app_context():
        return make_request(app, key="api:secret").submission_key


def test_checking_too_early_names_what_is_missing_and_where(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    walk(client, WHO)
    page = client.get(CHECK)
    refused = press(client, page, CHECK)
    assert (refused.status_code, title(refused)) == (422, "Error: Check your answers – HIDEF")
    assert summary(refused) == [
        ("#who", "Select who the appointment is for"),
        ("#who", "Enter the patient's full name"),
        ("#contact", "Enter a phone number or an email address"),
        ("#contact", "Select how we should contact you"),
    ]
    assert {"goal", "who", "contact", "times"} <= ids(refused)
    assert rows(app, "appointment_request", "id") == []


def test_month_that_has_passed_meanwhile_is_named_at_the_check(
    client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client, target_month="2026-11")
    frozen.move(hours=20)
    assert press(client, page, CHECK).status_code == 303
    frozen.at = frozen.at.replace(day=30, hour=23)
    page = walk(client, target_month="2026-11")
    frozen.move(hours=12)
    refused = press(client, page, CHECK)
    assert summary(refused) == [("#goal", "Target month must be this month or later")]


def test_notice_that_changed_meanwhile_is_shown_and_then_taken(
    tmp_path: Path, sqlite_template: Path, frozen: Clock
) -> None:
    seeds = tmp_path / "seeds"
    shutil.copytree(Path("seeds"), seeds)
    shutil.copy(sqlite_template, tmp_path)
    page = walk(build_app(tmp_path).test_client())
    data = form(page, CHECK)
    notice = '{"version": "2027-01-01", "text": "The new notice.", "locale": "en"}'
    (seeds / "consent.json").write_text(notice)
    app = build_app(tmp_path, seeds=seeds)
    client = app.test_client()
    refused = press(client, client.post(CHECK, data=data), CHECK)
    sentence = "Read the privacy notice again: it changed while you were filling in this form"
    assert (refused.status_code, summary(refused)) == (422, [("#consent_version", sentence)])
    assert "The privacy notice as it is now The new notice." in main_text(refused)
    assert "consent_version" in ids(refused)
    assert rows(app, "appointment_request", "id") == []
    follow(client, press(client, refused, CHECK))
    assert rows(app, "appointment_request", "consent_version") == ["2027-01-01"]
