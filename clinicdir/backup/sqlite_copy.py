"""Takes a copy of a live SQLite database, and puts one in place."""

import os
import sqlite3
from pathlib import Path

from clinicdir.backup.refusals import BackupRefused
from clinicdir.db import BUSY_TIMEOUT_S, set_journal_mode


def copy_live(path: Path, copy: Path) -> None:
    """Copy the database as it stands at one moment, by SQLite's backup API.

    All pages in one step: in smaller steps each write of another process would begin it anew. The
    writers wait meanwhile, for as long as the disk takes to read the file once.
    """
    if not path.exists():
        raise BackupRefused(f"There is no database at {path}. Check CLINICDIR_DATABASE_URL.")
    source = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
    target = sqlite3.connect(copy)
    try:
        target.execute("pragma synchronous = off")  # a scratch file; what is sealed gets synced
        source.backup(target)
        target.execute("pragma journal_mode = delete").fetchall()  # one file, whatever it was
    finally:
        target.close()
        source.close()


def refuse_filled(path: Path) -> None:
    """Raise BackupRefused where something lies at the place of the database already."""
    folder = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    # An older database's journal or notes would be taken for the restored one's.
    found = [one for one in folder if one == path or one.name.startswith(f"{path.name}-")]
    # A command like `flask doctor` leaves an empty file behind.
    if any(one.stat().st_size for one in found):
        raise BackupRefused(
            f"There is a database at {path} already, and nothing is written over one. Stop the"
            f" site, move {', '.join(one.name for one in found)} to another folder, and try again."
        )


def put_in_place(copy: Path, path: Path) -> None:
    """Move a finished database to its place, in one step that lasts."""
    set_journal_mode(str(copy))
    copy.chmod(0o600)
    sync(copy)
    copy.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
