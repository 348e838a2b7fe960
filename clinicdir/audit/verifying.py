"""Works every hash of the audit trail out anew and names the first row that does not fit."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from clinicdir.audit.heads import KeptHead, kept_heads
from clinicdir.audit.models import AuditEntry, AuditHead
from clinicdir.audit.rules import entry_hash
from clinicdir.db import db, folder_beside

_AT_ONCE = 1000
_BEFORE_ALL = -(2**31)


@dataclass(frozen=True)
class Verdict:
    """What was found of one chain: how many entries fit, and the first fault if there is one."""

    chain: str
    count: int
    fault: str | None


def verify_chains() -> Iterator[Verdict]:
    """Yield a verdict on each chain that the database or the instance folder knows, by name."""
    heads = {head.chain: head for head in db.session.scalars(select(AuditHead))}
    in_rows = set(db.session.scalars(select(AuditEntry.chain).distinct()))
    kept = kept_heads(folder_beside("audit_heads"))
    for chain in sorted(heads.keys() | in_rows | kept.keys()):
        yield _verify(chain, heads.get(chain), kept.get(chain, KeptHead(0, b"")))


def _verify(chain: str, head: AuditHead | None, kept: KeptHead | None) -> Verdict:
    count, previous, at_kept = 0, b"", b""
    for entry in _entries(chain):
        if entry.sequence != count + 1:
            return Verdict(chain, count, f"entry {count + 1} is missing")
        if entry.hash != entry_hash(entry.facts, previous):
            return Verdict(chain, count, f"entry {entry.sequence} (row {entry.id}) was changed")
        count, previous = entry.sequence, entry.hash
        if kept is not None and count == kept.length:
            at_kept = previous
    return Verdict(chain, count, _fault_of_end(count, previous, at_kept, head=head, kept=kept))


def _fault_of_end(
    count: int, last: bytes, at_kept: bytes, *, head: AuditHead | None, kept: KeptHead | None
) -> str | None:
    """Return what is wrong with a chain whose entries fit each other."""
    faults = {
        "the row of its end is missing": head is None,
        f"entry {count + 1} is missing: the end was cut off": head and count < head.count,
        f"entry {count} is not the end that the database noted": head
        and (count, last) != (head.count, head.hash),
        "its file in the instance folder cannot be read": kept is None,
        f"entry {count + 1} is missing: the end was cut off, and the database's note with it": kept
        and count < kept.length,
        "an entry is not the one that the instance folder has noted": kept and kept.hash != at_kept,
    }
    return next((words for words, is_so in faults.items() if is_so), None)


def _entries(chain: str) -> Iterator[AuditEntry]:
    """Yield a chain's entries in their order, in constant memory."""
    query = select(AuditEntry).where(AuditEntry.chain == chain).order_by(AuditEntry.sequence)
    last, more = _BEFORE_ALL, True
    while more:
        rows = db.session.scalars(query.where(AuditEntry.sequence > last).limit(_AT_ONCE)).all()
        yield from rows
        more = len(rows) == _AT_ONCE
        last = rows[-1].sequence if rows else last
        db.session.expunge_all()
