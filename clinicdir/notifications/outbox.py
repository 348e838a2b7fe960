"""Writes a message into the outbox, inside the transaction of what it tells of."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from clinicdir.db import db
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import Channel, DeliveryState, MessageKind

AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Queued:
    """How far one message has come; `in_hand_until` says until when a worker may be sending it."""

    id: int
    kind: MessageKind
    state: DeliveryState
    created_at: datetime
    finished_at: datetime | None
    in_hand_until: datetime | None
    follows_id: int | None

    @property
    def is_free(self) -> bool:
        """Say whether it waits and no worker has it in hand."""
        return self.state is DeliveryState.WAITING and self.in_hand_until is None


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
    waiting = list_free(kind, subject_id, now=now).get(channel)
    if waiting is not None:
        waiting.due_at = now + wait
        return
    db.session.add(new_message(kind, channel=channel, subject_id=subject_id, now=now, wait=wait))


def list_free(kind: MessageKind, subject_id: int, *, now: datetime) -> dict[Channel, OutboxMessage]:
    """Return the messages of a kind that wait and that no worker has in hand, by channel."""
    rows = [row for row in _lock(subject_id) if row.kind is kind]
    return {row.channel: row for row in reversed(rows) if _queued(row, now).is_free}


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


def lock_messages(subject_id: int, *, now: datetime) -> list[Queued]:
    """Return all messages about one request, oldest first; no worker takes one meanwhile."""
    return [_queued(row, now) for row in _lock(subject_id)]


def drop(message_id: int, *, now: datetime) -> None:
    """Let a message that waits never leave."""
    row = db.session.get_one(OutboxMessage, message_id)
    row.state, row.finished_at = DeliveryState.NOT_NEEDED, now


def forget_messages(request_id: int, *, now: datetime) -> None:
    """Drop what waits for the patient of a request, and what servers said of such messages.

    An answer of a mail server can quote the address. What tells the clinic goes on.
    """
    for row in _lock(request_id):
        if not row.kind.to_patient:
            continue
        if _queued(row, now).is_free:
            row.state, row.finished_at = DeliveryState.NOT_NEEDED, now
        row.last_error = row.detail = row.row_key = row.sealed = None


def was_accepted(kind: MessageKind, subject_id: int) -> bool:
    """Say whether a mail server has ever accepted a message of this kind about a request."""
    query = select(OutboxMessage.id).where(
        OutboxMessage.subject_id == subject_id,
        OutboxMessage.kind == kind,
        OutboxMessage.state == DeliveryState.ACCEPTED,
    )
    return db.session.scalar(query.limit(1)) is not None


def _lock(subject_id: int) -> list[OutboxMessage]:
    query = (
        select(OutboxMessage)
        .where(OutboxMessage.subject_id == subject_id)
        .order_by(OutboxMessage.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    db.session.flush()
    return list(db.session.scalars(query))


def _queued(row: OutboxMessage, now: datetime) -> Queued:
    until = row.leased_until if row.state is DeliveryState.WAITING else None
    is_in_hand = until is not None and until > now
    return Queued(
        row.id,
        row.kind,
        row.state,
        row.created_at,
        row.finished_at,
        until if is_in_hand else None,
        row.follows_id,
    )
