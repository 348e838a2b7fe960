"""Brings everything under the newest key while the site runs, so that older keys can go."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, func, select, text, update

from clinicdir.appointments.resealing import count_retried, reseal_requests
from clinicdir.backup.refusals import BackupRefused
from clinicdir.crypto import KEY_ID_BYTES
from clinicdir.db import Base, db, key_ring, transaction
from clinicdir.staff.second_factor import count_older_codes

_AT_ONCE = 50
_BREATH_S = 0.002
_MOST_PASSES = 20
_LONGEST_WAIT_S = 60
_POLL_S = 0.05
_REQUESTS = "appointment_request"


@dataclass(frozen=True)
class Needs:
    """What still needs an older key when every row is sealed by the newest one."""

    retried: int
    codes: int


def sealed_tables() -> list[Table]:
    """Return every table that has sealed values."""
    tables = Base.metadata.sorted_tables
    return [one for one in tables if {"row_key", "sealed"} <= set(one.columns.keys())]


def count_by_key() -> dict[str, dict[bytes, int]]:
    """Return how many rows of each table each key has sealed."""
    counts = {}
    for found in sealed_tables():
        key_id = func.substr(found.c.sealed, 1, KEY_ID_BYTES)
        query = select(key_id, func.count()).where(found.c.sealed.is_not(None)).group_by(key_id)
        counts[found.name] = {bytes(one): count for one, count in db.session.execute(query)}
    db.session.rollback()
    return counts


def reseal_everything() -> Iterator[int]:
    """Go over all rows until nothing is left to do; yield how many each pass changed.

    The last pass changes nothing: it has looked at every row after all that wrote by an older key
    had ended. A run that was killed is begun anew, and finds done what was done.
    """
    for _ in range(_MOST_PASSES):
        _wait_for_writers()
        changed = left = 0
        for count, skipped in (*steps_of_requests(), *_steps_of_others()):
            changed, left = changed + count, left + skipped
        yield changed
        if not changed and not left:
            return
    raise BackupRefused(
        "Some rows are held by others all the time. Run `flask keys rotate` again when the site"
        " has less to do; what was done stays done."
    )


def older_needs(*, now: datetime) -> Needs:
    """Return what still cannot do without an older key."""
    needs = Needs(count_retried(now=now), count_older_codes())
    db.session.rollback()
    return needs


def steps_of_requests() -> Iterator[tuple[int, int]]:
    """Go over all requests once, some at a time; yield how many were changed and how many left."""
    step = reseal_requests(0, at_once=_AT_ONCE)
    while step is not None:
        yield step.changed, step.left
        if step.changed:
            time.sleep(_BREATH_S)  # writers that wait get their turn
        step = reseal_requests(step.last, at_once=_AT_ONCE)


def _steps_of_others() -> Iterator[tuple[int, int]]:
    for found in sealed_tables():
        if found.name != _REQUESTS:
            yield from _steps_of(found)


def _steps_of(found: Table) -> Iterator[tuple[int, int]]:
    last, more = 0, True
    while more:
        newest = key_ring().newest_id
        query = select(found.c.id).where(
            found.c.id > last,
            found.c.sealed.is_not(None),
            func.substr(found.c.sealed, 1, KEY_ID_BYTES) != newest,
        )
        numbers = db.session.scalars(query.order_by(found.c.id).limit(_AT_ONCE)).all()
        db.session.rollback()
        more = len(numbers) == _AT_ONCE
        if numbers:
            last = numbers[-1]
            changed = _reseal(found, list(numbers))
            yield changed, len(numbers) - changed
            time.sleep(_BREATH_S)


def _reseal(found: Table, numbers: list[int]) -> int:
    """Seal these rows by the newest key; what somebody holds, or what is gone, is left."""
    rows = select(found.c.id, found.c.row_key, found.c.sealed).where(found.c.id.in_(numbers))
    with transaction():
        held = db.session.execute(rows.order_by(found.c.id).with_for_update(skip_locked=True)).all()
        ring = key_ring()
        for row in held:
            context = found.name.encode() + b"|" + bytes(row.row_key or b"")
            if row.sealed is not None and not ring.seals(bytes(row.sealed)):
                sealed = ring.seal(ring.open(bytes(row.sealed), context=context), context=context)
                db.session.execute(update(found).where(found.c.id == row.id).values(sealed=sealed))
    return len(held)


def _wait_for_writers() -> None:
    """Wait until every transaction that may have written by an older key has ended."""
    if db.engine.dialect.name == "sqlite":
        with transaction():  # one at a time: those before us have ended
            return
    with transaction():
        mine = db.session.scalar(text("select txid_current()"))
    oldest = text("select txid_snapshot_xmin(txid_current_snapshot())")
    until = time.monotonic() + _LONGEST_WAIT_S
    while (db.session.scalar(oldest) or 0) <= (mine or 0):
        db.session.rollback()
        if time.monotonic() > until:
            raise BackupRefused(
                "A transaction on the database server has been open for a minute, and may write by"
                " an older key. End it (see pg_stat_activity), then run `flask keys rotate` again."
            )
        time.sleep(_POLL_S)
    db.session.rollback()
