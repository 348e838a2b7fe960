"""Joining duplicates: flagged, joined by one press, told to nobody, never by themselves."""

from datetime import timedelta

from flask import Flask

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.following import follow_link
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, Status, show_reference
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.staff.rules import EVERYWHERE
from tests.client import page_text
from tests.conftest import Clock
from tests.integration.test_desk_moves import DESK, audited, make_in, send, signed_in, text_at
from tests.lives import do, messages_of, offers_of
from tests.make import make_request
from tests.pages import press
from tests.tables import rows, together

FLAG = "The same phone number or email came with:"


def test_one_press_joins_a_likely_duplicate_and_nobody_is_told(app: Flask, frozen: Clock) -> None:
    desk = signed_in(app)
    stays, goes = make_in(app, Status.RECEIVED), make_in(app, Status.OFFERED)
    frozen.move(minutes=1)
    page = desk.get(f"/staff/requests/{goes}")
    shown = show_reference(stays)
    assert (
        f"{FLAG} {shown}, Renton: New, came in Tue, Nov 24, 12:00 pm"
        f" A duplicate: join it with {shown} What is joined cannot be taken apart again."
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
