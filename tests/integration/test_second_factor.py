"""The second step of the sign-in: set-up, codes that count once, recovery, and who must have it."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.staff.second_factor import code_at
from tests.client import page_text
from tests.conftest import Clock
from tests.hashes import spend_little
from tests.make import token_of
from tests.pages import field_errors, form, heading, press, title
from tests.signing_in import EMAIL, cookie, is_in, join, log_in, replay
from tests.tables import rows

STEP = "/staff/second-factor"
CONFIRM = "/staff/account/factor/confirm"
WRONG = "Enter the code that your app shows now"


@pytest.fixture(autouse=True)
def _cheap_hashes(app: Flask) -> None:
    spend_little(app)


def secret_on(page: TestResponse) -> str:
    found = re.search(r"Key: ((?:[A-Z2-7]{4} ?){8})", page_text(page.get_data(as_text=True)))
    assert found is not None
    return found[1].replace(" ", "")


def codes_on(page: TestResponse) -> list[str]:
    assert heading(page) == "Your recovery codes"
    return re.findall(r"<li>([0-9a-z]{5}-[0-9a-z]{5})</li>", page.get_data(as_text=True))


def now_code(secret: str, **later: float) -> str:
    return code_at(secret, clock.now() + timedelta(**later))


def set_up(app: Flask) -> tuple[str, list[str], FlaskClient]:
    """Join, turn the second step on; return the secret, the recovery codes and the client."""
    join(app)
    client = app.test_client()
    log_in(client)
    page = client.get("/staff/account")
    page = client.get(press(client, page, "/staff/account/factor").headers["Location"])
    secret = secret_on(page)
    shown = press(client, page, CONFIRM, code=now_code(secret))
    return secret, codes_on(shown), client


def give(client: FlaskClient, code: str, step: str = STEP) -> TestResponse:
    return press(client, client.get(step), STEP, code=code)


def test_nobody_is_asked_before_it_is_set_up(app: Flask) -> None:
    join(app)
    client = app.test_client()
    answer = log_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/")
    assert is_in(client)


def test_set_up_asks_for_a_right_code_and_gives_ten_recovery_codes(
    app: Flask, frozen: Clock
) -> None:
    join(app)
    client = app.test_client()
    log_in(client)
    page = press(client, client.get("/staff/account"), "/staff/account/factor")
    page = client.get(page.headers["Location"])
    secret = secret_on(page)
    wrong = press(client, page, CONFIRM, code="000000")
    assert (wrong.status_code, field_errors(wrong), secret_on(wrong)) == (422, [WRONG], secret)
    assert title(wrong).startswith("Error: Your account")
    shown = press(client, page, CONFIRM, code=now_code(secret))
    codes = codes_on(shown)
    assert (shown.status_code, len(codes), len(set(codes))) == (200, 10, 10)
    account = page_text(client.get("/staff/account").get_data(as_text=True))
    assert "10 recovery codes are left" in account
    assert secret not in account
    told = [entry for entry in rows(app, "audit_entry", "action") if entry.startswith("factor")]
    assert told == ["factor_on"]


def test_secret_and_codes_stand_nowhere_in_the_clear(app: Flask) -> None:
    secret, codes, _ = set_up(app)
    stored = repr(rows(app, "staff_factor", "sealed", "row_key"))
    stored += repr(rows(app, "staff_recovery_code", "code_hash"))
    stored += repr(rows(app, "audit_entry", "detail", "subject"))
    assert [word for word in (secret, *codes) if word in stored] == []


def test_password_alone_opens_nothing_once_it_is_on(app: Flask, frozen: Clock) -> None:
    secret, _, _ = set_up(app)
    frozen.move(minutes=1)
    client = app.test_client()
    answer = log_in(client, url="/staff/login?next=/staff/?group=new")
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, STEP)
    page = client.get(answer.headers["Location"])
    assert heading(page) == "Enter the code of your app"
    assert secret not in page.get_data(as_text=True)
    assert not is_in(client)
    assert client.post("/staff/account/shortcuts", data=form(page, STEP)).status_code == 403
    before = cookie(client)
    done = press(client, page, STEP, code=now_code(secret))
    assert (done.status_code, is_in(client)) == (303, True)
    assert not is_in(replay(app, before))


def test_page_that_was_asked_for_comes_after_the_code(app: Flask, frozen: Clock) -> None:
    secret, _, _ = set_up(app)
    frozen.move(minutes=1)
    client = app.test_client()
    answer = log_in(client, url="/staff/login?next=/staff/account")
    page = client.get(answer.headers["Location"])
    wanted = next(iter(form_actions(page)))
    token = {"csrf_token": token_of(page.get_data(as_text=True)), "code": now_code(secret)}
    assert client.post(wanted, data=token).headers["Location"] == "/staff/account"


def form_actions(page: TestResponse) -> list[str]:
    found = re.findall(r'action="(/staff/second-factor[^"]*)"', page.get_data(as_text=True))
    return [action.replace("&amp;", "&") for action in found]


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_hostile_next_leads_to_the_inbox(app: Flask, frozen: Clock, target: str) -> None:
    secret, _, _ = set_up(app)
    frozen.move(minutes=1)
    client = app.test_client()
    log_in(client)
    page = client.get(STEP)
    data = {"csrf_token": token_of(page.get_data(as_text=True)), "code": now_code(secret)}
    done = client.post(STEP, query_string={"next": target}, data=data)
    assert (done.status_code, done.headers["Location"]) == (303, "/staff/")


def test_code_counts_once(app: Flask, frozen: Clock) -> None:
    secret, _, _ = set_up(app)
    frozen.move(minutes=1)
    first, second = app.test_client(), app.test_client()
    log_in(first)
    log_in(second)
    code = now_code(secret)
    assert give(first, code).status_code == 303
    again = give(second, code)
    assert (again.status_code, field_errors(again), is_in(second)) == (422, [WRONG], False)


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_clock_of_the_phone_may_be_one_step_off(
    app: Flask, frozen: Clock, seconds: int, is_taken: bool
) -> None:
    secret, _, _ = set_up(app)
    frozen.move(minutes=10)
    client = app.test_client()
    log_in(client)
    give(client, now_code(secret, seconds=seconds))
    assert is_in(client) is is_taken


@pytest.mark.parametrize(
    "typed", ["", "0", "12345", "1234567", "abcdef", "½²³456", "٠١٢٣٤٥", "x" * 20]
)
def test_what_is_no_code_is_refused(app: Flask, frozen: Clock, typed: str) -> None:
    set_up(app)
    client = app.test_client()
    log_in(client)
    answer = give(client, typed)
    assert (answer.status_code, field_errors(answer), is_in(client)) == (422, [WRONG], False)


def test_spaces_in_a_code_do_not_matter(app: Flask, frozen: Clock) -> None:
    secret, _, _ = set_up(app)
    frozen.move(minutes=1)
    client = app.test_client()
    log_in(client)
    code = now_code(secret)
    assert give(client, f" {code[:3]} {code[3:]} ").status_code == 303


def test_recovery_code_works_once_and_however_it_is_typed(app: Flask, frozen: Clock) -> None:
    _, codes, _ = set_up(app)
    client = app.test_client()
    log_in(client)
    assert give(client, f" {codes[3].upper().replace('-', ' ')}").status_code == 303
    assert is_in(client)
    left = page_text(client.get("/staff/account").get_data(as_text=True))
    assert "9 recovery codes are left" in left
    other = app.test_client()
    log_in(other)
    assert field_errors(give(other, codes[3])) == [WRONG]
    assert rows(app, "audit_entry", "action").count("recovery_code") == 1


def test_new_recovery_codes_end_the_older_ones(app: Flask, frozen: Clock) -> None:
    secret, codes, client = set_up(app)
    frozen.move(minutes=1)
    page = client.get("/staff/account")
    fresh = codes_on(press(client, page, "/staff/account/factor/codes", code=now_code(secret)))
    assert set(fresh) & set(codes) == set()
    other = app.test_client()
    log_in(other)
    assert field_errors(give(other, codes[0])) == [WRONG]
    assert give(other, fresh[0]).status_code == 303


def test_code_of_another_person_opens_nothing(app: Flask, frozen: Clock) -> None:
    secret, codes, _ = set_up(app)
    frozen.move(minutes=1)
    join(app, "other@example.com")
    client = app.test_client()
    log_in(client, "other@example.com")
    page = press(client, client.get("/staff/account"), "/staff/account/factor")
    page = client.get(page.headers["Location"])
    for code in (now_code(secret), codes[0]):
        assert field_errors(press(client, page, CONFIRM, code=code)) == [WRONG]


def test_waiting_sign_in_ends_after_ten_minutes(app: Flask, frozen: Clock) -> None:
    secret, _, _ = set_up(app)
    frozen.move(minutes=1)
    client = app.test_client()
    log_in(client)
    page = client.get(STEP)
    frozen.move(minutes=10)
    late = press(client, page, STEP, code=now_code(secret))
    assert (late.status_code, late.headers["Location"], is_in(client)) == (303, "/staff/", False)


def test_expired_form_token_asks_again(app: Flask, frozen: Clock) -> None:
    secret, _, _ = set_up(app)
    frozen.move(minutes=1)
    client = app.test_client()
    log_in(client)
    page = client.get(STEP)
    again = press(client, page, STEP, code=now_code(secret), csrf_token="old")
    assert (again.status_code, is_in(client)) == (400, False)
    assert "Type the code and press the button once more." in page_text(again.text)
    assert press(client, again, STEP, code=now_code(secret)).status_code == 303


def test_turning_it_off_asks_for_a_code(app: Flask, frozen: Clock) -> None:
    secret, _, client = set_up(app)
    frozen.move(minutes=1)
    page = client.get("/staff/account")
    data = form(page, "/staff/account/factor/codes")
    off = "/staff/account/factor/off"
    assert client.post(off, data=data | {"code": ["1"]}).status_code == 422
    assert client.post(off, data=data | {"code": [now_code(secret)]}).status_code == 303
    assert rows(app, "staff_factor", "id") == rows(app, "staff_recovery_code", "id") == []
    other = app.test_client()
    log_in(other)
    assert is_in(other)


def test_tries_are_limited_and_shared_by_all_sign_ins(
    app: Flask, with_settings: Callable[..., Flask]
) -> None:
    secret, _, _ = set_up(app)
    limited = with_settings(rate_limits="on")
    client = limited.test_client()
    log_in(client)
    page = client.get(STEP)
    for _ in range(5):
        assert press(client, page, STEP, code="000000").status_code == 422
    other = limited.test_client()
    log_in(other)
    late = press(other, other.get(STEP), STEP, code=now_code(secret))
    assert (late.status_code, is_in(other)) == (429, False)


def test_production_asks_everybody_to_set_it_up_first(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    join(app)
    settings = app.extensions["clinicdir"].settings
    site = "https://clinics.example.org"
    settings.instance.chmod(0o700)
    live = with_settings(env="production", base_url=site, rate_limits="on")
    spend_little(live)
    client = live.test_client()
    page = client.get("/staff/login", base_url=site)
    data = form(page, "/staff/login") | {
        "email": [EMAIL],
        "password": ["four unrelated words here"],
    }
    answer = client.post("/staff/login", base_url=site, data=data)
    assert (answer.status_code, answer.headers["Location"]) == (303, STEP)
    assert client.get("/staff/", base_url=site).status_code == 303
    page = client.get(STEP, base_url=site)
    assert heading(page) == "Set up your second step"
    code = {"csrf_token": [token_of(page.text)], "code": [now_code(secret_on(page))]}
    shown = client.post(STEP, base_url=site, data=code)
    assert len(codes_on(shown)) == 10
    assert client.get("/staff/", base_url=site).status_code == 200
    off = client.post("/staff/account/factor/off", base_url=site, data=code)
    assert off.status_code == 403
