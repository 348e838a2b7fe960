"""Counts tries in a small file that all workers share and a restart keeps."""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from limits.storage import Storage

_SCHEMA = """
create table if not exists hit (
    key text primary key, count integer not null, expires real not null
) without rowid
"""
_COUNT = """
insert into hit (key, count, expires) values (:key, :amount, :expires)
on conflict (key) do update set
    count = case when expires <= :now then :amount else count + :amount end,
    expires = case when expires <= :now then :expires else expires end
returning count
"""


class FileStorage(Storage):
    """The counters of Flask-Limiter in an SQLite file of its own, apart from patients' writes."""

    STORAGE_SCHEME = ["clinicdir-file"]  # noqa: RUF012 - the form the parent class wants

    def __init__(self, uri: str, wrap_exceptions: bool = False, **_: Any) -> None:  # noqa: ANN401
        """Take the file's path from the URI; it is made at the first count."""
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._path = Path(uri.partition("://")[2])
        self._local = threading.local()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return what the database can raise."""
        return sqlite3.Error

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more for `key`, which starts anew `expiry` seconds after its first."""
        now = time.time()
        values = {"key": key, "amount": amount, "expires": now + expiry, "now": now}
        row = self._connection().execute(_COUNT, values).fetchone()
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
        return bool(self._connection().execute("select 1").fetchone())

    def reset(self) -> int | None:
        """Forget every count."""
        return self._connection().execute("delete from hit").rowcount

    def clear(self, key: str) -> None:
        """Forget the count of `key`."""
        self._connection().execute("delete from hit where key = ?", (key,))

    def _find(self, key: str) -> tuple[int, float] | None:
        row: tuple[int, float] | None = (
            self._connection()
            .execute(
                "select count, expires from hit where key = ? and expires > ?", (key, time.time())
            )
            .fetchone()
        )
        return row

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection; counts may be lost in a power cut, so no sync."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)  # addresses of people and machines stand in it
            connection = sqlite3.connect(self._path, timeout=5, isolation_level=None)
            connection.execute("pragma synchronous = off")
            connection.execute(_SCHEMA)
            connection.execute("delete from hit where expires <= ?", (time.time(),))
            self._local.connection = connection
        return connection
