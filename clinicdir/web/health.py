"""Says whether the process is alive, and whether it can do its work."""

import shutil
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flask import Blueprint, Response, jsonify
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from clinicdir import clock
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.crypto import CannotOpen
from clinicdir.db import db, key_ring, transaction
from clinicdir.errors import Unavailable
from clinicdir.notifications.queries import has_dead, is_stuck
from clinicdir.patience.waiting import hurry
from clinicdir.web.parts import parts

bp = Blueprint("health", __name__)

_OUTBOX_STUCK = timedelta(hours=4)
_FREE_BYTES = 50_000_000
# Four waits of this length at most, so that whoever asks has an answer within two seconds.
_CHECK_S = 0.4
_OLDEST_SQLITE = (3, 35, 0)  # RETURNING


@bp.get("/healthz")
def healthz() -> Response:
    """Answer as long as the process lives."""
    return jsonify({"status": "alive"})


@bp.get("/readyz")
def readyz() -> Response:
    """Name the checks that fail, without versions or details."""
    hurry(_CHECK_S, must_know=True)
    failed = failing_checks()
    response = jsonify({"status": "not ready" if failed else "ready", "failed": failed})
    response.status_code = 503 if failed else 200
    return response


def failing_checks() -> list[str]:
    """Return the names of the checks that fail, or cannot be made."""
    return [name for name, check in CHECKS.items() if not _passes(check)]


def _passes(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (SQLAlchemyError, Unavailable, OSError, ValueError, CannotOpen):
        db.session.rollback()  # the next check begins anew
        return False


def _database_is_writable() -> bool:
    with transaction():
        db.session.execute(text("update audit_head set count = count where 1 = 0"))
    return True


def _outbox_moves() -> bool:
    """Say whether messages leave and none was given up; of no mail server the doctor tells."""
    if parts().settings.smtp_url is None:
        return True
    return not (has_dead() or is_stuck(since=clock.now() - _OUTBOX_STUCK))


def _disk_has_room() -> bool:
    folder: Path = parts().settings.instance
    return shutil.disk_usage(folder if folder.exists() else ".").free > _FREE_BYTES


def _keys_open() -> bool:
    """Say whether the keys open what they seal, and the first and the last request stored."""
    ring = key_ring()
    for end in (AppointmentRequest.id.asc(), AppointmentRequest.id.desc()):
        stored = db.session.scalar(select(AppointmentRequest).order_by(end).limit(1))
        if stored is not None:
            stored.unseal()
    return ring.open(ring.seal(b"ready", context=b"readyz"), context=b"readyz") == b"ready"


def _engine_is_recent() -> bool:
    url = make_url(parts().settings.database)
    return url.get_backend_name() != "sqlite" or sqlite3.sqlite_version_info >= _OLDEST_SQLITE


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database_is_writable,
    "outbox": _outbox_moves,
    "disk": _disk_has_room,
    "keys": _keys_open,
    "engine": _engine_is_recent,
}
