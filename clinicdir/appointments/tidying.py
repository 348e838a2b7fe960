"""Does what time alone brings about: offers run out, and who was on a request has left it."""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.exc import OperationalError

from clinicdir.appointments.models import AppointmentRequest, Offer
from clinicdir.appointments.offers import list_offers
from clinicdir.appointments.operations import Move, act, lease_holder
from clinicdir.appointments.queries import lock_free_request
from clinicdir.appointments.rules import Action, OfferState, Status
from clinicdir.audit.rules import SYSTEM
from clinicdir.db import db, transaction

_log = logging.getLogger(__name__)

_BATCH = 100


def expire_offers(*, now: datetime) -> int:
    """Take back into review each request of whose offered times none is left; return how many."""
    ahead = select(Offer.id).where(
        Offer.request_id == AppointmentRequest.id,
        Offer.state == OfferState.HELD,
        Offer.starts_at > now,
    )
    due = select(AppointmentRequest.id).where(
        AppointmentRequest.status == Status.OFFERED, ~ahead.exists()
    )

    def is_due(found: AppointmentRequest) -> bool:
        return found.status is Status.OFFERED and not list_offers(found, now=now)

    return _move_on(due, is_due, Action.EXPIRE_OFFER, now=now)


def release_lapsed(*, now: datetime) -> int:
    """Put back each request that nobody is on any more, and tell its clinic; return how many."""
    until = AppointmentRequest.claimed_until
    due = select(AppointmentRequest.id).where(
        AppointmentRequest.status == Status.IN_REVIEW, or_(until.is_(None), until <= now)
    )

    def is_due(found: AppointmentRequest) -> bool:
        return found.status is Status.IN_REVIEW and lease_holder(found, now=now) is None

    return _move_on(due, is_due, Action.RELEASE, now=now)


def _move_on(
    due: Select[int], is_due: Callable[[AppointmentRequest], bool], action: Action, *, now: datetime
) -> int:
    """Move each due request on in a transaction of its own, so that a bad row stops no other."""
    moved, last = 0, 0
    while numbers := list(
        db.session.scalars(
            due.where(AppointmentRequest.id > last).order_by(AppointmentRequest.id).limit(_BATCH)
        )
    ):
        for number in numbers:
            try:
                moved += _move_one(number, is_due, action, now=now)
            except OperationalError:
                raise  # the database is away or busy; the others would fare no better
            except Exception:  # noqa: BLE001 - whatever it is, the others go on
                _log.exception("request number %s cannot be moved on", number)
        last = numbers[-1]
    return moved


def _move_one(
    number: int, is_due: Callable[[AppointmentRequest], bool], action: Action, *, now: datetime
) -> bool:
    """Move one request on unless somebody is at it, or has been since the list was read."""
    with transaction():
        found = lock_free_request(number)
        if found is None or not is_due(found):
            return False
        act(found, Move(action), actor=SYSTEM, now=now)
    return True
