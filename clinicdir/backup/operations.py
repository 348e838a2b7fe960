"""Makes a backup, tries one, and puts one back."""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from clinicdir.backup import postgres_dump, sqlite_copy
from clinicdir.backup.checking import faults_against
from clinicdir.backup.manifest import Manifest, describe, refuse_missing_keys, refuse_newer
from clinicdir.backup.refusals import BackupRefused
from clinicdir.backup.scratch import opened, scratch_folder, scratch_server_database
from clinicdir.backup.sealed_file import Opener, Sealer
from clinicdir.crypto import KeyRing
from clinicdir.db import db, key_ring, sqlite_path

_READ_BYTES = 1024 * 1024
AUDITED_AS = "backup"  # by which the newest one is known


@contextmanager
def new_backup(path: Path, *, instance: Path, now: datetime) -> Iterator[Manifest]:
    """Write a backup of the present database, and give it its name when the block has ended.

    The block records it: so no file of that name exists that the audit trail does not know.
    """
    if path.exists():
        raise BackupRefused(f"{path} exists already. Choose another name; nothing is replaced.")
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    db.session.rollback()  # a read left open here would keep SQLite's writers waiting
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            manifest = _write(file, instance, now=now)
            file.flush()
            os.fsync(file.fileno())
        yield manifest
        part.rename(path)
        sqlite_copy.sync(path.parent)
    except (OSError, sqlite3.OperationalError) as trouble:
        why = getattr(trouble, "strerror", trouble)
        raise BackupRefused(
            f"Cannot write {path} ({why}). Name a file in a folder that exists, may"
            " be written to, and has room; the instance folder needs room for a copy too."
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _write(file: BinaryIO, instance: Path, *, now: datetime) -> Manifest:
    path = sqlite_path(db.engine.url)
    sealer = Sealer(file, key_ring())
    if path is None:
        manifest = _write_dump(sealer, now=now)
    else:
        with scratch_folder(instance) as folder:
            copy = folder / "copy.sqlite3"
            sqlite_copy.copy_live(Path(path), copy)
            manifest = _write_copy(sealer, copy, now=now)
    sealer.finish()
    return manifest


def _write_copy(sealer: Sealer, copy: Path, *, now: datetime) -> Manifest:
    engine = create_engine(f"sqlite:///{copy}")
    try:
        with engine.connect() as connection:
            manifest = describe(connection, key_ring(), now=now)
    finally:
        engine.dispose()
    sealer.write_part(manifest.to_bytes())
    with copy.open("rb") as source:
        while piece := source.read(_READ_BYTES):
            sealer.write(piece)
    return manifest


def _write_dump(sealer: Sealer, *, now: datetime) -> Manifest:
    isolated = db.engine.execution_options(isolation_level="REPEATABLE READ")
    with isolated.connect() as connection:
        snapshot = connection.scalar(text("select pg_export_snapshot()"))
        manifest = describe(connection, key_ring(), now=now)
        sealer.write_part(manifest.to_bytes())
        for piece in postgres_dump.dump(db.engine.url, str(snapshot)):
            sealer.write(piece)
    return manifest


def try_backup(
    path: Path, ring: KeyRing, *, instance: Path, url: str
) -> tuple[Manifest, list[str]]:
    """Restore a backup into a scratch place and return its manifest and every fault found.

    A backup of PostgreSQL is tried in a scratch database on the server of `url`.
    """
    with scratch_folder(instance) as folder:
        body = folder / "body"
        manifest = _unseal(path, ring, body)
        if manifest.engine == "sqlite":
            return manifest, _faults(f"sqlite:///{body}", ring, folder, manifest)
        _refuse_other_engine(manifest, url)
        with scratch_server_database(url) as scratch:
            postgres_dump.load(scratch, body, is_scratch=True)
            return manifest, _faults(scratch, ring, folder, manifest)


def restore_backup(
    path: Path, ring: KeyRing, *, instance: Path, url: str, make_way: Callable[[], None]
) -> tuple[Manifest, list[str]]:
    """Put a backup into the empty database of `url`; return its manifest and every fault found.

    `make_way` is called when nothing can refuse any more, just before the database is written.

    A file that is not wholly as it was made is refused before anything is written. Faults that the
    database had when the backup was made do not keep the rest from coming back.
    """
    target = sqlite_path(url)
    _refuse_filled(target, url)
    with scratch_folder(Path(target).parent if target else instance) as folder:
        body = folder / "body"
        manifest = _unseal(path, ring, body)
        _refuse_other_engine(manifest, url)
        if target is None:
            make_way()
            postgres_dump.load(url, body)
            return manifest, _faults(url, ring, folder, manifest)
        faults = _faults(f"sqlite:///{body}", ring, folder, manifest)
        _refuse_filled(target, url)
        make_way()
        sqlite_copy.put_in_place(body, Path(target))
        return manifest, faults


def _unseal(path: Path, ring: KeyRing, body: Path) -> Manifest:
    """Write the database that the backup holds to `body`, after looking at its manifest."""
    try:
        with path.open("rb") as source, body.open("wb") as target:
            opener = Opener(source, ring)
            manifest = Manifest.from_bytes(opener.read_part())
            refuse_newer(manifest)
            refuse_missing_keys(manifest, ring)
            for piece in opener.rest():
                target.write(piece)
    except OSError as trouble:
        raise BackupRefused(
            f"Cannot unpack {path} ({trouble.strerror}). Check the file's name and rights, and"
            f" that {body.parent.parent} has room for the whole database."
        ) from None
    return manifest


def _faults(url: str, ring: KeyRing, folder: Path, manifest: Manifest) -> list[str]:
    with opened(url, ring, folder):
        return list(faults_against(manifest))


def _refuse_filled(target: str | None, url: URL | str) -> None:
    if target is None:
        postgres_dump.refuse_filled(url)
    else:
        sqlite_copy.refuse_filled(Path(target))


def _refuse_other_engine(manifest: Manifest, url: str) -> None:
    backend = make_url(url).get_backend_name()
    if backend != manifest.engine:
        names = {"sqlite": "sqlite:///FILE", "postgresql": "postgresql+psycopg://USER@HOST/NAME"}
        raise BackupRefused(
            f"This backup is one of {manifest.engine}, and CLINICDIR_DATABASE_URL names a database"
            f" of {backend}. Set it to {names[manifest.engine]} and try again."
        )
