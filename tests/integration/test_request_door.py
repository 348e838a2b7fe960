"""Posts from elsewhere, and a database that cannot store."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from clinicdir.db import db
from tests.asking import (
    ANSWERS,
    BODY,
    CHECK,
    CLEAR,
    CONTACT,
    EXPIRED,
    START,
    STEPS,
    TIMES,
    WHO,
    follow,
    path_of,
    shown,
    walk,
)
from tests.conftest import Clock, build_app
from tests.make import token_of
from tests.pages import (
    form,
    heading,
    links,
    main_text,
    press,
)
from tests.tables import all_rows, rows


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
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    sent = client.post(
        START,
        data=form(page, START) | {"location": "renton", "goal": "run"},
        base_url="https://clinics.example",
        headers={"Origin": "https://clinics.example"},
    )
    assert (sent.status_code, path_of(sent)) == (303, WHO)
