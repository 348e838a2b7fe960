"""What leaves the inbox for a while, whose it is, and how the page renews itself."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from clinicdir import clock
from clinicdir.appointments.groups import COUNT_CAP
from clinicdir.appointments.operations import LEASE, Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.db import transaction
from clinicdir.staff.queries import find_by_email
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from clinicdir.web.security import CONTENT_SECURITY_POLICY
from tests.conftest import Clock
from tests.integration.test_inbox import DESK, ask, make_desk, names, table, tabs
from tests.make import sign_in
from tests.pages import title
from tests.tables import rows

PART = "/staff/?part=rows"
POLL = {"X-Poll": "1"}


def claim(app: Flask, reference: str, email: str) -> None:
    with app.app_context(), transaction():
        member, found = find_by_email(email), get_request(reference, scope=EVERYWHERE)
        assert member is not None
        act(found, Move(Action.CLAIM), actor=actor_of(member), now=clock.now())


def test_request_to_try_again_leaves_the_lists_until_then(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton")
    reference = ask(app, "renton", "Later Person")
    ask(app, "renton", "Present Person")
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        found.try_again_at = frozen.now() + timedelta(hours=2)
    for url in ("/staff/", "/staff/?group=new"):
        assert names(desk, url) == ["Present Person"]
    (row,) = table(desk.get("/staff/?group=later").get_data(as_text=True))
    assert (row["Patient"], row["Waiting"]) == (
        "Later Person", "0 min try again Tue, Nov 24, 2:00 pm",
    )  # fmt: skip
    shown = tabs(desk.get("/staff/").get_data(as_text=True))
    assert [tab for tab in shown if tab.startswith(("To do", "Try again"))] == [
        "To do (1)", "Try again later (1)",
    ]  # fmt: skip
    frozen.move(hours=2)
    desk = app.test_client()  # the sign-in was idle for too long
    sign_in(desk, DESK)
    assert names(desk) == ["Later Person", "Present Person"]
    assert names(desk, "/staff/?group=later") == []


def test_mine_are_those_i_hold_until_the_hold_lapses(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton")
    make_desk(app, "renton", email="other@example.com")
    for name, email in (("My Person", DESK), ("Their Person", "other@example.com")):
        claim(app, ask(app, "renton", name), email)
    assert names(desk, "/staff/?group=mine") == ["My Person"]
    assert [row["State"] for row in table(desk.get("/staff/").get_data(as_text=True))] == [
        "Being handled you are on it", "Being handled other@example.com is on it",
    ]  # fmt: skip
    for _ in range(2):
        frozen.move(minutes=LEASE.total_seconds() / 120)
        desk.get("/staff/")
    assert names(desk, "/staff/?group=mine") == []
    page = desk.get("/staff/").get_data(as_text=True)
    assert [row["State"] for row in table(page)] == ["Being handled", "Being handled"]


def test_counts_end_at_ninety_nine(app: Flask) -> None:
    desk = make_desk(app, "renton")
    for _ in range(COUNT_CAP + 1):
        ask(app, "renton", "One Of Many")
    page = desk.get("/staff/?location=renton")
    assert title(page).startswith("(99+) Renton – ")
    assert "New (99+)" in tabs(page.get_data(as_text=True))


# Polling


def tag_of(desk: FlaskClient) -> str:
    return desk.get(PART, headers=POLL).headers["ETag"]


def poll(desk: FlaskClient, tag: str) -> int:
    return desk.get(PART, headers=POLL | {"If-None-Match": tag}).status_code


def test_part_holds_the_same_rows_and_title_and_no_form(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton", "covington")
    ask(app, "renton", "First Person")
    ask(app, "covington", "Second Person")
    whole, part = desk.get("/staff/?group=new"), desk.get(f"{PART}&group=new", headers=POLL)
    assert table(part.get_data(as_text=True)) == table(whole.get_data(as_text=True))
    assert title(part) == title(whole)
    assert "<form" not in part.get_data(as_text=True)
    assert not part.headers["ETag"].startswith("W/")


def test_poll_is_answered_304_until_something_that_is_shown_changes(
    app: Flask, frozen: Clock
) -> None:
    desk = make_desk(app, "renton")
    reference = ask(app, "renton", "First Person")
    tag = tag_of(desk)
    answer = desk.get(PART, headers=POLL | {"If-None-Match": tag})
    assert (answer.status_code, answer.get_data(), answer.headers["ETag"]) == (304, b"", tag)
    ask(app, "bellevue", "Foreign Person")
    assert poll(desk, tag) == 304
    for change in (
        lambda: ask(app, "renton", "Second Person"),
        lambda: claim(app, reference, DESK),
        lambda: frozen.move(minutes=1),  # the ages in words
    ):
        change()
        assert poll(desk, tag) == 200
        tag = tag_of(desk)
        assert poll(desk, tag) == 304


def test_poll_is_no_activity_and_304_leaves_no_entry(app: Flask, frozen: Clock) -> None:
    desk = make_desk(app, "renton")
    begun = frozen.now()
    tag = tag_of(desk)
    assert rows(app, "audit_entry", "action").count("list") == 1
    for _ in range(9):
        frozen.move(minutes=1)
        assert poll(desk, tag) == 304  # nothing is listed that could grow older
    assert rows(app, "audit_entry", "action").count("list") == 1
    assert rows(app, "staff_session", "seen_at") == [begun]
    assert desk.get(PART, headers=POLL).status_code == 200  # something to see: the rule of lists
    assert rows(app, "audit_entry", "action").count("list") == 2
    frozen.move(minutes=1)
    assert poll(desk, tag) == 303  # ten minutes without a person


def test_staff_pages_may_run_our_scripts_and_ask_again_and_no_other_page(app: Flask) -> None:
    desk = make_desk(app, "renton")
    reference = ask(app, "renton", "First Person")
    more = {
        url: desk.get(url).headers["Content-Security-Policy"].removeprefix(CONTENT_SECURITY_POLICY)
        for url in ("/staff/", PART, f"/staff/requests/{reference}", "/staff/account", "/privacy")
    }
    allowed = "; script-src 'self'; connect-src 'self'"
    assert list(more.values()) == [allowed, allowed, allowed, allowed, ""]
