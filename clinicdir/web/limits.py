"""Counts tries in a small file that all workers share and a restart keeps."""

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limits.storage import Storage

from clinicdir import clock

_log = logging.getLogger(__name__)

_SCHEMA = """
create table if not exists hit (
    key text primary key, count integer not null, expires real not null
) without rowid;
create table if not exists sighting (
    what blob, entry blob, expires real not null, primary key (what, entry)
) without rowid;
"""
_COUNT = """
insert into hit (key, count, expires) values (:key, :amount, :expires)
on conflict (key) do update set
    count = case when expires <= :now then :amount else count + :amount end,
    expires = case when expires <= :now then :expires else expires end
returning count
"""


# The whole file stays under 25 MB, whoever sends what from how many addresses.
MOST_ROWS = 100_000
_TIDY_EVERY_S = 600.0
_TIDY_AFTER_WRITES = 500
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class CounterFile:
    """The SQLite file of counters: a connection a thread, and an end to its growth."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; it is made at the first use."""
        self._path = path
        self._local = threading.local()
        self._writes = 0
        self._tidied = time.monotonic()
        self._is_whole = False

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection; counts may be lost in a power cut, so no sync."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_whole:
                with _alone(self._path.parent):
                    self._replace_if_damaged()
                self._is_whole = True
            self._path.touch(mode=0o600)
            connection = sqlite3.connect(self._path, timeout=5, isolation_level=None)
            connection.execute("pragma synchronous = off")
            connection.executescript(_SCHEMA)
            self._local.connection = connection
            self.tidy()
        return connection

    def _replace_if_damaged(self) -> None:
        """Begin anew where a power cut has damaged the file; nobody could sign in without it."""
        if not self._path.exists() or _is_whole(self._path):
            return
        _log.warning("the file of counters was damaged; counting begins anew")
        for path in (self._path.with_name(f"{self._path.name}-journal"), self._path):
            path.unlink(missing_ok=True)

    def wrote(self) -> None:
        """Take note of a write; tidy up now and then."""
        self._writes += 1
        waited = time.monotonic() - self._tidied
        if self._writes >= _TIDY_AFTER_WRITES or waited >= _TIDY_EVERY_S:
            self.tidy()

    def tidy(self) -> None:
        """Drop what has expired, and of too many rows those that expire first."""
        self._writes, self._tidied = 0, time.monotonic()
        connection = self.connection()
        # Counters run on the machine's time, sightings on the site's; tests part the two.
        connection.execute("delete from hit where expires <= ?", (time.time(),))
        connection.execute("delete from sighting where expires <= ?", (clock.now().timestamp(),))
        for table, key in (("hit", "(key)"), ("sighting", "(what, entry)")):
            [count] = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608
            if count > MOST_ROWS:
                columns = key.strip("()")
                connection.execute(
                    f"delete from {table} where {key} in"  # noqa: S608 - names of our own
                    f" (select {columns} from {table} order by expires limit ?)",
                    (count - MOST_ROWS,),
                )


def _is_whole(path: Path) -> bool:
    """Say whether an SQLite file can be read to its end."""
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as connection:
        try:
            found: list[tuple[str]] = connection.execute("pragma quick_check").fetchall()
        except sqlite3.DatabaseError as problem:
            # The extended codes have the plain one in their last byte.
            if problem.sqlite_errorcode & 0xFF not in _DAMAGED:
                raise
            return False
    return found == [("ok",)]


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock that other processes respect; none may remove what another has just begun."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class FileStorage(Storage):
    """The counters of Flask-Limiter in an SQLite file of its own, apart from patients' writes."""

    STORAGE_SCHEME = ["clinicdir-file"]  # noqa: RUF012 - the form the parent class wants

    def __init__(self, uri: str, wrap_exceptions: bool = False, **_: Any) -> None:  # noqa: ANN401
        """Take the file's path from the URI; it is made at the first count."""
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._file = CounterFile(Path(uri.partition("://")[2]))

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return what the database can raise."""
        return sqlite3.Error

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more for `key`, which starts anew `expiry` seconds after its first."""
        now = time.time()
        values = {"key": key, "amount": amount, "expires": now + expiry, "now": now}
        row = self._file.connection().execute(_COUNT, values).fetchone()
        self._file.wrote()
        return int(row[0])

    def get(self, key: str) -> int:
        """Return the count in force for `key`."""
        row = self._find(key)
        return int(row[0]) if row else 0

    def get_expiry(self, key: str) -> float:
        """Return when the count of `key` starts anew, in seconds since 1970."""
        row = self._find(key)
        return float(row[1]) if row else time.time()

    def check(self) -> bool:
        """Say whether the file can be read."""
        return bool(self._file.connection().execute("select 1").fetchone())

    def reset(self) -> int | None:
        """Forget every count."""
        return self._file.connection().execute("delete from hit").rowcount

    def clear(self, key: str) -> None:
        """Forget the count of `key`."""
        self._file.connection().execute("delete from hit where key = ?", (key,))

    def _find(self, key: str) -> tuple[int, float] | None:
        row: tuple[int, float] | None = (
            self._file.connection()
            .execute(
                "select count, expires from hit where key = ? and expires > ?", (key, time.time())
            )
            .fetchone()
        )
        return row
