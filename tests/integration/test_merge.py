"""Joining duplicates: flagged, joined by one press, told to nobody, never by themselves."""

import threading
import time
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.erasing import erase_by_reference
from clinicdir.appointments.following import follow_link
from clinicdir.appointments.merging import merge
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, Status, show_reference
from clinicdir.appointments.undoing import undo
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.staff.sessions import actor_of
from tests.client import page_text
from tests.conftest import Clock
from tests.integration.test_desk_moves import (
    AT,
    DESK,
    TYPED,
    audited,
    make_in,
    send,
    signed_in,
    text_at,
    version_of,
)
from tests.integration.test_undo import put_back
from tests.lives import do, messages_of, offers_of
from tests.make import make_request, make_staff
from tests.pages import press
from tests.tables import all_rows, rows, together

FLAG = "The same phone number or email came with:"


def test_one_press_joins_a_likely_duplicate_and_nobody_is_told(app: Flask, frozen: Clock) -> None:
    desk = signed_in(app)
    stays, goes = make_in(app, Status.RECEIVED), make_in(app, Status.OFFERED)
    frozen.move(minutes=1)
    page = desk.get(f"/staff/requests/{goes}")
    shown = show_reference(stays)
    assert (
        f"{FLAG} {shown}, Renton: New, came in Tue, Nov 24, 12:00 pm"
        f" A duplicate: join it with {shown} Joining can be undone for ten minutes."
    ) in page_text(page.get_data(as_text=True))
    # The first of the two forms is the one press.
    answer = press(desk, page, f"/staff/requests/{goes}/merge")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/staff/requests/{goes}")
    requests = rows(app, "appointment_request", "status", "duplicate_of", "version")
    assert requests == [("received", None, 1), ("entered_in_error", 1, 4)]
    assert offers_of(app, goes) == ["lapsed"]
    assert [messages_of(app, stays), messages_of(app, goes)] == [["request_waits"]] * 2
    text = text_at(desk, goes)
    assert f"A duplicate of {shown}" in text
    assert f"joined with another request: {shown}, {DESK}" in text
    assert f"{show_reference(goes)} joined with this one, {DESK}" in text_at(desk, stays)
    assert FLAG not in text_at(desk, stays)  # it is joined already
    assert audited(app)[-2:] == [
        ("merge", DESK, goes, "offered > entered_in_error", "location/3"),
        ("note", DESK, stays, "received > received", "location/3"),
    ]
    with app.app_context():
        token = link_token(get_request(goes, scope=EVERYWHERE))
        assert follow_link(token).reference == stays


def test_only_the_same_contact_within_thirty_days_and_the_own_clinics_is_flagged(
    app: Flask, frozen: Clock
) -> None:
    desk = signed_in(app)
    now = frozen.now()
    with app.app_context():
        mine = make_request(app, email="kim@example.com").reference
        by_phone = make_request(app, phone="(206) 555-0123", now=now - timedelta(days=30)).reference
        by_mail = make_request(app, phone="206 555 0188", email="Kim@Example.com").reference
        others = [
            make_request(app, now=now - timedelta(days=30, minutes=1)).reference,
            make_request(app, location="bellevue").reference,
            make_request(app, phone="206 555 0199").reference,
        ]
    text = text_at(desk, mine)
    assert show_reference(by_phone) in text
    assert show_reference(by_mail) in text
    assert [other for other in others if show_reference(other) in text] == []
    assert FLAG not in text_at(desk, others[2])


def test_what_cannot_be_joined_is_refused_with_the_typed_reference_kept(
    app: Flask, frozen: Clock
) -> None:
    desk = signed_in(app)
    goes, booked = make_in(app, Status.RECEIVED), make_in(app, Status.BOOKED)
    mistake = make_in(app, Status.ENTERED_IN_ERROR)
    foreign = make_in(app, Status.RECEIVED, location="bellevue")
    before = rows(app, "request_event", "id")
    another = "Enter the reference of another request that is open or booked"
    typed = "Enter the reference of the other request, like C7K-4KQ2"
    for reference, into, says in (
        (goes, "", typed),
        (goes, "C7K-4KQ3", typed),
        (goes, goes, another),
        (goes, mistake, another),
        (goes, foreign, another),
        (booked, goes, "This one is booked, so it stays: join the other one with it instead"),
    ):
        answer = send(app, desk, reference, "merge", into=into)
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert page_text(page).startswith(f"Check your answers below {says}")
        assert into in page
    assert send(app, desk, goes, "merge", into=show_reference(booked)).status_code == 303
    # Neither again, nor back: no ring of duplicates.
    assert send(app, desk, goes, "merge", into=booked).status_code == 409
    assert send(app, desk, booked, "merge", into=goes).status_code == 422
    assert len(rows(app, "request_event", "id")) == len(before) + 2


def test_two_joined_crosswise_at_once_end_as_one(app: Flask, frozen: Clock) -> None:
    desk = signed_in(app)
    first, second = make_in(app, Status.RECEIVED), make_in(app, Status.RECEIVED)
    clients = [desk, signed_in(app, "other@example.com")]
    pairs = [(first, second), (second, first)]

    def join(number: int) -> int:
        one, into = pairs[number]
        return send(app, clients[number], one, "merge", into=into).status_code

    assert sorted(together(2, join)) in ([303, 409], [303, 422])
    statuses = rows(app, "appointment_request", "status")
    assert sorted(statuses) == ["entered_in_error", "received"]


def test_link_of_a_chain_shows_its_end(app: Flask, frozen: Clock) -> None:
    desk = signed_in(app)
    names = [make_in(app, Status.RECEIVED) for _ in range(3)]
    assert send(app, desk, names[0], "merge", into=names[1]).status_code == 303
    assert send(app, desk, names[1], "merge", into=names[2]).status_code == 303
    with app.app_context():
        token = link_token(get_request(names[0], scope=EVERYWHERE))
        assert follow_link(token).reference == names[2]
    do(app, names[2], Action.BOOK, actor=OPERATOR, now=frozen.now(), booked_at=frozen.now())
    with app.app_context(), transaction():
        assert follow_link(token, to_change=True).status is Status.BOOKED


MERGEABLE = [status for status in Status if status not in (Status.BOOKED, Status.ENTERED_IN_ERROR)]
WENT_ON = "This cannot be undone any more The request that this one was joined with has been"


def test_undone_it_stands_where_it_stood_and_the_other_keeps_what_it_got(
    app: Flask, frozen: Clock
) -> None:
    desk = signed_in(app)
    stays, goes = make_in(app, Status.RECEIVED), make_in(app, Status.OFFERED)
    send(app, desk, goes, "merge", into=stays)
    send(app, desk, stays, "book", **TYPED[Action.BOOK])
    assert "Undo: booked" in text_at(desk, stays)
    messages = rows(app, "outbox_message", "kind", "subject_id", "state")
    assert "Undo: joined with another request" in text_at(desk, goes)
    assert send(app, desk, goes, "undo").status_code == 303
    columns = ("status", "duplicate_of", "booked_at", "version")
    assert rows(app, "appointment_request", *columns) == [
        ("booked", None, AT, 2), ("offered", None, None, 6)
    ]  # fmt: skip
    assert offers_of(app, goes) == ["lapsed", "held"]
    held = rows(app, "held_time", "request_id", "starts_at")
    assert held == [(1, AT), (2, frozen.now() + timedelta(hours=1))]
    assert rows(app, "outbox_message", "kind", "subject_id", "state") == messages
    events = rows(app, "request_event", "request_id", "action", "to_status", "staff_id")
    assert sorted(events[-3:]) == [
        (1, "note", "booked", 1), (2, "offer", "offered", 1), (2, "undo", "in_review", 1)
    ]  # fmt: skip
    assert audited(app)[-3:] == [
        ("undo", DESK, goes, "entered_in_error > in_review", "location/3"),
        ("offer", DESK, goes, "in_review > offered", "location/3"),
        ("note", DESK, stays, "booked > booked", "location/3"),
    ]
    text = text_at(desk, goes)
    assert f"undone: joined with another request, {DESK}" in text
    assert ("Undo" in text, "A duplicate of" in text) == (False, False)
    assert f"undone: {show_reference(goes)} joined with this one, {DESK}" in text_at(desk, stays)
    with app.app_context():
        assert follow_link(link_token(get_request(goes, scope=EVERYWHERE))).reference == goes


@pytest.mark.parametrize(("of", "into"), [("renton", "bellevue"), ("bellevue", "renton")])
def test_undo_writes_both_chains_in_the_order_of_the_clinics(
    app: Flask, frozen: Clock, of: str, into: str
) -> None:
    both = signed_in(app, role=Role.ADMIN)
    goes, stays = (make_in(app, Status.RECEIVED, location=slug) for slug in (of, into))
    send(app, both, goes, "merge", into=stays)
    before = len(audited(app))
    assert send(app, both, goes, "undo").status_code == 303
    theirs = [entry for entry in audited(app)[before:] if entry[2] in (goes, stays)]
    moves = [("undo", goes), ("release", goes)]
    note = [("note", stays)]
    is_first = place_of(app, into) < place_of(app, of)
    assert [(entry[0], entry[2]) for entry in theirs] == (
        note + moves if is_first else moves + note
    )
    assert {entry[2]: entry[4] for entry in theirs} == {
        goes: f"location/{place_of(app, of)}", stays: f"location/{place_of(app, into)}"
    }  # fmt: skip


def place_of(app: Flask, slug: str) -> int:
    with app.app_context():
        return get_location(slug).id


def test_from_each_state_it_goes_back_to_that_state(app: Flask, frozen: Clock) -> None:
    with app.app_context():
        actor = actor_of(make_staff(DESK))
        every = db.engine.dialect.name == "sqlite"
    columns = ("status", "duplicate_of", "first_contact_at", "decline_reason", "due_at")
    stays = make_in(app, Status.RECEIVED)
    # Where it is slower, those that lead back by more than one step.
    for status in MERGEABLE if every else (Status.NO_REPLY, Status.QUARANTINED):
        goes = make_in(app, status)
        before = rows(app, "appointment_request", *columns)
        frozen.move(minutes=16)  # a hold of the time before has run out
        with app.app_context(), transaction():
            version = get_request(goes, scope=EVERYWHERE).version
            merge(goes, stays, version, scope=EVERYWHERE, actor=actor, now=frozen.now())
        joined = rows(app, "appointment_request", *columns)
        assert joined[-1][:2] == ("entered_in_error", 1), status
        frozen.move(minutes=10)
        put_back(app, goes, actor, frozen)
        assert rows(app, "appointment_request", *columns) == before, status
        frozen.move(minutes=-26)


def test_nobody_but_who_joined_it_within_ten_minutes_takes_it_apart(
    app: Flask, frozen: Clock
) -> None:
    desk, other = signed_in(app), signed_in(app, "other@example.com")
    stays, goes = make_in(app, Status.RECEIVED), make_in(app, Status.RECEIVED)
    send(app, desk, goes, "merge", into=stays)
    before = rows(app, "request_event", "id")
    assert "Undo" not in text_at(other, goes)
    assert send(app, other, goes, "undo").status_code == 409
    old = {"version": str(version_of(app, goes) - 1)}
    assert send(app, desk, goes, "undo", **old).status_code == 409
    frozen.move(minutes=9)
    assert "Undo: joined" in text_at(desk, goes)
    frozen.move(minutes=1, seconds=1)
    assert "Undo" not in text_at(desk, goes)
    answer = send(app, desk, goes, "undo")
    page = page_text(answer.get_data(as_text=True))
    assert (answer.status_code, page[:27]) == (409, "It is too late to undo this")
    assert rows(app, "request_event", "id") == before
    assert rows(app, "appointment_request", "duplicate_of") == [None, 1]


@pytest.mark.parametrize("how", ["passed on", "joined", "erased"])
def test_what_went_on_keeps_its_duplicate_and_the_page_says_so(
    app: Flask, frozen: Clock, how: str
) -> None:
    desk = signed_in(app)
    third, stays, goes = (make_in(app, Status.RECEIVED) for _ in range(3))
    send(app, desk, goes, "merge", into=stays)
    assert "Undo: joined" in text_at(desk, goes)
    if how == "passed on":
        moved = send(app, desk, stays, "transfer", **TYPED[Action.TRANSFER])
        assert moved.status_code == 303
    elif how == "joined":
        assert send(app, desk, stays, "merge", into=third).status_code == 303
    else:
        with app.app_context(), transaction():
            # An erasing takes both: alone it is a row that no page makes.
            get_request(stays, scope=EVERYWHERE).erased_at = frozen.now()
    before = all_rows(app, without=("audit_entry", "audit_head"))
    assert "Undo" not in text_at(desk, goes)
    answer = send(app, desk, goes, "undo")
    page = page_text(answer.get_data(as_text=True))
    assert (answer.status_code, page.startswith(WENT_ON)) == (409, True)
    assert all_rows(app, without=("audit_entry", "audit_head")) == before


def test_erasing_that_waits_for_an_undo_leaves_what_went_its_own_way(
    app: Flask, frozen: Clock
) -> None:
    with app.app_context():
        actor = actor_of(make_staff(DESK))
    stays, goes = make_in(app, Status.RECEIVED), make_in(app, Status.RECEIVED)
    with app.app_context(), transaction():
        merge(goes, stays, 1, scope=EVERYWHERE, actor=actor, now=frozen.now())
    counts = []

    def erase() -> None:
        with app.app_context(), transaction():
            counts.append(erase_by_reference(stays, actor=OPERATOR, now=frozen.now()))

    waiting = threading.Thread(target=erase)
    with app.app_context():
        with transaction():
            undo(
                get_request(goes, scope=EVERYWHERE), 2, scope=EVERYWHERE, actor=actor,
                now=frozen.now(),
            )  # fmt: skip
            waiting.start()
            wait_for_a_lock()
        waiting.join(timeout=60)
    assert counts == [1]
    assert rows(app, "appointment_request", "status", "duplicate_of", "erased_at") == [
        ("withdrawn", None, frozen.now()), ("received", None, None)
    ]  # fmt: skip


def wait_for_a_lock() -> None:
    """Wait until somebody waits for our rows; with SQLite whoever writes waits before it reads."""
    query = text("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")
    for _ in range(600 if db.engine.dialect.name == "postgresql" else 0):
        with db.engine.connect() as connection:
            if connection.scalar(query):
                return
        time.sleep(0.05)
