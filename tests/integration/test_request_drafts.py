"""Form tokens that fail, cookies that are lost, answers that are kept or forgotten."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.db import db
from clinicdir.web.public.answering import refused
from tests.asking import (
    ANSWERS,
    CHECK,
    CLEAR,
    CONTACT,
    EXPIRED,
    START,
    STEPS,
    TIMES,
    WHO,
    follow,
    forget_cookies,
    shown,
    walk,
)
from tests.conftest import Clock
from tests.make import hidden
from tests.pages import (
    main_text,
    press,
)
from tests.tables import all_rows, rows

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
    once_more = EXPIRED.replace(
        "Press the button once more.", "To clear them, press “Clear my answers” once more."
    )
    assert (again.status_code, once_more in main_text(again)) == (400, True)
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


def test_clear_before_the_first_answer_just_leads_home(app: Flask, client: FlaskClient) -> None:
    for token in (None, "forged"):
        changes = {} if token is None else {"csrf_token": token}
        cleared = press(client, client.get(START), CLEAR, **changes)
        assert (cleared.status_code, cleared.headers["Location"]) == (303, "/")
    assert rows(app, "request_draft", "id") == []


def test_clear_stands_on_every_page_of_the_form(client: FlaskClient) -> None:
    page = client.get(START)
    for step in STEPS:
        assert CLEAR in page.get_data(as_text=True)
        page = follow(client, press(client, page, step, **ANSWERS[step]))
    assert press(client, page, CLEAR).headers["Location"] == "/"


def test_draft_is_gone_a_day_after_the_last_answer(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    walk(client, TIMES)
    frozen.move(hours=23, minutes=59)
    assert client.get(TIMES).status_code == 200
    frozen.move(minutes=1)
    for step in (*STEPS[1:], CHECK):
        assert client.get(step).headers["Location"] == START
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


def test_answers_of_two_tabs_at_once_are_both_kept(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = walk(client, until=WHO)
    token = hidden(page.get_data(as_text=True), "csrf_token")
    other, now = app.test_client(), {"csrf_token": token}
    cookie = client.get_cookie("clinicdir")
    assert cookie is not None
    other.set_cookie("clinicdir", cookie.value)
    place = "clinicdir.web.public.asking.refused"

    def meanwhile(answers: dict[str, Any]) -> object:
        """Let the other tab send its page between the reading and the writing of this one."""
        monkeypatch.setattr(place, refused)
        contact = {"phone": "206 555 0123", "contact_by": "phone"}
        assert other.post(CONTACT, data=now | contact).status_code == 303
        return refused(answers)

    monkeypatch.setattr(place, meanwhile)
    who = {"for_whom": "me", "patient_name": "José Example"}
    assert client.post(WHO, data=now | who).status_code == 303
    text = main_text(client.get(CHECK))
    assert "José Example" in text
    assert "206 555 0123" in text
