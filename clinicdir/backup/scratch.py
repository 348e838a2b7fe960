"""A place to work in that leaves nothing behind, and a second database beside the app's own."""

import fcntl
import os
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import Connection, column, create_engine, func, select, table, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ProgrammingError

from clinicdir.backup.refusals import BackupRefused
from clinicdir.crypto import KeyRing
from clinicdir.db import db, engine_options, init_db

_PREFIX = ".backup-scratch-"
_LOCK = zlib.crc32(b"clinicdir scratch database")
_BUSY = "Another backup command is at work here. Wait until it has ended, and try again."


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield a folder that only its owner can read; one backup command at a time uses `parent`.

    What a killed command left in it goes away first: it would hold data that was erased since.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(parent / ".backup.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in parent.glob(f"{_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=_PREFIX) as folder:
            yield Path(folder)
    except BlockingIOError:
        raise BackupRefused(_BUSY) from None
    finally:
        os.close(handle)


@contextmanager
def opened(url: str, ring: KeyRing, folder: Path) -> Iterator[None]:
    """Make `db` mean the database of that URL, read with these keys, inside the block."""
    app = Flask("clinicdir")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    init_db(app, ring, folder)
    with app.app_context():
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


@contextmanager
def scratch_server_database(url: URL | str) -> Iterator[str]:
    """Yield the URL of an empty database on the same PostgreSQL server; it is dropped after.

    One at a time for each database of the site: what a killed command left there goes away first.
    """
    beside = make_url(url)
    options = engine_options(str(beside))
    engine = create_engine(beside, isolation_level="AUTOCOMMIT", **options)
    try:
        with engine.connect() as connection:  # the lock ends with it, also when we are killed
            if not connection.scalar(select(func.pg_try_advisory_lock(_LOCK))):
                raise BackupRefused(_BUSY)
            prefix = f"clinicdir_scratch_{zlib.crc32(str(beside.database).encode()):08x}_"
            _drop_left(connection, prefix)
            name = f"{prefix}{secrets.token_hex(6)}"
            _make_database(connection, name, user=str(beside.username))
            try:
                yield beside.set(database=name).render_as_string(hide_password=False)
            finally:
                connection.execute(text(f"drop database {name} with (force)"))
    finally:
        engine.dispose()


def _drop_left(connection: Connection, prefix: str) -> None:
    databases = table("pg_database", column("datname"))
    left = select(databases.c.datname).where(
        databases.c.datname.startswith(prefix, autoescape=True)
    )
    for name in connection.scalars(left).all():
        connection.execute(text(f"drop database {name} with (force)"))


def _make_database(connection: Connection, name: str, *, user: str) -> None:
    try:
        connection.execute(text(f"create database {name} template template0"))
    except ProgrammingError:
        raise BackupRefused(
            "The database's role may not make the scratch database in which a backup is tried."
            f" Run `ALTER ROLE {user} CREATEDB` as the server's administrator."
        ) from None
