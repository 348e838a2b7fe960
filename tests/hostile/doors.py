"""The doors by which a text comes in, each as a function that tries it and says what came of it."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.db import db
from clinicdir.staff.rules import Role
from tests.asking import ANSWERS, BODY, CHECK, follow, walk
from tests.make import make_request, make_staff, sign_in
from tests.pages import form, press
from tests.tables import rows

API = "/api/v1/requests"
STEP_OF = {name: step for step, answers in ANSWERS.items() for name in answers}
UNSHOWABLE = "Type this again: it contains characters that cannot be shown"


def ask_page(client: FlaskClient, field: str, text: str) -> TestResponse:
    """Send one text among good answers by its page of questions."""
    step = STEP_OF[field]
    page = walk(client, step)
    return press(client, page, step, **(ANSWERS[step] | {field: text}))


def kept(answer: TestResponse, field: str) -> list[str]:
    """Return what a page of questions holds of a field after it was refused."""
    return form(answer, STEP_OF[field])[field]


def send_page(client: FlaskClient, **typed: Any) -> TestResponse:  # noqa: ANN401
    """Walk through all pages with these answers and send them; return the check before."""
    page = walk(client, **typed)
    sent = follow(client, press(client, page, CHECK))
    assert sent.status_code == 200
    return page


def send_api(client: FlaskClient, key: str = "k", **changes: Any) -> TestResponse:  # noqa: ANN401
    """Send a request with all answers as JSON."""
    return client.post(API, json=BODY | changes, headers={"Idempotency-Key": key})


def problems(answer: TestResponse) -> list[tuple[str, str]]:
    """Return field and sentence of each error of a problem."""
    assert answer.mimetype == "application/problem+json"
    return [(error["field"], error["message"]) for error in answer.get_json()["errors"]]


def stored(app: Flask) -> list[dict[str, Any]]:
    """Return the personal answers of every request, oldest first."""
    with app.app_context():
        found = db.session.query(AppointmentRequest).order_by(AppointmentRequest.id)
        return [one.personal for one in found]


def counts(app: Flask) -> dict[str, int]:
    """Return how many rows there are of what a request leaves behind."""
    names = ("appointment_request", "request_event", "request_location", "name_word")
    return {name: len(rows(app, name, "id")) for name in (*names, "outbox_message")}


def make_desk(app: Flask, role: Role = Role.DESK) -> FlaskClient:
    """Return the signed-in client of a person at Renton."""
    with app.app_context():
        make_staff(f"{role}@example.com", role)
    client = app.test_client()
    sign_in(client, f"{role}@example.com")
    return client


def make_open(app: Flask, **changes: Any) -> str:  # noqa: ANN401
    """Store a request at Renton and return where staff open it."""
    with app.app_context():
        return f"/staff/requests/{make_request(app, **changes).reference}"


def move(desk: FlaskClient, url: str, action: str, **typed: Any) -> TestResponse:  # noqa: ANN401
    """Make a move on a request with what was typed, as its opened page sends it."""
    page = desk.get(url)
    return press(desk, page, f"{url}/{action}", **typed)
