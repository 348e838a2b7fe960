"""Writes a message into the outbox, inside the transaction of what it tells of."""

import uuid
from datetime import datetime

from clinicdir.db import db
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import Channel, MessageKind


def enqueue(kind: MessageKind, *, channel: Channel, subject_id: int, now: datetime) -> None:
    """Add one message, due now; its key becomes the Message-ID, the same at every try."""
    db.session.add(new_message(kind, channel=channel, subject_id=subject_id, now=now))


def new_message(
    kind: MessageKind, *, channel: Channel, subject_id: int, now: datetime
) -> OutboxMessage:
    """Return a message that is not in the outbox yet, due now."""
    return OutboxMessage(
        message_key=str(uuid.uuid4()),
        kind=kind,
        channel=channel,
        subject_id=subject_id,
        created_at=now,
        due_at=now,
    )
