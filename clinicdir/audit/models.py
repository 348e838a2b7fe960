"""The tables of the audit trail; the database itself refuses to change or delete an entry."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clinicdir.audit.rules import Actor, ActorKind, Facts
from clinicdir.db import Base


class AuditHead(Base):
    """The end of one chain; its row is locked while an entry is added."""

    __tablename__ = "audit_head"

    chain: Mapped[str] = mapped_column(unique=True)
    count: Mapped[int]
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditEntry(Base):
    """One line of who did or looked at what, without personal data of a patient."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("chain", "sequence"),
        Index("ix_audit_entry_subject_at", "subject", "at"),
        Index("ix_audit_entry_staff_id_action_at", "staff_id", "action", "at"),
    )

    chain: Mapped[str]
    sequence: Mapped[int]
    at: Mapped[datetime]
    actor_kind: Mapped[ActorKind]
    staff_id: Mapped[int | None]
    actor_label: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]
    hash: Mapped[bytes] = mapped_column(LargeBinary)

    @property
    def facts(self) -> Facts:
        """Return what the entry says, as its hash was made over it."""
        return Facts(
            chain=self.chain,
            sequence=self.sequence,
            at=self.at,
            actor=Actor(self.actor_kind, self.staff_id, self.actor_label),
            action=self.action,
            subject=self.subject,
            detail=self.detail,
        )
