"""What an operator must know of backups: their age; and that what is erased is in none of them."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from clinicdir.audit.operations import record
from clinicdir.audit.rules import SYSTEM
from clinicdir.backup.postgres_dump import find_program
from clinicdir.backup.refusals import BackupRefused
from clinicdir.backup.scratch import scratch_server_database
from clinicdir.backup.sealed_file import Opener
from clinicdir.crypto import KeyRing
from clinicdir.db import db, key_ring, transaction
from tests.conftest import KEY, Clock
from tests.exposition import read
from tests.integration.test_backup import ROOT, run
from tests.integration.test_erasing import canaries, full_life
from tests.make import make_request

CURE = "Run `flask backup create FILE` every night and copy the file away; see docs/backup.md."


def found_of(app: Flask, subject: str) -> tuple[str, str, str]:
    findings = json.loads(run(app, "doctor", "--json")[1])
    (one,) = [one for one in findings if one["subject"] == subject]
    return one["weight"], one["state"], one["cure"]


def age(app: Flask) -> float | None:
    page = app.test_client().get("/metrics").get_data(as_text=True)
    return read(page).get("clinicdir_backup_age_seconds")


def test_age_of_the_newest_backup_is_told(app: Flask, frozen: Clock, tmp_path: Path) -> None:
    subject = "newest backup"
    assert found_of(app, subject) == ("note", "none was made yet", CURE)
    assert age(app) is None
    with app.app_context():
        make_request(app, now=frozen.now())
        db.session.remove()
    assert found_of(app, subject) == ("warning", "none was made yet", CURE)
    assert run(app, "backup", "create", tmp_path / "a")[0] == 0
    frozen.move(hours=36)
    assert found_of(app, subject) == ("fine", "made 2026-11-24 20:00 UTC", "")
    assert age(app) == 36 * 3600
    frozen.move(minutes=1)
    assert found_of(app, subject) == (
        "warning", "36 hours old, made 2026-11-24 20:00 UTC", CURE,
    )  # fmt: skip
    # One that the site makes for itself, before a migration, stays on the same disk.
    with app.app_context(), transaction():
        record("backup", actor=SYSTEM, now=frozen.now(), subject="before-migration")
    # A backup that could not be written is none.
    assert run(app, "backup", "create", tmp_path / "no" / "b")[0] == 1
    assert age(app) == 36 * 3600 + 60
    assert run(app, "backup", "create", tmp_path / "b")[0] == 0
    frozen.move(seconds=10)
    assert age(app) == 10


def test_doctor_tells_which_key_seals_and_how_much_is_left(
    app: Flask, with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    newest = KeyRing([KEY]).newest_id.hex()
    assert found_of(app, "encryption keys") == (
        "fine", f"{newest} seals, kept in CLINICDIR_ENCRYPTION_KEYS", "",
    )  # fmt: skip
    generated = with_settings(encryption_keys=())
    with generated.app_context():
        make_request(generated, now=frozen.now())
        db.session.remove()
    (older,) = key_ids(generated)
    assert run(generated, "keys", "rotate")[0] == 0
    newest, second = key_ids(generated)
    assert second == older
    assert found_of(generated, "encryption keys") == (
        "note",
        f"{newest} seals, kept in the instance folder; 0 rows are sealed by an older one ({older})",
        "Run `flask keys rotate` until it drops the older one; see docs/backup.md.",
    )


def key_ids(app: Flask) -> list[str]:
    kept = app.extensions["clinicdir"].settings.instance / "encryption_keys"
    return [KeyRing([one]).newest_id.hex() for one in kept.read_text().split()]


def content_of(app: Flask, file: Path, folder: Path) -> bytes:
    """Return what a backup holds: the pages of SQLite, or PostgreSQL's dump as its statements."""
    with app.app_context(), file.open("rb") as source:
        opener = Opener(source, key_ring())
        manifest, body = opener.read_part(), b"".join(opener.rest())
        if db.engine.dialect.name == "sqlite":
            return manifest + body
        dump = folder / "dump"
        dump.write_bytes(body)
        command = [find_program("pg_restore", db.engine.url), "--file=-", str(dump)]
        return manifest + subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 - our own words


def test_next_backup_has_nothing_of_an_erased_request(
    app: Flask, frozen: Clock, tmp_path: Path
) -> None:
    reference, _ = full_life(app)
    with app.app_context():
        make_request(app, now=frozen.now(), patient_name="Else Example")
        db.session.remove()
    wanted = canaries(app)

    def held(name: str) -> list[bytes]:
        assert run(app, "backup", "create", tmp_path / name)[0] == 0
        content = content_of(app, tmp_path / name, tmp_path)
        return [one for one in wanted if one in content or one.hex().encode() in content]

    assert held("before") == wanted
    assert run(app, "requests", "erase", reference)[0] == 0
    stays = canaries(app)
    gone = [one for one in wanted if one not in stays]
    assert len(gone) >= 12
    assert held("after") == [one for one in wanted if one in stays]


def databases(url: str) -> list[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        like = text("select datname from pg_database where datname like 'clinicdir_scratch%'")
        found = list(connection.scalars(like))
    engine.dispose()
    return found


@pytest.mark.needs("PostgreSQL")
def test_scratch_database_of_a_killed_command_goes_with_the_next(postgres_app: Flask) -> None:
    url = postgres_app.extensions["clinicdir"].settings.database
    script = (
        "import os, signal, sys\n"
        "from clinicdir.backup.scratch import scratch_server_database\n"
        "with scratch_server_database(sys.argv[1]):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, url], check=False, cwd=ROOT)  # noqa: S603 - our own words
    assert killed.returncode == -signal.SIGKILL
    (left,) = databases(url)
    with scratch_server_database(url) as scratch:
        (present,) = databases(url)
        assert (present, present == left) == (scratch.rpartition("/")[2], False)
        busy = "Another backup command is at work here. Wait until it has ended, and try again."
        with pytest.raises(BackupRefused, match=busy), scratch_server_database(url):
            pass
        assert databases(url) == [present]
    assert databases(url) == []
