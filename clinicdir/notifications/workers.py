"""Which workers deliver, and when each was last seen alive."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from clinicdir.db import db
from clinicdir.notifications.models import DeliveryWorker

BEAT_EVERY_S = 30.0
SEEN_WITHIN = timedelta(minutes=2)
_FORGOTTEN_AFTER = timedelta(days=1)


def beat(name: str, *, now: datetime) -> None:
    """Write down that a worker lives, inside a transaction, and forget those long gone."""
    query = update(DeliveryWorker).where(DeliveryWorker.name == name).values(beat_at=now)
    if db.session.execute(query.returning(DeliveryWorker.id)).first() is not None:
        return
    db.session.execute(
        delete(DeliveryWorker).where(DeliveryWorker.beat_at < now - _FORGOTTEN_AFTER)
    )
    try:
        with db.session.begin_nested():
            db.session.add(DeliveryWorker(name=name, started_at=now, beat_at=now))
    except IntegrityError:
        pass  # two threads of one name began at once


def last_beat() -> datetime | None:
    """Return when any worker was last seen alive, None where none ever was."""
    return db.session.scalar(select(func.max(DeliveryWorker.beat_at)))
