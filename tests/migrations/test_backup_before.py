"""Before migrations change a database with rows in it, a backup of it is made by itself."""

import os
import re
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import downgrade
from sqlalchemy import text

from clinicdir.cli.preparing import newest_version, prepare_database, schema_version
from clinicdir.cli.tidying import tidy_up
from clinicdir.db import db, folder_beside
from tests.conftest import Clock
from tests.make import make_request

PREVIOUS, NEWEST = "0007_retention", "0008_indexes"
STAMP = "20261124T200000Z"


@pytest.fixture
def older(
    make_app: Callable[..., Flask],
    empty_url: str,
    sqlite_template: Path,
    tmp_path: Path,
    frozen: Clock,
) -> Iterator[Flask]:
    """Return an app whose database holds a request, under the schema of the last release."""
    del frozen
    if not empty_url:
        shutil.copy(sqlite_template, tmp_path)
    app = make_app(migration_backup="off")
    with app.app_context():
        prepare_database()
        make_request(app)
        db.session.remove()
        downgrade(revision=PREVIOUS)
        yield app


def upgrade(app: Flask) -> tuple[int, str]:
    """Return the exit code of `flask db upgrade` and what it said."""
    with app.app_context():
        done = app.test_cli_runner().invoke(args=["db", "upgrade"], catch_exceptions=False)
    return done.exit_code, done.output


def requests() -> list[object]:
    found = db.session.execute(text("select * from appointment_request")).all()
    db.session.remove()
    return [tuple(row) for row in found]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("**/*.backup"))


def test_what_was_there_before_is_in_a_backup_that_opens(
    older: Flask, make_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    before, app = requests(), make_app()
    with app.app_context():
        prepare_database()
        assert (schema_version(), requests()) == (newest_version(), before)
        db.session.remove()
        file = folder_beside("backups") / f"before-{NEWEST}-{STAMP}.backup"
        entries = text("select actor_kind, subject from audit_entry where action = 'backup'")
        assert list(map(tuple, db.session.execute(entries))) == [("system", file.name)]
        db.session.remove()
        said = capsys.readouterr().err
        engine = "PostgreSQL" if db.engine.dialect.name == "postgresql" else "SQLite"
        facts = f"made 2026-11-24T20:00:00+00:00, {engine}, schema {PREVIOUS}: 1 requests, "
        assert f"Backup before {NEWEST}: {file}: {facts}" in said
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        tried = app.test_cli_runner().invoke(args=["backup", "verify", str(file)])
        assert (tried.exit_code, tried.output.splitlines()[-1]) == (
            0, "Counts, references, sealed rows and audit trail all fit.",
        )  # fmt: skip
        prepare_database()
        assert names(file.parent) == [file.name]
    del older


def test_a_database_without_rows_is_not_backed_up(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    with app.app_context():
        prepare_database()
        assert not folder_beside("backups").exists()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_room_for_a_backup_nothing_is_changed(
    older: Flask, make_app: Callable[..., Flask]
) -> None:
    before, app = requests(), make_app()
    with largest_file(8192):
        code, said = upgrade(app)
    said = re.sub(r"made before: .* Nothing", "made before: … Nothing", said)
    refusal = (
        "The database must change for this release, and no backup of it could be made before:"
        " … Nothing was changed. Mend that and start again; or make a backup in another way, and"
        " start once with CLINICDIR_MIGRATION_BACKUP=off."
    )
    assert (code, said.splitlines()[-1]) == (1, refusal)
    assert (schema_version(), requests()) == (PREVIOUS, before)
    assert [path.name for path in folder_beside("backups").iterdir()] == []
    assert upgrade(older)[0] == 0
    assert (schema_version(), requests(), names(folder_beside("backups"))) == (NEWEST, before, [])


@pytest.mark.parametrize("empty_url", [""])
def test_few_are_kept_and_none_for_long(
    older: Flask, make_app: Callable[..., Flask], frozen: Clock
) -> None:
    app, folder = make_app(), folder_beside("backups")
    folder.mkdir(parents=True)
    made = {
        "before-0003_request_life-20260101T000000Z.backup": 20,
        "before-0005_settings-20260201T000000Z.backup": 15,
        "before-0006_notices-20260301T000000Z.backup": 10,
        f"before-{NEWEST}-20261124T195900Z.backup": 0,  # of a start that failed
        "mine.backup": 400,
    }
    for name, days in made.items():
        (folder / name).touch()
        at = frozen.now().timestamp() - days * 86_400
        os.utime(folder / name, (at, at))
    (folder / ".before-0008_indexes.backup.part").touch()  # of one that was killed
    assert upgrade(app)[0] == 0
    kept = [
        "before-0005_settings-20260201T000000Z.backup",
        "before-0006_notices-20260301T000000Z.backup",
        f"before-{NEWEST}-{STAMP}.backup",
        "mine.backup",
    ]
    assert sorted(path.name for path in folder.iterdir()) == kept
    old = frozen.now().timestamp() - 31 * 86_400
    os.utime(folder / kept[0], (old, old))
    tidy_up()
    assert names(folder) == kept[1:]
    del older


@pytest.mark.parametrize("empty_url", [""])
def test_a_database_of_a_newer_release_is_left_alone(
    older: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '0099_later'"))
    before = requests()
    with pytest.raises(SystemExit) as end:
        prepare_database()
    refusal = (
        "The database has the schema 0099_later, and this release knows only up to 0008_indexes."
        " Start the release that you had, or a newer one; docs/operate.md says how to go back to"
        " an older one.\n"
    )
    assert (end.value.code, capsys.readouterr().err) == (1, refusal)
    assert (schema_version(), requests()) == ("0099_later", before)
    del older
