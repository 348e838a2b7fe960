"""The outbox: one row a message and channel, written with the change it tells of."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from clinicdir.db import Base
from clinicdir.notifications.rules import Channel, DeliveryState, MessageKind


class OutboxMessage(Base):
    """A message that must leave: what it tells, by which channel, and how far it has come.

    It holds the number of what it tells of, never a patient's data. A message with an address
    of its own (a sign-in mail) keeps it in `sealed`, bound to `row_key`.
    """

    __tablename__ = "outbox_message"
    __table_args__ = (
        Index("ix_outbox_message_state_due_at", "state", "due_at"),
        Index("ix_outbox_message_subject_id", "subject_id"),
    )

    message_key: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[MessageKind]
    channel: Mapped[Channel]
    subject_id: Mapped[int]
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.WAITING)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    row_key: Mapped[bytes | None] = mapped_column(LargeBinary(16), unique=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
