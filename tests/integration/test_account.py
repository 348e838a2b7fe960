"""A person's own account: another password, the sign-ins they have, the shortcut keys."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.client import page_text
from tests.conftest import Clock
from tests.hashes import spend_little
from tests.make import PASSWORD, token_of
from tests.pages import field_errors, press
from tests.signing_in import EMAIL, is_in, join, log_in
from tests.tables import rows

ACCOUNT, CHANGE = "/staff/account", "/staff/account/password"
NEW = "another four unrelated words"
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture(autouse=True)
def _cheap_hashes(app: Flask) -> None:
    spend_little(app)


@pytest.fixture
def desk(app: Flask) -> FlaskClient:
    join(app)
    client = app.test_client()
    log_in(client)
    return client


def account(client: FlaskClient) -> TestResponse:
    return client.get(ACCOUNT)


def test_new_password_counts_and_ends_the_other_sign_ins(app: Flask, desk: FlaskClient) -> None:
    other = app.test_client()
    log_in(other)
    done = press(desk, account(desk), CHANGE, current=PASSWORD, password=NEW)
    assert (done.status_code, done.headers["Location"]) == (303, "/staff/account?done=password")
    said = page_text(desk.get(done.headers["Location"]).text)
    assert "Your new password counts. Your other sign-ins have ended." in said
    assert (is_in(desk), is_in(other)) == (True, False)
    assert log_in(app.test_client()).status_code == 422
    assert log_in(app.test_client(), password=NEW).status_code == 302
    assert rows(app, "audit_entry", "action").count("password") == 1


@pytest.mark.parametrize(
    ("current", "password", "errors"),
    [
        ("wrong", NEW, ["Enter the password that you sign in with now"]),
        ("", NEW, ["Enter the password that you sign in with now"]),
        (PASSWORD, "short", ["Password must be 15 characters or more"]),
        (
            "wrong",
            "short",
            [
                "Enter the password that you sign in with now",
                "Password must be 15 characters or more",
            ],
        ),
    ],
)
def test_new_password_is_refused_with_what_to_do(
    app: Flask, desk: FlaskClient, current: str, password: str, errors: list[str]
) -> None:
    before = rows(app, "staff_member", "password")
    answer = press(desk, account(desk), CHANGE, current=current, password=password)
    assert (answer.status_code, field_errors(answer)) == (422, errors)
    assert password not in answer.text or password == "short"
    assert rows(app, "staff_member", "password") == before


def test_new_password_with_an_old_form_token_asks_again(app: Flask, desk: FlaskClient) -> None:
    before = rows(app, "staff_member", "password")
    answer = press(desk, account(desk), CHANGE, current=PASSWORD, password=NEW, csrf_token="old")
    assert (answer.status_code, NEW in answer.text) == (400, False)
    assert rows(app, "staff_member", "password") == before


def test_sign_ins_are_listed_by_device_and_can_be_ended(
    frozen: Clock, app: Flask, desk: FlaskClient
) -> None:
    other = app.test_client()
    page = other.get("/staff/login")
    press(other, page, "/staff/login", email=EMAIL, password=PASSWORD)
    with app.test_client() as named:
        page = named.get("/staff/login")
        named.environ_base["HTTP_USER_AGENT"] = FIREFOX["User-Agent"]
        press(named, page, "/staff/login", email=EMAIL, password=PASSWORD)
    listed = account(desk)
    text = page_text(listed.text)
    assert "Firefox, Linux Since Tue, Nov 24, 12:00 pm, last used Tue, Nov 24, 12:00 pm" in text
    assert text.count("End it") == len(rows(app, "staff_session", "id")) - 1
    newest = rows(app, "staff_session", "id")[-1]
    done = press(desk, listed, f"/staff/account/sessions/{newest}")
    assert done.headers["Location"] == "/staff/account?done=session"
    assert (is_in(named), is_in(other), is_in(desk)) == (False, True, True)
    assert rows(app, "staff_session", "end_reason")[-1] == "ended by its person"


def test_sign_in_of_somebody_else_cannot_be_ended(app: Flask, desk: FlaskClient) -> None:
    join(app, "other@example.com")
    other = app.test_client()
    log_in(other, "other@example.com")
    theirs = rows(app, "staff_session", "id")[-1]
    values = {"csrf_token": token_of(account(desk).text)}
    answer = desk.post(f"/staff/account/sessions/{theirs}", data=values)
    missing = desk.post("/staff/account/sessions/999999", data=values)
    assert (answer.status_code, answer.data == missing.data) == (404, True)
    assert is_in(other)


def test_shortcut_keys_can_be_turned_off_and_on(app: Flask, desk: FlaskClient) -> None:
    page = account(desk)
    press(desk, page, "/staff/account/shortcuts", shortcuts=None)
    assert rows(app, "staff_member", "shortcuts") == [False]
    press(desk, account(desk), "/staff/account/shortcuts", shortcuts="on")
    assert rows(app, "staff_member", "shortcuts") == [True]
