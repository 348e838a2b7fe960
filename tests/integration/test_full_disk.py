"""A disk that is really full: a small one of its own, filled to the last byte and freed again."""

import contextlib
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from clinicdir import clock
from clinicdir.cli.routing import make_post
from clinicdir.db import db
from clinicdir.notifications.delivery import deliver_due
from clinicdir.web.going_on import directory_copy
from tests.asking import ANSWERS, BODY, CHECK, CONTACT, STEPS, follow, shown, walk
from tests.conftest import Clock, build_app
from tests.integration.test_serving import FLASK, ROOT, Server
from tests.make import make_request, make_staff, sign_in, token_of
from tests.pages import heading, main_text, press
from tests.parts import SMALL_DISK
from tests.small_disk import small_disk
from tests.tables import rows

pytestmark = pytest.mark.needs(SMALL_DISK)
_SIZE = "6m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of six megabytes."""
    with small_disk(tmp_path / "disk", _SIZE) as folder:
        yield folder


@pytest.fixture
def small(disk: Path, sqlite_template: Path) -> Iterator[Flask]:
    """Return an app whose instance folder lies on the small disk."""
    shutil.copy(sqlite_template, disk / "clinicdir.sqlite3")
    app = build_app(disk, rate_limits="on", mail_from="clinics@group.example")
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill the disk to the last byte, and free it again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    assert os.statvfs(disk).f_bavail == 0
    yield
    filler.unlink()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"filler"}


def is_sound(app: Flask) -> bool:
    with app.app_context(), db.engine.connect() as connection:
        return bool(connection.scalar(text("pragma integrity_check")) == "ok")


def test_full_disk_stores_nothing_loses_nothing_and_heals(
    small: Flask, disk: Path, frozen: Clock
) -> None:
    with small.app_context():
        make_staff("desk@example.com")
        known = make_request(small).reference
        directory_copy().refresh()
    client, desk = small.test_client(), small.test_client()
    sign_in(desk, "desk@example.com")
    frozen.move(minutes=2)  # the next click of the desk is one that is written down
    page, headers = walk(client, CONTACT), {"Idempotency-Key": "one"}
    with filled(disk):
        for path in ("/", "/?near=98057", "/locations/renton"):
            assert client.get(path).status_code == 200
        # Opening a request is written into the audit trail: not written, not shown.
        opened = desk.get(f"/staff/requests/{known}")
        assert (opened.status_code, "(206) 693-9929" in main_text(opened)) == (503, True)
        failed = press(client, page, CONTACT, **ANSWERS[CONTACT])
        assert heading(failed) == "We cannot store anything right now"
        assert (failed.status_code, failed.headers["Retry-After"]) == (503, "5")
        assert shown(failed, CONTACT, ANSWERS[CONTACT]) == ANSWERS[CONTACT]
        refused = client.post("/api/v1/requests", json=BODY, headers=headers)
        assert (refused.status_code, refused.mimetype) == (503, "application/problem+json")
        assert refused.get_json()["phones"]["Renton"] == "+12066939929"
        assert set(client.get("/readyz").get_json()["failed"]) >= {"disk"}
        assert client.get("/healthz").status_code == 200
    assert is_sound(small)
    assert rows(small, "appointment_request", "reference") == [known]
    for _ in range(2):
        assert client.post("/api/v1/requests", json=BODY, headers=headers).status_code == 201
    page = follow(client, press(client, failed, CONTACT))
    for step in STEPS[STEPS.index(CONTACT) + 1 :]:
        page = follow(client, press(client, page, step, **ANSWERS[step]))
    follow(client, press(client, page, CHECK))
    assert len(rows(small, "appointment_request", "id")) == 3
    assert desk.get(f"/staff/requests/{known}").status_code == 200


def test_password_is_not_tried_where_tries_cannot_be_counted(small: Flask, disk: Path) -> None:
    client = small.test_client()
    form = {"email": "desk@example.com", "password": "four unrelated words here"}
    form["csrf_token"] = token_of(client.get("/staff/login").get_data(as_text=True))
    small.test_client().get("/")
    with filled(disk):
        page = client.post("/staff/login", data=form)
    assert (page.status_code, heading(page)) == (503, "We cannot store anything right now")
    assert "four unrelated words here" not in page.get_data(as_text=True)
    assert client.post("/staff/login", data=form).status_code == 422


def test_full_disk_leaves_messages_waiting_and_no_backup_behind(
    small: Flask, disk: Path, tmp_path: Path
) -> None:
    with small.app_context():
        make_request(small)
    waiting = rows(small, "outbox_message", "state", "attempts")
    target = disk / "night.backup"
    with filled(disk):
        for place in (target, tmp_path / "elsewhere.backup"):
            done = small.test_cli_runner().invoke(args=["backup", "create", str(place)])
            assert done.exit_code == 1
            assert done.output.startswith(f"Cannot write {place} (")
            assert len(done.output.splitlines()) == 1
            assert not place.exists()
        before = names_in(disk)
        with small.app_context(), contextlib.suppress(OperationalError):
            deliver_due(make_post(), clock=clock.now)
    assert names_in(disk) == before
    assert rows(small, "outbox_message", "state", "attempts") == waiting
    done = small.test_cli_runner().invoke(args=["backup", "create", str(target)])
    assert (done.exit_code, target.exists()) == (0, True), done.output


def test_log_on_a_full_disk_stops_nobody(small: Flask, disk: Path) -> None:
    server = Server(disk)
    del server.environment["CLINICDIR_RATE_LIMITS"]
    server.environment["CLINICDIR_LOG_FORMAT"] = "json"
    log = disk / "site.log"
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [FLASK, "serve"], cwd=ROOT, env=server.environment, stdout=file, stderr=file
        )
        try:
            while not log.stat().st_size:
                assert process.poll() is None
                time.sleep(0.05)
            with filled(disk):
                assert [_status(server, "/") for _ in range(20)] == [200] * 20
            told = log.stat().st_size
            assert _status(server, "/healthz") == 200
            assert log.stat().st_size > told  # and the log goes on
        finally:
            process.kill()
            process.wait(timeout=10)


def _status(server: Server, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=20) as answer:
        answer.read()
        return int(answer.status)
