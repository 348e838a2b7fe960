"""Reads of the audit trail."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, or_, select

from clinicdir.audit.models import AuditEntry
from clinicdir.audit.rules import GROUP_CHAIN, OPERATOR, Facts
from clinicdir.db import db


@dataclass(frozen=True)
class Line:
    """One entry as people read it, with the number that the next page begins after."""

    id: int
    facts: Facts


@dataclass(frozen=True)
class Reach:
    """What somebody who does not read all may read: chains, and the names of lists."""

    chains: Collection[str]
    lists: Collection[str]


def find_latest(action: str, subject: str) -> AuditEntry | None:
    """Return the newest entry of an action on a subject, if there is one."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.subject == subject, AuditEntry.action == action)
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    )
    return db.session.scalar(query.limit(1))


def last_time_of_operator(action: str) -> datetime | None:
    """Return when whoever runs the site did this last, None where that was never."""
    query = (
        select(AuditEntry.at)
        .where(AuditEntry.staff_id.is_(None), AuditEntry.action == action)
        .where(AuditEntry.actor_kind == OPERATOR.kind)
        .order_by(AuditEntry.at.desc())
    )
    return db.session.scalar(query.limit(1))


def list_about(
    subject: str, *, chains: Collection[str] | None, limit: int, before_id: int = 0
) -> list[Line]:
    """Return what was done and looked at of a subject in these chains, newest first.

    None is every chain; `before_id` is the last entry of the page before.
    """
    query = select(AuditEntry).where(AuditEntry.subject == subject)
    if chains is not None:
        query = query.where(AuditEntry.chain.in_(chains))
    return _page(query, limit=limit, before_id=before_id)


def list_of_person(
    staff_id: int, address: str, *, reach: Reach | None, limit: int, before_id: int = 0
) -> list[Line]:
    """Return what a person did, and what others did to that account, newest first.

    Of the group's own chain a reader with a `reach` (None: all) gets the entries about the account
    itself, the person's searches and exports, and looks at the lists in reach: its other entries
    may name people and clinics that are not the reader's.
    """
    about, own = AuditEntry.subject == address, AuditEntry.staff_id == staff_id
    if reach is not None:
        looked = and_(AuditEntry.action == "list", AuditEntry.subject.in_(reach.lists))
        harmless = or_(AuditEntry.action.in_(("search", "export")), looked)
        in_group, in_chains = AuditEntry.chain == GROUP_CHAIN, AuditEntry.chain.in_(reach.chains)
        # Asked of each half for itself, and in two forms: what they share would lead the engines
        # to read a whole chain.
        own = and_(own, or_(in_chains, and_(in_group, harmless)))
        about = and_(about, AuditEntry.chain.in_([*reach.chains, GROUP_CHAIN]))
    return _page(select(AuditEntry).where(or_(own, about)), limit=limit, before_id=before_id)


def _page(query: Select[AuditEntry], *, limit: int, before_id: int) -> list[Line]:
    if before_id:
        query = query.where(AuditEntry.id < before_id)
    entries = db.session.scalars(query.order_by(AuditEntry.id.desc()).limit(limit))
    return [Line(entry.id, entry.facts) for entry in entries]
