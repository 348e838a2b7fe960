"""The worker: takes due messages from the outbox, one at a time, and hands them out.

No network call is made inside a transaction. A row is leased in a short one, sent outside any,
and marked in another short one; a worker that dies in between lets the lease run out, so that a
message leaves at least once and always with the same Message-ID.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from clinicdir.db import db, transaction
from clinicdir.notifications.channels import NoAddress, Refused, Send, Troubled
from clinicdir.notifications.messages import MessageTexts
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import DeliveryState, Message, MessageKind, next_wait

LEASE = timedelta(minutes=2)
_ERROR_LENGTH = 300


class NotNeeded(Exception):  # noqa: N818 - reads as a word
    """What the message would tell is no longer so."""


Resolve = Callable[[MessageKind, int], Message]


@dataclass(frozen=True)
class Post:
    """What the worker needs: how to send, from whom, in what words."""

    send: Send
    sender: str
    texts: MessageTexts
    resolve: Resolve


@dataclass(frozen=True)
class _Taken:
    id: int
    message_key: str
    kind: MessageKind
    subject_id: int


def deliver_due(post: Post, *, clock: Callable[[], datetime], limit: int = 100) -> int:
    """Try each due message once, at most `limit`; return how many the server accepted."""
    accepted = 0
    for _ in range(limit):
        taken = _take(clock())
        if taken is None:
            break
        accepted += _deliver(taken, post, clock) is DeliveryState.ACCEPTED
    return accepted


def _take(now: datetime) -> _Taken | None:
    """Lease the message that has been due longest; two workers never get the same one."""
    query = (
        select(OutboxMessage)
        .where(
            OutboxMessage.state == DeliveryState.WAITING,
            OutboxMessage.due_at <= now,
            or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now),
        )
        .order_by(OutboxMessage.due_at, OutboxMessage.id)
        .limit(1)
    )
    if db.session.scalar(query) is None:
        return None  # the usual case asks for no write lock
    with transaction():
        row = db.session.scalar(query.with_for_update(skip_locked=True))
        if row is None:
            return None
        row.leased_until = now + LEASE
        return _Taken(row.id, row.message_key, row.kind, row.subject_id)


def _deliver(taken: _Taken, post: Post, clock: Callable[[], datetime]) -> DeliveryState:
    state, error = DeliveryState.WAITING, None
    try:
        message = post.resolve(taken.kind, taken.subject_id)
        db.session.rollback()  # the read ends here: nothing is held open while the mail leaves
        mail = post.texts.email(
            message, sender=post.sender, message_key=taken.message_key, now=clock()
        )
        post.send(mail)
        state = DeliveryState.ACCEPTED
    except NotNeeded:
        state = DeliveryState.NOT_NEEDED
    except Refused as refusal:
        state, error = DeliveryState.REFUSED, str(refusal)
    except (Troubled, NoAddress) as trouble:
        error = str(trouble)
    _mark(taken, state, error, clock())
    return state


def _mark(taken: _Taken, state: DeliveryState, error: str | None, now: datetime) -> None:
    with transaction():
        row = db.session.get_one(OutboxMessage, taken.id)
        row.state = state
        row.attempts += 1
        row.leased_until = None
        row.last_error = error[:_ERROR_LENGTH] if error else None
        if state is DeliveryState.WAITING:
            row.due_at = now + next_wait(row.attempts)
        else:
            row.finished_at = now
