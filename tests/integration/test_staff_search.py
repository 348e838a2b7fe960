"""The search of staff: what it finds, where, what it notes; and the line that clinics share."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.crypto import KeyRing, new_key
from clinicdir.db import transaction
from clinicdir.staff.queries import find_by_email
from clinicdir.staff.rules import Role
from clinicdir.web.staff import search as search_page
from tests.conftest import KEY, Clock
from tests.integration.test_inbox import DESK, ask, make_desk, shown, table
from tests.integration.test_inbox_renewal import claim
from tests.make import token_of
from tests.pages import form, heading, main_text, parse, press, summary, text_of
from tests.tables import all_rows, rows

MANAGER = "manager@example.com"
SEARCH = "/staff/search"


def look_for(client: FlaskClient, wanted: str) -> TestResponse:
    token = token_of(client.get("/staff/").get_data(as_text=True))
    return client.post(SEARCH, data={"csrf_token": token, "wanted": wanted})


def found(client: FlaskClient, wanted: str) -> list[str]:
    return [row["Patient"] for row in table(look_for(client, wanted).get_data(as_text=True))]


@pytest.fixture
def callers(app: Flask) -> str:
    """Store four requests; return the reference of the first."""
    first = ask(
        app, "renton", "José O'Neil-Example", phone="(206) 555-0123 x45", email="Jose@Example.com"
    )
    ask(app, "covington", "Ana Example", phone="425 555 0199")
    ask(app, "renton", "Neil Armand", phone="+44 20 7946 0123")
    ask(app, "bellevue", "José Foreign Example", phone="206 555 0123", email="jose@example.com")
    return first


FOUND = [
    ("jose", ["José O'Neil-Example"]),
    ("EXAMPLE  José", ["José O'Neil-Example"]),
    ("neil", ["Neil Armand", "José O'Neil-Example"]),
    ("exam", []),  # whole words only
    ("José Nobody", []),
    ("206.555.0123", ["José O'Neil-Example"]),
    ("+1 206 555 0123", ["José O'Neil-Example"]),
    ("0123", ["Neil Armand", "José O'Neil-Example"]),
    ("٠١٢٣", ["Neil Armand", "José O'Neil-Example"]),
    ("9999", []),
    (" JOSE@example.COM ", ["José O'Neil-Example"]),
    ("Foreign", []),
]


def test_search_finds_by_what_a_caller_says_inside_the_scope(app: Flask, callers: str) -> None:
    desk = make_desk(app, "renton", "covington")
    assert [(wanted, found(desk, wanted)) for wanted, _ in FOUND] == FOUND


def test_search_finds_a_reference_in_any_spelling(app: Flask, callers: str) -> None:
    desk = make_desk(app, "renton")
    other = make_desk(app, "issaquah", email="other@example.com")
    for typed in (callers, callers.lower(), f" {shown(callers)} "):
        assert found(desk, typed) == ["José O'Neil-Example"]
        assert found(other, typed) == []


def test_search_finds_what_an_older_key_filed(app: Flask, callers: str) -> None:
    desk = make_desk(app, "renton")
    app.extensions["clinicdir.key_ring"] = KeyRing([new_key(), KEY])
    for wanted in ("jose", "0123", "206 555 0123", "jose@example.com"):
        assert "José O'Neil-Example" in found(desk, wanted)


def test_each_search_leaves_one_entry_without_its_words(app: Flask, callers: str) -> None:
    desk = make_desk(app, "renton")
    columns = ("action", "actor_label", "subject", "detail", "chain")
    desk.get("/staff/")
    before = rows(app, "audit_entry", *columns)
    assert found(desk, "José") == ["José O'Neil-Example"]
    found(desk, "Nobody")
    assert (
        rows(app, "audit_entry", *columns)[len(before) :]
        == [("search", DESK, "", "own clinics", "group")] * 2
    )


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (" - ", "Enter a name, a phone number, an email address or a reference"),
        ("x" * 201, "What you look for must be 200 characters or less"),
    ],
)
def test_search_says_what_to_type(app: Flask, wanted: str, sentence: str) -> None:
    desk = make_desk(app, "renton")
    page = look_for(desk, wanted)
    assert (page.status_code, summary(page)) == (422, [("#wanted", sentence)])
    assert form(page, SEARCH)["wanted"] == [wanted]
    assert rows(app, "audit_entry", "action").count("search") == 0


def test_search_without_its_token_keeps_what_was_typed(app: Flask, callers: str) -> None:
    desk = make_desk(app, "renton")
    page = desk.post(SEARCH, data={"wanted": "José"})
    assert (page.status_code, table(page.get_data(as_text=True))) == (400, [])
    assert form(page, SEARCH)["wanted"] == ["José"]
    assert table(press(desk, page, SEARCH).get_data(as_text=True))[0]["Clinic"] == "Renton"


def test_search_with_too_many_hits_shows_the_latest(
    app: Flask, callers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_page, "MOST", 2)
    desk = make_desk(app, "renton")
    ask(app, "renton", "Neil Third")
    page = look_for(desk, "neil")
    assert [row["Patient"] for row in table(page.get_data(as_text=True))] == [
        "Neil Third", "Neil Armand",
    ]  # fmt: skip
    assert "There are more: these are the latest 2." in main_text(page)


# The line that Renton shares with every clinic but Bellevue


def give_line(app: Flask, email: str) -> None:
    with app.app_context(), transaction():
        member = find_by_email(email)
        assert member is not None
        member.shared_line = True


def test_line_finds_callers_of_the_clinics_with_the_same_number(app: Flask) -> None:
    own = ask(app, "renton", "Ana Example")
    other = ask(app, "covington", "Bob Example", goal="other", goal_text="Secret goal")
    ask(app, "bellevue", "Cid Example")
    desk = make_desk(app, "renton")
    assert found(desk, "example") == ["Ana Example"]
    give_line(app, DESK)
    for client in (desk, make_desk(app, "renton", role=Role.MANAGER, email=MANAGER)):
        page = look_for(client, "example")
        mine, hit = table(page.get_data(as_text=True))
        assert (mine["Patient"], mine["Reference"]) == ("Ana Example", shown(own))
        assert hit == {
            "Patient": "Bob Example",
            "Clinic": "Covington",
            "State": "New",
            "For this call": f"Open {shown(other)} Pass on to Renton",
        }
        assert "Secret goal" not in page.get_data(as_text=True)
        assert "Cid" not in page.get_data(as_text=True)
    details = rows(app, "audit_entry", "action", "detail")
    assert [detail for action, detail in details if action == "search"] == [
        "own clinics", "own clinics and the shared line", "own clinics and the shared line",
    ]  # fmt: skip


def test_line_is_nothing_for_viewers_and_for_clinics_with_a_number_of_their_own(
    app: Flask,
) -> None:
    ask(app, "covington", "Bob Example")
    for email, role, place in (
        ("viewer@example.com", Role.VIEWER, "renton"),
        ("bellevue@example.com", Role.MANAGER, "bellevue"),
    ):
        client = make_desk(app, place, role=role, email=email)
        give_line(app, email)
        assert found(client, "example") == []


def test_each_opening_on_the_line_is_noted_and_shows_the_request_to_read(app: Flask) -> None:
    reference = ask(app, "covington", "Bob Example", goal="other", goal_text="Dance")
    url = f"/staff/line/{reference}"
    desk = make_desk(app, "renton")
    assert desk.get(url).status_code == 404
    give_line(app, DESK)
    page = desk.get(url)
    assert heading(page) == f"{shown(reference)} at Covington"
    text = main_text(page)
    assert "You read this on the shared line. Covington answers it" in text
    assert "Bob Example" in text
    in_main = next(parse(page).iter("main")).iter("form")
    actions = [node.attrib["action"] for node in in_main]
    assert actions == [f"{url}/take"]
    columns = ("action", "actor_label", "subject", "detail", "chain")
    assert [entry for entry in rows(app, "audit_entry", *columns) if entry[0] == "line_open"] == [
        ("line_open", DESK, reference, "as desk", "location/6")
    ]
    assert desk.get(f"/staff/requests/{reference}").status_code == 404
    token = token_of(page.get_data(as_text=True))
    answer = desk.post(
        f"/staff/requests/{reference}/claim", data={"csrf_token": token, "version": "1"}
    )
    assert answer.status_code == 404


def test_one_press_passes_a_request_on_the_line_on_to_the_own_clinic(app: Flask) -> None:
    reference = ask(app, "covington", "Bob Example")
    desk = make_desk(app, "renton", "issaquah")
    give_line(app, DESK)
    page = look_for(desk, "example")
    url = f"/staff/line/{reference}/take"
    buttons = [text_of(node) for node in next(parse(page).iter("main")).iter("button")]
    assert buttons[-2:] == ["Pass on to Renton", "Pass on to Issaquah"]
    answer = press(desk, page, url, location="issaquah")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/staff/requests/{reference}")
    assert heading(desk.get(answer.headers["Location"])) == f"{shown(reference)} at Issaquah"
    entries = rows(app, "audit_entry", "action", "actor_label", "subject", "detail", "chain")
    assert [entry for entry in entries if entry[0].startswith("transfer")] == [
        ("transfer", DESK, reference, "received > received", "location/4"),
        ("transfer_out", DESK, reference, "to issaquah", "location/6"),
    ]
    # What was on the line is the own clinic's now.
    gone = desk.get(f"/staff/line/{reference}")
    assert (gone.status_code, gone.headers["Location"]) == (303, f"/staff/requests/{reference}")


def test_request_that_has_changed_is_not_passed_on(app: Flask, frozen: Clock) -> None:
    reference = ask(app, "covington", "Bob Example")
    desk = make_desk(app, "renton")
    give_line(app, DESK)
    page = look_for(desk, "example")
    make_desk(app, "covington", email="other@example.com")
    claim(app, reference, "other@example.com")
    url = f"/staff/line/{reference}/take"
    before = all_rows(app, without=("audit_entry", "audit_head"))
    answer = press(desk, page, url, location="renton")
    assert answer.status_code == 409
    assert (
        "It cannot be passed on as you saw it other@example.com changed this request on"
        " Tue, Nov 24, 12:00 pm: taken up. It is now: Being handled. Read it again before"
        " you go on."
    ) in main_text(answer)
    assert all_rows(app, without=("audit_entry", "audit_head")) == before


def test_nobody_passes_on_to_a_clinic_that_is_not_theirs(app: Flask) -> None:
    reference = ask(app, "covington", "Bob Example")
    desk = make_desk(app, "renton", "issaquah")
    give_line(app, DESK)
    page = look_for(desk, "example")
    before = rows(app, "appointment_request", "location_id", "version")
    for slug in ("bellevue", "nowhere", ""):
        answer = press(desk, page, f"/staff/line/{reference}/take", location=slug)
        assert answer.status_code == 404
    assert rows(app, "appointment_request", "location_id", "version") == before
