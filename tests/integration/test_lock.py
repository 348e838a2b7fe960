"""The lock after idle minutes: who may open it, what it tells meanwhile, and what it keeps."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.db import db, transaction
from tests.conftest import Clock
from tests.hashes import spend_little
from tests.make import PASSWORD, make_request
from tests.pages import field_errors, form, heading, main_text, press, title
from tests.signing_in import EMAIL, cookie, is_in, join, log_in, replay
from tests.tables import all_rows, rows

UNLOCK, LEAVE, COUNTS = "/staff/unlock", "/staff/unlock/leave", "/staff/unlock?part=counts"
POLL = {"X-Poll": "1"}
NOTE = 'She calls back on Friday.\nKnee, "left" <b>'
WRONG = "Enter the password that you sign in with"


@pytest.fixture(autouse=True)
def _cheap_hashes(app: Flask) -> None:
    spend_little(app)


@pytest.fixture
def desk(app: Flask, frozen: Clock) -> FlaskClient:
    join(app)
    client = app.test_client()
    log_in(client)
    return client


def meet(app: Flask, desk: FlaskClient, frozen: Clock) -> tuple[str, TestResponse]:
    """Type a note, stay away, send it; return its address and the page that the lock answers."""
    with app.app_context():
        url = f"/staff/requests/{make_request(app).reference}"
    page = desk.get(url)
    frozen.move(minutes=10)
    return f"{url}/note", press(desk, page, f"{url}/note", note=NOTE)


def test_idle_sign_in_is_locked_and_the_password_leads_back(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    frozen.move(minutes=10, seconds=-1)
    assert desk.get("/staff/account").status_code == 200
    frozen.move(minutes=10)
    sent = desk.get("/staff/?group=new&location=renton")
    assert (sent.status_code, sent.headers["Location"]) == (
        303, "/staff/unlock?next=/staff/?group%3Dnew%26location%3Drenton",
    )  # fmt: skip
    page = desk.get(sent.headers["Location"])
    assert (title(page), EMAIL in page.text) == ("Locked – HIDEF", False)
    assert main_text(page) == (
        "Locked 0 new, 0 overdue Nobody was here for a while. Your password brings you back to"
        " where you were. Password Unlock Sign in as somebody else"
    )
    values = form(page, UNLOCK) | {"password": [PASSWORD]}
    back = desk.post(sent.headers["Location"], data=values)
    assert (back.status_code, back.headers["Location"]) == (
        303,
        "/staff/?group=new&location=renton",
    )
    assert desk.get(back.headers["Location"]).status_code == 200
    assert (
        rows(app, "audit_entry", "action", "actor_label", "subject").count(("unlock", EMAIL, EMAIL))
        == 1
    )


def test_form_that_meets_the_lock_keeps_all_and_is_sent_after_the_password(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    url, locked = meet(app, desk, frozen)
    assert (locked.status_code, heading(locked)) == (403, "Locked")
    assert "note" not in rows(app, "request_event", "action")
    wrong = press(desk, locked, UNLOCK, password="wrong")
    assert (wrong.status_code, field_errors(wrong)) == (422, [WRONG])
    assert "wrong" not in form(wrong, UNLOCK)["password"]
    old = press(desk, wrong, UNLOCK, password=PASSWORD, csrf_token="old")
    assert (old.status_code, is_in(desk)) == (400, False)
    opened = press(desk, old, UNLOCK, password=PASSWORD)
    assert (opened.status_code, heading(opened)) == (200, "Not sent yet")
    assert "She calls back on Friday." in main_text(opened)
    again = form(opened, url)
    assert again["note"] == [NOTE]
    assert PASSWORD not in opened.text
    assert "note" not in rows(app, "request_event", "action")
    assert desk.post(url, data=again).status_code == 303
    assert rows(app, "request_event", "action")[-1] == "note"
    assert "She calls back on Friday." in main_text(desk.get(url.removesuffix("/note")))


def test_counts_name_nobody_stay_in_the_scope_and_are_no_activity(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    with app.app_context():
        for slug in ("renton", "renton", "bellevue"):
            made = make_request(app, location=slug, patient_name="Ada Example", now=clock.now())
            with transaction():
                made.promise_at = clock.now() + timedelta(hours=2)
                db.session.add(made)
    told = desk.get(COUNTS)
    assert (told.text, told.mimetype) == ("2 new, 0 overdue", "text/plain")
    frozen.move(hours=3)
    before = all_rows(app)
    for _ in range(3):
        assert desk.get(COUNTS, headers=POLL).text == "2 new, 2 overdue"
        frozen.move(minutes=1)
    assert all_rows(app) == before
    assert desk.get("/staff/").headers["Location"].startswith(UNLOCK)
    stranger = app.test_client().get(COUNTS)
    assert (stranger.status_code, stranger.headers["Location"]) == (303, "/staff/")


def test_polls_keep_no_sign_in_awake(app: Flask, desk: FlaskClient, frozen: Clock) -> None:
    for _ in range(10):
        frozen.move(minutes=1)
        assert desk.get(COUNTS, headers=POLL).status_code == 200
    assert not is_in(desk)


def test_sheet_of_the_script_is_opened_by_the_password_alone(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    page = desk.get("/staff/account")
    token = form(page, UNLOCK)["csrf_token"][0]
    for minutes in (0, 10):  # another tab may have kept the sign-in awake
        frozen.move(minutes=minutes)
        form_ = {"csrf_token": token, "password": "wrong"}
        assert desk.post(f"{UNLOCK}?part=sheet", data=form_).status_code == 422
        opened = desk.post(f"{UNLOCK}?part=sheet", data=form_ | {"password": PASSWORD})
        assert (opened.status_code, opened.data, is_in(desk)) == (204, b"", True)


def test_lock_does_not_outlive_twelve_hours_nor_an_ended_sign_in(
    app: Flask, desk: FlaskClient, frozen: Clock
) -> None:
    thief = replay(app, cookie(desk))
    frozen.move(minutes=10)
    page = desk.get(UNLOCK)
    left = press(desk, page, LEAVE)
    assert (left.status_code, left.headers["Location"]) == (303, "/staff/login")
    assert rows(app, "staff_session", "end_reason")[-1] == "signed out"
    for client in (desk, thief):
        assert client.get("/staff/").headers["Location"].startswith("/staff/login?")
    log_in(desk)
    frozen.move(hours=12)
    assert desk.get("/staff/").headers["Location"].startswith("/staff/login?")
    late = desk.post(UNLOCK, data=form(page, UNLOCK) | {"password": [PASSWORD]})
    assert (late.status_code, is_in(desk)) == (303, False)


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://e.example", "/"])
def test_lock_leads_nowhere_else(app: Flask, desk: FlaskClient, frozen: Clock, target: str) -> None:
    frozen.move(minutes=10)
    values = form(desk.get(UNLOCK), UNLOCK) | {"password": [PASSWORD], "address": [target]}
    answer = desk.post(UNLOCK, data=values, query_string={"next": target})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/")


def test_tries_at_the_lock_are_counted_and_the_text_is_kept(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    join(app)
    client = spend_little(with_settings(rate_limits="on")).test_client()
    log_in(client)
    url, page = meet(app, client, frozen)
    for _ in range(5):
        page = press(client, page, UNLOCK, password="wrong")
        assert page.status_code == 422
    page = press(client, page, UNLOCK, password=PASSWORD)
    assert (page.status_code, field_errors(page)) == (
        429, ["Wait a minute, then type your password once more"],
    )  # fmt: skip
    assert form(page, UNLOCK)["kept-note"] == [NOTE]
    assert not is_in(client)
    assert url.endswith(form(page, UNLOCK)["address"][0].rpartition("/")[2])
