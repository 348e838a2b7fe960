"""Signing in and out: one-time links, passwords, cookies that end on the server."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface, session_json_serializer
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.staff.models import StaffMember
from clinicdir.staff.operations import disable
from tests.client import page_text
from tests.conftest import Clock
from tests.hashes import spend_little
from tests.make import PASSWORD, make_staff, sign_in, token_of
from tests.signing_in import EMAIL, choose, cookie, is_in, join, log_in, new_link, replay
from tests.tables import rows, together

WRONG = "Email or password do not match. Check both and try again; after five tries, wait a minute."
NAMES = "Password must not contain the name of the group or of this site, or the word password"
HOSTILE = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "%09//evil.example",
    "%20//evil.example",
    " //evil.example",
    "/\nevil.example",
    "/\r\nSet-Cookie: a=b",
    "https:evil.example",
    "https://evil.example",
    "http:///evil.example",
    "http://127.0.0.1@evil.example",
    "http://127.0.0.1:8000.evil.example/staff/",
    "javascript:alert(1)",
    "data:text/html,x",
    "/staff/\x00",
    "//[evil",
    "／／evil.example",
]


@pytest.fixture
def costly(app: Flask) -> None:
    """Hash as in earnest, for the test that looks at the hash."""


@pytest.fixture(autouse=True)
def _cheap_hashes(app: Flask, request: pytest.FixtureRequest) -> None:
    if "costly" not in request.fixturenames:
        spend_little(app)


# One-time links


def test_invitation_lets_a_person_choose_a_password_and_signs_in(
    app: Flask, client: FlaskClient, costly: None
) -> None:
    link = new_link(app)
    page = client.get(link).get_data(as_text=True)
    assert page_text(page) == (
        "Choose your password This link is for desk@example.com and works once. Password At least"
        " 15 characters. Four or five unrelated words are easy to keep in mind. Save and sign in"
    )
    answer = choose(client, link)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/")
    (stored,) = rows(app, "staff_member", "password")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert rows(app, "audit_entry", "actor_kind", "actor_label", "action", "subject", "detail")[
        -3:
    ] == [
        ("operator", "", "invite", EMAIL, "desk"),
        ("staff", EMAIL, "join", EMAIL, ""),
        ("staff", EMAIL, "sign_in", EMAIL, ""),
    ]
    assert is_in(client)


def test_invitation_works_once(app: Flask) -> None:
    link = new_link(app)
    unknown = app.test_client().get("/staff/invitation/nothing")
    assert choose(app.test_client(), link).status_code == 303
    again = app.test_client().get(link)
    assert (again.status_code, again.data) == (404, unknown.data)


def test_invitation_pressed_twice_at_once_works_once(app: Flask) -> None:
    link = new_link(app)
    clients = [app.test_client() for _ in range(4)]
    forms = [
        {
            "csrf_token": token_of(client.get(link).get_data(as_text=True)),
            "password": f"{n}{PASSWORD}",
        }
        for n, client in enumerate(clients)
    ]
    statuses = together(4, lambda n: clients[n].post(link, data=forms[n]).status_code)
    assert sorted(statuses) == [303, 404, 404, 404]
    winner = statuses.index(303)
    assert log_in(app.test_client(), password=f"{winner}{PASSWORD}").status_code == 302


def test_looking_at_an_invitation_does_not_use_it_up(app: Flask) -> None:
    link = new_link(app)
    for _ in range(3):
        assert app.test_client().get(link).status_code == 200
        assert app.test_client().head(link).status_code == 200
    assert choose(app.test_client(), link).status_code == 303


def test_invitation_lives_seven_days_to_the_second(app: Flask, frozen: Clock) -> None:
    link = new_link(app)
    client = app.test_client()
    page = client.get(link).get_data(as_text=True)
    form = {"csrf_token": token_of(page), "password": PASSWORD}
    frozen.move(days=7, seconds=-1)
    assert client.get(link).status_code == 200
    frozen.move(seconds=2)
    assert client.get(link).status_code == 404
    assert client.post(link, data=form).status_code == 404
    assert rows(app, "staff_member", "password") == [None]


def test_newer_invitation_ends_the_older_one(app: Flask) -> None:
    older, newer = new_link(app), new_link(app)
    assert app.test_client().get(older).status_code == 404
    assert choose(app.test_client(), newer).status_code == 303


def test_invitation_ends_when_its_person_is_disabled(app: Flask) -> None:
    link = new_link(app)
    with app.app_context(), transaction():
        disable(EMAIL, actor=OPERATOR, now=clock.now())
    assert app.test_client().get(link).status_code == 404


def test_person_disabled_before_joining_can_be_invited_anew(app: Flask) -> None:
    new_link(app)
    with app.app_context(), transaction():
        disable(EMAIL, actor=OPERATOR, now=clock.now())
    assert choose(app.test_client(), new_link(app)).status_code == 303
    assert rows(app, "staff_member", "active", "disabled_at") == [(True, None)]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Password must be 15 characters or more"),
        ("fourteen chars", "Password must be 15 characters or more"),
        ("abababababababab", "Choose a password that is harder to guess, like four random words"),
        ("Q1w2e3r4t5y6u7i8", "Choose a password that is harder to guess, like four random words"),
        ("my Pass-Word is long", NAMES),
        ("a fine HI def runner", NAMES),
        ("clinic dir is what we use", NAMES),
        ("the Desk is the best", "Password must not contain your email name"),
    ],
)
def test_weak_password_is_refused_with_what_to_do_and_not_sent_back(
    app: Flask, client: FlaskClient, typed: str, says: str
) -> None:
    link = new_link(app)
    answer = choose(client, link, typed)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert page_text(page) == (
        f"Check your answers below {says} Choose your password This link is for desk@example.com"
        " and works once. Password At least 15 characters. Four or five unrelated words are easy"
        f" to keep in mind.{says} Save and sign in"
    )
    assert 'name="password" value=""' in page
    assert rows(app, "staff_member", "password") == [None]
    assert choose(client, link).status_code == 303


def test_password_of_exactly_fifteen_characters_is_taken(app: Flask, client: FlaskClient) -> None:
    assert choose(client, new_link(app), "fifteen chars!!").status_code == 303


def test_invitation_without_a_form_token_asks_again(app: Flask) -> None:
    link = new_link(app)
    answer = app.test_client().post(link, data={"password": PASSWORD})
    assert answer.status_code == 400
    assert page_text(answer.get_data(as_text=True)).startswith(
        "This page was open for a long time, or your browser did not keep our cookie. Type your"
        " password and press the button once more. Choose your password"
    )
    assert PASSWORD not in answer.get_data(as_text=True)
    assert rows(app, "staff_member", "password") == [None]


# Passwords


def test_sign_in_by_password_makes_a_session_on_the_server(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    join(app)
    before = rows(app, "staff_session", "id")
    answer = log_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/")
    assert is_in(client)
    with client.session_transaction() as kept:
        token = kept["staff_session"]
    columns = ("token_hash", "created_at", "seen_at", "ended_at", "end_reason")
    assert rows(app, "staff_session", *columns)[len(before) :] == [
        (hashlib.sha256(token.encode()).digest(), frozen.now(), frozen.now(), None, None)
    ]


def test_address_may_be_typed_in_capitals(app: Flask, client: FlaskClient) -> None:
    join(app)
    assert log_in(client, "Desk@EXAMPLE.com").status_code == 302


def test_every_failed_sign_in_looks_the_same(app: Flask) -> None:
    join(app)
    join(app, "gone@example.com")
    new_link(app, "never@example.com")
    with app.app_context(), transaction():
        disable("gone@example.com", actor=OPERATOR, now=clock.now())
    tries = {
        "wrong password": (EMAIL, "another long password"),
        "unknown name": ("nobody@example.com", PASSWORD),
        "disabled": ("gone@example.com", PASSWORD),
        "disabled and wrong": ("gone@example.com", "another long password"),
        "no password yet": ("never@example.com", PASSWORD),
    }
    seen = {}
    for name, (email, password) in tries.items():
        client = app.test_client()
        page = client.get("/staff/login").get_data(as_text=True)
        form = {"csrf_token": token_of(page), "email": email, "password": password}
        answer = client.post("/staff/login", data=form)
        text = answer.get_data(as_text=True)
        masked = text.replace(token_of(text), "TOKEN").replace(email, "TYPED")
        headers = [
            pair for pair in answer.headers if pair[0] not in ("Set-Cookie", "Content-Length")
        ]
        seen[name] = (answer.status_code, headers, masked)
        assert not is_in(client)
    assert len({str(answer) for answer in seen.values()}) == 1, seen
    status, _, page = seen["wrong password"]
    assert status == 422
    assert page_text(page).startswith(f"Sign in {WRONG} Email address Password Sign in")
    assert 'value="TYPED"' in page


def test_account_without_a_password_takes_no_empty_one(app: Flask, client: FlaskClient) -> None:
    new_link(app)
    assert log_in(client, password="").status_code == 422
    assert not is_in(client)


def test_sign_in_without_a_form_token_asks_again_and_keeps_the_address(
    app: Flask, client: FlaskClient
) -> None:
    join(app)
    answer = client.post("/staff/login", data={"email": EMAIL, "password": PASSWORD})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert page_text(page).startswith(
        "Sign in This page was open for a long time, or your browser did not keep our cookie."
        " Type your password and press the button once more."
    )
    assert f'value="{EMAIL}"' in page
    assert PASSWORD not in page
    assert not is_in(client)
    form = {"csrf_token": token_of(page), "email": EMAIL, "password": PASSWORD}
    assert client.post("/staff/login", data=form).status_code == 302


def test_token_of_another_session_does_not_count(app: Flask, client: FlaskClient) -> None:
    join(app)
    foreign = token_of(app.test_client().get("/staff/login").get_data(as_text=True))
    client.get("/staff/login")
    form = {"csrf_token": foreign, "email": EMAIL, "password": PASSWORD}
    assert client.post("/staff/login", data=form).status_code == 400
    assert not is_in(client)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_sign_in_sent_by_another_site_is_refused(
    app: Flask, client: FlaskClient, headers: dict[str, str]
) -> None:
    join(app)
    page = client.get("/staff/login").get_data(as_text=True)
    form = {"csrf_token": token_of(page), "email": EMAIL, "password": PASSWORD}
    assert client.post("/staff/login", data=form, headers=headers).status_code == 403
    assert not is_in(client)


# Other ways in, which must be shut


def test_no_remember_cookie_is_ever_set(app: Flask, client: FlaskClient) -> None:
    join(app)
    page = client.get("/staff/login").get_data(as_text=True)
    assert "remember" not in page
    form = {
        "csrf_token": token_of(page), "email": EMAIL, "password": PASSWORD, "remember": "y",
    }  # fmt: skip
    answer = client.post("/staff/login", data=form)
    assert answer.status_code == 302
    assert [value.partition("=")[0] for value in answer.headers.getlist("Set-Cookie")] == [
        "clinicdir"
    ]
    assert client.get_cookie("remember_token") is None


def test_json_sign_in_hands_out_no_token(app: Flask, client: FlaskClient) -> None:
    join(app)
    as_json: dict[str, Any] = {"headers": {"Accept": "application/json"}}
    url = "/staff/login?include_auth_token"
    answer = client.post(url, json={"email": EMAIL, "password": PASSWORD}, **as_json)
    assert answer.status_code == 400
    assert not is_in(client)
    page = client.get("/staff/login").get_data(as_text=True)
    form = {"csrf_token": token_of(page), "email": EMAIL, "password": PASSWORD}
    told = client.post(url, data=form, **as_json).get_data(as_text=True)
    told += client.get(url, **as_json).get_data(as_text=True)
    assert "auth" not in json.dumps(told).casefold().replace("autocomplete", "")


def test_auth_token_and_basic_auth_open_nothing(app: Flask) -> None:
    join(app)
    with app.app_context():
        token = str(db.session.query(StaffMember).one().get_auth_token())
    thief = app.test_client()
    assert thief.get("/staff/", query_string={"auth_token": token}).status_code == 303
    assert thief.get("/staff/", headers={"Authentication-Token": token}).status_code == 303
    assert thief.get("/staff/", headers={"Authorization": f"Bearer {token}"}).status_code == 303
    assert thief.get("/staff/", auth=(EMAIL, PASSWORD)).status_code == 303


def test_other_doors_of_the_library_are_not_there(app: Flask, client: FlaskClient) -> None:
    join(app)
    log_in(client)
    for path in ("register", "reset", "change", "verify", "tf-setup", "us-signin", "wan-signin"):
        assert client.get(f"/staff/{path}").status_code == 404


# The cookie


def test_cookie_over_http_is_for_this_site_alone(app: Flask, client: FlaskClient) -> None:
    join(app)
    (header,) = log_in(client).headers.getlist("Set-Cookie")
    name, *flags = header.split("; ")
    assert name.startswith("clinicdir=")
    assert flags == ["HttpOnly", "Path=/", "SameSite=Lax"]


def test_cookie_over_https_is_bound_to_host_and_transport(
    app: Flask, with_settings: Callable[..., Flask]
) -> None:
    join(app)
    secure = with_settings(base_url="https://clinics.example")
    client = secure.test_client()
    base = {"base_url": "https://clinics.example"}
    page = client.get("/staff/login", **base).get_data(as_text=True)
    form = {"csrf_token": token_of(page), "email": EMAIL, "password": PASSWORD}
    headers = {"Origin": "https://clinics.example", "Sec-Fetch-Site": "same-origin"}
    answer = client.post("/staff/login", data=form, headers=headers, **base)
    assert answer.status_code == 302
    (header,) = answer.headers.getlist("Set-Cookie")
    name, *flags = header.split("; ")
    assert name.startswith("__Host-clinicdir=")
    assert flags == ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert client.get("/staff/", **base).status_code == 200


def test_cookie_holds_nothing_but_tokens(app: Flask, client: FlaskClient) -> None:
    join(app)
    log_in(client)
    with client.session_transaction() as kept:
        assert set(kept) <= {
            "_fresh", "_id", "_user_id", "csrf_token", "fs_cc", "fs_paa", "identity.auth_type",
            "identity.id", "staff_session",
        }  # fmt: skip
        assert EMAIL not in json.dumps(dict(kept))


def test_each_sign_in_has_a_token_of_its_own(app: Flask, client: FlaskClient) -> None:
    join(app)
    tokens = set()
    for _ in range(3):
        log_in(client)
        with client.session_transaction() as kept:
            tokens.add(kept["staff_session"])
        sign_out(client)
    assert len(tokens) == 3


def test_session_set_before_the_sign_in_is_not_taken_over(app: Flask) -> None:
    join(app)
    thief, victim = app.test_client(), app.test_client()
    log_in(thief)
    with thief.session_transaction() as kept:
        planted = kept["staff_session"]
    sign_out(thief)
    with victim.session_transaction() as kept:
        kept["staff_session"] = planted
    log_in(victim)
    with victim.session_transaction() as kept:
        assert kept["staff_session"] != planted
    assert not is_in(thief)


def sign_out(client: FlaskClient) -> TestResponse:
    page = client.get("/staff/").get_data(as_text=True)
    return client.post("/staff/logout", data={"csrf_token": token_of(page)})


def test_sign_out_ends_the_session_on_the_server(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    join(app)
    log_in(client)
    stolen = cookie(client)
    assert is_in(replay(app, stolen))
    answer = sign_out(client)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/login")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert not is_in(client)
    assert not is_in(replay(app, stolen))
    assert rows(app, "staff_session", "ended_at", "end_reason")[-1] == (frozen.now(), "signed out")
    assert rows(app, "audit_entry", "action", "actor_label", "subject")[-1] == (
        "sign_out", EMAIL, EMAIL,
    )  # fmt: skip


def test_sign_out_ends_only_its_own_session(app: Flask) -> None:
    join(app)
    first, second = app.test_client(), app.test_client()
    log_in(first)
    log_in(second)
    sign_out(first)
    assert (is_in(first), is_in(second)) == (False, True)


def test_sign_out_needs_a_form_token_and_a_post(app: Flask, client: FlaskClient) -> None:
    join(app)
    log_in(client)
    assert client.post("/staff/logout").status_code == 400
    assert client.post("/staff/logout", headers={"Accept": "application/json"}).status_code == 400
    assert client.get("/staff/logout").status_code == 405
    assert is_in(client)


def test_disabled_person_is_out_at_the_next_click(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    join(app)
    log_in(client)
    stolen = cookie(client)
    with app.app_context(), transaction():
        disable(EMAIL, actor=OPERATOR, now=clock.now())
    assert not is_in(client)
    assert not is_in(replay(app, stolen))
    ended = rows(app, "staff_session", "ended_at", "end_reason")
    assert ended == [(frozen.now(), "disabled")] * 2


def test_idle_session_ends(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    join(app)
    log_in(client)
    stolen = cookie(client)
    frozen.move(minutes=10, seconds=-1)
    assert is_in(client)
    frozen.move(minutes=10)
    assert not is_in(client)
    assert not is_in(replay(app, stolen))


@pytest.mark.parametrize("idle_minutes", [1, 30])
def test_session_lives_as_long_as_somebody_clicks(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock, idle_minutes: int
) -> None:
    join(app)
    client = with_settings(idle_minutes=idle_minutes).test_client()
    log_in(client)
    for _ in range(6):
        frozen.move(seconds=idle_minutes * 60 * 0.85)
        assert is_in(client)
    frozen.move(minutes=idle_minutes)
    assert not is_in(client)


def test_session_ends_after_twelve_hours_however_busy(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    join(app)
    client = with_settings(idle_minutes=120).test_client()
    log_in(client)
    for _ in range(11):
        frozen.move(hours=1)
        assert is_in(client)
    frozen.move(minutes=59, seconds=59)
    assert is_in(client)
    frozen.move(seconds=1)
    assert not is_in(client)


def test_clicks_are_noted_once_a_minute_at_most(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    join(app)
    log_in(client)
    signed_in_at = frozen.now()
    for _ in range(3):
        frozen.move(seconds=19)
        assert is_in(client)
    assert rows(app, "staff_session", "seen_at")[-1] == signed_in_at
    frozen.move(seconds=3)
    assert is_in(client)
    assert rows(app, "staff_session", "seen_at")[-1] == frozen.now()


def test_cookie_forged_with_a_guessed_key_opens_nothing(app: Flask, client: FlaskClient) -> None:
    join(app)
    log_in(client)
    with client.session_transaction() as kept:
        content = dict(kept)
    real = SecureCookieSessionInterface().get_signing_serializer(app)
    assert real is not None
    honest = str(real.dumps(content))
    assert is_in(replay(app, honest))  # so the content is right, only the keys below are not
    signer = {"key_derivation": "hmac", "digest_method": hashlib.sha1}
    for key in ("dev", "secret", "changeme", "", "clinicdir"):
        for salt in ("cookie-session", "session", ""):
            forger = URLSafeTimedSerializer(
                key, salt=salt, serializer=session_json_serializer, signer_kwargs=signer
            )
            assert not is_in(replay(app, str(forger.dumps(content))))
    other_salt = URLSafeTimedSerializer(
        app.config["SECRET_KEY"],
        salt="remember-me",
        serializer=session_json_serializer,
        signer_kwargs=signer,
    )
    assert not is_in(replay(app, str(other_salt.dumps(content))))
    assert not is_in(replay(app, honest.rpartition(".")[0]))


def test_cookie_without_the_session_row_opens_nothing(app: Flask, client: FlaskClient) -> None:
    join(app)
    join(app, "other@example.com")
    log_in(client)
    other = app.test_client()
    log_in(other, "other@example.com")
    with client.session_transaction() as kept, other.session_transaction() as foreign:
        mine, theirs = kept["staff_session"], foreign["staff_session"]
    for planted in (None, "", "nothing", theirs):
        with client.session_transaction() as kept:
            kept["staff_session"] = planted
        assert not is_in(client)
    with client.session_transaction() as kept:
        kept["staff_session"] = mine
    assert is_in(client)


def test_new_secret_key_ends_cookies_unless_the_old_one_still_counts(
    app: Flask, client: FlaskClient, with_settings: Callable[..., Flask]
) -> None:
    join(app)
    log_in(client)
    old = app.config["SECRET_KEY"]
    fresh = "another secret of the test run, also long enough"
    changed = with_settings(secret_key=fresh)
    assert not is_in(replay(changed, cookie(client)))
    rotated = with_settings(secret_key=fresh, secret_key_fallbacks=(old,))
    assert is_in(replay(rotated, cookie(client)))


# Where the sign-in leads


def test_sign_in_leads_back_to_the_page_that_was_asked_for(app: Flask, client: FlaskClient) -> None:
    join(app)
    sent = client.get("/staff/?group=closed&location=renton").headers["Location"]
    page = client.get(sent).get_data(as_text=True)
    action = page.partition('<form method="post" action="')[2].partition('"')[0]
    assert action == "/staff/login?next=/staff/?group%3Dclosed%26location%3Drenton"
    answer = log_in(client, url=action)
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/staff/?group=closed&location=renton",
    )


@pytest.mark.parametrize("where", ["query", "form"])
def test_hostile_next_leads_to_the_plain_sign_in_page(app: Flask, where: str) -> None:
    join(app)
    for target in HOSTILE:
        client = app.test_client()
        page = client.get("/staff/login").get_data(as_text=True)
        form = {"csrf_token": token_of(page), "email": EMAIL, "password": PASSWORD}
        if where == "form":
            answer = client.post("/staff/login", data=form | {"next": target})
        else:
            answer = client.post("/staff/login", data=form, query_string={"next": target})
        if "\0" in target and where == "query":
            assert answer.status_code == 400
            continue
        assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/login"), target
        assert not is_in(client)


def test_hostile_next_moves_nobody_who_is_signed_in_already(
    app: Flask, client: FlaskClient
) -> None:
    join(app)
    log_in(client)
    for target in HOSTILE:
        answer = client.get("/staff/login", query_string={"next": target})
        if "\0" in target:
            assert answer.status_code == 400
            continue
        assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/login"), target


@pytest.mark.parametrize("target", ["/%09/evil.example", "/%0aevil.example", "/staff/%2e%2e//evil"])
def test_odd_next_of_our_own_stays_on_this_site(
    app: Flask, client: FlaskClient, target: str
) -> None:
    join(app)
    answer = log_in(client, url=f"/staff/login?{urlencode({'next': target})}")
    assert answer.status_code == 302
    assert goes_to(answer) == "http://127.0.0.1"


def goes_to(answer: TestResponse) -> str:
    """Return the site where a browser goes: it drops tabs and takes a backslash for a slash."""
    seen = re.sub(r"[\t\r\n]", "", answer.headers["Location"].strip()).replace("\\", "/")
    parts = urlsplit(urljoin("http://127.0.0.1/staff/login", seen))
    return f"{parts.scheme}://{parts.netloc}"


def test_signed_in_person_who_opens_the_sign_in_page_is_sent_to_the_inbox(
    app: Flask, client: FlaskClient
) -> None:
    join(app)
    log_in(client)
    answer = client.get("/staff/login")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/")


def test_sign_in_link_of_the_demo_signs_in_once(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        make_staff(EMAIL)
    sign_in(client, EMAIL)
    assert is_in(client)
