"""A small file beside an SQLite database: which mails the other side has taken a moment ago.

A note in the database waits for the disk, so that mails left slowly. A line in this file does not:
it outlives the process, which is what a killed worker needs. A power cut may lose it; then a mail
leaves twice, and none is lost. The database learns of many at once.
"""

import sqlite3
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path

FILE_NAME = "taken-mails"
_SCHEMA = "create table if not exists taken (message_key text primary key, at text) without rowid"


class TakenMails:
    """The file at `path`, which all workers of this machine share; it is made at the first use."""

    def __init__(self, path: Path) -> None:
        """Take the path; nothing is opened before the first use."""
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def add(self, message_key: str, at: datetime) -> None:
        """Write down that the other side has taken a mail; sqlite3.Error where that fails."""
        row = (message_key, at.isoformat())
        self._open().execute("insert or replace into taken values (?, ?)", row)

    def all(self) -> dict[str, datetime]:
        """Return when each mail was taken that the database may not know of yet."""
        if not self._path.exists():
            return {}
        try:
            rows = self._open().execute("select message_key, at from taken").fetchall()
        except sqlite3.OperationalError:
            raise  # busy, or no room: it can be read later
        except sqlite3.DatabaseError:
            # Torn by a power cut: what it said is lost, and its mails leave once more.
            self.close()
            with suppress(FileNotFoundError):
                self._path.unlink()
            return {}
        return {key: datetime.fromisoformat(at) for key, at in rows}

    def drop(self, message_keys: Collection[str]) -> None:
        """Forget these: the database knows."""
        connection = self._open()
        with connection:
            connection.execute("begin immediate")
            connection.executemany(
                "delete from taken where message_key = ?", [(key,) for key in message_keys]
            )

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.touch(mode=0o600)
            connection = sqlite3.connect(self._path, timeout=5, isolation_level=None)
            try:
                connection.execute("pragma synchronous = off")
                connection.execute("pragma journal_mode = truncate")
                connection.execute(_SCHEMA)
            except sqlite3.Error:
                connection.close()
                raise
            self._connection = connection
        return self._connection
