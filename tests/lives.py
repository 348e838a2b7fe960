"""Reads one request's life out of the tables and says whether it is a legal one."""

from collections import Counter
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from clinicdir.appointments.models import AppointmentRequest, Offer, RequestEvent
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import TRANSITIONS, Action, OfferState, Status
from clinicdir.audit.models import AuditEntry
from clinicdir.audit.rules import Actor
from clinicdir.db import db, transaction
from clinicdir.locations.queries import get_location
from clinicdir.notifications.models import OutboxMessage
from clinicdir.notifications.rules import DeliveryState
from clinicdir.staff.rules import EVERYWHERE


def do(
    app: Flask,
    reference: str,
    action: Action,
    *,
    actor: Actor,
    now: datetime,
    to: str | None = None,
    **details: Any,  # noqa: ANN401 - what a move may name
) -> None:
    """Move a request on in a transaction of its own, read unlocked as the desk's page does.

    `to` is the slug of the clinic that it is passed on to.
    """
    with app.app_context(), transaction():
        location = None if to is None else get_location(to)
        found = get_request(reference, scope=EVERYWHERE)
        act(found, Move(action, location=location, **details), actor=actor, now=now)


def actions_of(app: Flask, reference: str) -> list[Action]:
    """Return what was done to a request after it came in, having checked that it could be."""
    with app.app_context():
        found = get_request(reference, scope=EVERYWHERE)
        events = list(
            db.session.scalars(
                select(RequestEvent)
                .where(RequestEvent.request_id == found.id)
                .order_by(RequestEvent.id)
            )
        )
        status = Status.RECEIVED
        for event in events[1:]:
            assert event.from_status is status
            status = TRANSITIONS[status, event.action]
        assert status is found.status
        query = select(AuditEntry.action).where(AuditEntry.subject == reference)
        audited = Counter(db.session.scalars(query))
        audited.pop("transfer_out", None)
        assert audited == Counter(event.action.value for event in events)
        # In this session: a second one beside an open read would keep SQLite's writer waiting.
        states = db.session.scalars(select(Offer.state).where(Offer.request_id == found.id))
        assert (OfferState.HELD in states.all()) is (status is Status.OFFERED)
        return [event.action for event in events[1:]]


def offers_of(app: Flask, reference: str) -> list[OfferState]:
    """Return what became of each offered time, the earliest first."""
    with app.app_context():
        query = (
            select(Offer.state)
            .join(AppointmentRequest, AppointmentRequest.id == Offer.request_id)
            .where(AppointmentRequest.reference == reference)
            .order_by(Offer.starts_at, Offer.id)
        )
        return list(db.session.scalars(query))


def let_messages_leave(app: Flask) -> None:
    """Let every message that waits be one that a mail server has accepted."""
    with app.app_context(), transaction():
        accepted = {"state": DeliveryState.ACCEPTED, "finished_at": OutboxMessage.created_at}
        db.session.execute(update(OutboxMessage).values(accepted))


def messages_of(app: Flask, reference: str) -> list[str]:
    """Return the kinds of the messages about a request, oldest first."""
    with app.app_context():
        number = get_request(reference, scope=EVERYWHERE).id
        query = select(OutboxMessage.kind).where(OutboxMessage.subject_id == number)
        return [kind.value for kind in db.session.scalars(query.order_by(OutboxMessage.id))]
