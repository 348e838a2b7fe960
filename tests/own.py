"""Puts requests into each state and opens their own pages, as patients do."""

from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.models import AppointmentRequest, Offer
from clinicdir.appointments.rules import OfferState, Status
from clinicdir.db import db, transaction
from tests.make import make_request
from tests.pages import press

DIGITS = "0123"


def make_own(app: Flask, status: Status = Status.RECEIVED, **changes: Any) -> str:  # noqa: ANN401
    """Store a request in a state and return the path of its own page."""
    columns = {
        name: changes.pop(name)
        for name in ("booked_at", "decline_reason", "duplicate_of", "promise_at")
        if name in changes
    }
    with app.app_context():
        made = make_request(app, **changes)
        token, number = link_token(made), made.id
        with transaction():
            db.session.execute(
                update(AppointmentRequest)
                .where(AppointmentRequest.id == number)
                .values(status=status, **columns)
            )
    return f"/requests/{token}"


def hold_out(app: Flask, *times: datetime) -> None:
    """Hold times out to every request there is."""
    with app.app_context(), transaction():
        db.session.add_all(
            Offer(
                request_id=found.id,
                location_id=found.location_id,
                starts_at=at,
                made_at=clock.now(),
                made_by=None,
                state=OfferState.HELD,
            )
            for found in db.session.query(AppointmentRequest)
            for at in times
        )


def in_days(days: float) -> datetime:
    """Return an instant so many days ahead, in whole minutes."""
    return clock.now().replace(second=0, microsecond=0) + timedelta(days=days)


def pass_check(client: FlaskClient, own: str, proof: str = DIGITS) -> TestResponse:
    """Send the contact check of a link."""
    return press(client, client.get(f"{own}/check"), f"{own}/check", proof=proof)


def checked(app: Flask, own: str, proof: str = DIGITS) -> FlaskClient:
    """Return a browser that has passed the check of a link."""
    client = app.test_client()
    assert pass_check(client, own, proof).status_code == 303
    return client
