"""Faults that a second reading found, each kept from coming back."""

import sqlite3
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.appointments.answers import AnswerReader
from clinicdir.db import transaction
from clinicdir.locations.queries import day_at, get_location
from clinicdir.notifications.channels import Refused, Troubled
from clinicdir.notifications.smtp import told_apart
from tests.conftest import build_app
from tests.make import make_answers, make_request, make_staff, sign_in


def test_unreadable_counter_costs_no_request(sqlite_app: Flask) -> None:
    instance = sqlite_app.extensions["clinicdir"].settings.instance
    app = build_app(instance, rate_limits="on")
    (instance / "limits.sqlite3").write_bytes(b"no database" * 1000)
    key = {"Idempotency-Key": "one"}
    answer = app.test_client().post("/api/v1/requests", json=make_answers(), headers=key)
    assert answer.status_code == 201
    with sqlite3.connect(instance / "clinicdir.sqlite3") as stored:
        [[count]] = stored.execute("select count(*) from appointment_request")
    stored.close()
    assert count == 1


def test_body_full_of_unknown_fields_is_told_of_the_first_few(client: FlaskClient) -> None:
    body = {f"f{number}": 1 for number in range(4_000)}
    for path in ("/api/v1/requests", "/api/v1/nearest"):
        answer = client.post(path, json=body, headers={"Idempotency-Key": "one"})
        unknown = [e for e in answer.get_json()["errors"] if e["code"] == "unknown"]
        assert (answer.status_code, len(unknown)) == (422, 20)


def test_only_the_first_error_of_a_field_is_kept() -> None:
    reader = AnswerReader({})
    reader.refuse("a", "one", "first")
    reader.refuse("a", "two", "second")
    assert [(error.field, error.code) for error in reader.errors] == [("a", "one")]


def test_mail_link_to_a_patient_carries_an_address_and_nothing_else(
    app: Flask, client: FlaskClient
) -> None:
    address = "mallory?bcc=evil%40evil.example&body=x@example.com"
    with app.app_context():
        reference = make_request(app, email=address).reference
        make_staff("desk@example.com")
    sign_in(client, "desk@example.com")
    html = client.get(f"/staff/requests/{reference}").get_data(as_text=True)
    link = html.partition('href="mailto:')[2].partition('"')[0]
    assert link == "mallory%3Fbcc%3Devil%2540evil.example%26body%3Dx%40example.com"


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (550, "5.1.1 No such user", Refused),
        (550, "No such user", Refused),
        (553, "5.1.3 Bad address", Refused),
        (554, "5.7.1 <a@b.example>: Relay access denied", Troubled),
        (550, "5.7.1 Relaying denied", Troubled),
        (552, "5.2.2 Mailbox full", Troubled),
        (451, "4.3.0 Try later", Troubled),
    ],
)
def test_only_a_missing_mailbox_is_refused_for_good(
    code: int, text: str, kind: type[Exception]
) -> None:
    assert type(told_apart(code, text)) is kind


def test_day_is_the_one_at_the_chosen_clinic(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.fromisoformat("2026-12-01T03:00:00+00:00")
    monkeypatch.setattr("clinicdir.clock.now", lambda: now)
    with app.app_context(), transaction():
        get_location("seattle-5th-ave").time_zone = "Pacific/Guam"
    with app.app_context():
        days = [str(day_at(slug, now=now)) for slug in ("seattle-5th-ave", "bellevue", None)]
    assert days == ["2026-12-01", "2026-11-30", "2026-12-01"]
    for location, status in (("bellevue", 201), (["bellevue"], 201), ("seattle-5th-ave", 422)):
        body = make_answers(location=location, target_month="2026-11")
        answer = client.post(
            "/api/v1/requests", json=body, headers={"Idempotency-Key": f"{location}"}
        )
        assert answer.status_code == status, answer.get_json()


def test_drafts_are_not_made_without_limit(sqlite_app: Flask) -> None:
    instance = sqlite_app.extensions["clinicdir"].settings.instance
    client = build_app(instance, rate_limits="on").test_client()
    page = client.get("/request").get_data(as_text=True)
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    answers = {"csrf_token": token, "goal": "nothing of the sort"}
    statuses = [client.post("/request", data=answers).status_code for _ in range(201)]
    assert (set(statuses[:200]), statuses[200]) == ({422}, 429)
