"""Runs pg_dump and pg_restore, PostgreSQL's own programs."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL, make_url

from clinicdir.backup.refusals import BackupRefused
from clinicdir.db import engine_options

_READ_BYTES = 1024 * 1024
_DEBIAN = Path("/usr/lib/postgresql")


def dump(url: URL, snapshot: str) -> Iterator[bytes]:
    """Yield the dump of what the exported snapshot sees, in pg_dump's custom format."""
    command = [
        find_program("pg_dump", url),
        "--format=custom",
        "--compress=1",  # sealed values hardly shrink, but they are written as hexadecimal
        "--no-owner",
        "--no-privileges",
        "--schema=public",
        f"--snapshot={snapshot}",
        f"--dbname={_without_password(url)}",
    ]
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            command, stdout=subprocess.PIPE, stderr=told, env=_environment(url)
        )
        assert process.stdout is not None  # noqa: S101 - we asked for a pipe
        try:
            while piece := process.stdout.read(_READ_BYTES):
                yield piece
        finally:
            process.stdout.close()  # ends it, where our reader has ended
            code = process.wait()
        told.seek(0)
        _refuse_failure("pg_dump", code, told.read())


def load(url: URL | str, file: Path, *, is_scratch: bool = False) -> None:
    """Restore a dump into an empty database, wholly or not at all.

    A scratch database is dropped anyway: two connections fill it at once, and none waits for disk.
    """
    target = make_url(url)
    given = _environment(target)
    if is_scratch:
        options = f"{given.get('PGOPTIONS', '')} -c synchronous_commit=off"
        given["PGOPTIONS"] = options.strip()
    command = [
        find_program("pg_restore", target),
        "--jobs=2" if is_scratch else "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        "--schema=public",  # what is in it: the schema itself is there
        f"--dbname={_without_password(target)}",
        str(file),
    ]
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, capture_output=True, check=False, env=given
    )
    _refuse_failure("pg_restore", done.returncode, done.stderr)


def refuse_filled(url: URL | str) -> None:
    """Raise BackupRefused where the database has tables already."""
    engine = create_engine(url, **engine_options(str(make_url(url))))
    try:
        found = inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if found:
        raise BackupRefused(
            f"The database {engine.url.database} has {len(found)} tables already, and nothing is"
            " written over one. Stop the site, make an empty database (`createdb NAME`), name it"
            " in CLINICDIR_DATABASE_URL, and try again."
        )


def find_program(name: str, url: URL) -> str:
    """Return the path of one of PostgreSQL's programs, if possible of the server's own version.

    What a newer pg_dump writes an older server may not understand.
    """
    kept = {path.parts[-3]: path for path in _DEBIAN.glob(f"*/bin/{name}")}
    newest = sorted(kept, key=float)[-1:]
    found = (
        kept.get(_server_version(url)) or shutil.which(name) or next(map(kept.get, newest), None)
    )
    if found is None:
        raise BackupRefused(
            f"{name} is not on this machine. Install PostgreSQL's client programs, of the server's"
            " version or newer (Debian: `apt-get install postgresql-client`)."
        )
    return str(found)


def _server_version(url: URL) -> str:
    engine = create_engine(url, **engine_options(str(url)))
    try:
        with engine.connect() as connection:
            return str(int(connection.scalar(text("show server_version_num"))) // 10_000)
    finally:
        engine.dispose()


def _without_password(url: URL) -> str:
    """Return the address for libpq; every user of the machine can read a command line."""
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def _environment(url: URL) -> dict[str, str]:
    given = dict(os.environ)  # noqa: TID251 - what libpq reads there (PGSSLMODE, HOME) goes on to it
    return given | ({"PGPASSWORD": str(url.password)} if url.password else {})


def _refuse_failure(name: str, code: int, told: bytes) -> None:
    if code:
        # The first line only: a later one may quote a row.
        first = next(iter(told.decode(errors="replace").splitlines()), f"ended with {code}")
        raise BackupRefused(
            f"{first.removeprefix(f'{name}: error: ')} ({name}). Check that the server runs and"
            f" that {name} is of its version or newer."
        )
