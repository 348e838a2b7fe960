"""Takes what was erased out of SQLite's write-ahead log, where earlier states of pages stay.

In the file itself `secure_delete` writes zeros over what a statement frees, and the other journal
is cut to nothing by each commit. PostgreSQL reuses the room of old rows by its autovacuum.
"""

import logging
import sqlite3

from clinicdir.db import after_commit, db

_log = logging.getLogger(__name__)


def scrub_after_commit() -> None:
    """Have the log of the database file emptied once the present transaction has committed."""
    after_commit("scrub", scrub)


def scrub() -> None:
    """Empty the log of the database file; where somebody reads all the while, a later call does."""
    if db.engine.dialect.name != "sqlite":
        return
    db.session.remove()  # a read of our own would keep the log in use
    pooled = db.engine.raw_connection()
    try:
        cursor = pooled.cursor()
        # Without such a log this does nothing, and is never busy.
        busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        cursor.close()
    except sqlite3.OperationalError as trouble:
        busy = str(trouble)
    finally:
        pooled.close()
    if busy:
        _log.warning("what was erased stays in the database's log until it is free (%s)", busy)
