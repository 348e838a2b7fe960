"""Whether the site says of itself that it lives and can work, and what `flask doctor` adds."""

import json
import re
import shutil
import sqlite3
import stat
import time
from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask
import pytest
import sqlalchemy
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from clinicdir import clock
from clinicdir.cli.doctor import examine
from clinicdir.cli.machine_check import proxy_findings
from clinicdir.cli.routing import make_post
from clinicdir.cli.serving import prepare_database
from clinicdir.crypto import new_key
from clinicdir.db import db, transaction
from clinicdir.locations.models import Telecom
from clinicdir.locations.queries import get_location
from clinicdir.locations.rules import TelecomSystem
from clinicdir.notifications.delivery import deliver_due
from clinicdir.settings import load_settings
from tests.conftest import KEY, Clock, build_app
from tests.mail import free_port
from tests.make import make_request

READY = {"status": "ready", "failed": []}


def empty_app(tmp_path: Path) -> Flask:
    """Return an app whose folder holds nothing yet."""
    (tmp_path / "empty").mkdir()
    return build_app(tmp_path / "empty")


def ready(app: Flask) -> tuple[int, Any]:
    answer = app.test_client().get("/readyz")
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.get_json()


def not_ready(*failed: str) -> tuple[int, Any]:
    return 503, {"status": "not ready", "failed": list(failed)}


def give_address(app: Flask) -> None:
    with app.app_context(), transaction():
        telecom = Telecom(location_id=get_location("renton").id, value="desk@renton.example")
        telecom.system = TelecomSystem.EMAIL
        db.session.add(telecom)


def ask(app: Flask) -> None:
    with app.app_context():
        make_request(app)


def deliver(app: Flask) -> None:
    with app.app_context():
        deliver_due(make_post(), clock=clock.now)


def findings(app: Flask, *weights: str) -> list[tuple[str, str, str]]:
    with app.app_context():
        return [
            (found.weight.value, found.subject, found.state)
            for found in examine()
            if found.weight in weights
        ]


def doctor(app: Flask, *options: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["doctor", *options])
    return result.exit_code, result.output


def test_healthz_says_that_the_process_lives(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "alive"})


def test_readyz_says_that_all_checks_pass(app: Flask) -> None:
    assert ready(app) == (200, READY)
    ask(app)
    assert ready(app) == (200, READY)


def test_neither_tells_a_version(app: Flask, client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz"):
        answer = client.get(path)
        told = answer.get_data(as_text=True) + str(answer.headers)
        for version in (
            flask.__dict__.get("__version__"),
            sqlalchemy.__version__,
            "3.11",
            "SQLite",
        ):
            assert version is None or version not in told
        assert sqlite3.sqlite_version not in told


def test_neither_sets_a_cookie(client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz"):
        assert "Set-Cookie" not in client.get(path).headers


def test_database_that_takes_no_writes_is_named(
    app: Flask, with_settings: Callable[..., Flask]
) -> None:
    settings = app.extensions["clinicdir"].settings
    if settings.database_url:
        with app.app_context(), db.engine.connect() as connection:
            name = connection.scalar(text("select current_database()"))
            connection.execute(
                text(f'alter database "{name}" set default_transaction_read_only = on')
            )
            connection.commit()
        shut = with_settings()
    else:
        path = settings.instance / "clinicdir.sqlite3"
        shut = with_settings(database_url=f"sqlite:///file:{path}?mode=ro&uri=true")
    assert ready(shut) == not_ready("database")
    assert shut.test_client().get("/healthz").status_code == 200
    assert shut.test_client().get("/").status_code == 200
    trouble = ("trouble", "readiness of database", "fails")
    assert findings(shut, "trouble") == [trouble]


def test_database_that_is_away_is_named(
    with_settings: Callable[..., Flask], tmp_path: Path
) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    away = with_settings(database_url=url)
    status, told = ready(away)
    assert (status, told["failed"]) == (503, ["database", "keys"])
    assert away.test_client().get("/healthz").status_code == 200
    assert findings(away, "trouble") == [
        ("trouble", "database", "cannot be reached (OperationalError)")
    ]


def test_database_without_tables_is_named(sqlite_app: Flask, tmp_path: Path) -> None:
    empty = empty_app(tmp_path)
    status, told = ready(empty)
    assert (status, told["failed"]) == (503, ["database", "keys"])
    ((_, subject, state),) = findings(empty, "trouble")
    assert (subject, state.partition(",")[0]) == ("migrations", "the database is at nothing")


def test_key_that_is_missing_is_named(app: Flask, with_settings: Callable[..., Flask]) -> None:
    other_keys = with_settings(encryption_keys=new_key())
    assert ready(other_keys) == (200, READY)  # nothing is sealed yet
    ask(app)
    assert ready(other_keys) == not_ready("keys")
    assert findings(other_keys, "trouble") == [("trouble", "readiness of keys", "fails")]
    assert ready(with_settings(encryption_keys=(new_key(), KEY))) == (200, READY)


def test_full_disk_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - what the library gives
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 10**12, 10**6))
    assert ready(app) == not_ready("disk")


def test_outbox_that_is_stuck_is_named(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    mailing = with_settings(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    give_address(app)
    ask(app)
    deliver(mailing)
    frozen.move(hours=4, seconds=-1)
    assert ready(mailing) == (200, READY)
    frozen.move(seconds=1)
    assert ready(mailing) == not_ready("outbox")
    assert ready(app) == (200, READY)  # without a mail server the doctor says so


def test_outbox_that_nobody_works_through_is_named(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    mailing = with_settings(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    ask(app)
    frozen.move(hours=4)
    assert ready(mailing) == not_ready("outbox")


def test_clinic_without_an_address_does_not_make_the_site_unready(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    mailing = with_settings(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    ask(app)
    for _ in range(5):
        deliver(mailing)
        frozen.move(hours=1)
    assert ready(mailing) == (200, READY)
    assert ("warning", "messages", "1 wait, the oldest since 2026-11-24 20:00 UTC") in findings(
        mailing, "warning"
    )


def test_doctor_finds_no_trouble_in_a_fresh_site(app: Flask) -> None:
    code, output = doctor(app)
    assert code == 0
    assert output.splitlines()[-1].startswith("note ")
    assert findings(app, "trouble") == []
    assert findings(app, "warning") == [
        ("warning", "messages", "nobody is being notified, no mail server is set; 0 wait"),
        (
            "warning",
            "clinics without an e-mail address",
            "seattle-5th-ave, bellevue, renton, issaquah, seattle-california-ave-sw, covington",
        ),
    ]


def test_doctor_exits_with_one_where_there_is_trouble(tmp_path: Path, sqlite_app: Flask) -> None:
    code, output = doctor(empty_app(tmp_path))
    assert code == 1
    (trouble,) = [line for line in output.splitlines() if line.startswith("trouble")]
    assert trouble.startswith("trouble  migrations: the database is at nothing, this release needs")
    assert trouble.endswith("Run `flask db upgrade`, or start `flask serve`, which does it.")


def test_doctor_before_the_first_start_leaves_the_database_to_it(
    tmp_path: Path, sqlite_app: Flask
) -> None:
    empty = empty_app(tmp_path)
    doctor(empty)
    with empty.app_context():
        prepare_database()
        db.engine.dispose()
    path = tmp_path / "empty" / "clinicdir.sqlite3"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ready(empty) == (200, READY)


def test_doctor_speaks_json(app: Flask) -> None:
    code, output = doctor(app, "--json")
    told = json.loads(output)
    assert code == 0
    assert {tuple(finding) for finding in told} == {("weight", "subject", "state", "cure")}
    assert {finding["weight"] for finding in told} == {"fine", "note", "warning"}
    (mail,) = [finding for finding in told if finding["subject"] == "messages"]
    assert mail["cure"] == "Set CLINICDIR_SMTP_URL and CLINICDIR_MAIL_FROM."


def test_doctor_shows_no_secret(with_settings: Callable[..., Flask]) -> None:
    secret = "sesame-sesame-sesame-sesame-sesame-sesame"
    keyed = with_settings(
        secret_key=secret,
        secret_key_fallbacks=(secret,),
        smtp_url=f"smtp://clinics:{secret}@127.0.0.1:25",
    )
    for options in ((), ("--json",)):
        _, output = doctor(keyed, *options)
        assert "sesame" not in output
        assert KEY not in output
        assert "set, not shown" in output


def test_doctor_counts_what_was_refused(app: Flask) -> None:
    ask(app)
    with app.app_context(), transaction():
        db.session.execute(text("update outbox_message set state = 'refused'"))
    assert ("warning", "messages", "1 were refused for good") in findings(app, "warning")


def about(app: Flask, subject: str) -> list[tuple[str, str, str]]:
    every = findings(app, "fine", "note", "warning", "trouble")
    return [finding for finding in every if finding[1] == subject]


def test_doctor_compares_the_clock(app: Flask, frozen: Clock) -> None:
    frozen.at = datetime.fromtimestamp(time.time(), UTC)  # PostgreSQL has a clock of its own
    ask(app)
    assert about(app, "clock") == [("fine", "clock", f"{frozen.now():%Y-%m-%d %H:%M} UTC")]
    came = frozen.now()
    frozen.move(seconds=-60)
    ((weight, _, state),) = about(app, "clock")
    assert weight == "warning"
    if app.extensions["clinicdir"].settings.database_url:
        assert re.fullmatch(r"\d\d+ s apart from the clock of the database", state)
    else:
        assert state == f"behind the newest request, which came at {came:%Y-%m-%d %H:%M} UTC"


def test_doctor_tells_of_little_room(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - what the library gives
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 10**12, 999_999_999))
    subject = "disk of the instance folder"
    assert about(sqlite_app, subject) == [("warning", subject, "1.0 GB free")]


HTTPS = "https://clinics.example"


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({}, []),
        ({"base_url": HTTPS, "trusted_proxies": "127.0.0.1"}, []),
        ({"base_url": HTTPS}, ["warning proxy"]),
        ({"trusted_proxies": "127.0.0.1"}, []),
        ({"trusted_proxies": "10.0.0.0/8, 203.0.113.7"}, []),
        ({"trusted_proxies": "0.0.0.0/0"}, ["warning proxy"]),
        ({"trusted_proxies": "8.8.0.0/16, ::/0"}, ["warning proxy"]),
        ({"trusted_proxies": "127.0.0.1", "base_url": "http://a.example"}, ["warning proxy"]),
        ({"base_url": HTTPS, "trusted_proxies": "10.0.0.1", "host": "192.0.2.1"}, ["note proxy"]),
        ({"metrics_token": "nineteen characters"}, ["warning metrics"]),
        ({"metrics_token": "twenty characters ok"}, []),
    ],
)
def test_doctor_looks_at_the_proxy(changes: dict[str, str], weights: list[str]) -> None:
    found = list(proxy_findings(load_settings(**changes)))
    assert [f"{finding.weight} {finding.subject}" for finding in found] == weights
    assert all(finding.cure for finding in found)
