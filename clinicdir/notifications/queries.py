"""Reads of the outbox, for the desk's header, the doctor and the operator."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from clinicdir.db import db
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import DeliveryState, MessageKind


@dataclass(frozen=True)
class OutboxCount:
    """How many messages wait, since when the oldest does, and how many were refused."""

    waiting: int
    oldest_at: datetime | None
    refused: int


def count_outbox() -> OutboxCount:
    """Return the state of the whole outbox."""
    waiting, oldest = db.session.execute(
        select(func.count(), func.min(OutboxMessage.created_at)).where(
            OutboxMessage.state == DeliveryState.WAITING
        )
    ).one()
    refused = db.session.scalar(
        select(func.count()).where(OutboxMessage.state == DeliveryState.REFUSED)
    )
    return OutboxCount(waiting=waiting, oldest_at=oldest, refused=refused or 0)


def is_stuck(*, since: datetime) -> bool:
    """Say whether a message has been tried in vain since then, or not been looked at at all.

    One that only waits for somebody to set an address is neither: its due time moves on.
    """
    tried = and_(OutboxMessage.attempts > 0, OutboxMessage.created_at <= since)
    query = select(OutboxMessage.id).where(
        OutboxMessage.state == DeliveryState.WAITING, or_(tried, OutboxMessage.due_at <= since)
    )
    return db.session.scalar(query.limit(1)) is not None


@dataclass(frozen=True)
class Delivery:
    """How far one message of a request has come."""

    kind: MessageKind
    channel: str
    state: DeliveryState
    attempts: int
    finished_at: datetime | None
    last_error: str | None


def list_deliveries(subject_id: int) -> list[Delivery]:
    """Return the messages about one request, oldest first."""
    rows = db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.subject_id == subject_id)
        .order_by(OutboxMessage.id)
    )
    return [
        Delivery(
            kind=row.kind,
            channel=row.channel.value,
            state=row.state,
            attempts=row.attempts,
            finished_at=row.finished_at,
            last_error=row.last_error,
        )
        for row in rows
    ]
