"""`flask backup`: what it writes is whole, sealed, proven, and comes back row by row."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, inspect, text

from clinicdir.appointments.queries import get_request
from clinicdir.backup import postgres_dump
from clinicdir.backup.manifest import Manifest
from clinicdir.backup.sealed_file import Opener, Sealer
from clinicdir.crypto import KeyRing, new_key
from clinicdir.db import WAL_IS_SAFE, db, folder_beside, key_ring, transaction
from clinicdir.resources import resource_dir
from clinicdir.staff.rules import EVERYWHERE
from tests.conftest import KEY, Clock, build_app
from tests.hammer import POSTS, THREADS
from tests.make import make_request, make_staff
from tests.tables import all_rows, rows

HEAD = (resource_dir("migrations") / "HEAD").read_text().strip()
ROOT = Path(__file__).parent.parent.parent
EMPTY = "clinicdir_restored"
CANARIES = {
    "patient_name": "Quillon Canarybird",
    "phone": "206 555 0147",
    "email": "quillon@canary.example",
    "goal_text": "canary tingling in the left wrist",
}
FITS = "Counts, references, sealed rows and audit trail all fit."
STAMP = "made 2026-11-24T20:00:00+00:00"


def run(app: Flask, *words: object) -> tuple[int, str]:
    """Return the exit code of a command and all that it said."""
    done = app.test_cli_runner().invoke(args=[str(word) for word in words], catch_exceptions=False)
    return done.exit_code, done.output


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def filled(app: Flask, frozen: Clock) -> Flask:
    """Return an app with two requests that hold canary strings, and an account."""
    with app.app_context():
        make_staff("desk@renton.example")
        for number in range(2):
            make_request(app, now=frozen.now(), **(CANARIES | {"phone": f"206 555 014{number}"}))
    return app


@pytest.fixture
def beside(app: Flask, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Return a maker of apps whose database, on the engine of `app`, is empty."""
    made: list[Flask] = []
    url = app.extensions["clinicdir"].settings.database_url
    administrator = create_engine(url, isolation_level="AUTOCOMMIT") if url else None

    def administer(statement: str) -> None:
        if administrator is not None:
            with administrator.connect() as connection:
                connection.execute(text(statement))

    def make(**changes: object) -> Flask:
        administer(f"drop database if exists {EMPTY} with (force)")
        administer(f"create database {EMPTY}")
        place = f"{url.rpartition('/')[0]}/{EMPTY}" if url else ""
        given = {"database_url": place} | changes
        made.append(build_app(tmp_path / f"beside{len(made)}", **given))
        return made[-1]

    yield make
    for other in made:
        with other.app_context():
            db.session.remove()
            db.engine.dispose()
    administer(f"drop database if exists {EMPTY} with (force)")
    if administrator is not None:
        administrator.dispose()


def is_empty(app: Flask) -> bool:
    with app.app_context():
        path = db.engine.url.database
        if db.engine.dialect.name == "sqlite":
            return not Path(str(path)).exists()
        return inspect(db.engine).get_table_names() == []


def test_every_row_comes_back_and_nothing_can_be_read_in_the_file(
    filled: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    engine = "PostgreSQL" if filled.extensions["clinicdir"].settings.database_url else "SQLite"
    before, file = all_rows(filled), tmp_path / "a.backup"
    code, told = run(filled, "backup", "create", file)
    words = re.sub(r"\d+ rows in \d+ tables", "… rows in … tables", told.removeprefix(f"{file}: "))
    assert (code, words) == (
        0, f"{STAMP}, {engine}, schema {HEAD}: 2 requests, … rows in … tables\n",
    )  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o600
    assert [name for name in names_in(tmp_path) if ".part" in name or "scratch" in name] == []
    content = file.read_bytes()
    shown = [*CANARIES.values(), "2065550141", "desk@renton.example", "Renton", HEAD]
    assert [one for one in (*shown, KEY) if one.encode() in content] == []
    assert run(filled, "backup", "verify", file) == (0, f"{told}{FITS}\n")
    other = beside()
    assert run(other, "backup", "restore", file) == (
        0, f"Restored {told}{FITS} Start `flask serve`.\n",
    )  # fmt: skip
    after = all_rows(other)
    entry = after["audit_entry"][len(before["audit_entry"]) :]
    assert [(row[1:3], row[4:10]) for row in entry] == [
        (("group", entry[0][2]), (entry[0][4], None, "", "restore", "a.backup", STAMP))
    ]
    for name in before.keys() - {"audit_entry", "audit_head"}:
        assert after[name] == before[name], name
    assert after["audit_entry"][:-1] == before["audit_entry"]
    with other.app_context():
        reference = rows(other, "appointment_request", "reference")[1]
        assert (
            get_request(reference, scope=EVERYWHERE).personal["patient_name"]
            == "Quillon Canarybird"
        )
    assert run(other, "audit", "verify")[0] == 0
    assert rows(filled, "audit_entry", "action", "subject")[-1] == ("backup", "a.backup")


def test_backup_beside_a_writing_process_holds_one_moment(
    app: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    settings = app.extensions["clinicdir"].settings
    command = [
        sys.executable,
        "-m",
        "tests.hammer",
        settings.instance,
        settings.database_url,
        "a",
        KEY,
    ]
    file, count = tmp_path / "x", 0
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        writer.stdin.write("\n")
        writer.stdin.flush()
        while writer.poll() is None and not count:
            file = tmp_path / f"{file.stem}x.backup"
            code, words = run(app, "backup", "create", file)
            count = int(words.split(" requests")[0].rpartition(" ")[2])
            assert code == 0
        writer.kill()  # it has done its part
    assert 0 < count < THREADS * POSTS
    other = beside()
    code, told = run(other, "backup", "restore", file)
    assert (code, told.splitlines()[1:]) == (0, [f"{FITS} Start `flask serve`."])
    kept, live = all_rows(other), all_rows(app)
    assert len(kept["appointment_request"]) == count
    assert len(kept["outbox_message"]) >= count
    for table in ("appointment_request", "request_event", "outbox_message"):
        assert [row for row in kept[table] if row not in live[table]] == []


def test_rows_that_are_only_in_the_journal_are_in_the_backup(
    sqlite_app: Flask, tmp_path: Path
) -> None:
    """A plain copy of the file would lack them."""
    reader = sqlite3.connect(tmp_path / "clinicdir.sqlite3")  # while it is open, nothing moves on
    assert reader.execute("pragma journal_mode = wal").fetchone() == ("wal",)
    with sqlite_app.app_context():
        reference = make_request(sqlite_app).reference
    file, other = tmp_path / "a.backup", build_app(tmp_path / "other")
    assert run(sqlite_app, "backup", "create", file)[0] == 0
    reader.close()
    assert run(other, "backup", "restore", file)[0] == 0
    assert rows(other, "appointment_request", "reference") == [reference]
    with other.app_context():
        assert db.session.scalar(text("pragma journal_mode")) == (
            "wal" if WAL_IS_SAFE else "truncate"
        )
        db.session.remove()
        db.engine.dispose()


def test_wrong_key_is_named_and_the_exported_ones_open(
    filled: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    file, kept = tmp_path / "a.backup", tmp_path / "kept.keys"
    run(filled, "backup", "create", file)
    assert run(filled, "keys", "export", kept) == (
        0, f"{kept} holds the encryption keys. Keep it where the backups are not.\n",
    )  # fmt: skip
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (f"{KEY}\n", 0o600)
    assert rows(filled, "audit_entry", "action", "subject")[-1] == ("keys_export", "kept.keys")
    assert run(filled, "keys", "export", kept) == (
        1,
        f"{kept} exists already. Choose another name.\n",
    )
    other = beside(encryption_keys=())
    own = (tmp_path / "beside0/encryption_keys").read_text()
    refusal = (
        1,
        (
            f"This backup was sealed for the key {KeyRing([KEY]).newest_id.hex()}, and the keys at"
            f" hand are {KeyRing([own]).newest_id.hex()}. Name the file that `flask keys export`"
            " wrote on the machine of the backup, with --keys FILE.\n"
        ),
    )
    assert run(other, "backup", "verify", file) == refusal
    assert run(other, "backup", "restore", file) == refusal
    assert is_empty(other)
    code, told = run(other, "backup", "restore", file, "--keys", kept)
    assert (code, told.splitlines()[-1]) == (0, f"{FITS} Start `flask serve`.")
    assert (tmp_path / "beside0/encryption_keys").read_text() == f"{KEY}\n"
    assert (tmp_path / "beside0/encryption_keys.before-restore-1").read_text() == own
    # The next command reads the keys anew, and what was restored.
    same = build_app(
        tmp_path / "beside0",
        encryption_keys=(),
        database_url=other.extensions["clinicdir"].settings.database_url,
    )
    names = [row["personal"]["patient_name"] for row in listed(same)]
    assert names == ["Quillon Canarybird"] * 2


def listed(app: Flask) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(run(app, "requests", "list", "--personal", "--json")[1])
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    return made


def test_keys_that_the_settings_would_not_take_are_refused_before_anything_is_written(
    filled: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    file, kept = tmp_path / "a.backup", tmp_path / "kept.keys"
    run(filled, "backup", "create", file)
    run(filled, "keys", "export", kept)
    other = beside(encryption_keys=new_key())
    assert run(other, "backup", "restore", file, "--keys", kept) == (
        1,
        (
            "The keys of the backup are not in CLINICDIR_ENCRYPTION_KEYS, so the site could not"
            " read what is restored. Put them there, comma-separated, and try again.\n"
        ),
    )
    assert is_empty(other)
    assert run(other, "backup", "restore", file, "--keys", file) == (
        1,
        (
            f"{file} is no file of keys. Name the one that `flask keys export FILE` wrote: one key"
            " a line, the newest first.\n"
        ),
    )


def test_older_key_that_rows_need_must_be_there_too(
    filled: Flask, with_settings: Callable[..., Flask], tmp_path: Path
) -> None:
    newer, file = new_key(), tmp_path / "a.backup"
    rotated = with_settings(encryption_keys=f"{newer},{KEY}")
    run(rotated, "backup", "create", file)
    assert run(rotated, "backup", "verify", file)[0] == 0
    assert run(with_settings(encryption_keys=newer), "backup", "verify", file) == (
        1,
        (
            f"The keys at hand lack {KeyRing([KEY]).newest_id.hex()}, which older rows of this"
            " backup may be sealed by. Name all keys that were in use then: the file that"
            " `flask keys export` wrote, with --keys FILE.\n"
        ),
    )


def test_damaged_file_is_refused_before_anything_is_written(
    filled: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    file, other = tmp_path / "a.backup", beside()
    run(filled, "backup", "create", file)
    whole = file.read_bytes()
    step = 64 * 1024 + 16
    for data, after in (
        (whole[:-1], 37 + (len(whole) - 37) // step * step),
        (whole[: 37 + step], 37),
        (whole[:-5] + bytes([whole[-5] ^ 4]) + whole[-4:], 37 + (len(whole) - 37) // step * step),
        (whole[:37] + whole[37 + step : 37 + 2 * step] + whole[37 : 37 + step], 37),
    ):
        file.write_bytes(data)
        for command in ("verify", "restore"):
            assert run(other, "backup", command, file) == (
                1,
                (
                    f"This backup is damaged after byte {after}: it was cut short, or changed since"
                    " it was made. Nothing of it was used. Take another copy of it, or an older"
                    " backup.\n"
                ),
            )
    assert is_empty(other)
    assert [name for name in names_in(tmp_path / "beside0") if "scratch" in name] == []
    missing = tmp_path / "missing"
    assert run(other, "backup", "verify", missing)[1].startswith(
        f"Cannot unpack {missing} (No such file or directory). Check the file's name"
    )


def test_newer_schema_is_refused(
    filled: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    file, other = tmp_path / "a.backup", beside()
    run(filled, "backup", "create", file)
    rewrite(filled, file, schema="9999_later")
    words = (
        f"This backup has the schema 9999_later, and this release knows only up to {HEAD}."
        " Install the release of clinicdir that made it, or a newer one.\n"
    )
    assert run(other, "backup", "restore", file) == (1, words)
    assert run(filled, "backup", "verify", file) == (1, words)
    assert is_empty(other)


def rewrite(app: Flask, file: Path, **changes: object) -> None:
    """Seal the same content anew under a manifest that says something else."""
    with app.app_context(), file.open("rb") as source:
        opener = Opener(source, key_ring())
        manifest = Manifest.from_bytes(opener.read_part())
        body = b"".join(opener.rest())
        with file.with_suffix(".new").open("wb") as target:
            sealer = Sealer(target, key_ring())
            sealer.write_part(replace(manifest, **changes).to_bytes())  # type: ignore[arg-type]
            sealer.write(body)
            sealer.finish()
    file.with_suffix(".new").rename(file)


def test_database_that_holds_something_is_never_written_over(filled: Flask, tmp_path: Path) -> None:
    file, before = tmp_path / "a.backup", all_rows(filled)
    run(filled, "backup", "create", file)
    settings = filled.extensions["clinicdir"].settings
    if settings.database_url:
        count = len(before) + 1
        words = (
            f"The database clinicdir_test has {count} tables already, and nothing is written over"
            " one. Stop the site, make an empty database (`createdb NAME`), name it in"
            " CLINICDIR_DATABASE_URL, and try again.\n"
        )
    else:
        words = (
            f"There is a database at {tmp_path}/clinicdir.sqlite3 already, and nothing is written"
            " over one. Stop the site, move clinicdir.sqlite3, clinicdir.sqlite3-journal to"
            " another folder, and try again.\n"
        )
    assert run(filled, "backup", "restore", file) == (1, words)
    after = all_rows(filled, without=("audit_entry", "audit_head"))
    assert after == {name: before[name] for name in after}


def test_journal_that_was_left_behind_is_not_taken_for_the_restored_database_s(
    filled: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    if filled.extensions["clinicdir"].settings.database_url:
        return
    file, other = tmp_path / "a.backup", beside()
    run(filled, "backup", "create", file)
    left = tmp_path / "beside0/clinicdir.sqlite3-journal"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"old")
    left.with_name("clinicdir.sqlite3-taken-mails").write_bytes(b"1")
    code, words = run(other, "backup", "restore", file)
    names = "clinicdir.sqlite3-journal, clinicdir.sqlite3-taken-mails"
    assert (code, f"move {names} to another folder" in words) == (1, True)


def test_faults_that_the_database_had_are_named_and_the_rest_comes_back(
    filled: Flask, beside: Callable[..., Flask], tmp_path: Path
) -> None:
    file, other = tmp_path / "a.backup", beside()
    exchange(filled)
    run(filled, "backup", "create", file)
    with filled.app_context():
        counts = {name: len(table) for name, table in all_rows(filled).items()}
    chains = json.loads(run(filled, "backup", "verify", file, "--json")[1])["manifest"]["audit"]
    rewrite(
        filled,
        file,
        counts=counts
        | {"alembic_version": 1, "offer": 7, "audit_entry": counts["audit_entry"] - 1},
        audit=chains | {"location/9": (1, "ab")},
    )
    faults = [
        "offer has 0 rows, and the manifest says 7",
        "2 sealed rows of appointment_request do not open; the first has the id 1",
        "audit chain group: entry 1 (row 1) was changed",
        "audit chain location/9 does not end where the manifest says",
    ]
    code, told = run(filled, "backup", "verify", file)
    assert (code, told.splitlines()[1:]) == (1, faults)
    done = other.test_cli_runner().invoke(args=["backup", "restore", str(file)])
    assert (done.exit_code, done.stderr.splitlines()) == (
        1, [*faults, "All rows are back, but these faults were in the backup."],
    )  # fmt: skip
    assert len(rows(other, "appointment_request", "id")) == 2


def exchange(app: Flask) -> None:
    """Exchange the sealed values of two requests, and change an entry of the audit trail."""
    with app.app_context():
        first, second = rows(app, "appointment_request", "sealed")
        with transaction():
            if db.engine.dialect.name == "sqlite":
                db.session.execute(text("drop trigger audit_entry_no_update"))
            else:
                db.session.execute(text("set local session_replication_role = replica"))
            for number, value in ((1, second), (2, first)):
                db.session.execute(
                    text("update appointment_request set sealed = :value where id = :number"),
                    {"value": value, "number": number},
                )
            db.session.execute(text("update audit_entry set subject = 'x' where id = 1"))


def test_reference_to_a_missing_row_is_a_fault(filled: Flask, tmp_path: Path) -> None:
    file = tmp_path / "a.backup"
    with filled.app_context():
        if db.engine.dialect.name == "postgresql":
            return  # it refuses to restore such rows itself
        with sqlite3.connect(str(db.engine.url.database)) as connection:  # asks for no references
            connection.execute("delete from staff_member")
        connection.close()
    run(filled, "backup", "create", file)
    code, told = run(filled, "backup", "verify", file)
    assert (code, told.splitlines()[1:]) == (
        1,
        [
            "1 rows of staff_link name no row of staff_member (staff_id)",
            "1 rows of staff_location name no row of staff_member (staff_id)",
        ],
    )


def test_names_that_cannot_be_written_leave_nothing(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "a.backup"
    file.write_text("mine")
    assert run(app, "backup", "create", file) == (
        1, f"{file} exists already. Choose another name; nothing is replaced.\n",
    )  # fmt: skip
    nowhere = tmp_path / "no" / "b.backup"
    assert run(app, "backup", "create", nowhere) == (
        1,
        (
            f"Cannot write {nowhere} (No such file or directory). Name a file in a folder that"
            " exists, may be written to, and has room; the instance folder needs room"
            " for a copy too.\n"
        ),
    )
    assert file.read_text() == "mine"
    assert "backup" not in rows(app, "audit_entry", "action")


def test_what_a_killed_command_left_is_cleared(sqlite_app: Flask, tmp_path: Path) -> None:
    left = tmp_path / ".backup-scratch-killed"
    left.mkdir()
    (left / "copy.sqlite3").write_bytes(b"rows erased since")
    assert run(sqlite_app, "backup", "create", tmp_path / "a.backup")[0] == 0
    assert [name for name in names_in(tmp_path) if "scratch" in name] == []


def test_restored_trail_is_not_measured_by_the_lost_one(
    sqlite_app: Flask, tmp_path: Path, frozen: Clock
) -> None:
    """The older database's noted ends would else say for ever that the end was cut off."""
    file = tmp_path / "a.backup"
    run(sqlite_app, "backup", "create", file)
    run(sqlite_app, "keys", "export", tmp_path / "kept.keys")
    with sqlite_app.app_context():
        db.session.remove()
        db.engine.dispose()
        folder = folder_beside("audit_heads")
    shutil.move(tmp_path / "clinicdir.sqlite3", tmp_path / "lost.sqlite3")
    assert run(sqlite_app, "backup", "restore", file)[0] == 0
    assert run(sqlite_app, "audit", "verify")[0] == 0
    aside = folder.with_name("clinicdir.sqlite3.before-20261124T200000Z")
    assert (names_in(aside), names_in(folder)) == (["group"], ["group"])


def test_missing_program_is_named(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not app.extensions["clinicdir"].settings.database_url:
        return
    monkeypatch.setattr(postgres_dump, "_DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(app, "backup", "create", tmp_path / "a.backup") == (
        1,
        (
            "pg_dump is not on this machine. Install PostgreSQL's client programs, of the server's"
            " version or newer (Debian: `apt-get install postgresql-client`).\n"
        ),
    )
    assert [name for name in names_in(tmp_path) if "backup" in name] == []


def test_backup_of_the_other_engine_is_refused(
    filled: Flask, tmp_path: Path, sqlite_app: Flask
) -> None:
    if not filled.extensions["clinicdir"].settings.database_url:
        return
    file = tmp_path / "a.backup"
    run(filled, "backup", "create", file)
    assert run(sqlite_app, "backup", "verify", file) == (
        1,
        (
            "This backup is one of postgresql, and CLINICDIR_DATABASE_URL names a database of"
            " sqlite. Set it to postgresql+psycopg://USER@HOST/NAME and try again.\n"
        ),
    )
