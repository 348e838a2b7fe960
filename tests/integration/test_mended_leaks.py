"""Doors that stood ajar, found by reading: what a person must not see, keep or get past."""

import sqlite3

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir import clock
from clinicdir.appointments.held_times import NoPlaceLeft
from clinicdir.appointments.merging import merge
from clinicdir.appointments.messages import resolve
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, Status
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.errors import Invalid
from clinicdir.locations.queries import get_location
from clinicdir.notifications.outcomes import NotNeeded
from clinicdir.notifications.rules import MessageKind
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.staff.second_factor import start_factor
from tests.asking import CHECK, walk
from tests.client import page_text
from tests.hashes import spend_little
from tests.make import make_request, make_staff, sign_in, token_of
from tests.own import in_days, make_own
from tests.pages import form, main_text, press
from tests.signing_in import EMAIL, cookie, is_in, join, log_in, new_link, replay
from tests.tables import rows


@pytest.fixture(autouse=True)
def _cheap_hashes(app: Flask) -> None:
    spend_little(app)


def move(app: Flask, reference: str, action: Action, **details: object) -> None:
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        act(found, Move(action, **details), actor=OPERATOR, now=clock.now())  # type: ignore[arg-type]


def test_sender_of_a_duplicate_sees_nothing_of_the_request_it_was_joined_with(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        stays = make_request(app, goal="other", goal_text="Dance again", body_area="knee").reference
    own = press(client, walk(client, goal="run", body_area="knee"), CHECK).headers["Location"]
    assert "The way up to your goal" in main_text(client.get(own))
    (joined,) = (one for one in rows(app, "appointment_request", "reference") if one != stays)
    with app.app_context(), transaction():
        version = get_request(joined, scope=EVERYWHERE).version
        merge(joined, stays, version, scope=EVERYWHERE, actor=OPERATOR, now=clock.now())
    text = main_text(client.get(own))
    assert "You asked more than once." in text
    assert [word for word in ("The way up to your goal", "Dance again") if word in text] == []


@pytest.mark.parametrize("status", [Status.WITHDRAWN, Status.DECLINED, Status.QUARANTINED])
def test_request_is_not_joined_with_one_that_nobody_answers_any_more(
    app: Flask, status: Status
) -> None:
    make_own(app, status)
    (dead,) = rows(app, "appointment_request", "reference")
    with app.app_context():
        live = make_request(app)
        reference, version = live.reference, live.version
        with pytest.raises(Invalid), transaction():
            merge(reference, dead, version, scope=EVERYWHERE, actor=OPERATOR, now=clock.now())
    assert rows(app, "appointment_request", "status")[-1] == "received"


def test_what_turned_out_to_be_spam_sends_no_message_that_waited(app: Flask) -> None:
    make_own(app, Status.QUARANTINED)
    (number,) = rows(app, "appointment_request", "id")
    with app.app_context(), pytest.raises(NotNeeded):
        resolve(
            MessageKind.PATIENT_CHANGED,
            number,
            base_url="http://127.0.0.1:8000",
            now=clock.now(),
        )


def test_limit_that_is_set_later_counts_what_is_booked_already(app: Flask) -> None:
    with app.app_context():
        first, second = make_request(app).reference, make_request(app).reference
    begins = in_days(3)
    move(app, first, Action.BOOK, booked_at=begins)
    with app.app_context(), transaction():
        get_location("renton").capacity = 1
    with pytest.raises(NoPlaceLeft):
        move(app, second, Action.BOOK, booked_at=begins)
    assert rows(app, "appointment_request", "status") == ["booked", "received"]


def test_passwords_are_not_sent_back_while_the_database_is_locked(sqlite_app: Flask) -> None:
    join(sqlite_app)
    client = sqlite_app.test_client()
    log_in(client)
    data = form(client.get("/staff/account"), "/staff/account/password")
    typed = {"current": ["the living password"], "password": ["a new one of four words"]}
    with sqlite_app.app_context():
        path = db.engine.url.database or ""
        db.session.remove()
        db.engine.dispose()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    answer = client.post("/staff/account/password", data=data | typed)
    other.close()
    assert answer.status_code == 503
    assert [word for word in ("living", "a new one of four") if word in answer.text] == []


def test_password_in_any_letters_signs_in_again(app: Flask) -> None:
    link, password = new_link(app), "Wörter ﬁnden sich ½ schön"
    client = app.test_client()
    page = client.get(link).text
    client.post(link, data={"csrf_token": token_of(page), "password": password})
    other = app.test_client()
    assert log_in(other, password=password).headers["Location"] == "/staff/"
    assert is_in(other)


@pytest.mark.parametrize("what", ["link", "factor"])
def test_own_password_and_second_step_are_not_reset_without_proof(app: Flask, what: str) -> None:
    with app.app_context():
        number = make_staff("admin@example.com", Role.ADMIN, ()).id
    client = app.test_client()
    sign_in(client, "admin@example.com")
    page = client.get(f"/staff/team/{number}")
    assert "Make a new link" not in page_text(page.text)
    data = {"csrf_token": token_of(page.text)}
    assert client.post(f"/staff/team/{number}/{what}", data=data).status_code == 403
    assert is_in(client)


def test_secret_that_somebody_saw_and_never_confirmed_is_no_more(app: Flask) -> None:
    with app.app_context():
        member = make_staff("desk@example.com")
        with transaction():
            seen = start_factor(member, now=clock.now())
        with transaction():
            assert start_factor(member, now=clock.now()) != seen


def test_shared_line_does_not_come_back_with_a_new_invitation(app: Flask) -> None:
    join(app)
    with app.app_context(), transaction():
        db.session.execute(db.text("update staff_member set shared_line = true, active = false"))
    new_link(app)
    assert rows(app, "staff_member", "shared_line") == [False]


def test_signing_out_of_a_locked_page_ends_the_sign_in(app: Flask) -> None:
    join(app)
    client = app.test_client()
    log_in(client)
    token, kept = token_of(client.get("/staff/account").text), cookie(client)
    with app.app_context(), transaction():
        db.session.execute(db.text("update staff_session set seen_at = '2020-01-01 00:00:00'"))
    done = client.post("/staff/logout", data={"csrf_token": token})
    assert done.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert rows(app, "staff_session", "end_reason")[-1] == "signed out"
    locked = replay(app, kept).get("/staff/unlock")
    assert (locked.status_code, EMAIL in locked.text) == (303, False)
