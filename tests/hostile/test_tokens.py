"""Form tokens that are not ours, old, or gone; links and codes that work once."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.operations import invite
from clinicdir.staff.queries import find_by_email
from clinicdir.staff.rules import Role
from clinicdir.staff.second_factor import code_at, confirm_factor, start_factor
from tests.asking import (
    ANSWERS,
    CHECK,
    CLEAR,
    EXPIRED,
    START,
    STEPS,
    TIMES,
    forget_cookies,
    shown,
    walk,
)  # fmt: skip
from tests.conftest import Clock, build_app
from tests.hashes import spend_little
from tests.hostile.doors import make_desk, make_open
from tests.hostile.items import case, item
from tests.make import PASSWORD, token_of
from tests.pages import form, heading, main_text, press
from tests.signing_in import EMAIL, is_in, join, log_in
from tests.tables import all_rows, rows

SECOND = "/staff/second-factor"
AUDITED = ("audit_entry", "audit_head")


def break_token(
    how: str, client: FlaskClient, foreign: str, frozen: Clock
) -> dict[str, str | None]:
    """Spoil the token of an open form; return what is then sent in its place."""
    if how == "nine hours":
        frozen.move(hours=9)
        forget_cookies(client)  # browsers that ended meanwhile have forgotten it
        return {}
    return {"csrf_token": {"another session": foreign, "none": None, "rubbish": "x.y.z"}[how]}


BROKEN = [case(30, f"token: {how}", how) for how in ("another session", "none", "rubbish",
                                                     "nine hours")]  # fmt: skip


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("step", STEPS)
def test_answers_are_kept_and_go_with_one_more_press(
    sqlite_app: Flask, frozen: Clock, step: str, how: str
) -> None:
    client = sqlite_app.test_client()
    foreign = token_of(sqlite_app.test_client().get(START).get_data(as_text=True))
    page = walk(client, step)
    before = all_rows(sqlite_app)
    spoiled = break_token(how, client, foreign, frozen)
    answer = press(client, page, step, **(ANSWERS[step] | spoiled))
    assert (answer.status_code, heading(answer)) == (400, heading(page))
    assert EXPIRED in main_text(answer)
    typed = ANSWERS[step] | ({"note": "Line one\nLine two"} if step == TIMES else {})
    assert shown(answer, step, typed) == typed
    assert all_rows(sqlite_app) == before
    again = press(client, answer, step)
    assert again.status_code == 303


@pytest.mark.parametrize("how", BROKEN)
def test_checked_answers_go_with_one_more_press(
    app: Flask, client: FlaskClient, frozen: Clock, how: str
) -> None:
    foreign = token_of(app.test_client().get(START).get_data(as_text=True))
    page = walk(client)
    before = all_rows(app)
    spoiled = break_token(how, client, foreign, frozen)
    answer = press(client, page, CHECK, **spoiled)
    assert (answer.status_code, heading(answer)) == (400, "Check your answers")
    assert EXPIRED in main_text(answer)
    assert all_rows(app) == before
    assert press(client, answer, CHECK).status_code == 303
    assert len(rows(app, "appointment_request", "id")) == 1


@item(30)
def test_clearing_needs_the_token_too_and_then_one_press(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    page = walk(client)
    answer = press(client, page, CLEAR, csrf_token=None)
    assert (answer.status_code, heading(answer)) == (400, "Check your answers")
    assert len(rows(sqlite_app, "request_draft", "id")) == 1
    assert press(client, answer, CLEAR).status_code == 303
    assert rows(sqlite_app, "request_draft", "id") == []


@pytest.mark.parametrize(
    "how", [case(30, f"token of staff: {how}", how) for how in ("another session", "none")]
)
def test_typed_text_of_staff_is_kept(sqlite_app: Flask, frozen: Clock, how: str) -> None:
    desk, url = make_desk(sqlite_app), make_open(sqlite_app)
    page = desk.get(url)
    foreign = token_of(sqlite_app.test_client().get(START).get_data(as_text=True))
    spoiled = break_token(how, desk, foreign, frozen)
    before = all_rows(sqlite_app, without=AUDITED)
    typed = {"decline_reason": "other", "note": "typed"}
    answer = press(desk, page, f"{url}/decline", **typed, **spoiled)
    assert answer.status_code == 400
    assert all_rows(sqlite_app, without=AUDITED) == before
    again = form(answer, f"{url}/decline")
    assert {name: again[name] for name in typed} == {n: [value] for n, value in typed.items()}
    assert desk.post(f"{url}/decline", data=again).status_code == 303
    assert rows(sqlite_app, "appointment_request", "status") == ["declined"]


@item(30)
def test_post_of_staff_whose_session_ended_changes_nothing(
    sqlite_app: Flask, frozen: Clock
) -> None:
    desk, url = make_desk(sqlite_app), make_open(sqlite_app)
    page = desk.get(url)
    frozen.move(hours=9)
    answer = press(desk, page, f"{url}/decline", decline_reason="other", note="typed")
    assert (answer.status_code, heading(answer)) == (403, "You cannot do this here")
    assert rows(sqlite_app, "appointment_request", "status") == ["received"]


@item(31)
@pytest.mark.parametrize("query", ["auth_token=x", "token=x", "session=x", "remember_token=1|x"])
def test_token_in_a_url_or_a_remembering_cookie_opens_nothing(
    sqlite_app: Flask, query: str
) -> None:
    desk, url = make_desk(sqlite_app), make_open(sqlite_app)
    value = desk.get_cookie("clinicdir")
    assert value is not None
    unlike = query.replace("=x", f"={value.value}").replace("|x", f"|{value.value}")
    thief = sqlite_app.test_client()
    thief.set_cookie("remember_token", unlike.partition("=")[2])
    for path in (f"/staff/?{unlike}", f"{url}?{unlike}"):
        answer = thief.get(path, headers={"Authentication-Token": value.value})
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (
            303, "/staff/login",
        )  # fmt: skip


@item(31)
@pytest.mark.parametrize(
    "door", ["tf-setup", "tf-validate", "mf-recovery", "us-signin", "wan-signin"]
)
def test_the_library_opens_no_door_of_its_own_for_a_second_factor(
    sqlite_app: Flask, door: str
) -> None:
    desk = make_desk(sqlite_app)
    assert desk.get(f"/staff/{door}").status_code == 404
    assert desk.post(f"/staff/{door}", data={"code": "000000"}).status_code == 404


def with_second_factor(app: Flask, frozen: Clock) -> str:
    """Let a person join who signs in with an app; return its secret."""
    join(spend_little(app))
    with app.app_context(), transaction():
        member = find_by_email(EMAIL)
        assert member is not None
        secret = start_factor(member, now=frozen.now())
        confirm_factor(member, code_at(secret, frozen.now()), now=frozen.now())
    frozen.move(minutes=5)
    return secret


@item(31)
def test_code_of_the_app_opens_once(sqlite_app: Flask, frozen: Clock) -> None:
    code = code_at(with_second_factor(sqlite_app, frozen), frozen.now())
    statuses = []
    for _ in range(2):
        client = sqlite_app.test_client()
        log_in(client)
        page = client.get(SECOND)
        statuses.append(press(client, page, SECOND, code=code).status_code)
        assert is_in(client) == (statuses == [303])
    assert statuses == [303, 422]


@item(31)
@pytest.mark.parametrize("steps", [-2, 2])
def test_code_two_steps_off_opens_nothing(sqlite_app: Flask, frozen: Clock, steps: int) -> None:
    secret = with_second_factor(sqlite_app, frozen)
    client = sqlite_app.test_client()
    log_in(client)
    code = code_at(secret, frozen.now() + timedelta(seconds=30 * steps))
    assert press(client, client.get(SECOND), SECOND, code=code).status_code == 422
    assert not is_in(client)


@item(31)
def test_code_in_a_url_opens_nothing(sqlite_app: Flask, frozen: Clock) -> None:
    code = code_at(with_second_factor(sqlite_app, frozen), frozen.now())
    client = sqlite_app.test_client()
    log_in(client)
    assert client.get(f"{SECOND}?code={code}").status_code == 200
    answer = client.post(f"{SECOND}?code={code}", data=form(client.get(SECOND), SECOND))
    assert (answer.status_code, is_in(client)) == (422, False)


def new_invitation(app: Flask) -> str:
    with app.app_context(), transaction():
        place = get_location("renton")
        token = invite("new@x.example", Role.DESK, [place], actor=OPERATOR, now=clock.now())
    return f"/staff/invitation/{token}"


def accept(client: FlaskClient, link: str, token: str) -> tuple[int, str]:
    data = {"csrf_token": token, "password": PASSWORD}
    answer = client.post(link, data=data)
    return answer.status_code, heading(answer) if answer.data else answer.headers["Location"]


@pytest.mark.parametrize("how", [case(32, how, how) for how in ("replaced", "late", "changed",
                                                                "lower case")])  # fmt: skip
def test_one_time_link_that_is_over_sets_no_password(
    sqlite_app: Flask, frozen: Clock, how: str
) -> None:
    client, link = sqlite_app.test_client(), new_invitation(sqlite_app)
    token = token_of(client.get(link).get_data(as_text=True))
    if how == "replaced":
        new_invitation(sqlite_app)
    elif how == "late":
        frozen.at += timedelta(days=7, seconds=1)
    else:
        link = (
            link.lower() if how == "lower case" else link[:-1] + ("B" if link[-1] == "A" else "A")
        )
    before = all_rows(sqlite_app)
    assert accept(client, link, token) == (404, "There is no such page")
    assert client.get(link).data == client.get("/staff/invitation/none").data
    assert all_rows(sqlite_app) == before
    assert rows(sqlite_app, "staff_member", "password") == [None]


@item(32)
def test_link_is_made_of_our_own_address_whatever_host_asks(
    sqlite_app: Flask, tmp_path: Path
) -> None:
    app = build_app(tmp_path, base_url="https://clinics.example")
    line = ["staff", "invite", "new@x.example", "--role", "desk", "--location", "renton"]
    done = app.test_cli_runner().invoke(args=line)
    assert done.stdout.startswith("https://clinics.example/staff/invitation/")
    path = done.stdout.strip().removeprefix("https://clinics.example")
    for host in ("evil.example", "127.0.0.1"):
        answer = app.test_client().get(path, headers={"Host": host})
        assert (answer.status_code, "evil" in answer.text) == (400, False)
    assert app.test_client().get(path, base_url="https://clinics.example").status_code == 200
