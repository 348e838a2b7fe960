"""Measures by clinic and week: page, drawing and file, without a look at personal data."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import SPAM, Action
from clinicdir.audit.rules import Actor, ActorKind
from clinicdir.db import db, transaction
from clinicdir.staff.models import StaffMember
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.web.staff import measuring
from tests.conftest import Clock
from tests.make import make_request, make_staff, sign_in
from tests.pages import heading, links, main_text, parse, text_of
from tests.tables import rows, statements

PAGE, FILE = "/staff/measures", "/staff/measures.csv"
MANAGER = "manager@example.com"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def manager(app: Flask) -> FlaskClient:
    with app.app_context():
        make_staff(MANAGER, Role.MANAGER, ("renton", "bellevue"))
    client = app.test_client()
    sign_in(client, MANAGER)
    return client


def ask(
    app: Flask,
    came: str,
    *,
    promise_h: float | None = None,
    contact_h: float | None = None,
    action: Action = Action.LOG_CONTACT,
    **changes: Any,  # noqa: ANN401
) -> None:
    """Store a request that came then, by the clock of Renton, and was contacted so much later."""
    at = datetime.fromisoformat(came)
    with app.app_context():
        reference = make_request(app, now=at, **({"location": "renton"} | changes)).reference
        staff_id = db.session.query(StaffMember.id).filter_by(email=MANAGER).scalar()
        with transaction():
            found = get_request(reference, scope=EVERYWHERE)
            if promise_h is not None:
                found.promise_at = at + timedelta(hours=promise_h)
        if contact_h is not None:
            with transaction():
                found = get_request(reference, scope=EVERYWHERE)
                move = Move(
                    action,
                    decline_reason=SPAM if action is Action.DECLINE else None,
                    details=("reached",) if action is Action.LOG_CONTACT else (),
                )
                actor = Actor(ActorKind.STAFF, staff_id, MANAGER)
                act(found, move, actor=actor, now=at + timedelta(hours=contact_h))


def fill(app: Flask) -> None:
    """Store what came in by the end of two weeks, in Renton and elsewhere."""
    # Sunday, one minute before midnight in Renton, and Monday at midnight.
    ask(app, "2026-11-22T23:59-08:00", promise_h=4, contact_h=2)
    ask(app, "2026-11-23T00:00-08:00", promise_h=4, contact_h=6)
    ask(app, "2026-11-23T09:00-08:00", promise_h=4)
    ask(app, "2026-11-24T11:00-08:00", contact_h=0.5)
    ask(app, "2026-11-24T11:00-08:00", contact_h=0.5, action=Action.QUARANTINE)
    ask(app, "2026-11-24T11:00-08:00", contact_h=0.5, action=Action.DECLINE)
    ask(app, "2026-11-24T11:00-08:00", contact_h=0.5, location="covington")
    # The first minute of the 12 weeks, and the last one before them.
    ask(app, "2026-09-07T00:00-07:00", contact_h=100)
    ask(app, "2026-09-06T23:59-07:00", contact_h=1)


def file_of(client: FlaskClient, query: str = "") -> list[list[str]]:
    answer = client.get(FILE + query)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = "attachment; filename=measures-2026-11-24.csv"
    assert answer.headers["Content-Disposition"] == name
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_file_has_each_week_of_own_clinics(app: Flask, manager: FlaskClient) -> None:
    fill(app)
    head, *lines = file_of(manager)
    assert head == [
        "location", "week", "requests", "contacted", "median_hours", "p90_hours", "overdue",
    ]  # fmt: skip
    assert len(lines) == 24
    assert [line for line in lines if line[2] != "0"] == [
        ["renton", "2026-09-07", "1", "1", "100.00", "100.00", "0"],
        ["renton", "2026-11-16", "1", "1", "2.00", "2.00", "0"],
        ["renton", "2026-11-23", "3", "2", "0.50", "6.00", "2"],
    ]
    assert {line[0] for line in lines} == {"renton", "bellevue"}
    assert {line[0] for line in file_of(manager, "?location=bellevue")[1:]} == {"bellevue"}
    noted = rows(app, "audit_entry", "actor_label", "action", "subject", "detail", "chain")
    assert noted[-1] == (MANAGER, "export", "measures", "as manager", "group")


def test_page_draws_the_weeks_and_tells_them_in_a_table(app: Flask, manager: FlaskClient) -> None:
    fill(app)
    assert links(manager.get("/staff/"))["Reports"] == PAGE
    page = manager.get(PAGE)
    assert heading(page) == "Reports"
    text = main_text(page)
    table = list(parse(page).iter("table"))[-1]
    cells = [[text_of(cell) for cell in row.iter("td")] for row in table.iter("tr")]
    assert len(cells) == 13
    assert cells[-2:] == [
        ["Mon, Nov 16", "1", "1", "2.0 h", "2.0 h", "0"],
        ["Mon, Nov 23", "3", "2", "30 min", "6.0 h", "2"],
    ]
    assert "Bellevue No first contact in these 12 weeks." in text
    assert "Covington" not in text
    (drawing,) = parse(page).iter(f"{SVG}svg")
    assert (drawing.attrib["role"], drawing.attrib["aria-labelledby"]) == ("img", "bars-renton")
    (words,) = drawing.iter(f"{SVG}title")
    assert words.attrib["id"] == "bars-renton"
    assert text_of(words).endswith("The highest bar is 4.2 days. The table below has the numbers.")
    drawn = drawing.iter(f"{SVG}rect")
    bars = [[int(one.attrib[name]) for name in ("x", "height")] for one in drawn]
    assert bars == [[0, 80], [0, 80], [240, 2], [240, 2], [264, 5], [264, 1], [0, 1]]


def test_page_opens_no_personal_data(app: Flask, manager: FlaskClient) -> None:
    fill(app)
    with statements(app) as sent:
        manager.get(PAGE)
        manager.get(FILE)
    assert not [one for one in sent if f"{AppointmentRequest.__tablename__}.sealed" in one]
    assert [one for one in sent if f"{AppointmentRequest.__tablename__}.promise_at" in one]


def test_many_clinics_have_pages(manager: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_CLINICS_A_PAGE", 1)
    first = manager.get(PAGE)
    second = manager.get(links(first)["More clinics"])
    shown = [
        [text_of(one) for one in next(parse(page).iter("main")).iter("h2")]
        for page in (first, second)
    ]
    assert shown == [["Bellevue"], ["Renton"]]
    assert "More clinics" not in links(second)


@pytest.mark.parametrize("role", [Role.DESK, Role.VIEWER])
def test_desk_and_viewer_have_no_reports(app: Flask, role: Role) -> None:
    with app.app_context():
        make_staff("desk@example.com", role)
    client = app.test_client()
    sign_in(client, "desk@example.com")
    assert "Reports" not in links(client.get("/staff/"))
    assert [client.get(address).status_code for address in (PAGE, FILE)] == [403, 403]


def test_foreign_clinic_is_unknown(manager: FlaskClient) -> None:
    foreign = manager.get(f"{FILE}?location=covington")
    assert (foreign.status_code, foreign.data) == (404, manager.get(f"{FILE}?location=x").data)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (None, "–"),
        (0, "0 min"),
        (0.5, "30 min"),
        (1, "1.0 h"),
        (47.96, "48.0 h"),
        (100, "4.2 days"),
    ],
)
def test_waits_in_words(app: Flask, hours: float | None, words: str) -> None:
    with app.test_request_context():
        assert measuring.hours_words(hours) == words
