"""What a clinic takes: its form, the JSON API and drafts begun before obey at the next request."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.changes import change_location
from clinicdir.audit.rules import PATIENT
from clinicdir.db import transaction
from clinicdir.errors import Invalid
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import Role
from tests.asking import CHECK, CONTACT, START, WHO, walk
from tests.conftest import Clock
from tests.make import make_answers, make_request, make_staff, sign_in
from tests.pages import Typed, field_errors, form, links, main_text, parse, press, summary
from tests.tables import rows

PAGE = "/staff/settings/renton/goals"
MANAGER = "manager@example.com"
NOT_HERE = "Select another goal or another clinic: not taken at Renton"
NOT_SO = "Select another way: Renton cannot contact you by this one"


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def manager(app: Flask) -> FlaskClient:
    with app.app_context():
        make_staff(MANAGER, Role.MANAGER, ("renton",))
    client = app.test_client()
    sign_in(client, MANAGER)
    return client


def leave_out(client: FlaskClient, *codes: str) -> TestResponse:
    """Untick goals and ways of Renton, and save."""
    page = client.get(PAGE)
    shown = form(page, PAGE)
    kept: dict[str, Typed] = {
        name: [code for code in shown[name] if code not in codes] for name in ("goals", "ways")
    }
    return press(client, page, PAGE, **kept)


def offered(page: TestResponse, name: str) -> list[str]:
    """Return the values that a page offers for a field."""
    return [
        node.attrib["value"]
        for node in parse(page).iter("input")
        if node.attrib.get("name") == name
    ]


def ask(client: FlaskClient, key: str, **changes: Any) -> TestResponse:  # noqa: ANN401 - JSON
    return client.post(
        "/api/v1/requests", json=make_answers(**changes), headers={"Idempotency-Key": key}
    )


def test_what_is_left_out_is_stored_audited_and_public_at_once(
    app: Flask, client: FlaskClient, manager: FlaskClient
) -> None:
    answer = leave_out(manager, "ski", "climb", "email")
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert rows(app, "location", "slug", "goals_not_taken", "ways_not_used")[2] == (
        "renton", ["ski", "climb"], ["email"],
    )  # fmt: skip
    columns = ("actor_label", "action", "subject", "detail", "chain")
    assert [row for row in rows(app, "audit_entry", *columns) if row[1] == "settings"] == [
        (MANAGER, "settings", "renton",
         "goals_not_taken: [] > ['ski', 'climb']; ways_not_used: [] > ['email']", "location/3"),
    ]  # fmt: skip
    told = client.get("/api/v1/locations/renton").get_json()
    assert (told["goals"], told["contact_by"]) == (
        ["everyday", "run", "paddle_board", "sport", "other"], ["phone"],
    )  # fmt: skip
    page = client.get("/request?location=renton")
    assert offered(page, "goal") == told["goals"]
    assert "RentonNot taken here: Ski; Climb." in main_text(page)
    assert "Not taken here: Ski; Climb." in main_text(client.get("/locations/renton"))
    assert "Not taken here" not in main_text(client.get("/locations/covington"))
    # With no clinic chosen, all that any clinic takes is offered.
    assert "ski" in offered(client.get("/request"), "goal")
    assert offered(walk(client, CONTACT, goal="run"), "contact_by") == ["phone"]


@pytest.mark.parametrize(
    ("left_out", "sentence", "field"),
    [
        ("everyday run ski paddle_board sport climb other",
         "Select at least one goal: a clinic that takes none is closed instead", "goals"),
        ("phone email", "Select at least one way by which patients are contacted", "ways"),
    ],
)  # fmt: skip
def test_nothing_left_is_refused(
    app: Flask, manager: FlaskClient, left_out: str, sentence: str, field: str
) -> None:
    answer = leave_out(manager, *left_out.split())
    assert answer.status_code == 422
    assert summary(answer) == [(f"#{field}", sentence)]
    assert set(rows(app, "location", "version")) == {1}


def test_stale_page_is_told_who_was_faster(manager: FlaskClient) -> None:
    page = manager.get(PAGE)
    leave_out(manager, "ski")
    answer = press(manager, page, PAGE, goals=["run"])
    assert answer.status_code == 409
    assert f"{MANAGER} changed these settings on Tue, Nov 24, 12:00 pm." in main_text(answer)
    assert "Not takenSki" in main_text(answer)
    assert form(answer, PAGE)["goals"] == ["run"]


def test_api_obeys_and_the_first_clinic_that_takes_it_gets_it(
    client: FlaskClient, manager: FlaskClient
) -> None:
    leave_out(manager, "ski", "email")
    refused = ask(client, "one", goal="ski")
    assert refused.status_code == 422
    assert refused.get_json()["errors"] == [
        {"field": "goal", "code": "not_taken", "message": NOT_HERE}
    ]
    refused = ask(client, "two", contact_by="email", email="kim@example.com")
    assert refused.get_json()["errors"] == [
        {"field": "contact_by", "code": "not_used", "message": NOT_SO}
    ]
    made = ask(client, "three", goal="ski", location=["renton", "covington"])
    assert (made.status_code, made.get_json()["location"]) == (201, "covington")
    assert ask(client, "four").get_json()["location"] == "renton"


def test_draft_begun_before_is_answered_with_what_to_change(
    app: Flask, client: FlaskClient, manager: FlaskClient
) -> None:
    page = walk(client, CHECK, goal="ski", goal_text=None, contact_by="email")
    leave_out(manager, "ski", "email")
    answer = press(client, page, CHECK)
    assert answer.status_code == 422
    assert [sentence for _, sentence in summary(answer)] == [NOT_HERE]
    assert rows(app, "appointment_request", "id") == []
    to_change = next(href for href in links(answer).values() if href.startswith(f"{START}?"))
    first = client.get(to_change)
    assert form(first, START)["goal"] == ["ski"]
    answer = press(client, first, START)
    assert (answer.status_code, field_errors(answer)) == (422, [NOT_HERE])
    assert form(answer, START)["tried"] == ["Rest"]
    assert press(client, answer, START, goal="run").status_code == 303
    contact = client.get(CONTACT)
    assert form(contact, CONTACT)["contact_by"] == ["email"]
    answer = press(client, contact, CONTACT)
    assert (answer.status_code, field_errors(answer)) == (422, [NOT_SO])
    assert form(answer, CONTACT)["email"] == ["kim@example.com"]
    assert press(client, answer, CONTACT, contact_by="phone").status_code == 303
    assert press(client, client.get(CHECK), CHECK).status_code == 303
    assert rows(app, "appointment_request", "goal", "contact_by") == [("run", "phone")]


def test_number_is_asked_for_where_the_clinic_only_calls(
    client: FlaskClient, manager: FlaskClient
) -> None:
    leave_out(manager, "email")
    page = walk(client, CONTACT)
    typed: dict[str, Typed] = {"email": "kim@example.com", "contact_by": "phone"}
    answer = press(client, page, CONTACT, **typed)
    assert field_errors(answer) == [
        "Enter a phone number: this clinic contacts patients by phone only"
    ]
    assert WHO not in answer.headers


def test_patient_cannot_move_a_request_to_a_clinic_that_does_not_take_it(
    app: Flask, manager: FlaskClient
) -> None:
    leave_out(manager, "ski")
    with app.app_context():
        found = make_request(app, location="covington", goal="ski")
        with transaction(), pytest.raises(Invalid) as refusal:
            change_location(found, "renton", seen_version=None, actor=PATIENT, now=clock.now())
        (error,) = refusal.value.errors
        assert (error.field, error.values) == ("location", {"clinic": get_location("renton").name})
