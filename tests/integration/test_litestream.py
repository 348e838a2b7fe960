"""Litestream beside a site that writes: what it has replicated comes back row by row."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from clinicdir.db import db
from tests.conftest import build_app
from tests.integration.test_backup import run
from tests.make import make_answers
from tests.parts import litestream
from tests.tables import all_rows, rows

TABLE = "appointment_request"
LONGEST_S = 60


@contextmanager
def replicating(database: Path, replica: Path) -> Iterator[None]:
    """Have Litestream copy a database all the while, and kill it in the middle of its work."""
    command = [str(litestream()), "replicate", str(database), f"file://{replica}"]
    log = replica.parent / "litestream.log"
    with log.open("ab") as told, subprocess.Popen(command, stdout=told, stderr=told) as process:  # noqa: S603
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            os.kill(process.pid, signal.SIGKILL)


def restored(replica: Path, to: Path) -> bool:
    """Restore the newest state into a file that is not there; say whether there was one yet."""
    command = [str(litestream()), "restore", "-o", str(to), f"file://{replica}"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603


def post(app: Flask, numbers: range) -> None:
    for number in numbers:
        answer = app.test_client().post(
            "/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": f"k{number}"}
        )
        assert answer.status_code == 201


def wait_until(condition: Callable[[int], bool]) -> int:
    """Try again and again; return the number of the try that held."""
    until, number = time.monotonic() + LONGEST_S, 0
    while not condition(number):
        assert time.monotonic() < until, "Litestream has not caught up"
        number += 1
        time.sleep(0.2)
    return number


def set_wal(app: Flask) -> Path:
    """Set the journal mode that Litestream needs, as docs/backup.md says."""
    with app.app_context():
        assert db.session.scalar(text("pragma journal_mode")) in ("truncate", "wal")
        database = Path(str(db.engine.url.database))
        db.session.remove()
        db.engine.dispose()
        with db.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            connection.rollback()
            assert raw.execute("pragma journal_mode = wal").fetchone() == ("wal",)
    return database


@pytest.mark.needs("Litestream")
def test_rows_that_litestream_has_copied_come_back_after_a_kill(
    sqlite_app: Flask, tmp_path: Path
) -> None:
    database, replica = set_wal(sqlite_app), tmp_path / "replica"
    with replicating(database, replica):
        post(sqlite_app, range(15))
        first = tmp_path / "first"
        first.mkdir()
        wait_until(lambda _: restored(replica, first / "clinicdir.sqlite3"))
        post(sqlite_app, range(15, 30))
    # Killed at any moment, it left whole requests behind, the oldest ones, as they were.
    second = tmp_path / "second"
    second.mkdir()
    assert restored(replica, second / "clinicdir.sqlite3")
    found, live = all_rows(build_app(second)), all_rows(sqlite_app)
    count = len(found[TABLE])
    assert 1 <= count <= 30
    for name in (TABLE, "request_event", "outbox_message", "name_word", "audit_entry"):
        assert [row for row in found[name] if row not in live[name]] == [], name
    assert rows(build_app(second), TABLE, "id") == list(range(1, count + 1))
    # Begun again beside the site that went on, it catches up.
    post(sqlite_app, range(30, 40))
    with replicating(database, replica):
        post(sqlite_app, range(40, 45))
        tries = tmp_path / "tries"
        tries.mkdir()

        def has_all(number: int) -> bool:
            folder = tries / str(number)
            folder.mkdir()
            done = restored(replica, folder / "clinicdir.sqlite3")
            return done and len(rows(build_app(folder), TABLE, "id")) == 45

        last = wait_until(has_all)
    other = build_app(tries / str(last))
    assert all_rows(other) == all_rows(sqlite_app)
    assert run(other, "audit", "verify")[0] == 0
    file = tmp_path / "after.backup"
    assert run(other, "backup", "create", file)[0] == 0
    assert run(other, "backup", "verify", file)[0] == 0
