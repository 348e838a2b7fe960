"""Adds entries to the audit trail, inside the transaction of what they tell of."""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from clinicdir.audit.heads import keep_head
from clinicdir.audit.models import AuditEntry, AuditHead
from clinicdir.audit.rules import GROUP_CHAIN, Actor, Facts, entry_hash
from clinicdir.db import after_commit, db, folder_beside

LIST_VIEW_EVERY = timedelta(minutes=5)


def record(
    action: str,
    *,
    actor: Actor,
    now: datetime,
    subject: str = "",
    detail: str = "",
    chain: str = GROUP_CHAIN,
) -> None:
    """Append one entry to its chain; `subject` is a reference or slug, never a person's data."""
    head = _locked_head(chain)
    facts = Facts(
        chain=chain,
        sequence=head.count + 1,
        at=now,
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
    )
    head.hash = entry_hash(facts, head.hash)
    head.count = facts.sequence
    db.session.add(
        AuditEntry(
            chain=chain,
            sequence=facts.sequence,
            at=now,
            actor_kind=actor.kind,
            staff_id=actor.staff_id,
            actor_label=actor.label,
            action=action,
            subject=subject,
            detail=detail,
            hash=head.hash,
        )
    )
    db.session.flush()
    keep = partial(keep_head, folder_beside("audit_heads"), chain, head.count, head.hash)
    after_commit(f"audit head of {chain}", keep)


def record_list_view(name: str, *, actor: Actor, now: datetime) -> None:
    """Append an entry for a look at the list `name`, unless one was just made at the same time."""
    _locked_head(GROUP_CHAIN)  # whoever looks at the same moment waits here, and then sees ours
    if list_view_is_due(name, actor=actor, now=now):
        record("list", actor=actor, now=now, subject=name)


def list_view_is_due(name: str, *, actor: Actor, now: datetime) -> bool:
    """Say whether a look at the list `name` needs an entry: one a person, list and 5 minutes."""
    latest = db.session.scalar(
        select(AuditEntry.at)
        .where(
            AuditEntry.staff_id == actor.staff_id,
            AuditEntry.action == "list",
            AuditEntry.subject == name,
            AuditEntry.at > now - LIST_VIEW_EVERY,
        )
        .limit(1)
    )
    return latest is None


def _locked_head(chain: str) -> AuditHead:
    """Return the chain's head row, locked until the transaction ends; made at first use."""
    dialect = db.session.get_bind().dialect.name
    insert = sqlite_insert if dialect == "sqlite" else postgresql_insert
    query = select(AuditHead).where(AuditHead.chain == chain).with_for_update()
    head = db.session.scalar(query)
    if head is None:
        first = {"chain": chain, "count": 0, "hash": b""}
        db.session.execute(insert(AuditHead).values(first).on_conflict_do_nothing())
        head = db.session.scalars(query).one()
    return head
