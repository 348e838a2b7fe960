"""Writes a message into the outbox, inside the transaction of what it tells of."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select

from clinicdir.db import db
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import Channel, DeliveryState, MessageKind

AT_ONCE = timedelta(0)


def enqueue(
    kind: MessageKind,
    *,
    channel: Channel,
    subject_id: int,
    now: datetime,
    wait: timedelta = AT_ONCE,
) -> None:
    """Add one message, due after `wait`; its key becomes the Message-ID, the same at every try.

    Where one of the same kind still waits, that one is due then instead: it tells how things are
    when it leaves, so a second one beside it would tell nothing more.
    """
    for row in lock_messages(subject_id, (kind,)):
        if row.channel is channel and is_free(row, now=now):
            row.due_at = now + wait
            return
    db.session.add(new_message(kind, channel=channel, subject_id=subject_id, now=now, wait=wait))


def new_message(
    kind: MessageKind,
    *,
    channel: Channel,
    subject_id: int,
    now: datetime,
    wait: timedelta = AT_ONCE,
) -> OutboxMessage:
    """Return a message that is not in the outbox yet, due after `wait`."""
    return OutboxMessage(
        message_key=str(uuid.uuid4()),
        kind=kind,
        channel=channel,
        subject_id=subject_id,
        created_at=now,
        due_at=now + wait,
    )


def lock_messages(subject_id: int, kinds: Collection[MessageKind]) -> list[OutboxMessage]:
    """Return the messages of these kinds, oldest first; no worker takes one of them meanwhile."""
    query = (
        select(OutboxMessage)
        .where(OutboxMessage.subject_id == subject_id, OutboxMessage.kind.in_(kinds))
        .order_by(OutboxMessage.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    db.session.flush()
    return list(db.session.scalars(query))


def is_free(row: OutboxMessage, *, now: datetime) -> bool:
    """Say whether a message waits and no worker has it in hand."""
    return row.state is DeliveryState.WAITING and not is_in_hand(row, now=now)


def is_in_hand(row: OutboxMessage, *, now: datetime) -> bool:
    """Say whether a worker may be sending a message at this moment."""
    is_leased = row.leased_until is not None and row.leased_until > now
    return row.state is DeliveryState.WAITING and is_leased


def drop(row: OutboxMessage, *, now: datetime) -> None:
    """Let a message that waits never leave."""
    row.state, row.finished_at = DeliveryState.NOT_NEEDED, now
