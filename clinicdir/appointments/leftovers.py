"""Takes what was erased out of SQLite's file too: of its log, its journal and its free pages.

`secure_delete` writes zeros over what a statement frees; this ends the copies that remain
elsewhere. PostgreSQL has no such thing to press: its autovacuum reuses the room of old rows.
"""

import logging
import sqlite3

from clinicdir.db import after_commit, db

_log = logging.getLogger(__name__)


def scrub_after_commit() -> None:
    """Have the log of the database file emptied once the present transaction has committed."""
    after_commit("scrub", lambda: None if scrub() else _log.info("scrubbed later"))


def scrub(*, rewrite: bool = False) -> bool:
    """Empty the log of the database file, and write the whole file anew where asked.

    Rewriting takes as long as copying the file; nobody can write meanwhile. Return False where
    somebody else was at the file all the time: what is left goes with a later call.
    """
    if db.engine.dialect.name != "sqlite":
        return True
    db.session.remove()  # a read of our own would keep the log in use
    pooled = db.engine.raw_connection()
    try:
        cursor = pooled.cursor()
        if rewrite:
            cursor.execute("VACUUM")
        # In a journal mode without a log this does nothing, and answers 0 for busy.
        busy = bool(cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
        cursor.close()
    except sqlite3.OperationalError as trouble:
        _log.warning("erased data is still in free pages of the database file: %s", trouble)
        return False
    finally:
        pooled.close()
    return not busy
