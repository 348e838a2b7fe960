"""Reads of the outbox, for the desk's header, the doctor, the metrics and the operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from clinicdir.db import db
from clinicdir.notifications.life import FAILED_STATES, OPEN_STATES
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import STAFF_KINDS, Channel, DeliveryState, MessageKind

# So long a clinic can go without a notice before its staff are told to look.
LATE_AFTER = timedelta(hours=1)
_GOT_THROUGH = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED)


@dataclass(frozen=True)
class OutboxCount:
    """How many messages wait, since when the oldest does, how many were refused or given up."""

    waiting: int
    oldest_at: datetime | None
    refused: int
    dead: int


def count_outbox() -> OutboxCount:
    """Return the state of the whole outbox."""
    waiting, oldest = db.session.execute(
        select(func.count(), func.min(OutboxMessage.created_at)).where(
            OutboxMessage.state.in_(OPEN_STATES)
        )
    ).one()
    failed = select(OutboxMessage.state, func.count()).where(OutboxMessage.state.in_(FAILED_STATES))
    counts = {row[0]: row[1] for row in db.session.execute(failed.group_by(OutboxMessage.state))}
    return OutboxCount(
        waiting=waiting,
        oldest_at=oldest,
        refused=counts.get(DeliveryState.REFUSED, 0),
        dead=counts.get(DeliveryState.DEAD, 0),
    )


def count_by_state() -> dict[tuple[Channel, DeliveryState], tuple[int, datetime]]:
    """Return how many messages of a channel wait or failed, and since when the oldest one does.

    Those that got through are far more, and no index counts them by channel.
    """
    by = (OutboxMessage.channel, OutboxMessage.state)
    query = select(*by, func.count(), func.min(OutboxMessage.created_at)).where(
        OutboxMessage.state.in_((*OPEN_STATES, *FAILED_STATES))
    )
    found = db.session.execute(query.group_by(*by))
    return {(channel, state): (count, since) for channel, state, count, since in found}


def last_number() -> int:
    """Return the number of the newest message: about how many there have ever been."""
    return db.session.scalar(select(func.max(OutboxMessage.id))) or 0


def has_dead() -> bool:
    """Say whether a message was given up and nobody has dealt with it."""
    query = select(OutboxMessage.id).where(OutboxMessage.state == DeliveryState.DEAD)
    return db.session.scalar(query.limit(1)) is not None


def untold_subjects(*, now: datetime) -> Select[int]:
    """Return the query for the requests whose clinic was not told by any of its channels.

    Each of them failed, or is late by an hour; one that got through, or still may, is enough.
    """
    other = aliased(OutboxMessage)
    is_told_or_will_be = or_(
        other.state.in_(_GOT_THROUGH), and_(other.state.in_(OPEN_STATES), ~_is_late(other, now))
    )
    better = select(other.id).where(
        other.subject_id == OutboxMessage.subject_id,
        other.kind.in_(STAFF_KINDS),
        other.created_at >= OutboxMessage.created_at,
        is_told_or_will_be,
    )
    return select(OutboxMessage.subject_id).where(
        OutboxMessage.kind.in_(STAFF_KINDS),
        or_(OutboxMessage.state.in_(FAILED_STATES), _is_late(OutboxMessage, now)),
        ~better.exists(),
    )


def _is_late(row: type[OutboxMessage], now: datetime) -> ColumnElement[bool]:
    """Say whether a message waits an hour too long; one that is due later, as by quiet, is not."""
    return and_(
        row.state.in_(OPEN_STATES),
        row.created_at <= now - LATE_AFTER,
        or_(row.attempts > 0, row.due_at <= now - LATE_AFTER),
    )


def is_stuck(*, since: datetime) -> bool:
    """Say whether a message has been tried in vain since then, or not been looked at at all.

    One that only waits for somebody to set an address is neither: its due time moves on. A mailbox
    of a patient that takes nothing is no trouble of ours.
    """
    tried = and_(
        OutboxMessage.kind.in_(STAFF_KINDS),
        OutboxMessage.attempts > 0,
        OutboxMessage.created_at <= since,
    )
    query = select(OutboxMessage.id).where(
        OutboxMessage.state.in_(OPEN_STATES), or_(tried, OutboxMessage.due_at <= since)
    )
    return db.session.scalar(query.limit(1)) is not None


@dataclass(frozen=True)
class Delivery:
    """One message, and how far it has come; nothing in it tells of a person."""

    id: int
    kind: MessageKind
    channel: Channel
    state: DeliveryState
    created_at: datetime
    due_at: datetime
    attempts: int
    finished_at: datetime | None
    last_error: str | None
    follows: Channel | None
    detail: str | None


def list_deliveries(subject_id: int) -> list[Delivery]:
    """Return the messages about one request, oldest first."""
    rows = db.session.scalars(
        select(OutboxMessage)
        .where(OutboxMessage.subject_id == subject_id)
        .order_by(OutboxMessage.id)
    ).all()
    return _told(rows)


def list_messages(
    *, states: Sequence[DeliveryState], limit: int, after_id: int = 0
) -> list[Delivery]:
    """Return messages in these states, oldest first, at most so many, from after a number."""
    query = select(OutboxMessage).where(
        OutboxMessage.state.in_(states), OutboxMessage.id > after_id
    )
    return _told(db.session.scalars(query.order_by(OutboxMessage.id).limit(limit)).all())


def _told(rows: Sequence[OutboxMessage]) -> list[Delivery]:
    channels = {row.id: row.channel for row in rows}
    return [
        Delivery(
            id=row.id,
            kind=row.kind,
            channel=row.channel,
            state=row.state,
            created_at=row.created_at,
            due_at=row.due_at,
            attempts=row.attempts,
            finished_at=row.finished_at,
            last_error=row.last_error,
            follows=channels.get(row.follows_id or 0),
            detail=row.detail,
        )
        for row in rows
    ]
