"""What is done to messages besides delivering them: tried again, dropped, settled from outside."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor
from clinicdir.db import db
from clinicdir.errors import NotFound
from clinicdir.notifications.channels import NoAddress, Receipt
from clinicdir.notifications.delivery import Resolve
from clinicdir.notifications.life import FAILED_STATES, OPEN_STATES, Happening, next_state
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.outcomes import NotNeeded
from clinicdir.notifications.rules import Channel, DeliveryState, next_wait

_LOOKED_THROUGH = 100


def retry(ids: Collection[int], *, actor: Actor, now: datetime) -> int:
    """Let messages that failed leave once more, now; NotFound where one of them has not failed."""
    query = select(OutboxMessage).where(
        OutboxMessage.id.in_(ids), OutboxMessage.state.in_(FAILED_STATES)
    )
    found = db.session.scalars(query.with_for_update()).all()
    if {row.id for row in found} != set(ids):
        raise NotFound
    for row in found:
        _begin_again(row, now)
        record("retry_message", actor=actor, now=now, subject=str(row.id))
    return len(found)


def retry_dead(*, actor: Actor, now: datetime) -> int:
    """Let every message that was given up leave once more, now; return how many."""
    query = select(OutboxMessage).where(OutboxMessage.state == DeliveryState.DEAD)
    found = db.session.scalars(query.with_for_update()).all()
    for row in found:
        _begin_again(row, now)
    if found:
        record("retry_message", actor=actor, now=now, subject="all", detail=str(len(found)))
    return len(found)


def _begin_again(row: OutboxMessage, now: datetime) -> None:
    row.state = next_state(row.state, Happening.RETRY)
    row.due_at = now
    row.finished_at = row.troubled_since = row.job = row.detail = None


def drop_unneeded(resolve: Resolve, *, now: datetime) -> int:
    """Close the messages given up that nobody has to be told any more; return how many."""
    query = (
        select(OutboxMessage)
        .where(OutboxMessage.state == DeliveryState.DEAD)
        .order_by(OutboxMessage.id)
        .limit(_LOOKED_THROUGH)
    )
    unneeded = [row for row in db.session.scalars(query) if not _is_needed(row, resolve)]
    for row in unneeded:
        row.state = next_state(row.state, Happening.DROP)
        row.finished_at = now
    return len(unneeded)


def _is_needed(row: OutboxMessage, resolve: Resolve) -> bool:
    try:
        resolve(row.kind, row.subject_id)
    except NotNeeded:
        return False
    except NoAddress:
        return True
    return True


def settle_job(channel: Channel, job: str, receipt: Receipt, *, now: datetime) -> bool:
    """Note what the other side tells of a job by itself; False where nobody waits for it.

    Said twice, or after the job was settled otherwise, it changes nothing. A job that failed
    for now (`Happening.FAIL`) is sent anew.
    """
    query = select(OutboxMessage).where(
        OutboxMessage.channel == channel,
        OutboxMessage.job == job,
        OutboxMessage.state == DeliveryState.HANDED_OVER,
    )
    row = db.session.scalar(query.with_for_update())
    if row is None:
        return False
    row.state = next_state(row.state, receipt.happening)
    row.detail = receipt.detail
    row.leased_until = row.leased_by = None
    if row.state is DeliveryState.WAITING:
        row.last_error, row.detail = receipt.detail, None
        row.due_at = now + next_wait(row.attempts)
        row.troubled_since = row.troubled_since or now
    elif row.state not in OPEN_STATES:
        row.finished_at = now
    return True
