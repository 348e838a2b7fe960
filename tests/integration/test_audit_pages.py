"""The audit trail on pages: of one request and of one person, inside the reader's clinics."""

from typing import Any

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.locations.queries import get_location
from clinicdir.staff.models import StaffMember
from clinicdir.staff.operations import assign
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.web.staff import audit_trail
from tests.conftest import Clock
from tests.make import make_request, make_staff, sign_in
from tests.pages import heading, links, main_text, press
from tests.tables import rows

DESK, MANAGER = "desk@example.com", "manager@example.com"


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


def signed_in(
    app: Flask, email: str, role: Role = Role.DESK, locations: tuple[str, ...] = ("renton",)
) -> FlaskClient:
    with app.app_context():
        make_staff(email, role, () if role is Role.ADMIN else locations)
    client = app.test_client()
    sign_in(client, email)
    return client


def ask(app: Flask, location: str = "renton") -> str:
    with app.app_context():
        return make_request(app, location=location).reference


def of(reference: str) -> str:
    return f"/staff/audit?request={reference}"


def number_of(app: Flask, email: str) -> int:
    with app.app_context():
        return db.session.query(StaffMember).filter_by(email=email).one().id


def lines(page: TestResponse) -> list[list[str]]:
    """Return the cells of the page's table, without the time."""
    document: Any = html5lib.parse(page.get_data(as_text=True), namespaceHTMLElements=False)
    found = [["".join(cell.itertext()) for cell in row.iter("td")] for row in document.iter("tr")]
    assert {cells[0] for cells in found if cells} <= {"Tue, Nov 24, 12:00 pm"}
    return [cells[1:] for cells in found if cells]


def pass_on(app: Flask, reference: str, slug: str) -> None:
    with app.app_context(), transaction():
        found = get_request(reference, scope=EVERYWHERE)
        act(found, Move(Action.TRANSFER, location=get_location(slug)), actor=OPERATOR,
            now=clock.now())  # fmt: skip


def test_who_what_when_and_why_of_a_request(app: Flask) -> None:
    reference = ask(app)
    desk, manager = signed_in(app, DESK), signed_in(app, MANAGER, Role.MANAGER)
    opened = f"/staff/requests/{reference}"
    press(desk, desk.get(opened), f"{opened}/claim")
    desk.get(f"{opened}/print")
    page = manager.get(opened)
    assert links(page)["Who looked at it"] == of(reference)
    answer = manager.get(of(reference))
    assert heading(answer) == f"Who looked at {reference[:3]}-{reference[3:]}"
    assert lines(answer) == [
        [MANAGER, "opened", "as manager", "Renton"],
        [DESK, "printed", "as desk", "Renton"],
        [DESK, "taken up", "received > in_review", "Renton"],
        [DESK, "opened", "as desk", "Renton"],
        ["the patient", "came in", "- > received", "Renton"],
    ]
    assert "Robin" not in answer.get_data(as_text=True)
    looks = [row for row in rows(app, "audit_entry", "actor_label", "subject") if "audit" in row[1]]
    assert looks == [(MANAGER, f"audit {reference}")]
    # Not the bytes: a form token says in which second it was made.
    again = manager.get(of(reference.lower()))
    assert (again.status_code, main_text(again)) == (200, main_text(manager.get(of(reference))))


def test_only_the_chains_of_own_clinics_and_the_rest_is_unknown(app: Flask) -> None:
    passed, foreign = ask(app), ask(app, "covington")
    pass_on(app, passed, "covington")
    manager = signed_in(app, MANAGER, Role.MANAGER)
    admin = signed_in(app, "admin@example.com", Role.ADMIN)
    admin.get(f"/staff/requests/{passed}")
    out = ["whoever runs this site", "passed on, left this clinic", "to covington", "Renton"]
    came = ["the patient", "came in", "- > received", "Renton"]
    assert lines(manager.get(of(passed))) == [out, came]
    assert lines(admin.get(of(passed))) == [
        ["admin@example.com", "opened", "as admin", "Covington"],
        *sorted([out, [out[0], "passed on", "received > received", "Covington"]],
                key=lambda line: line[-1] == "Covington", reverse=True),
        came,
    ]  # fmt: skip
    answers = [manager.get(of(typed)) for typed in (foreign, "C7K4KQ2", "x", "A" * 900)]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.data for answer in answers}) == 1
    assert not [row for row in rows(app, "audit_entry", "subject") if foreign in row[6:]]


def test_what_a_person_did_and_what_was_done_to_the_account(app: Flask) -> None:
    reference = ask(app)
    desk, manager = signed_in(app, DESK), signed_in(app, MANAGER, Role.MANAGER)
    desk.get(f"/staff/requests/{reference}")
    number = number_of(app, DESK)
    person = f"/staff/team/{number}"
    address = links(manager.get(person))["What this person did"]
    assert address == f"/staff/audit/people/{number}"
    page = manager.get(address)
    assert heading(page) == f"What {DESK} did"
    assert lines(page) == [
        [DESK, "opened", reference, "as desk", "Renton"],
        [DESK, "signed in", DESK, "–", "Group"],
        ["whoever runs this site", "person invited", DESK, "desk", "Group"],
    ]


def test_what_a_person_did_elsewhere_stays_there(app: Flask) -> None:
    """A person who came over from another clinic brings nothing of it to the new manager."""
    elsewhere = ask(app, "covington")
    mover = signed_in(app, DESK, Role.MANAGER, ("covington",))
    mover.get(f"/staff/requests/{elsewhere}")
    mover.get("/staff/?location=covington")
    number = number_of(app, DESK)
    manager = signed_in(app, MANAGER, Role.MANAGER)
    address = f"/staff/audit/people/{number}"
    unknown = manager.get("/staff/audit/people/99999")
    foreign = manager.get(address)
    assert (foreign.status_code, foreign.data) == (404, unknown.data)
    with app.app_context(), transaction():
        places, now = [get_location("renton")], clock.now()
        assign(DESK, Role.DESK, places, shared_line=False, actor=OPERATOR, now=now)
    page = manager.get(address)
    assert [line[1] for line in lines(page)] == [
        "role or clinics changed", "signed in", "person invited",
    ]  # fmt: skip
    assert "covington" not in main_text(page).casefold()
    assert elsewhere not in main_text(page)
    admin = signed_in(app, "admin@example.com", Role.ADMIN)
    assert [line[1:3] for line in lines(admin.get(address))] == [
        ["role or clinics changed", DESK], ["list looked at", "inbox covington"],
        ["opened", elsewhere], ["signed in", DESK], ["person invited", DESK],
    ]  # fmt: skip


def test_searches_exports_and_looks_at_lists_show_without_foreign_clinics(app: Flask) -> None:
    reference, foreign = ask(app), ask(app, "covington")
    both = ("renton", "covington")
    person = signed_in(app, DESK, Role.MANAGER, both)
    for path in ("", "?location=renton", "?location=covington", "agenda?location=renton",
                 "agenda?location=covington", "measures", "mistakes",
                 f"audit?request={reference}", f"audit?request={foreign}"):  # fmt: skip
        assert person.get(f"/staff/{path}").status_code == 200
    inbox, export = person.get("/staff/"), person.get("/staff/export")
    press(person, inbox, "/staff/search", wanted="Robin")
    for slug in ("", "renton", "covington"):
        press(person, export, "/staff/export.csv", location=slug)
    with app.app_context(), transaction():
        places, now = [get_location("renton")], clock.now()
        assign(DESK, Role.MANAGER, places, shared_line=False, actor=OPERATOR, now=now)
    # Somebody else's search is nobody's but that person's.
    other = signed_in(app, "other@example.com")
    press(other, other.get("/staff/"), "/staff/search", wanted="Robin")
    manager = signed_in(app, MANAGER, Role.MANAGER)
    page = manager.get(f"/staff/audit/people/{number_of(app, DESK)}")
    out, looked = "taken out as a file", "list looked at"
    choice = "group=open location={} since=- until=- count={} as manager"
    assert lines(page) == [
        ["whoever runs this site", "role or clinics changed", DESK, "manager renton", "Group"],
        [DESK, out, "requests", choice.format("renton", 1), "Renton"],
        [DESK, out, "requests", choice.format("all", 2), "Group"],
        [DESK, "searched", "–", "own clinics and the shared line", "Group"],
        [DESK, looked, "mistakes", "–", "Group"],
        [DESK, looked, "measures", "–", "Group"],
        [DESK, looked, "agenda renton", "–", "Group"],
        [DESK, looked, "inbox renton", "–", "Group"],
        [DESK, looked, "inbox", "–", "Group"],
        [DESK, "signed in", DESK, "–", "Group"],
        ["whoever runs this site", "person invited", DESK, "manager", "Group"],
    ]
    assert "covington" not in main_text(page).casefold()
    assert foreign not in main_text(page)


def test_long_trail_has_pages(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "_ON_A_PAGE", 2)
    reference = ask(app)
    manager = signed_in(app, MANAGER, Role.MANAGER)
    for _ in range(2):
        manager.get(f"/staff/requests/{reference}")
    page = manager.get(of(reference))
    assert [line[1] for line in lines(page)] == ["opened", "opened"]
    rest = manager.get(links(page)["Earlier entries"])
    assert [line[1] for line in lines(rest)] == ["came in"]
    assert "Earlier entries" not in links(rest)


@pytest.mark.parametrize("role", [Role.DESK, Role.VIEWER])
def test_desk_and_viewer_read_no_trail(app: Flask, role: Role) -> None:
    reference = ask(app)
    client = signed_in(app, DESK, role)
    assert "Who looked at it" not in links(client.get(f"/staff/requests/{reference}"))
    number = number_of(app, DESK)
    for address in ("/staff/audit", of(reference), f"/staff/audit/people/{number}"):
        assert client.get(address).status_code == 403


def test_page_asks_for_a_reference(app: Flask) -> None:
    manager = signed_in(app, MANAGER, Role.MANAGER)
    assert main_text(manager.get("/staff/audit")).startswith(
        "Who looked at a request Reference of the request"
    )
