"""Cookies that were good once, and cookies that somebody made."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface, session_json_serializer
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.operations import assign, disable, reset
from clinicdir.staff.rules import Role
from tests.conftest import Clock
from tests.hashes import spend_little
from tests.hostile.items import case, item
from tests.make import PASSWORD, make_request, token_of
from tests.pages import press
from tests.signing_in import EMAIL, cookie, is_in, join, log_in, replay
from tests.tables import all_rows, rows

AUDITED = ("audit_entry", "audit_head")
NEW = "another four unrelated words"


@pytest.fixture
def desk(sqlite_app: Flask, frozen: Clock) -> FlaskClient:
    spend_little(sqlite_app)
    join(sqlite_app)
    client = sqlite_app.test_client()
    log_in(client)
    return client


def sign_out(app: Flask, desk: FlaskClient, frozen: Clock) -> None:
    desk.post("/staff/logout", data={"csrf_token": token_of(desk.get("/staff/").text)})


def change_password(app: Flask, desk: FlaskClient, frozen: Clock) -> None:
    other = app.test_client()
    log_in(other)
    page = other.get("/staff/account")
    press(other, page, "/staff/account/password", current=PASSWORD, password=NEW)
    assert is_in(other)


def by_operator(change: Callable[..., object]) -> Callable[..., None]:
    def do(app: Flask, desk: FlaskClient, frozen: Clock) -> None:
        with app.app_context(), transaction():
            change(EMAIL, actor=OPERATOR, now=clock.now())

    return do


def take_role(app: Flask, desk: FlaskClient, frozen: Clock) -> None:
    with app.app_context(), transaction():
        places, now = [get_location("renton")], clock.now()
        assign(EMAIL, Role.VIEWER, places, shared_line=False, actor=OPERATOR, now=now)


def let_idle(app: Flask, desk: FlaskClient, frozen: Clock) -> None:
    frozen.move(minutes=11)


def let_end(app: Flask, desk: FlaskClient, frozen: Clock) -> None:
    frozen.move(hours=12, seconds=1)


@pytest.mark.parametrize(
    "end",
    [
        case(27, "signed out", sign_out),
        case(27, "another password", change_password),
        case(27, "role taken away", take_role),
        case(27, "disabled", by_operator(disable)),
        case(27, "password reset", by_operator(reset)),
        case(27, "idle for eleven minutes", let_idle),
        case(27, "twelve hours old", let_end),
    ],
)
def test_cookie_opens_nothing_after_what_ended_its_sign_in(
    sqlite_app: Flask,
    desk: FlaskClient,
    frozen: Clock,
    end: Callable[[Flask, FlaskClient, Clock], None],
) -> None:
    """Neither reads nor moves: the copy is the whole cookie as it was while it was good."""
    app = sqlite_app
    with app.app_context():
        url = f"/staff/requests/{make_request(app).reference}"
    join_another(app)
    thief = replay(app, cookie(desk))
    page = thief.get(url)
    assert page.status_code == 200
    copy = cookie(thief)
    end(app, desk, frozen)
    before = all_rows(app, without=AUDITED)
    thief = replay(app, copy)
    answers = [thief.get("/staff/"), thief.get(url), press(thief, page, f"{url}/claim")]
    assert [answer.status_code for answer in answers] == [303, 303, 403]
    assert all_rows(app, without=AUDITED) == before


def join_another(app: Flask) -> None:
    """Let somebody else be there too, so that nobody is the last."""
    join(app, "other@example.com")


def opens(app: Flask, value: str) -> bool:
    """Say whether a cookie opens the inbox, sent as it is: no browser would keep a huge one."""
    client = app.test_client(use_cookies=False)
    answer = client.get("/staff/", headers={"Cookie": f"clinicdir={value}"})
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


@item(28)
def test_cookie_that_is_not_ours_opens_nothing(sqlite_app: Flask, desk: FlaskClient) -> None:
    app = sqlite_app
    with desk.session_transaction() as kept:
        content = dict(kept)
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    honest = str(signer.dumps(content))
    assert opens(app, honest)
    body, stamp, mark = honest.rsplit(".", 2)
    derived = {"key_derivation": "hmac"}

    def made(key: str, salt: str, **how: object) -> str:
        serializer = session_json_serializer
        forger = URLSafeTimedSerializer(
            key, salt=salt, serializer=serializer, signer_kwargs=derived | how
        )
        return str(forger.dumps(content))

    join_another(app)
    other = app.test_client()
    log_in(other, "other@example.com")
    theirs = cookie(other)
    secret = app.config["SECRET_KEY"]
    forged = {
        "wrong key": made("x" * 48, "cookie-session"),
        "salt of the form tokens": made(secret, "wtf-csrf-token"),
        "key not derived": made(secret, "cookie-session", key_derivation="none"),
        "other derivation": made(secret, "cookie-session", key_derivation="django-concat"),
        "no mark": f"{body}.{stamp}",
        "empty mark": f"{body}.{stamp}.",
        "no algorithm": "eyJhbGciOiJub25lIn0." + body + ".",
        "cut by one": honest[:-1],
        "one more": honest + "A",
        "half": honest[: len(honest) // 2],
        "marks exchanged": f"{theirs.rpartition('.')[0]}.{mark}",
        "stamp of tomorrow": f"{body}.zzzzzz.{mark}",
        "form token": token_of(desk.get("/staff/account").text),
        "huge": honest * 40,
        "huge body": f"{'A' * 20_000}.{stamp}.{mark}",
        "nothing": "",
        "no text": "\x01\x7f",
    }
    opened = [how for how, value in forged.items() if opens(app, value)]
    assert opened == []
    assert opens(app, theirs)


@item(28)
def test_cookie_of_one_person_with_the_token_of_another_opens_nothing(
    sqlite_app: Flask, desk: FlaskClient
) -> None:
    """Signed with the right key, as somebody could who had read it: the row decides."""
    join_another(sqlite_app)
    other = sqlite_app.test_client()
    log_in(other, "other@example.com")
    with desk.session_transaction() as kept, other.session_transaction() as foreign:
        mine, theirs = dict(kept), dict(foreign)
    signer = SecureCookieSessionInterface().get_signing_serializer(sqlite_app)
    assert signer is not None
    names = ("_user_id", "staff_session")
    mixed = [mine | {name: theirs[name]} for name in names]
    mixed += [{name: mine[name]} for name in names]
    mixed += [mine | {"staff_session": rows(sqlite_app, "staff_session", "token_hash")[0].hex()}]
    opened = [is_in(replay(sqlite_app, str(signer.dumps(one)))) for one in mixed]
    assert opened == [False] * 5
    assert is_in(replay(sqlite_app, str(signer.dumps(mine))))
