"""Holds the first copies of a text that came many times, so that a person checks them, too."""

from datetime import datetime, timedelta

from sqlalchemy import exists, select

from clinicdir.appointments.models import AppointmentRequest, RequestEvent
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.rules import Action, Status
from clinicdir.appointments.suspicion import Suspicion
from clinicdir.audit.rules import SYSTEM
from clinicdir.db import db, key_ring

COPIES_WITHIN = timedelta(hours=24)
_MOST_LOOKED_AT = 5_000
_ENTRY_BYTES = 16


def entry_of(submission_key: str) -> bytes:
    """Return the keyed hash under which an arrival is counted: the same at each try."""
    return key_ring().fingerprint("arrival", submission_key)[:_ENTRY_BYTES]


def hold_copies(entries: frozenset[bytes], *, now: datetime) -> None:
    """Quarantine those of these arrivals that nobody has touched since they came in.

    What staff have cleared or taken up, and what a patient has changed, stays where it is.
    """
    since = now - COPIES_WITHIN
    waiting = (
        select(AppointmentRequest.id, AppointmentRequest.submission_key)
        .where(AppointmentRequest.status == Status.RECEIVED, AppointmentRequest.created_at > since)
        .order_by(AppointmentRequest.created_at.desc())
        .limit(_MOST_LOOKED_AT)
    )
    ids = [row.id for row in db.session.execute(waiting) if entry_of(row.submission_key) in entries]
    touched = exists().where(
        RequestEvent.request_id == AppointmentRequest.id, RequestEvent.action != Action.SUBMIT
    )
    # Who works on one at this moment keeps it; the order is one for all, so that none waits twice.
    query = (
        select(AppointmentRequest)
        .where(AppointmentRequest.id.in_(ids), AppointmentRequest.status == Status.RECEIVED)
        .where(~touched)
        .order_by(AppointmentRequest.location_id, AppointmentRequest.id)
        .with_for_update(of=AppointmentRequest, skip_locked=True)
    )
    for copy in db.session.scalars(query).all():
        copy.suspicions = [Suspicion.REPEATED_TEXT.value]
        act(copy, Move(Action.QUARANTINE), actor=SYSTEM, now=now)
