"""What the doctor says of what keeps data safe: the encryption keys and the backups."""

from collections.abc import Iterator
from datetime import timedelta

from flask import current_app

from clinicdir import clock
from clinicdir.appointments.queries import newest_arrival
from clinicdir.audit.queries import last_time_of_operator
from clinicdir.backup.operations import AUDITED_AS
from clinicdir.backup.rotation import count_by_key
from clinicdir.cli.findings import Finding, Weight
from clinicdir.crypto import FileKeyRing
from clinicdir.db import db, key_ring

_BACKUP_EVERY = timedelta(days=1)
_GRACE = timedelta(hours=12)
_HOUR = timedelta(hours=1)


def look_at_safety() -> Iterator[Finding]:
    """Yield what is to be said of keys and backups."""
    yield from _keys()
    yield from _backups()


def _keys() -> Iterator[Finding]:
    ring = key_ring()
    generated = isinstance(current_app.extensions["clinicdir.key_ring"], FileKeyRing)
    place = "the instance folder" if generated else "CLINICDIR_ENCRYPTION_KEYS"
    newest, *older = (one.hex() for one in ring.ordered_ids)
    if not older:
        yield Finding(Weight.FINE, "encryption keys", f"{newest} seals, kept in {place}")
        return
    rows = sum(
        count
        for by_key in count_by_key().values()
        for key_id, count in by_key.items()
        if key_id != ring.newest_id
    )
    yield Finding(
        Weight.NOTE,
        "encryption keys",
        f"{newest} seals, kept in {place}; {rows} rows are sealed by an older one"
        f" ({', '.join(older)})",
        "Run `flask keys rotate` until it drops the older one; see docs/backup.md.",
    )


def _backups() -> Iterator[Finding]:
    made_at, now = last_time_of_operator(AUDITED_AS), clock.now()
    cure = "Run `flask backup create FILE` every night and copy the file away; see docs/backup.md."
    if made_at is None:
        has_data = newest_arrival() is not None
        weight = Weight.WARNING if has_data else Weight.NOTE
        yield Finding(weight, "newest backup", "none was made yet", cure)
    elif now - made_at > _BACKUP_EVERY + _GRACE:
        hours = int((now - made_at) / _HOUR)
        state = f"{hours} hours old, made {made_at:%Y-%m-%d %H:%M} UTC"
        yield Finding(Weight.WARNING, "newest backup", state, cure)
    else:
        yield Finding(Weight.FINE, "newest backup", f"made {made_at:%Y-%m-%d %H:%M} UTC")
    db.session.rollback()
