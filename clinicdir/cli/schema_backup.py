"""The backup that is made by itself before migrations change a database with rows in it."""

import sqlite3
from datetime import timedelta
from itertools import count
from pathlib import Path

import click
from sqlalchemy import Connection, inspect, literal, select, table
from sqlalchemy.exc import SQLAlchemyError

from clinicdir import clock
from clinicdir.audit.operations import record
from clinicdir.audit.rules import SYSTEM
from clinicdir.backup.operations import new_backup
from clinicdir.backup.refusals import BackupRefused
from clinicdir.db import db, folder_beside, transaction
from clinicdir.web.parts import parts

KEPT = 3
KEPT_FOR = timedelta(days=30)
_VERSIONS = "alembic_version"


def backup_before(connection: Connection, first: str) -> Path | None:
    """Back up the present database before the migration `first`; None where nothing needs it.

    The connection may hold SQLite's write lock: what is copied is then exactly what is migrated.
    """
    settings = parts().settings
    if settings.migration_backup == "off" or not _has_rows(connection):
        return None
    now = clock.now()
    folder = folder_beside("backups")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(".*.part"):  # of a run that was killed
            left.unlink()
        path = _unused(folder, f"before-{first}-{now:%Y%m%dT%H%M%SZ}")
        with new_backup(path, instance=settings.instance, now=now) as manifest:
            pass  # it is recorded by `record_backup`, when the migrations have run
    except (BackupRefused, OSError, SQLAlchemyError, sqlite3.Error) as trouble:
        raise BackupRefused(
            "The database must change for this release, and no backup of it could be made before:"
            f" {_in_words(trouble)} Nothing was changed. Mend that and start again; or make a"
            " backup in another way, and start once with CLINICDIR_MIGRATION_BACKUP=off."
        ) from None
    click.echo(f"Backup before {first}: {path}: {manifest.in_words}", err=True)
    _keep_few(path, first)
    return path


def record_backup(path: Path) -> None:
    """Note the backup in the audit trail; the tables must be those of the models by now."""
    db.session.rollback()
    with transaction():
        record("backup", actor=SYSTEM, now=clock.now(), subject=path.name)


def drop_old_backups() -> None:
    """Delete backups of this kind that are too old: they hold what has been erased since."""
    limit = (clock.now() - KEPT_FOR).timestamp()
    for path in _made(folder_beside("backups")):
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)


def _has_rows(connection: Connection) -> bool:
    names = set(inspect(connection).get_table_names()) - {_VERSIONS}
    one = (select(literal(1)).select_from(table(name)).limit(1) for name in sorted(names))
    return any(connection.scalar(query) for query in one)


def _unused(folder: Path, stem: str) -> Path:
    names = (f"{stem}{f'-{number}' if number > 1 else ''}.backup" for number in count(1))
    return next(folder / name for name in names if not (folder / name).exists())


def _keep_few(newest: Path, first: str) -> None:
    """Drop older ones of the same migration, which a start that fails again and again makes."""
    others = [path for path in _made(newest.parent) if path != newest]
    for path in others:
        if path.name.startswith(f"before-{first}-"):
            path.unlink(missing_ok=True)
    for path in [path for path in others if path.exists()][KEPT - 1 :]:
        path.unlink(missing_ok=True)


def _made(folder: Path) -> list[Path]:
    """Return the backups of this kind, the newest first."""
    return sorted(
        folder.glob("before-*.backup"), key=lambda path: path.stat().st_mtime, reverse=True
    )


def _in_words(trouble: Exception) -> str:
    told = str(getattr(trouble, "orig", None) or trouble).strip().partition("\n")[0]
    return told if told.endswith(".") else f"{told}."
