"""The worker: takes due messages from the outbox, one at a time, and hands them out.

No network call is made inside a transaction. A row is leased in a short one, sent outside any,
and marked in another short one; a worker that dies in between lets the lease run out, so that a
message leaves at least once and always with the same Message-ID.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from clinicdir.db import db, transaction
from clinicdir.notifications.channels import NoAddress, Refused, Send, Troubled
from clinicdir.notifications.messages import MessageTexts
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import (
    ADDRESS_WAIT,
    DeliveryState,
    Message,
    MessageKind,
    next_wait,
    without_address,
)

_log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
_ERROR_LENGTH = 300


class NotNeeded(Exception):  # noqa: N818 - reads as a word
    """What the message would tell is no longer so."""


Resolve = Callable[[MessageKind, int], Message]
# What it tells of, by kind and number, the address that was refused, and when.
TellRefusal = Callable[[MessageKind, int, str, datetime], None]


def _tell_nobody(_kind: MessageKind, _subject_id: int, _address: str, _now: datetime) -> None:
    """Stand for whoever wants to know of a refusal, where nobody does."""


@dataclass(frozen=True)
class Post:
    """What the worker needs: how to send, from whom, in what words, whom to tell of a refusal."""

    send: Send
    sender: str
    texts: MessageTexts
    resolve: Resolve
    refused: TellRefusal = _tell_nobody


@dataclass(frozen=True)
class _Taken:
    id: int
    message_key: str
    kind: MessageKind
    subject_id: int


@dataclass(frozen=True)
class _Outcome:
    state: DeliveryState
    error: str | None
    tried: bool


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
    state, error, tried, address = DeliveryState.WAITING, None, True, ""
    try:
        message = post.resolve(taken.kind, taken.subject_id)
        db.session.rollback()  # the read ends here: nothing is held open while the mail leaves
        address = message.to
        mail = post.texts.email(
            message, sender=post.sender, message_key=taken.message_key, now=clock()
        )
        post.send(mail)
        state = DeliveryState.ACCEPTED
    except NotNeeded:
        state = DeliveryState.NOT_NEEDED
    except Refused as refusal:
        state, error = DeliveryState.REFUSED, str(refusal)
    except NoAddress as lack:
        error, tried = str(lack), False
    except Troubled as trouble:
        error = str(trouble)
    except Exception as fault:  # noqa: BLE001 - one bad message must not hold up the others
        _log.exception("message %s cannot be delivered", taken.message_key)
        error = f"fault: {type(fault).__name__}"
    if error and taken.kind.to_patient and address:
        error = without_address(error, address)
    if state is DeliveryState.REFUSED:
        # Before the message is marked: should we die in between, it is refused once more.
        post.refused(taken.kind, taken.subject_id, address, clock())
    _mark(taken, _Outcome(state, error, tried=tried), clock())
    return state


def _mark(taken: _Taken, outcome: _Outcome, now: datetime) -> None:
    with transaction():
        row = db.session.get_one(OutboxMessage, taken.id, with_for_update=True)
        if row.state is not DeliveryState.WAITING:
            return  # our lease ran out, and another worker has finished it meanwhile
        row.state = outcome.state
        row.attempts += outcome.tried
        row.leased_until = None
        row.last_error = outcome.error[:_ERROR_LENGTH] if outcome.error else None
        if outcome.state is DeliveryState.WAITING:
            row.due_at = now + (next_wait(row.attempts) if outcome.tried else ADDRESS_WAIT)
        else:
            row.finished_at = now
