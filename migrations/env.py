"""Runs migrations on the app's own engine: one run at a time, each migration one transaction.

A migration that was killed has changed nothing, and the next run begins with it. A table that
somebody reads or writes is waited for in short tries, so that visitors never queue for long.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from alembic import context
from flask import current_app
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from clinicdir.backup.refusals import BackupRefused
from clinicdir.cli.schema_backup import backup_before, record_backup

_LOCK = 0x636C696E  # any number, the same for every run
_LOCK_TIMEOUT_MS = 500
_LOCKED_S = 180
_PAUSE_S = 0.5
_OTHER_RUN_S = 600


def run() -> None:
    """Bring the database to the version asked for."""
    engine = current_app.extensions["migrate"].db.engine
    made: list[Path] = []
    with engine.connect() as plain:
        connection = plain.execution_options(writes=True)  # BEGIN IMMEDIATE on SQLite
        try:
            with _alone(connection):
                _try_until_unlocked(connection, made)
        except BackupRefused as refusal:
            click.echo(str(refusal), err=True)
            sys.exit(1)
    for path in made:
        _record(path)


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep a second run out; SQLite does it by its write lock."""
    if connection.dialect.name != "postgresql":
        yield
        return
    until = time.monotonic() + _OTHER_RUN_S
    # Waiting inside pg_advisory_lock() would hold a snapshot that CREATE INDEX CONCURRENTLY waits for.
    while not connection.scalar(text("select pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):
        connection.rollback()
        if time.monotonic() > until:
            raise BackupRefused(
                "Another process has been migrating this database for ten minutes. Wait until it"
                " has ended, and start again."
            )
        time.sleep(_PAUSE_S)
    connection.commit()
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.rollback()
            connection.execute(text("reset lock_timeout"))
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()


def _try_until_unlocked(connection: Connection, made: list[Path]) -> None:
    until = time.monotonic() + _LOCKED_S
    while True:
        if connection.dialect.name == "postgresql":
            # Whoever comes after a statement that waits for a table waits behind it.
            connection.execute(text(f"set lock_timeout = '{_LOCK_TIMEOUT_MS}ms'"))
            connection.commit()
        try:
            return _migrate(connection, made)
        except OperationalError as trouble:
            if not _is_locked(trouble.orig):
                raise
        # A COMMIT that SQLite refuses as busy leaves the transaction open; SQLAlchemy counts it ended.
        connection.rollback()
        connection.connection.driver_connection.rollback()
        if time.monotonic() > until:
            raise BackupRefused(
                f"Something has kept the database locked for {_LOCKED_S // 60} minutes: perhaps a"
                " backup, an export, or a program of your own that reads it. End that, and start"
                " again; it goes on where it stopped."
            )
        time.sleep(_PAUSE_S)


def _migrate(connection: Connection, made: list[Path]) -> None:
    migrate = current_app.extensions["migrate"]
    options = {
        "connection": connection,
        "target_metadata": migrate.db.metadata,
        "transaction_per_migration": True,
        **migrate.configure_args,
    }
    context.configure(**options)
    plan = context.get_context().opts["fn"]

    def planned(heads: tuple[str, ...], migration: Any) -> Iterable[Any]:  # noqa: ANN401
        steps = list(plan(heads, migration) or ())
        if heads and steps and hasattr(steps[0], "revision") and not made:
            direction = "" if steps[0].is_upgrade else "down-"
            path = backup_before(connection, f"{direction}{steps[0].revision.revision}")
            made.extend([path] if path else [])
        return steps

    context.configure(**options, fn=planned)
    with context.begin_transaction():
        context.run_migrations()


def _is_locked(trouble: BaseException | None) -> bool:
    code = getattr(trouble, "sqlstate", None) or getattr(trouble, "sqlite_errorname", None)
    return code in ("40P01", "55P03", "SQLITE_BUSY")  # deadlock, lock timeout


def _record(path: Path) -> None:
    newest = (Path(__file__).parent / "HEAD").read_text().strip()
    with current_app.extensions["migrate"].db.engine.connect() as connection:
        now = connection.scalar(text("select version_num from alembic_version"))
    if now == newest:  # on older tables the models do not fit
        record_backup(path)


run()
