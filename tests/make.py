"""Makes what tests need: answers, requests, staff, sign-ins. Plain functions, invented people."""

from datetime import date, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from clinicdir import clock
from clinicdir.appointments.arrival import Arrival, submit_request
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import RequestChannel
from clinicdir.appointments.submission import Context, Submission, check_submission
from clinicdir.audit.rules import OPERATOR, PATIENT
from clinicdir.db import db, transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.models import StaffMember
from clinicdir.staff.operations import invite, make_link
from clinicdir.staff.rules import EVERYWHERE, LinkPurpose, Role

CONSENT = "2026-11-24.2"
TODAY = date(2026, 11, 24)
PASSWORD = "four unrelated words here"
_keys = iter(range(1, 1_000_000))


def make_answers(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    """Return the least that a request needs, with changes; None leaves an answer out."""
    answers = {
        "location": "renton",
        "goal": "run",
        "for_whom": "me",
        "patient_name": "Robin Example",
        "phone": "206 555 0123",
        "contact_by": "phone",
        "consent_version": CONSENT,
    } | changes
    return {name: value for name, value in answers.items() if value is not None}


def make_submission(app: Flask, **changes: Any) -> Submission:  # noqa: ANN401
    """Return checked answers."""
    intake = app.extensions["clinicdir"].intake
    return check_submission(make_answers(**changes), Context(today=TODAY, intake=intake))


def make_request(
    app: Flask,
    *,
    key: str | None = None,
    now: datetime | None = None,
    **changes: Any,  # noqa: ANN401
) -> AppointmentRequest:
    """Store a request as the API would and return it; needs an app context."""
    submission = make_submission(app, **changes)
    arrival = Arrival(key=key or f"test:{next(_keys)}", channel=RequestChannel.API)
    with transaction():
        made = submit_request(submission, arrival, actor=PATIENT, now=now or clock.now())
        reference = made.reference
    return get_request(reference, scope=EVERYWHERE)


def make_staff(
    email: str, role: Role = Role.DESK, locations: tuple[str, ...] = ("renton",)
) -> StaffMember:
    """Store an account and return it; needs an app context."""
    with transaction():
        places = [get_location(slug) for slug in locations]
        invite(email, role, places, actor=OPERATOR, now=clock.now())
    return db.session.query(StaffMember).filter_by(email=email).one()


def sign_in(client: FlaskClient, email: str) -> None:
    """Sign in by a one-time link, as `make demo` hands them out."""
    app = client.application
    with app.app_context(), transaction():
        member = db.session.query(StaffMember).filter_by(email=email).one()
        token = make_link(member, LinkPurpose.SIGN_IN, now=clock.now())
    page = client.get(f"/staff/invitation/{token}")
    answer = client.post(
        f"/staff/invitation/{token}", data={"csrf_token": token_of(page.get_data(as_text=True))}
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/")


def token_of(html: str) -> str:
    """Return the form token of a page."""
    return hidden(html, "csrf_token")


def hidden(html: str, name: str) -> str:
    """Return the value of a page's first hidden field of that name."""
    for tag in html.split("<input")[1:]:
        attributes = tag.partition(">")[0]
        if f'name="{name}"' in attributes and 'type="hidden"' in attributes:
            return attributes.partition('value="')[2].partition('"')[0]
    message = f"the page has no hidden field {name}"
    raise AssertionError(message)
