"""What the worker does beside delivering: old drafts and counts go, and what is kept no longer."""

from datetime import datetime, timedelta

from flask import current_app

from clinicdir import clock
from clinicdir.appointments.drafts import drop_old_drafts
from clinicdir.appointments.leftovers import scrub
from clinicdir.appointments.retention import purge
from clinicdir.audit.rules import SYSTEM
from clinicdir.cli.schema_backup import drop_old_backups
from clinicdir.db import sole_process, transaction
from clinicdir.web.parts import parts
from clinicdir.web.quotas import sightings

_PURGE_EVERY = timedelta(days=1)
_PURGED_AT = "clinicdir.purged_at"


def tidy_up() -> None:
    """Drop drafts, counts, backups that had their time; once a day erase what is kept no longer."""
    now = clock.now()
    with transaction():
        drop_old_drafts(now=now)
    sightings().purge()
    drop_old_backups()
    purged_at: datetime | None = current_app.extensions.get(_PURGED_AT)
    if purged_at is None or now - purged_at >= _PURGE_EVERY:
        _purge(now)
        current_app.extensions[_PURGED_AT] = now
    scrub()  # what an erasing could not end while somebody read


def _purge(now: datetime) -> None:
    with sole_process("purge") as is_sole:
        if is_sole:
            purge(retention_days=parts().settings.retention_days, actor=SYSTEM, now=now)
