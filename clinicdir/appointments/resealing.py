"""Brings stored requests under the newest key: what is sealed, what finds them, their link."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update

from clinicdir.appointments.filing import contact_hashes, name_hashes
from clinicdir.appointments.models import KEPT_LINK, LINK, AppointmentRequest, NameWord
from clinicdir.crypto import KEY_ID_BYTES, KeyRing, dump_sealed, load_sealed
from clinicdir.db import Base, db, key_ring, transaction

# How long a sender that got no answer may send the same again and be told what it was told before.
RETRIED_FOR = timedelta(days=1)

_TABLE = Base.metadata.tables["appointment_request"]
_COLUMNS = (
    "id", "row_key", "sealed", "link_version", "link_key_id", "erased_at",
    "phone_hash", "phone_last4_hash", "email_hash",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """How far one step came: the last request it looked at, and what it did with those it saw."""

    last: int
    changed: int
    left: int


def reseal_requests(after: int, *, at_once: int) -> Step | None:
    """Look at the next requests by number and put the older keys' ones under the newest key.

    A request that somebody holds at this moment is left for the next pass. None at the end.
    """
    following = _rows().where(_TABLE.c.id > after).order_by(_TABLE.c.id).limit(at_once)
    found = db.session.execute(following).all()
    if not found:
        return None
    ring = key_ring()
    opened = {row.id: _personal(row, ring) for row in found}
    stale = {row.id for row in found if _changes(row, opened[row.id], ring)}
    stale |= _other_words(opened, ring).keys()
    changed = _renew(sorted(stale)) if stale else 0
    db.session.rollback()  # a read left open would keep SQLite's writers waiting
    return Step(found[-1].id, changed, len(stale) - changed)


def count_retried(*, now: datetime) -> int:
    """Return how many requests may still be sent again whose content was hashed by an older key."""
    kept = AppointmentRequest.submission_hash
    mark = func.substr(kept, func.length(kept) - KEY_ID_BYTES + 1, KEY_ID_BYTES)
    query = select(func.count(AppointmentRequest.id)).where(
        AppointmentRequest.created_at > now - RETRIED_FOR,
        func.length(kept) > 0,
        mark != key_ring().newest_id,
    )
    return db.session.scalar(query) or 0


def _rows() -> Select[Any]:
    return select(*(_TABLE.c[name] for name in _COLUMNS))


def _renew(numbers: Sequence[int]) -> int:
    """Bring these under the newest key, unless somebody holds them; the version stays.

    We never wait for a row while we hold others, so that nobody's work fails for our sake.
    """
    query = _rows().where(_TABLE.c.id.in_(numbers)).order_by(_TABLE.c.id)
    with transaction():
        rows = db.session.execute(query.with_for_update(skip_locked=True)).all()
        ring = key_ring()
        opened = {row.id: _personal(row, ring) for row in rows}
        for row in rows:
            changes = _changes(row, opened[row.id], ring)
            if changes:
                db.session.execute(update(_TABLE).where(_TABLE.c.id == row.id).values(changes))
        for number, hashes in _other_words(opened, ring).items():
            db.session.execute(delete(NameWord).where(NameWord.request_id == number))
            if hashes:
                words = [{"request_id": number, "word_hash": one} for one in hashes]
                db.session.execute(insert(NameWord), words)
    return len(rows)


def _changes(row: Row[Any], opened: Mapping[str, Any], ring: KeyRing) -> dict[str, Any]:
    """Return what must change in a request's row, by column; nothing where all is right."""
    personal = dict(opened)
    changes: dict[str, Any] = {
        name: value
        for name, value in contact_hashes(personal, ring).items()
        if getattr(row, name) != value
    }
    if row.erased_at is not None and row.link_key_id != ring.newest_id:
        changes["link_key_id"] = ring.newest_id  # it has no link any more
    elif row.link_key_id not in (KEPT_LINK, ring.newest_id):
        # Patients hold their links on paper: they stay, when their key is no more.
        token = ring.link_token(bytes(row.row_key), row.link_version, key_id=bytes(row.link_key_id))
        personal[LINK], changes["link_key_id"] = token, KEPT_LINK
    if changes.get("link_key_id") == KEPT_LINK or not ring.seals(bytes(row.sealed)):
        changes["sealed"] = ring.seal(dump_sealed(personal), context=_context(row))
    return changes


def _other_words(opened: Mapping[int, Mapping[str, Any]], ring: KeyRing) -> dict[int, list[bytes]]:
    """Return the hashes of name words that requests should have by the newest key and have not."""
    kept: dict[int, set[bytes]] = {number: set() for number in opened}
    query = select(NameWord.request_id, NameWord.word_hash).where(NameWord.request_id.in_(kept))
    for number, word in db.session.execute(query):
        kept[number].add(bytes(word))
    wanted = {number: name_hashes(personal, ring) for number, personal in opened.items()}
    return {number: words for number, words in wanted.items() if set(words) != kept[number]}


def _personal(row: Row[Any], ring: KeyRing) -> dict[str, Any]:
    return load_sealed(ring.open(bytes(row.sealed), context=_context(row)))


def _context(row: Row[Any]) -> bytes:
    return b"appointment_request|" + bytes(row.row_key)
