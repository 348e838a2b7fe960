"""A database that is locked, stopped, full up or gone: the directory goes on, the rest says so."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from clinicdir.db import db, transaction
from clinicdir.locations.queries import get_location
from clinicdir.web.going_on import directory_copy
from tests.asking import ANSWERS, BODY, CONTACT, follow, shown, walk
from tests.client import page_text
from tests.conftest import Clock
from tests.integration.conftest import FreshPostgres
from tests.make import make_staff, sign_in
from tests.pages import heading, main_text, press
from tests.tables import rows, together

Away = Callable[[], None]
DIRECTORY = ("/", "/?near=98057", "/locations/bellevue", "/locations/", "/about", "/privacy")
DATA = ("/api/v1/locations", "/api/v1/locations/renton", "/api/v1/nearest?postal_code=98057")
WITH_PEOPLE = ("/staff/", "/staff/settings", "/request", "/staff/login")
NOTE = "We cannot take requests here right now. Call the clinic."


@pytest.fixture
def app(sqlite_app: Flask) -> Flask:
    return sqlite_app


def take_copy(app: Flask) -> None:
    with app.app_context():
        directory_copy().refresh()


@contextmanager
def held(app: Flask, kind: str = "EXCLUSIVE") -> Iterator[sqlite3.Connection]:
    """Hold a lock of the app's file, as another process does."""
    with app.app_context():
        holder = sqlite3.connect(db.engine.url.database or "", isolation_level=None)
    holder.execute(f"BEGIN {kind}")
    try:
        yield holder
    finally:
        holder.close()


@contextmanager
def stopped(app: Flask) -> Iterator[None]:
    """Stop every process of the app's PostgreSQL server; it neither answers nor hangs up."""
    pids = server_processes(app)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


def server_processes(app: Flask) -> list[int]:
    with app.app_context(), db.engine.connect() as connection:
        folder = connection.scalar(text("show data_directory"))
    first = int((Path(str(folder)) / "postmaster.pid").read_text().splitlines()[0])
    return processes_under(first)


def processes_under(first: int) -> list[int]:
    """Return a process and all that it has started."""
    listed = subprocess.run(
        ["/bin/ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    return [first, *(pid for pid, parent in pairs if parent == first)]


def look(client: FlaskClient) -> tuple[dict[str, str], list[Any]]:
    """Return what every page of the directory says, and every answer of its API."""
    pages = {path: client.get(path) for path in DIRECTORY}
    pages["find"] = client.post("/find", data={"address": "1101 Madison St, Seattle"})
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    return (
        {path: page.get_data(as_text=True) for path, page in pages.items()},
        [client.get(path).get_json() for path in DATA],
    )


def told(html: str) -> str:
    """Return what a page says, without the note and what hangs on the hour."""
    return page_text(html).replace(f"{NOTE} ", "")


def check_that_the_directory_goes_on(client: FlaskClient, before: Any) -> None:  # noqa: ANN401
    pages, data = look(client)
    assert {path: told(html) for path, html in pages.items()} == {
        path: told(html) for path, html in before[0].items()
    }
    assert data == before[1]
    assert all(html.count(NOTE) == 1 for html in pages.values())
    assert client.get("/").headers["Cache-Control"] == "no-store"
    gone = client.get("/locations/nowhere")
    assert (gone.status_code, heading(gone)) == (404, "There is no such page")


def check_that_the_rest_gives_the_phone(client: FlaskClient) -> None:
    for path in WITH_PEOPLE:
        page = client.get(path)
        assert (page.status_code, page.headers["Retry-After"]) == (503, "5"), path
        assert "Renton: (206) 693-9929" in main_text(page)


def test_directory_goes_on_from_memory_under_a_lock(
    app: Flask, frozen: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinicdir.db.BUSY_TIMEOUT_S", 0.02)
    with app.app_context():
        make_staff("desk@example.com")
        with transaction():
            get_location("bellevue").notice = "Entrance on the north side"
    client, desk = app.test_client(), app.test_client()
    sign_in(desk, "desk@example.com")
    before = look(client)
    assert "Entrance on the north side" in before[0]["/locations/bellevue"]
    assert not any(NOTE in html for html in before[0].values())
    take_copy(app)
    with held(app):
        check_that_the_directory_goes_on(client, before)
        check_that_the_rest_gives_the_phone(desk)
    assert look(client) == before
    assert desk.get("/staff/").status_code == 200


def test_copy_follows_changes_and_an_old_one_stays_while_there_is_no_database(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinicdir.db.BUSY_TIMEOUT_S", 0.02)
    take_copy(app)
    for notice in ("Closed on Friday", "Open on Friday"):
        with app.app_context(), transaction():
            get_location("renton").notice = notice
        take_copy(app)
        with held(app):
            page = app.test_client().get("/locations/renton")
            assert notice in main_text(page)


def test_lock_keeps_one_waiting_and_turns_the_others_away(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinicdir.db.BUSY_TIMEOUT_S", 1.5)
    take_copy(app)

    def post(number: int) -> tuple[int, float]:
        begun = time.monotonic()
        headers = {"Idempotency-Key": f"{number}"}
        status = app.test_client().post("/api/v1/requests", json=BODY, headers=headers).status_code
        return status, time.monotonic() - begun

    with held(app, "IMMEDIATE"):
        first = together(8, post)
        assert app.test_client().get("/").status_code == 200
        second = together(8, post)
    assert [status for status, _ in first + second] == [503] * 16
    # Eight that wait their time one after the other would take twelve seconds.
    assert max(seconds for _, seconds in first + second) < 9
    assert [post(number)[0] for number in (*range(8), *range(8))] == [201] * 16
    assert len(rows(app, "appointment_request", "id")) == 8


def test_readyz_answers_soon_under_a_lock(app: Flask) -> None:
    client = app.test_client()
    with held(app):
        begun = time.monotonic()
        answer = client.get("/readyz")
        seconds = time.monotonic() - begun
        assert answer.get_json() == {"status": "not ready", "failed": ["database", "keys"]}
        assert seconds < 3  # it took eight, and takes less than one on a quiet machine
    assert client.get("/readyz").get_json() == {"status": "ready", "failed": []}


# -- PostgreSQL ----------------------------------------------------------------------------------


@pytest.mark.needs("PostgreSQL")
def test_stopped_server_is_noticed_and_its_return_too(postgres_app: Flask, frozen: Clock) -> None:
    with postgres_app.app_context():
        make_staff("desk@example.com")
    client, desk = postgres_app.test_client(), postgres_app.test_client()
    sign_in(desk, "desk@example.com")
    before, page = look(client), walk(client, CONTACT)
    take_copy(postgres_app)
    with stopped(postgres_app):
        begun = time.monotonic()
        answer = client.get("/readyz").get_json()
        assert answer == {"status": "not ready", "failed": ["database", "keys"]}
        assert time.monotonic() - begun < 4
        for path in ("/", "/locations/bellevue"):  # each of them asks first, and waits a second
            assert told(client.get(path).get_data(as_text=True)) == told(before[0][path])
        inbox = desk.get("/staff/")
        assert (inbox.status_code, "(206) 693-9929" in main_text(inbox)) == (503, True)
        failed = press(client, page, CONTACT, **ANSWERS[CONTACT])
        assert (failed.status_code, shown(failed, CONTACT, ANSWERS[CONTACT])) == (
            503, ANSWERS[CONTACT],
        )  # fmt: skip
        headers = {"Idempotency-Key": "one"}
        lost = client.post("/api/v1/requests", json=BODY, headers=headers)
        assert (lost.status_code, lost.mimetype) == (503, "application/problem+json")
    assert client.post("/api/v1/requests", json=BODY, headers=headers).status_code == 201
    follow(client, press(client, failed, CONTACT))
    assert look(client) == before
    assert len(rows(postgres_app, "appointment_request", "id")) == 1
    assert client.get("/readyz").get_json() == {"status": "ready", "failed": []}


@pytest.mark.needs("PostgreSQL")
def test_slow_statement_of_a_server_that_is_there_is_waited_for(postgres_app: Flask) -> None:
    with postgres_app.test_request_context():
        assert db.session.scalar(text("select 5 from pg_sleep(1.3)")) == 5


@pytest.mark.needs("PostgreSQL")
def test_connections_that_the_server_ended_are_not_handed_out(postgres_app: Flask) -> None:
    together(4, lambda _: postgres_app.test_client().get("/staff/login").status_code)
    with postgres_app.app_context(), db.engine.connect() as connection:
        ended = connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
                " and query not like 'reset %'"  # by which the tests' own connection is known
            )
        ).all()
        assert len(ended) >= 1
    headers = {"Idempotency-Key": "one"}
    statuses = together(
        4,
        lambda _: (
            (
                postgres_app.test_client().post("/api/v1/requests", json=BODY, headers=headers)
            ).status_code
        ),
    )
    assert statuses == [201] * 4
    assert len(rows(postgres_app, "appointment_request", "id")) == 1


@pytest.mark.needs("PostgreSQL")
def test_no_connection_left_is_said_and_over_when_there_is_one(
    postgres_app: Flask, fresh_postgres: FreshPostgres
) -> None:
    take_copy(postgres_app)
    client, headers = postgres_app.test_client(), {"Idempotency-Key": "one"}
    client.get("/")
    with postgres_app.app_context():
        db.engine.dispose()
    url = fresh_postgres.url.replace("+psycopg", "")
    with ExitStack() as others:
        with suppress(psycopg.OperationalError):  # too many clients
            while True:
                others.enter_context(psycopg.connect(url))
        assert NOTE in client.get("/locations/renton").get_data(as_text=True)
        refused = client.post("/api/v1/requests", json=BODY, headers=headers)
        assert refused.status_code == 503
        assert refused.get_json()["phones"]["Renton"] == "+12066939929"
        assert client.get("/readyz").get_json()["failed"] == ["database", "keys"]
    assert client.post("/api/v1/requests", json=BODY, headers=headers).status_code == 201
    assert NOTE not in client.get("/locations/renton").get_data(as_text=True)
    assert len(rows(postgres_app, "appointment_request", "id")) == 1
