"""The way of a patient through the pages: what is asked, kept, refused and stored."""

import re
import shutil
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import RequestChannel, Status, show_reference
from clinicdir.db import db, transaction
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from tests.conftest import Clock, build_app
from tests.make import CONSENT, hidden, make_request, token_of
from tests.pages import (
    Typed,
    field_errors,
    form,
    heading,
    ids,
    links,
    main_text,
    parse,
    press,
    summary,
    text_of,
    title,
)
from tests.tables import all_rows, rows, together

START, WHO, CONTACT, TIMES = "/request", "/request/who", "/request/contact", "/request/times"
CHECK, CLEAR = "/request/check", "/request/clear"
STEPS = (START, WHO, CONTACT, TIMES)
ANSWERS: dict[str, dict[str, Typed]] = {
    START: {
        "location": "renton",
        "goal": "other",
        "goal_text": "Dance “all night” <b>",
        "body_area": "knee",
        "target_month": "2027-05",
        "stopped": ["running", "skiing"],
        "tried": "Rest",
    },
    WHO: {
        "for_whom": "someone_else",
        "patient_name": "José Example",
        "asker_name": "Kim O'Example",
        "relation": "Parent",
    },
    CONTACT: {
        "phone": "(206) 555-0123 x45",
        "email": "kim@example.com",
        "contact_by": "phone",
        "best_time": "late_day",
        "voicemail_ok": "y",
    },
    TIMES: {
        "window1": "monday morning",
        "window2": "any midday",
        "window3": "",
        "short_notice": "y",
        "returning": "no",
        "referral": "not_sure",
        "language": "es",
        "interpreter": "y",
        "access_needs": "No steps",
        "note": "Line one\r\nLine two",
    },
}
BODY = {
    "location": "renton",
    "goal": "other",
    "goal_text": "Dance “all night” <b>",
    "body_area": "knee",
    "target_month": "2027-05",
    "stopped": ["running", "skiing"],
    "tried": "Rest",
    "for_whom": "someone_else",
    "patient_name": "José Example",
    "asker_name": "Kim O'Example",
    "relation": "Parent",
    "phone": "(206) 555-0123 x45",
    "email": "kim@example.com",
    "contact_by": "phone",
    "best_time": "late_day",
    "voicemail_ok": True,
    "windows": [{"weekday": "monday", "part": "morning"}, {"weekday": "any", "part": "midday"}],
    "short_notice": True,
    "returning": "no",
    "referral": "not_sure",
    "language": "es",
    "interpreter": True,
    "access_needs": "No steps",
    "note": "Line one\nLine two",
    "consent_version": CONSENT,
}
EXPIRED = (
    "This page was open for a long time, or your browser did not keep our cookie."
    " All your answers are still here. Press the button once more."
)


def follow(client: FlaskClient, answer: TestResponse) -> TestResponse:
    """Go where a sent form leads, which must be by 303."""
    assert answer.status_code == 303, main_text(answer)
    return client.get(answer.headers["Location"])


def walk(client: FlaskClient, until: str = CHECK, **changes: Typed) -> TestResponse:
    """Answer page after page; return the page `until` as it opens."""
    page = client.get(START)
    for step in STEPS:
        if step == until:
            return page
        typed = {name: changes.get(name, value) for name, value in ANSWERS[step].items()}
        page = follow(client, press(client, page, step, **typed))
    return page


def shown(page: TestResponse, step: str, names: Any) -> dict[str, Typed]:  # noqa: ANN401
    """Return what a page's form holds of these fields, lists only where there are several."""
    values = form(page, step)
    return {name: _plain(values.get(name)) for name in names}


def _plain(values: list[str] | None) -> Typed:
    return values[0] if values is not None and len(values) == 1 else values


def forget_cookies(client: FlaskClient) -> None:
    client.delete_cookie("clinicdir", domain="127.0.0.1")
    client.delete_cookie("clinicdir")


def token_in(html: str) -> str:
    return html.rpartition("/")[2]


def test_whole_way_ends_in_one_request_with_every_answer(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client)
    assert heading(page) == "Check your answers"
    sent = press(client, page, CHECK)
    own = follow(client, sent)
    (reference,) = rows(app, "appointment_request", "reference")
    assert heading(own) == "We have your request"
    assert show_reference(reference) in main_text(own)
    plain = {
        "status": Status.RECEIVED,
        "channel": RequestChannel.WEB,
        "goal": "other",
        "body_area": "knee",
        "target_month": date(2027, 5, 1),
        "stopped": ["running", "skiing"],
        "for_whom": "someone_else",
        "contact_by": "phone",
        "best_time": "late_day",
        "voicemail_ok": True,
        "windows": BODY["windows"],
        "is_returning": "no",
        "referral": "not_sure",
        "language": "es",
        "interpreter": True,
        "short_notice": True,
        "consent_version": CONSENT,
        "locale": "en",
        "source": None,
    }
    assert rows(app, "appointment_request", *plain) == [tuple(plain.values())]
    with app.app_context():
        stored = db.session.query(AppointmentRequest).one()
        assert stored.location.slug == "renton"
        assert stored.personal == {
            "patient_name": "José Example",
            "asker_name": "Kim O'Example",
            "relation": "Parent",
            "birth_date": None,
            "phone": "(206) 555-0123 x45",
            "phone_e164": "+12065550123;ext=45",
            "email": "kim@example.com",
            "goal_text": "Dance “all night” <b>",
            "tried": "Rest",
            "note": "Line one\nLine two",
            "access_needs": "No steps",
        }
    assert rows(app, "request_draft", "id") == []
    assert rows(app, "outbox_message", "kind", "state") == [("request_waits", "waiting")]


def test_pages_and_api_store_the_same(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    press(client, walk(client), CHECK)
    client.post("/api/v1/requests", json=BODY, headers={"Idempotency-Key": "k"})
    own = {
        "id", "row_key", "sealed", "reference", "submission_key", "link_hash", "channel",
    }  # fmt: skip
    with app.app_context():
        first, second = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
        names = [column.key for column in AppointmentRequest.__mapper__.column_attrs]
        kept = [name for name in names if name not in own]
        assert {name: getattr(first, name) for name in kept} == {
            name: getattr(second, name) for name in kept
        }
        assert first.personal == second.personal


def test_every_answer_is_shown_for_checking_and_can_be_changed(
    client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client)
    answers = {
        text_of(row.find("dt")): text_of(row.find("dd"))
        for row in parse(page).iter("div")
        if row.find("dt") is not None
    }
    assert answers == {
        "Clinic": "Renton",
        "Get back to": "Something else",
        "In your words": "Dance “all night” <b>",
        "Where it bothers you": "Knee",
        "By when": "May 2027",
        "Stopped or cut down": "Running, Skiing",
        "Tried so far": "Rest",
        "Appointment for": "Someone else",
        "Patient": "José Example",
        "Asked by": "Kim O'Example",
        "Who is the patient's": "Parent",
        "Phone": "(206) 555-0123 x45",
        "Email": "kim@example.com",
        "Contact by": "Phone",
        "Best time": "Late in the day",
        "Voicemail allowed": "Yes",
        "Times that suit": "Monday, morning; Any day, midday",
        "Can come at short notice": "Yes",
        "Been here before": "No",
        "Has a referral": "Not sure",
        "Language": "Español",
        "Interpreter needed": "Yes",
        "Access needs": "No steps",
        "Note": "Line one Line two",
    }
    assert "This is a request, not yet a booking. Renton reads it and contacts you." in main_text(
        page
    )
    who = client.get(links(page)["Change: Who it is for"])
    assert shown(who, WHO, ANSWERS[WHO]) == ANSWERS[WHO]
    back = press(client, who, WHO, patient_name="Changed Example")
    assert back.headers["Location"] == CHECK
    assert "Changed Example" in main_text(client.get(CHECK))


def test_each_page_opens_again_with_its_answers(client: FlaskClient, frozen: Clock) -> None:
    walk(client)
    for step in STEPS:
        again = client.get(step)
        typed = ANSWERS[step] | ({"note": "Line one\nLine two"} if step == TIMES else {})
        assert shown(again, step, typed) == typed


def test_link_names_clinic_goal_and_its_own_place(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = client.get("/request?location=covington&goal=ski&source=poster-3")
    assert shown(page, START, ("location", "goal", "source")) == {
        "location": "covington",
        "goal": "ski",
        "source": "poster-3",
    }
    page = follow(client, press(client, page, START))
    for step in STEPS[1:]:
        page = follow(client, press(client, page, step, **ANSWERS[step]))
    changed = client.get(links(page)["Change: Your goal"])
    page = follow(client, press(client, changed, START, goal="run"))
    press(client, page, CHECK)
    assert rows(app, "appointment_request", "goal", "source") == [("run", "poster-3")]


@pytest.mark.parametrize(
    "query",
    [
        "location=nowhere&goal=fly&source=a%20b",
        "location=../../etc/passwd&goal=%27--&source=%3Cscript%3E",
        f"location={'x' * 9000}&goal={'y' * 9000}&source={'z' * 65}",
        "location=&goal=&source=",
        "location=renton%20&goal=RUN&source=%0d%0aX:",
    ],
)
def test_link_that_names_what_is_not_there_opens_the_plain_page(
    sqlite_app: Flask, query: str
) -> None:
    page = sqlite_app.test_client().get(f"/request?{query}")
    assert page.status_code == 200
    assert shown(page, START, ("location", "goal", "source")) == {
        "location": None,
        "goal": None,
        "source": "",
    }


def test_closed_clinic_is_told_of_and_not_offered(app: Flask, client: FlaskClient) -> None:
    page = walk(client)
    with app.app_context(), transaction():
        get_location("renton").status = LocationStatus.CLOSED
    refused = press(client, page, CHECK)
    assert (refused.status_code, title(refused)) == (422, "Error: Check your answers – HIDEF")
    assert summary(refused) == [("#goal", "Select a clinic that is open")]
    assert "goal" in ids(refused)
    assert rows(app, "appointment_request", "id") == []

    asked = client.get("/request?location=renton")
    assert "Renton is closed and takes no requests. Choose another clinic. Call (206) 693-9929" in (
        main_text(asked)
    )
    offered = [
        node.attrib["value"]
        for node in parse(asked).iter("input")
        if node.attrib["name"] == "location"
    ]
    assert offered == [
        "seattle-5th-ave", "bellevue", "issaquah", "seattle-california-ave-sw", "covington",
    ]  # fmt: skip
    stale = press(client, asked, START, location="renton", goal="run")
    assert (stale.status_code, field_errors(stale)) == (422, ["Select a clinic that is open"])
    other = follow(
        client, press(client, client.get("/request?change=1"), START, location="bellevue")
    )
    follow(client, press(client, other, CHECK))
    assert rows(app, "request_location", "ordinal") == [0]


def test_double_click_on_send_is_one_request_and_one_confirmation(
    app: Flask, client: FlaskClient
) -> None:
    page = walk(client)
    first, second, third = (press(client, page, CHECK) for _ in range(3))
    assert first.headers["Location"].startswith("/requests/")
    assert first.headers["Location"] == second.headers["Location"] == third.headers["Location"]
    assert len(rows(app, "appointment_request", "id")) == 1
    assert len(rows(app, "outbox_message", "id")) == 1


def test_sends_at_the_same_moment_are_one_request(app: Flask, client: FlaskClient) -> None:
    page = walk(client)
    cookie = client.get_cookie("clinicdir", domain="127.0.0.1") or client.get_cookie("clinicdir")
    assert cookie is not None
    data = form(page, CHECK)

    def once(_: int) -> tuple[int, str | None]:
        other = app.test_client()
        other.set_cookie("clinicdir", cookie.value)
        answer = other.post(CHECK, data=data)
        return answer.status_code, answer.headers.get("Location")

    answers = together(8, once)
    assert len(set(answers)) == 1
    assert answers[0][0] == 303
    assert len(rows(app, "appointment_request", "id")) == 1


def test_answers_sent_from_another_tab_are_not_sent_again(app: Flask, client: FlaskClient) -> None:
    page = walk(client)
    times = client.get(TIMES)
    press(client, page, CHECK)
    late = press(client, times, TIMES, note="Later")
    assert (late.status_code, late.headers["Location"]) == (303, START)
    assert rows(app, "request_draft", "id") == []
    assert len(rows(app, "appointment_request", "id")) == 1


BAD_TOKENS = (None, "", "forged", "IjAi.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")


@pytest.mark.parametrize("step", STEPS)
def test_failed_token_gives_the_form_again_with_all_answers_and_one_button(
    app: Flask, client: FlaskClient, frozen: Clock, step: str
) -> None:
    page = walk(client, step)
    typed = ANSWERS[step]
    before = all_rows(app)
    for token in BAD_TOKENS:
        again = press(client, page, step, csrf_token=token, **typed)
        assert (again.status_code, EXPIRED in main_text(again)) == (400, True)
        assert all_rows(app) == before
        kept = typed | ({"note": "Line one\nLine two"} if step == TIMES else {})
        assert shown(again, step, kept) == kept
        following = press(client, again, step)
        assert following.status_code == 303
        before = all_rows(app)
        page = client.get(step)


@pytest.mark.parametrize("step", STEPS)
def test_lost_cookie_costs_one_press_and_no_answer(
    app: Flask, client: FlaskClient, frozen: Clock, step: str
) -> None:
    page = walk(client, step)
    forget_cookies(client)
    again = press(client, page, step, **ANSWERS[step])
    assert (again.status_code, EXPIRED in main_text(again)) == (400, True)
    page = follow(client, press(client, again, step))
    for later in STEPS[STEPS.index(step) + 1 :]:
        page = follow(client, press(client, page, later, **ANSWERS[later]))
    follow(client, press(client, page, CHECK))
    with app.app_context():
        stored = db.session.query(AppointmentRequest).one()
        assert (stored.personal["patient_name"], stored.goal) == ("José Example", "other")


def test_failed_token_on_send_shows_the_answers_and_one_button_that_works(
    app: Flask, client: FlaskClient
) -> None:
    page = walk(client)
    forget_cookies(client)
    for token in BAD_TOKENS:
        again = press(client, page, CHECK, csrf_token=token)
        assert (again.status_code, EXPIRED in main_text(again)) == (400, True)
        assert "José Example" in main_text(again)
        assert rows(app, "appointment_request", "id") == []
    follow(client, press(client, again, CHECK))
    assert len(rows(app, "appointment_request", "id")) == 1


def test_failed_token_on_clear_forgets_nothing_and_offers_it_again(
    app: Flask, client: FlaskClient
) -> None:
    page = walk(client)
    forget_cookies(client)
    again = press(client, page, CLEAR, csrf_token="forged")
    assert (again.status_code, EXPIRED in main_text(again)) == (400, True)
    assert len(rows(app, "request_draft", "id")) == 1
    assert press(client, again, CLEAR).headers["Location"] == "/"
    assert rows(app, "request_draft", "id") == []


def test_clear_forgets_the_answers_at_once(app: Flask, client: FlaskClient) -> None:
    page = walk(client, CONTACT)
    assert len(rows(app, "request_draft", "id")) == 1
    cleared = press(client, page, CLEAR)
    assert (cleared.status_code, cleared.headers["Location"]) == (303, "/")
    assert rows(app, "request_draft", "id") == []
    assert shown(client.get(START), START, ("location", "goal")) == {
        "location": None,
        "goal": None,
    }
    for step in (*STEPS[1:], CHECK):
        assert client.get(step).headers["Location"] == START
    assert press(client, page, CLEAR).headers["Location"] == "/"


def test_clear_is_offered_only_where_there_is_something_to_clear(client: FlaskClient) -> None:
    assert CLEAR not in client.get(START).get_data(as_text=True)
    assert CLEAR in walk(client, WHO).get_data(as_text=True)


def test_draft_is_gone_a_day_after_the_last_answer(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = walk(client, TIMES)
    frozen.move(hours=23, minutes=59)
    assert client.get(TIMES).status_code == 200
    frozen.move(minutes=1)
    for step in (*STEPS[1:], CHECK):
        assert client.get(step).headers["Location"] == START
    late = press(client, page, TIMES, **ANSWERS[TIMES])
    assert late.headers["Location"] == START
    assert len(rows(app, "request_draft", "id")) == 1
    other = app.test_client()
    press(other, other.get(START), START, location="renton", goal="run")
    assert len(rows(app, "request_draft", "id")) == 1  # the new one; the old one was swept away


def test_each_answer_keeps_the_draft_for_another_day(client: FlaskClient, frozen: Clock) -> None:
    walk(client, CONTACT)
    for _ in range(3):
        frozen.move(hours=20)
        page = client.get(CONTACT)
        follow(client, press(client, page, CONTACT, **ANSWERS[CONTACT]))


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
    assert (again.status_code, again.headers["Location"]) == (303, START)
    assert rows(sqlite_app, "appointment_request", "id") == []
    stolen = app_token(sqlite_app)
    again = press(client, page, CHECK, draft="nobody's", submission_key=stolen)
    assert again.headers["Location"] == START


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
    assert (refused.status_code, summary(refused)) == (422, [("#goal", sentence)])
    page = client.get(links(refused)["Change: Your goal"])
    assert "The new notice." in main_text(page)
    checked = follow(client, press(client, page, START))
    follow(client, press(client, checked, CHECK))
    assert rows(app, "appointment_request", "consent_version") == ["2027-01-01"]


def test_drafts_of_two_people_stay_apart(app: Flask, frozen: Clock) -> None:
    first, second = app.test_client(), app.test_client()
    walk(first, patient_name="First Example")
    page = walk(second, patient_name="Second Example")
    assert "First" not in main_text(page)
    for client in (second, first):
        press(client, client.get(CHECK), CHECK)
    with app.app_context():
        assert [
            stored.personal["patient_name"]
            for stored in db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
        ] == ["Second Example", "First Example"]


def test_own_page_shows_how_it_stands_and_nothing_of_the_person(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    own = press(client, walk(client), CHECK).headers["Location"]
    with app.app_context(), transaction():
        stored = db.session.query(AppointmentRequest).one()
        stored.status, stored.booked_at = Status.BOOKED, frozen.now()
    page = app.test_client().get(own)
    assert heading(page) == "You are booked"
    assert "Tue, Nov 24, 12:00 pm" in main_text(page)
    assert "(206) 693-9929" in main_text(page)
    whole = page.get_data(as_text=True)
    assert not [word for word in ("José", "Kim", "0123", "Dance", "Rest", "steps") if word in whole]
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers


def test_link_with_one_other_symbol_opens_nothing(app: Flask, client: FlaskClient) -> None:
    own = press(client, walk(client), CHECK).headers["Location"]
    missing = client.get("/requests/none").get_data()
    for place in range(len("/requests/"), len(own)):
        symbol = "A" if own[place] != "A" else "B"
        answer = client.get(own[:place] + symbol + own[place + 1 :])
        assert (answer.status_code, answer.get_data()) == (404, missing)
    assert client.get(own).status_code == 200


# Not able to store.


@pytest.fixture
def busy(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Flask, sqlite3.Connection]]:
    """Return an app that waits for a lock only shortly, and a connection to hold one."""
    monkeypatch.setattr("clinicdir.db.BUSY_TIMEOUT_S", 0.05)
    shutil.copy(sqlite_template, tmp_path)
    app = build_app(tmp_path)
    holder = sqlite3.connect(tmp_path / "clinicdir.sqlite3", isolation_level=None)
    yield app, holder
    holder.close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_locked_database_keeps_the_answers_and_gives_the_phone(
    busy: tuple[Flask, sqlite3.Connection], frozen: Clock, step: str, lock: str
) -> None:
    app, holder = busy
    client = app.test_client()
    page = walk(client, step)
    holder.execute(f"BEGIN {lock}")
    failed = press(client, page, step, **ANSWERS[step])
    assert (failed.status_code, failed.headers["Retry-After"]) == (503, "5")
    assert heading(failed) == "We cannot store anything right now"
    assert "Renton: (206) 693-9929" in main_text(failed)
    assert "Covington: (206) 693-9929" in main_text(failed)
    assert links(failed)["(206) 693-9929"] == "tel:+12066939929"
    typed = ANSWERS[step] | ({"note": "Line one\nLine two"} if step == TIMES else {})
    assert shown(failed, step, typed) == typed
    holder.execute("ROLLBACK")
    page = follow(client, press(client, failed, step))
    for later in STEPS[STEPS.index(step) + 1 :]:
        page = follow(client, press(client, page, later, **ANSWERS[later]))
    follow(client, press(client, page, CHECK))
    assert len(rows(app, "appointment_request", "id")) == 1


def test_locked_database_at_the_last_step_loses_nothing(
    busy: tuple[Flask, sqlite3.Connection], frozen: Clock
) -> None:
    app, holder = busy
    client = app.test_client()
    page = walk(client)
    holder.execute("BEGIN IMMEDIATE")
    failed = press(client, page, CHECK)
    assert (failed.status_code, failed.headers["Retry-After"]) == (503, "5")
    holder.execute("ROLLBACK")
    assert rows(app, "appointment_request", "id") == []
    follow(client, press(client, failed, CHECK))
    assert len(rows(app, "appointment_request", "id")) == 1


def test_locked_database_is_a_problem_with_a_time_to_come_again_for_programs(
    busy: tuple[Flask, sqlite3.Connection],
) -> None:
    app, holder = busy
    client = app.test_client()
    holder.execute("BEGIN IMMEDIATE")
    headers = {"Idempotency-Key": "k"}
    failed = client.post("/api/v1/requests", json=BODY, headers=headers)
    assert (failed.status_code, failed.mimetype) == (503, "application/problem+json")
    assert failed.headers["Retry-After"] == "5"
    holder.execute("ROLLBACK")
    assert client.post("/api/v1/requests", json=BODY, headers=headers).status_code == 201


def test_error_page_lists_every_clinic_whatever_was_opened_last(
    busy: tuple[Flask, sqlite3.Connection],
) -> None:
    app, holder = busy
    client = app.test_client()
    client.get("/")
    client.get("/locations/covington")
    holder.execute("BEGIN EXCLUSIVE")
    failed = client.get("/locations/renton")
    holder.execute("ROLLBACK")
    assert failed.status_code == 503
    assert len(re.findall(r"\(\d{3}\) \d{3}-\d{4}", main_text(failed))) == 6


# The door.


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"},
    ],
)
def test_post_from_another_site_is_refused_even_with_a_good_token(
    sqlite_app: Flask, headers: dict[str, str]
) -> None:
    client = sqlite_app.test_client()
    page = walk(client)
    before = all_rows(sqlite_app)
    for path in (START, WHO, CONTACT, TIMES, CHECK, CLEAR):
        data = form(page, CHECK if path != CLEAR else CLEAR)
        answer = client.post(path, data=data, headers=headers)
        assert (answer.status_code, heading(answer)) == (403, "You cannot do this here")
    assert all_rows(sqlite_app) == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ],
)
def test_post_from_our_own_page_is_taken(sqlite_app: Flask, headers: dict[str, str]) -> None:
    client = sqlite_app.test_client()
    page = walk(client)
    answer = client.post(CHECK, data=form(page, CHECK), headers=headers)
    assert answer.status_code == 303
    assert len(rows(sqlite_app, "appointment_request", "id")) == 1


def test_token_of_another_visitor_is_no_token(sqlite_app: Flask) -> None:
    mine, theirs = sqlite_app.test_client(), sqlite_app.test_client()
    page = walk(mine)
    foreign = token_of(theirs.get(START).get_data(as_text=True))
    answer = press(mine, page, CHECK, csrf_token=foreign)
    assert (answer.status_code, EXPIRED in main_text(answer)) == (400, True)
    assert rows(sqlite_app, "appointment_request", "id") == []


def test_cookie_of_https_site_is_bound_to_host_and_scheme(
    tmp_path: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path)
    app = build_app(tmp_path, base_url="https://clinics.example")
    client = app.test_client()
    page = client.get(START, base_url="https://clinics.example")
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-clinicdir=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} == set(cookie.split("; ")[1:])
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    sent = client.post(
        START,
        data=form(page, START) | {"location": "renton", "goal": "run"},
        base_url="https://clinics.example",
        headers={"Origin": "https://clinics.example"},
    )
    assert (sent.status_code, sent.headers["Location"]) == (303, WHO)


def test_birth_date_is_asked_only_where_the_operator_wants_it(
    app: Flask, with_settings: Callable[..., Flask]
) -> None:
    asking = with_settings(ask_birth_date=True)
    for site, expected in ((app, False), (asking, True)):
        client = site.test_client()
        page = client.get("/request")
        token = hidden(page.get_data(as_text=True), "csrf_token")
        answers = {"location": "renton", "goal": "run", "consent_version": CONSENT}
        client.post("/request", data={"csrf_token": token} | answers)
        html = client.get("/request/who").get_data(as_text=True)
        assert ("birth date (optional)" in html) is expected
        who = {"for_whom": "me", "patient_name": "Robin Example", "birth_date": "1980-05-31"}
        posted = client.post("/request/who", data={"csrf_token": token} | who)
        assert posted.status_code == (303 if expected else 422)
