"""Leases messages to a worker and notes what became of them: the writes of the outbox worker.

A lease ends by itself, so that what a dead worker had in hand leaves by another one. Each outcome
is noted before the next message leaves: a worker that is killed can have sent one unnoted at most.
"""

import enum
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Table,
    and_,
    bindparam,
    event,
    func,
    or_,
    select,
    update,
)

from clinicdir.db import db, transaction
from clinicdir.notifications.life import (
    FAILED_STATES,
    OPEN_STATES,
    SETTLED_STATES,
    Happening,
    next_state,
)
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import (
    FARTHEST_WAIT,
    GIVE_UP_AFTER,
    Channel,
    DeliveryState,
    MessageKind,
)

LEASE = timedelta(minutes=2)
BATCH = 50
_ROW = cast("Table", OutboxMessage.__table__)
# Built once: this is what is run for each message.
_NOTE = (
    update(_ROW)
    .where(
        _ROW.c.id == bindparam("its_id"),
        _ROW.c.state.in_(OPEN_STATES),
        or_(bindparam("by_anybody", type_=Boolean), _ROW.c.leased_by == bindparam("worker")),
    )
    .values(
        state=bindparam("new_state"),
        attempts=_ROW.c.attempts + bindparam("tries"),
        leased_until=None,
        leased_by=None,
        last_error=bindparam("error"),
        troubled_since=bindparam("since"),
        job=bindparam("its_job"),
        detail=bindparam("its_detail"),
        due_at=func.coalesce(bindparam("due", type_=_ROW.c.due_at.type), _ROW.c.due_at),
        finished_at=bindparam("finished"),
    )
)
# The same without a wait for the disk, told in the statement itself: one question less a message.
_NOTE_SOON = _NOTE.where(func.set_config("synchronous_commit", "off", True) == "off")
_COLUMNS = (
    OutboxMessage.id,
    OutboxMessage.message_key,
    OutboxMessage.kind,
    OutboxMessage.channel,
    OutboxMessage.subject_id,
    OutboxMessage.created_at,
    OutboxMessage.state,
    OutboxMessage.attempts,
    OutboxMessage.follows_id,
    OutboxMessage.troubled_since,
    OutboxMessage.job,
)


@dataclass(frozen=True)
class Taken:
    """A message that is leased to a worker, as it was when that began."""

    id: int
    message_key: str
    kind: MessageKind
    channel: Channel
    subject_id: int
    created_at: datetime
    state: DeliveryState
    attempts: int
    follows_id: int | None
    troubled_since: datetime | None
    job: str | None


class Standing(enum.Enum):
    """How a try has found the channel as a whole."""

    UNKNOWN = "unknown"
    WORKS = "works"
    DOWN = "down"
    UNSET = "unset"


@dataclass(frozen=True)
class Outcome:
    """What happened to a message, in whose words, and when it is looked at again if it is.

    `own` says that the trouble is of this message, not of its whole channel alone; `standing`
    how the channel was found.
    """

    happening: Happening
    error: str | None = None
    tried: bool = True
    own: bool = False
    wait: timedelta = timedelta()
    job: str | None = None
    detail: str | None = None
    standing: Standing = Standing.UNKNOWN


@dataclass
class Worker:
    """One worker: the name on its leases, and the outcome that it could not write down yet."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    unnoted: tuple[Taken, Outcome] | None = None


def take_batch(
    worker: Worker, *, channels: Collection[Channel], now: datetime, limit: int = BATCH
) -> list[Taken]:
    """Lease the messages that have been due longest; no two workers get the same one."""
    free = _free(channels, now)
    if not channels or db.session.scalar(select(OutboxMessage.id).where(free).limit(1)) is None:
        db.session.rollback()
        return []  # the usual case asks for no write lock
    with transaction():
        query = (
            select(*_COLUMNS)
            .where(free)
            .order_by(OutboxMessage.due_at, OutboxMessage.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = [Taken(**row) for row in db.session.execute(query).mappings()]
        _lease(worker, [one.id for one in taken], until=now + LEASE)
    return taken


def find_waiting(message_keys: Collection[str]) -> list[Taken]:
    """Return those of these messages that still wait, whoever holds them."""
    query = select(*_COLUMNS).where(
        OutboxMessage.message_key.in_(message_keys), OutboxMessage.state == DeliveryState.WAITING
    )
    return [Taken(**row) for row in db.session.execute(query).mappings()]


def _free(channels: Collection[Channel], now: datetime) -> ColumnElement[bool]:
    clock_went_back = and_(OutboxMessage.attempts > 0, OutboxMessage.due_at > now + FARTHEST_WAIT)
    return and_(
        OutboxMessage.state.in_(OPEN_STATES),
        or_(OutboxMessage.due_at <= now, clock_went_back),
        or_(OutboxMessage.leased_until.is_(None), OutboxMessage.leased_until <= now),
        OutboxMessage.channel.in_(channels),
    )


def _lease(worker: Worker, ids: Collection[int], *, until: datetime) -> None:
    query = update(OutboxMessage).where(OutboxMessage.id.in_(ids))
    db.session.execute(
        query.values(leased_until=until, leased_by=worker.name),
        execution_options={"synchronize_session": False},
    )


def give_back(worker: Worker, rest: Collection[Taken]) -> None:
    """End the leases of what was not tried."""
    if rest:
        with transaction():
            _give_back(worker, [one.id for one in rest])


def _give_back(worker: Worker, ids: Collection[int]) -> None:
    query = update(OutboxMessage).where(
        OutboxMessage.id.in_(ids), OutboxMessage.leased_by == worker.name
    )
    db.session.execute(
        query.values(leased_until=None, leased_by=None),
        execution_options={"synchronize_session": False},
    )


def note(worker: Worker, taken: Taken, outcome: Outcome, *, now: datetime) -> DeliveryState:
    """Write down what happened, inside a transaction; return where the message stands then.

    A worker whose lease ran out writes only that a message has left, which another's trouble with
    it does not change.
    """
    happening, since = outcome.happening, taken.troubled_since
    if outcome.own:
        since = since or now
        if now - since >= GIVE_UP_AFTER:
            happening = Happening.GIVE_UP
    state = next_state(taken.state, happening)
    is_open = state in OPEN_STATES
    connection = db.session.connection()
    # A worker that is killed loses nothing by it, and no message is lost by a power cut of the
    # database: one that left within its last half second leaves again, under the same id.
    soon = not is_open and connection.dialect.name == "postgresql"
    values = {
        "its_id": taken.id,
        "worker": worker.name,
        "by_anybody": not is_open and state not in FAILED_STATES,
        "new_state": state,
        "tries": int(outcome.tried),
        "error": outcome.error,
        "since": since,
        "its_job": outcome.job,
        "its_detail": outcome.detail,
        "due": now + outcome.wait if is_open else None,
        "finished": None if is_open else now,
    }
    connection.execute(_NOTE_SOON if soon else _NOTE, values)
    if state in FAILED_STATES:
        _call_followers(taken.id, now)
    return state


def _call_followers(failed_id: int, now: datetime) -> None:
    """Let what stands in for a message that failed leave now."""
    query = update(OutboxMessage).where(
        OutboxMessage.follows_id == failed_id,
        OutboxMessage.state == DeliveryState.WAITING,
        OutboxMessage.due_at > now,
    )
    db.session.execute(query.values(due_at=now), execution_options={"synchronize_session": False})


def has_got_through(message_id: int) -> bool:
    """Say whether the other side has taken a message, or nobody needs it any more."""
    state = db.session.scalar(select(OutboxMessage.state).where(OutboxMessage.id == message_id))
    db.session.rollback()
    return state in SETTLED_STATES


@contextmanager
def all_kept() -> Iterator[None]:
    """Keep what is read meanwhile, so that a clinic is read once for all its messages."""
    kept: list[object] = []

    def keep(_session: object, found: object) -> None:
        kept.append(found)

    session = db.session()
    event.listen(session, "loaded_as_persistent", keep)
    try:
        yield
    finally:
        event.remove(session, "loaded_as_persistent", keep)
