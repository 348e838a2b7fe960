"""Reads of the audit trail."""

from sqlalchemy import select

from clinicdir.audit.models import AuditEntry
from clinicdir.db import db


def find_latest(action: str, subject: str) -> AuditEntry | None:
    """Return the newest entry of an action on a subject, if there is one."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.subject == subject, AuditEntry.action == action)
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    )
    return db.session.scalar(query.limit(1))
