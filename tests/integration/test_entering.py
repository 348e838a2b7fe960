"""Staff enter what is asked by phone, at the counter or by fax: the rules, the line, the mail."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.filing import stored_answers
from clinicdir.appointments.models import RequestEvent
from clinicdir.appointments.queries import get_request
from clinicdir.db import db, transaction
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE, Role
from tests.asking import ANSWERS, BODY
from tests.conftest import Clock
from tests.hashes import spend_little
from tests.integration.test_inbox import DESK, ask, make_desk, shown
from tests.integration.test_staff_search import give_line, look_for
from tests.make import CONSENT, PASSWORD
from tests.pages import (
    Typed,
    field_errors,
    form,
    heading,
    links,
    main_text,
    parse,
    press,
    summary,
    text_of,
)
from tests.signing_in import join, log_in
from tests.tables import all_rows, rows, together

PAGE, CALLER, UNLOCK = "/staff/new", "/staff/new/caller", "/staff/unlock"
LEAST: dict[str, Typed] = {
    "channel": "phone", "patient_name": "Robin Example", "phone": "206 555 0123",
    "contact_by": "phone", "goal": "run", "notice_told": "y",
}  # fmt: skip
# All that a patient can answer, by the same fields as on the patients' own pages.
ALL = LEAST | {name: value for page in ANSWERS.values() for name, value in page.items()}


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


def enter(client: FlaskClient, **typed: Typed) -> TestResponse:
    return press(client, client.get(PAGE), PAGE, **(LEAST | typed))


def send_again(client: FlaskClient, page: TestResponse, **typed: Typed) -> TestResponse:
    return press(client, page, PAGE, **(LEAST | typed))


def reference_in(answer: TestResponse) -> str:
    assert answer.status_code == 303, main_text(answer)
    return answer.headers["Location"].rpartition("/")[2]


def first_words(app: Flask) -> Any:  # noqa: ANN401
    with app.app_context():
        event = db.session.get(RequestEvent, 1)
        assert event is not None
        return event.unseal()


def kept(page: TestResponse, typed: Mapping[str, Typed]) -> dict[str, Typed]:
    """Return what the form holds of the fields that were typed; None is an empty one."""
    values = form(page, PAGE)
    found = {name: values.get(name, [""]) for name in typed}
    return {name: one[0] if len(one) == 1 else one for name, one in found.items()}


def test_entered_request_has_a_patients_answers_and_says_who_entered_it(
    app: Flask, frozen: Clock
) -> None:
    desk = make_desk(app, "renton")
    assert links(desk.get("/staff/"))["Enter a request"] == PAGE
    answer = enter(desk, **ALL)
    reference = reference_in(answer)
    assert answer.headers["Location"] == f"/staff/requests/{reference}"
    with app.app_context():
        found = get_request(reference, scope=EVERYWHERE)
        wanted = {name: value for name, value in BODY.items() if name != "consent_version"}
        assert stored_answers(found) == wanted | {"birth_date": None}
        assert (found.channel, found.status, found.suspicions) == ("phone", "received", [])
        assert (found.consent_version, found.consented_at) == (CONSENT, frozen.now())
    events = rows(app, "request_event", "action", "actor_kind", "staff_id", "to_status")
    assert events == [("submit", "staff", 1, "received")]
    assert first_words(app) == {"note": None, "details": ["phone", "notice_told"]}
    noted = rows(app, "audit_entry", "action", "actor_label", "subject", "detail", "chain")
    assert ("submit", DESK, reference, "- > received", "location/3") in noted
    assert "206" not in repr(noted)
    assert "Kim" not in repr(noted)
    # Nobody tells the desk what it has just written itself.
    assert rows(app, "outbox_message", "kind") == []
    text = main_text(desk.get(answer.headers["Location"]))
    assert f"entered (Phone call), the privacy notice was told, {DESK}" in text
    assert "since Tue, Nov 24, 12:00 pm Phone call You entered this request." in text
    assert f"Tell the patient its reference: {shown(reference)}." in text


def test_channel_stands_in_row_and_on_paper(app: Flask) -> None:
    desk = make_desk(app, "renton")
    for channel, word in (("desk", "Walk-in"), ("fax", "Fax")):
        reference = reference_in(enter(desk, channel=channel))
        assert rows(app, "appointment_request", "channel")[-1] == channel
        assert f"12:00 pm {word}" in main_text(desk.get(f"/staff/requests/{reference}/print"))


def test_patients_link_is_given_out_by_one_press(app: Flask) -> None:
    desk = make_desk(app, "renton")
    reference = reference_in(enter(desk))
    url = f"/staff/requests/{reference}"
    told = main_text(press(desk, desk.get(url), f"{url}/link"))
    link = told.partition("http://127.0.0.1:8000")[2].split()[0]
    assert shown(reference) in main_text(app.test_client().get(link))
    # The next thing has been done: the page does not say it again, nor to anybody else.
    assert "You entered this request" not in main_text(desk.get(url))
    second = reference_in(enter(desk, phone="206 555 0155"))
    other = make_desk(app, "renton", email="other@example.com")
    assert "You entered this request" not in main_text(other.get(f"/staff/requests/{second}"))


REFUSED: list[tuple[dict[str, Typed], list[tuple[str, str]]]] = [
    (
        {
            "channel": None, "location": "", "patient_name": "", "phone": "", "contact_by": None,
            "goal": None, "goal_text": "", "email": "", "asker_name": "", "relation": "",
            "notice_told": None, "for_whom": "someone_else",
        },
        [
            ("#channel", "Select how the request came in"),
            ("#location", "Select a clinic"),
            ("#patient_name", "Enter the patient's full name"),
            ("#phone", "Enter a phone number or an email address"),
            ("#contact_by", "Select how to contact the patient"),
            ("#asker_name", "Enter the full name of who asks for the patient"),
            ("#relation", "Enter how they know the patient, like parent"),
            ("#goal", "Select what the patient wants to get back to"),
            ("#notice_told", "Tell the patient the privacy notice, then tick that they know it"),
        ],
    ),
    ({"channel": "web"}, [("#channel", "Select how the request came in")]),
    ({"phone": "555-0142"}, [("#phone", "Enter a phone number, like 206 555 0123")]),
    ({"tried": "x" * 201}, [("#tried", "What you have tried must be 200 characters or less")]),
    ({"location": "bellevue"}, [("#location", "Select a clinic")]),
    ({"location": "nowhere"}, [("#location", "Select a clinic")]),
    ({"location": "issaquah"}, [("#location", "Select a clinic that is open")]),
]  # fmt: skip


def test_refused_answers_are_kept_and_nothing_is_stored(app: Flask) -> None:
    desk = make_desk(app, "renton", "issaquah")
    with app.app_context(), transaction():
        get_location("issaquah").status = LocationStatus.CLOSED
    for typed, sentences in REFUSED:
        sent = ALL | {"location": "renton"} | typed
        answer = enter(desk, **sent)
        assert (answer.status_code, summary(answer)) == (422, sentences)
        assert field_errors(answer) == [sentence for _, sentence in sentences]
        known = {name: value or "" for name, value in sent.items()}
        if typed.get("location") or typed.get("channel"):  # what is not offered is not chosen
            known = {name: one for name, one in known.items() if name not in typed}
        known["note"] = "Line one\nLine two"
        assert kept(answer, known) == known
    assert rows(app, "appointment_request", "id") == []


def test_old_notice_is_shown_anew_and_asks_for_the_tick_again(app: Flask) -> None:
    desk = make_desk(app, "renton")
    page = desk.get(PAGE)
    old = send_again(desk, page, consent_version="2020-01-01.1")
    words = "Read the privacy notice again: it changed while you were filling in this form"
    assert (old.status_code, summary(old)) == (422, [("#consent_version", words)])
    assert "notice_told" not in form(old, PAGE)
    assert form(old, PAGE)["consent_version"] == [CONSENT]
    assert press(desk, old, PAGE).status_code == 422
    assert press(desk, old, PAGE, notice_told="y").status_code == 303


def test_twice_pressed_is_one_request_and_other_answers_are_asked_about(app: Flask) -> None:
    desk = make_desk(app, "renton")
    page = desk.get(PAGE)
    first = send_again(desk, page)
    assert send_again(desk, page).headers["Location"] == first.headers["Location"]
    other = send_again(desk, page, patient_name="Other Example")
    reference = reference_in(first)
    assert other.status_code == 409
    assert f"This page was sent before It made the request {shown(reference)}" in main_text(other)
    assert kept(other, {"patient_name": ""}) == {"patient_name": "Other Example"}
    assert rows(app, "appointment_request", "reference") == [reference]
    second = reference_in(press(desk, other, PAGE))
    assert rows(app, "appointment_request", "reference") == [reference, second]
    # Another person's form with the same key is another form.
    colleague = make_desk(app, "renton", email="other@example.com")
    keys = form(page, PAGE)["submission_key"]
    assert reference_in(enter(colleague, submission_key=keys)) not in (reference, second)


def test_ten_presses_at_once_make_one_row(app: Flask) -> None:
    desk = make_desk(app, "renton")
    data = form(desk.get(PAGE), PAGE) | LEAST
    cookie = desk.get_cookie("clinicdir")
    assert cookie is not None

    def send(_number: int) -> str:
        client = app.test_client()
        client.set_cookie("clinicdir", cookie.value)
        return client.post(PAGE, data=data).headers["Location"]

    (place,) = set(together(10, send))
    assert rows(app, "appointment_request", "reference") == [place.rpartition("/")[2]]


def test_expired_page_keeps_all(app: Flask) -> None:
    desk = make_desk(app, "renton")
    page = enter(desk, **(ALL | {"csrf_token": ""}))
    assert page.status_code == 400
    known = ALL | {"note": "Line one\nLine two"}
    assert kept(page, known) == known
    assert rows(app, "appointment_request", "id") == []
    assert press(desk, page, PAGE).status_code == 303


def test_busy_database_keeps_all(
    sqlite_app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(sqlite_app, "renton")
    page = desk.get(PAGE)
    monkeypatch.setattr("clinicdir.db.BUSY_TIMEOUT_S", 0.05)
    with sqlite_app.app_context():
        db.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "clinicdir.sqlite3", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        failed = send_again(desk, page, **ALL)
        holder.execute("ROLLBACK")
    assert (failed.status_code, heading(failed)) == (503, "We cannot store anything right now")
    known = ALL | {"note": "Line one\nLine two"}
    assert kept(failed, known) == known
    reference = reference_in(press(desk, failed, PAGE))
    assert rows(sqlite_app, "appointment_request", "reference") == [reference]


def test_lock_keeps_what_was_typed(app: Flask, frozen: Clock) -> None:
    spend_little(app)
    join(app)
    desk = app.test_client()
    log_in(desk)
    page = desk.get(PAGE)
    frozen.move(minutes=10)
    locked = send_again(desk, page, **ALL)
    assert (locked.status_code, heading(locked)) == (403, "Locked")
    opened = press(desk, locked, UNLOCK, password=PASSWORD)
    known = ALL | {"note": "Line one\nLine two"}
    assert kept(opened, known) == known
    assert rows(app, "appointment_request", "id") == []
    reference = reference_in(press(desk, opened, PAGE))
    with app.app_context():
        assert get_request(reference, scope=EVERYWHERE).personal["note"] == "Line one\nLine two"


def test_links_and_repeats_that_staff_type_are_no_spam(app: Flask) -> None:
    desk = make_desk(app, "renton")
    note = "See https://a.example and https://b.example, sent to us by the referring clinic"
    for _ in range(5):
        enter(desk, note=note)
    assert rows(app, "appointment_request", "status", "suspicions") == [("received", [])] * 5


def offered(page: TestResponse) -> list[str]:
    """Return the clinics to choose from, the chosen one with a star."""
    select = next(one for one in parse(page).iter("select") if one.attrib["id"] == "location")
    return [text_of(one) + "*" * ("selected" in one.attrib) for one in select.iter("option")]


def test_clinics_to_choose_are_the_own_ones_and_those_on_the_line(app: Flask) -> None:
    desk = make_desk(app, "renton")
    assert offered(desk.get(PAGE)) == ["Select a clinic", "Renton*"]
    assert enter(desk, location="covington").status_code == 422
    give_line(app, DESK)
    with app.app_context(), transaction():
        get_location("issaquah").status = LocationStatus.CLOSED
    assert offered(desk.get(PAGE)) == [
        "Select a clinic", "Renton*", "Seattle, 5th Ave", "Seattle, California Ave SW",
        "Covington",
    ]  # fmt: skip
    assert enter(desk, location="bellevue").status_code == 422
    both = make_desk(app, "renton", "bellevue", email="both@example.com")
    assert offered(both.get(PAGE)) == ["Select a clinic*", "Bellevue", "Renton"]
    assert offered(both.get(f"{PAGE}?location=bellevue"))[1] == "Bellevue*"
    assert offered(both.get(f"{PAGE}?location=covington"))[0] == "Select a clinic*"
    opened = links(both.get("/staff/?location=bellevue"))
    assert opened["Enter a request"] == f"{PAGE}?location=bellevue"


def test_other_clinic_on_the_line_is_told_and_own_desk_is_not(app: Flask) -> None:
    desk = make_desk(app, "renton")
    give_line(app, DESK)
    own = reference_in(enter(desk))
    assert rows(app, "outbox_message", "kind", "subject_id") == []
    answer = enter(desk, location="covington")
    reference = reference_in(answer)
    assert answer.headers["Location"] == f"/staff/line/{reference}"
    assert rows(app, "outbox_message", "kind", "subject_id") == [("request_waits", 2)]
    page = desk.get(answer.headers["Location"])
    assert heading(page) == f"{shown(reference)} at Covington"
    assert f"entered (Phone call), the privacy notice was told, {DESK}" in main_text(page)
    # The same number came before: shown, and nothing is joined by itself.
    assert f"The same phone number or email came with: {shown(own)}, Renton: New" in main_text(page)
    noted = rows(app, "audit_entry", "action", "actor_label", "subject", "chain")
    assert ("submit", DESK, reference, "location/6") in noted
    # An admin has every clinic and sits at no desk.
    admin = make_desk(app, role=Role.ADMIN, email="admin@example.com")
    assert reference_in(enter(admin, location="renton"))
    assert rows(app, "outbox_message", "kind", "subject_id")[1:] == [("request_waits", 3)]


def test_likely_duplicates_are_shown_and_left_alone(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton")
    old = ask(app, "renton", "Too Old", now=frozen.now() - timedelta(days=31))
    by_phone = ask(app, "renton", "Same Phone", phone="+1 (206) 555-0123")
    by_mail = ask(app, "renton", "Same Mail", phone="206 555 0100", email="ROBIN@example.com")
    other = ask(app, "renton", "Other", phone="206 555 0101")
    reference = reference_in(enter(desk, email="robin@example.com"))
    text = main_text(desk.get(f"/staff/requests/{reference}"))
    assert f"The same phone number or email came with: {shown(by_mail)}, Renton: New" in text
    assert f"A duplicate: join it with {shown(by_phone)}" in text
    assert (shown(old) in text, shown(other) in text) == (False, False)
    states = rows(app, "appointment_request", "status", "duplicate_of")
    assert states == [("received", None)] * 5


def test_search_opens_the_form_with_the_caller_filled_in(app: Flask) -> None:
    desk = make_desk(app, "renton")
    before = all_rows(app, without=("audit_entry", "audit_head"))
    page = press(desk, look_for(desk, " 206.555.0177 "), CALLER)
    assert (page.status_code, heading(page)) == (200, "Enter a request")
    assert page.request.query_string == b""
    filled = {"phone": "206.555.0177", "contact_by": "phone", "for_whom": "me", "patient_name": ""}
    assert kept(page, filled) == filled
    assert all_rows(app, without=("audit_entry", "audit_head")) == before
    assert reference_in(send_again(desk, page))
    # What names nobody fills in nothing.
    answer = press(desk, look_for(desk, "9999"), CALLER)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)


def test_viewer_is_offered_nothing_to_enter(app: Flask) -> None:
    viewer = make_desk(app, "renton", role=Role.VIEWER)
    assert "Enter a request" not in links(viewer.get("/staff/"))
    assert "Enter a request" not in main_text(look_for(viewer, "Nobody"))
    assert viewer.get(PAGE).status_code == 403
    data = LEAST | {"location": "renton", "for_whom": "me", "consent_version": CONSENT}
    token = form(viewer.get("/staff/"), "/staff/search")["csrf_token"]
    for page in (PAGE, CALLER):
        assert viewer.post(page, data=data | {"csrf_token": token}).status_code == 403
    assert rows(app, "appointment_request", "id") == []
