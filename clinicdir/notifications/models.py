"""The outbox, one row a message and channel; its workers; and the channels of a clinic."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinicdir.db import Base, Sealed
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
        Index("ix_outbox_message_follows_id", "follows_id"),
        Index("ix_outbox_message_job", "job"),
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
    leased_by: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    # The message of another channel that this one stands in for when it does not get through.
    follows_id: Mapped[int | None]
    # Since when its own recipient does not take it; trouble of a whole channel does not count.
    troubled_since: Mapped[datetime | None]
    # The name under which the other side works on it, and what that side says of it.
    job: Mapped[str | None]
    detail: Mapped[str | None]
    row_key: Mapped[bytes | None] = mapped_column(LargeBinary(16), unique=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class ChannelState(Base):
    """Whether a whole channel works; while it does not, its messages are left alone."""

    __tablename__ = "channel_state"

    channel: Mapped[Channel] = mapped_column(unique=True)
    failures: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None]
    troubled_since: Mapped[datetime | None]
    last_error: Mapped[str | None]


class DeliveryWorker(Base):
    """A worker that delivers, and when it was last seen alive."""

    __tablename__ = "delivery_worker"

    name: Mapped[str] = mapped_column(unique=True)
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]


class NoticePlan(Sealed, Base):
    """How a clinic wants to be told: hours of quiet, and who gets the morning's digest (sealed)."""

    __tablename__ = "notice_plan"

    location_id: Mapped[int] = mapped_column(ForeignKey("location.id"), unique=True)
    # Minutes of the clinic's day, from and until.
    quiet_from_min: Mapped[int | None]
    quiet_until_min: Mapped[int | None]
    digested_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)

    channels: Mapped[list["NoticeChannel"]] = relationship(
        cascade="all, delete-orphan", order_by="NoticeChannel.id", lazy="selectin"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form


class NoticeChannel(Sealed, Base):
    """One channel that a clinic has on; where it leads, and its secret, are sealed."""

    __tablename__ = "notice_channel"
    __table_args__ = (UniqueConstraint("plan_id", "channel"),)

    plan_id: Mapped[int] = mapped_column(ForeignKey("notice_plan.id"))
    channel: Mapped[Channel]
    # The channel that this one stands in for, and how long that one has to get through.
    follows: Mapped[Channel | None]
    after_min: Mapped[int] = mapped_column(default=0)
