"""What staff do for a caller: change, accept, withdraw, print, a new link; reported mistakes."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Status
from clinicdir.db import transaction
from clinicdir.locations.mistakes import report_mistake
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE, Role
from tests.conftest import Clock
from tests.integration.test_desk_moves import (
    DESK,
    audited,
    last_words,
    make_in,
    send,
    signed_in,
    text_at,
)
from tests.make import sign_in, token_of
from tests.pages import form, main_text, press, summary
from tests.tables import all_rows, rows


@pytest.fixture
def desk(app: Flask, frozen: Clock) -> FlaskClient:
    return signed_in(app)


def personal(app: Flask, reference: str) -> dict[str, Any]:
    with app.app_context():
        return get_request(reference, scope=EVERYWHERE).personal


def test_contact_times_and_names_are_changed_for_a_caller(app: Flask, desk: FlaskClient) -> None:
    reference = make_in(app, Status.RECEIVED)
    typed: dict[str, dict[str, Any]] = {
        "contact": {"phone": "206 555 0199", "voicemail_ok": "y"},
        "times": {"window1": "monday morning", "note": "Rings twice"},
        "who": {"patient_name": "Robin Other"},
    }
    words = {
        "contact": ["phone", "voicemail_ok"],
        "times": ["note", "windows"],
        "who": ["patient_name"],
    }
    for what, answers in typed.items():
        url = f"/staff/requests/{reference}/change/{what}"
        answer = press(desk, desk.get(url), url, **answers)
        assert (answer.status_code, answer.headers["Location"]) == (
            303, f"/staff/requests/{reference}",
        )  # fmt: skip
        assert sorted(last_words(app)["details"]) == words[what]
        assert audited(app)[-1] == (
            "change", DESK, reference, "received > received", "location/3",
        )  # fmt: skip
    stored = personal(app, reference)
    assert [stored[name] for name in ("phone", "note", "patient_name")] == [
        "206 555 0199", "Rings twice", "Robin Other",
    ]  # fmt: skip
    text = text_at(desk, reference)
    assert f"changed (phone, voicemail), {DESK}" in text
    assert "Changed by the patient" not in text


def test_refused_stale_and_expired_changes_keep_what_was_typed(
    app: Flask, desk: FlaskClient
) -> None:
    reference = make_in(app, Status.RECEIVED)
    url = f"/staff/requests/{reference}/change/contact"
    late = desk.get(url)
    wrong = press(desk, late, url, phone="12", email="kept@example.com")
    assert wrong.status_code == 422
    assert summary(wrong) == [("#phone", "Enter a phone number, like 206 555 0123")]
    assert (form(wrong, url)["phone"], form(wrong, url)["email"]) == (["12"], ["kept@example.com"])
    expired = press(desk, late, url, phone="206 555 0177", csrf_token="")
    assert (expired.status_code, form(expired, url)["phone"]) == (400, ["206 555 0177"])
    assert personal(app, reference)["phone"] == "206 555 0123"
    assert press(desk, expired, url).status_code == 303
    stale = press(desk, late, url, phone="12")
    assert stale.status_code == 409
    assert main_text(stale).startswith("This has changed since you opened it What you typed is")
    assert "Stored now Phone206 555 0177" in main_text(stale)
    assert form(stale, url)["phone"] == ["12"]
    send(app, desk, reference, "book", day="2026-12-01", time="14:30")
    closed = press(desk, stale, url, phone="206 555 0155")
    assert closed.status_code == 409
    assert "What you typed Phone206 555 0155" in main_text(closed)
    assert personal(app, reference)["phone"] == "206 555 0177"
    assert desk.get(url).status_code == 409


def test_clinic_is_changed_for_a_caller(app: Flask, desk: FlaskClient) -> None:
    reference = make_in(app, Status.RECEIVED)
    url = f"/staff/requests/{reference}/change/clinic"
    page = desk.get(url)
    nothing = press(desk, page, url)
    assert (nothing.status_code, summary(nothing)) == (422, [("#location", "Select a clinic")])
    assert press(desk, page, url, location="bellevue").status_code == 303
    assert rows(app, "appointment_request", "location_id") == [2]
    assert "was passed on to Bellevue" in text_at(desk, reference)
    assert press(desk, page, url, location="kent").status_code == 404


def test_time_is_accepted_for_a_caller_once(app: Flask, desk: FlaskClient, frozen: Clock) -> None:
    reference = make_in(app, Status.OFFERED)
    url = f"/staff/requests/{reference}/accept"
    page = desk.get(f"/staff/requests/{reference}")
    nothing = press(desk, page, url)
    assert (nothing.status_code, summary(nothing)) == (422, [("#offer", "Select a time")])
    assert press(desk, page, url, offer="77").status_code == 409
    assert press(desk, page, url, offer="1").status_code == 303
    assert rows(app, "offer", "state") == ["taken"]
    at = frozen.now() + timedelta(hours=1)
    assert rows(app, "appointment_request", "status", "booked_at") == [("booked", at)]
    assert audited(app)[-1] == ("book", DESK, reference, "offered > booked", "location/3")
    assert press(desk, page, url, offer="1").status_code == 409
    assert f"booked, {DESK}" in text_at(desk, reference)


def test_new_link_is_shown_once_and_ends_the_old_one(app: Flask, desk: FlaskClient) -> None:
    reference = make_in(app, Status.RECEIVED)
    with app.app_context():
        old = link_token(get_request(reference, scope=EVERYWHERE))
    url = f"/staff/requests/{reference}/link"
    page = desk.get(f"/staff/requests/{reference}")
    answer = press(desk, page, url)
    with app.app_context():
        new = link_token(get_request(reference, scope=EVERYWHERE))
    assert answer.status_code == 200
    assert f"http://127.0.0.1:8000/requests/{new}" in main_text(answer)
    assert app.test_client().get(f"/requests/{old}").status_code == 404
    assert app.test_client().get(f"/requests/{new}").status_code == 200
    assert [entry[:3] for entry in audited(app)[-2:]] == [
        ("note", DESK, reference), ("renew_link", DESK, reference),
    ]  # fmt: skip
    again = press(desk, page, url)
    assert again.status_code == 409
    assert new not in again.get_data(as_text=True)
    text = text_at(desk, reference)
    assert (f"new link given, {DESK}" in text, new in text) == (True, False)


def test_print_page_carries_the_reference_and_is_noted(app: Flask, desk: FlaskClient) -> None:
    reference = make_in(app, Status.OFFERED, note="Zebra note")
    before = all_rows(app, without=("audit_entry", "audit_head", "staff_session"))
    page = desk.get(f"/staff/requests/{reference}/print")
    shown = f"{reference[:3]}-{reference[3:]}"
    assert main_text(page).startswith(f"{shown} at Renton {shown} Run Waiting for patient")
    assert "NoteZebra note" in main_text(page)
    assert audited(app)[-1] == ("print", DESK, reference, "as desk", "location/3")
    assert all_rows(app, without=("audit_entry", "audit_head", "staff_session")) == before


def test_somebody_elses_lease_hides_what_is_done_for_a_caller(
    app: Flask, desk: FlaskClient
) -> None:
    other = signed_in(app, "other@example.com")
    reference = make_in(app, Status.RECEIVED)
    assert send(app, other, reference, "claim").status_code == 303
    text = text_at(desk, reference)
    assert "other@example.com is on it." in text
    for words in ("Change how", "Change the clinic", "Give a new link", "Add a note", "Withdraw"):
        assert words not in text
    for path in ("change/contact", "change/clinic", "link", "accept", "withdraw"):
        assert send(app, desk, reference, path).status_code == 409


def test_mistakes_are_listed_and_done_inside_the_scope(app: Flask, frozen: Clock) -> None:
    manager = signed_in(app, "manager@example.com", Role.MANAGER)
    with app.app_context(), transaction():
        report_mistake(get_location("renton"), " The fax <b>rings</b>. ", now=frozen.now())
        report_mistake(get_location("bellevue"), "Foreign text", now=frozen.now())
    assert "rings" not in repr(all_rows(app))
    assert "Reported mistakes (1)" in main_text(manager.get("/staff/"))
    page = manager.get("/staff/mistakes")
    assert main_text(page) == (
        "Reported mistakes Renton Tue, Nov 24, 12:00 pm The fax <b>rings</b>. Done All requests"
    )
    csrf = {"csrf_token": token_of(page.get_data(as_text=True))}
    assert manager.post("/staff/mistakes/2/done", data=csrf).status_code == 404
    for _ in range(2):
        assert manager.post("/staff/mistakes/1/done", data=csrf).status_code == 303
    assert rows(app, "mistake_report", "done_at", "done_by") == [(frozen.now(), 1), (None, None)]
    assert [entry[:3] for entry in audited(app)] == [
        ("mistake_done", "manager@example.com", "renton")
    ]
    assert "Nobody has reported a mistake" in main_text(manager.get("/staff/mistakes"))
    assert "Reported mistakes" not in main_text(manager.get("/staff/"))
    desk = app.test_client()
    signed_in(app, "desk2@example.com")
    sign_in(desk, "desk2@example.com")
    assert desk.get("/staff/mistakes").status_code == 403
