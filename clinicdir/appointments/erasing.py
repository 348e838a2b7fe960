"""Erases the personal data of a request and of its duplicates; counts, states and times stay."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import lazyload

from clinicdir.appointments.filing import SEALED
from clinicdir.appointments.leftovers import scrub_after_commit
from clinicdir.appointments.models import AppointmentRequest, NameWord, RequestDraft, RequestEvent
from clinicdir.appointments.operations import HIDDEN_UNTIL, Move, act
from clinicdir.appointments.queries import get_by_link, list_events
from clinicdir.appointments.rules import Action, Status
from clinicdir.audit.operations import record
from clinicdir.audit.rules import Actor, location_chain
from clinicdir.crypto import new_row_key
from clinicdir.db import db
from clinicdir.errors import NotFound
from clinicdir.notifications.outbox import forget_messages

ACTION = "erase"  # how the audit trail calls it
# Stands in the details of the line of history that an erasing leaves.
ERASED = "erased"
_LINK_BYTES = 32
# What is kept of the words of an event: codes, slugs and references, never what anybody typed.
_KEPT_WORDS = ("details", "passed", "reason", HIDDEN_UNTIL)
# Answers of their own columns; together they could tell who it was, and nothing counts them.
_EMPTIED = (
    "body_area", "target_month", "best_time", "returning", "referral", "language", "source",
    "phone_hash", "phone_last4_hash", "email_hash", "email_refused_at", "try_again_at",
)  # fmt: skip


def erase_by_link(token: str, *, actor: Actor, now: datetime) -> int:
    """Erase what a patient's link shows, with all that was joined; return how many rows."""
    return erase_rows(lock_family(get_by_link(token).id), actor=actor, now=now)


def erase_by_reference(reference: str, *, actor: Actor, now: datetime) -> int:
    """Erase a request, with all that was joined with it; NotFound where there is no such one.

    Return how many rows were erased: 0 where they all were before.
    """
    query = select(AppointmentRequest).where(AppointmentRequest.reference == reference)
    found = db.session.scalar(query)
    if found is None:
        raise NotFound
    return erase_rows(lock_family(found.id), actor=actor, now=now)


def lock_family(number: int) -> list[AppointmentRequest]:
    """Return a request and all that was joined with it, either way, locked.

    They are locked by number, as in a merge, and returned by clinic, as chains are locked.
    """
    query = (
        select(AppointmentRequest)
        .where(AppointmentRequest.id.in_(_family_of(number)))
        .order_by(AppointmentRequest.id)
        .options(lazyload(AppointmentRequest.location))
        .with_for_update(of=AppointmentRequest)
        .execution_options(populate_existing=True)
    )
    rows = sorted(db.session.scalars(query), key=lambda row: (row.location_id, row.id))
    # A joining may have been undone while we waited: what left the family keeps its data.
    still = _family_of(number) if len(rows) > 1 else {number}
    return [row for row in rows if row.id in still]


def _family_of(number: int) -> set[int]:
    numbers, size = {number}, 0
    while len(numbers) > size:
        size = len(numbers)
        numbers |= _joined_with(numbers)
    return numbers


def _joined_with(numbers: Collection[int]) -> set[int]:
    row = AppointmentRequest
    joined = row.status == Status.ENTERED_IN_ERROR
    down = select(row.id).where(row.duplicate_of.in_(numbers), joined)
    up = select(row.duplicate_of).where(row.id.in_(numbers), row.duplicate_of.is_not(None), joined)
    return {number for query in (down, up) for number in db.session.scalars(query) if number}


def erase_rows(
    family: Sequence[AppointmentRequest], *, actor: Actor, now: datetime, audits: bool = True
) -> int:
    """Erase locked rows, and return how many were not erased before; with an audit entry each.

    What is open, or booked for a time to come, is withdrawn first, so that its clinic is told.
    """
    rows = [row for row in family if row.erased_at is None]
    for row in rows:
        if is_under_way(row, now=now):
            act(row, Move(Action.WITHDRAW), actor=actor, now=now)
        _empty(row, actor=actor, now=now)
        if audits:
            chain = location_chain(row.location_id)
            record(ACTION, actor=actor, now=now, subject=row.reference, chain=chain)
    if rows:
        scrub_after_commit()
    return len(rows)


def is_under_way(request: AppointmentRequest, *, now: datetime) -> bool:
    """Say whether it is open or booked for a time to come: then somebody still counts on it."""
    is_booked = request.status is Status.BOOKED and request.booked_at is not None
    return request.status.is_open or (is_booked and request.booked_at > now)  # type: ignore[operator]


def _empty(row: AppointmentRequest, *, actor: Actor, now: datetime) -> None:
    for event in list_events(row):
        said = event.unseal()
        event.row_key = new_row_key()
        event.seal({"note": None} | {name: said[name] for name in _KEPT_WORDS if name in said})
    row.row_key = new_row_key()
    row.seal(dict.fromkeys(SEALED) | {"patient_name": ""})
    # Nobody knows what would make this hash, so no link ever opens the row again.
    row.link_hash = secrets.token_bytes(_LINK_BYTES)
    row.submission_hash = b""
    for name in _EMPTIED:
        setattr(row, name, None)
    row.stopped, row.windows = [], []
    row.interpreter = row.short_notice = row.voicemail_ok = False
    row.claimed_by = row.claimed_until = None
    row.erased_at = now
    db.session.execute(delete(NameWord).where(NameWord.request_id == row.id))
    drafts = delete(RequestDraft).where(RequestDraft.submission_key == row.submission_key)
    db.session.execute(drafts)
    forget_messages(row.id, now=now)
    line = RequestEvent(
        request_id=row.id,
        at=now,
        actor_kind=actor.kind,
        staff_id=actor.staff_id,
        action=Action.NOTE,
        from_status=row.status,
        to_status=row.status,
    )
    line.seal({"note": None, "details": [ERASED]})
    db.session.add(line)
    db.session.flush()
