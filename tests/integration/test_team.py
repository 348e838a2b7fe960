"""The people of a clinic: who may invite, move, reset and disable whom, and what ends at once."""

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.db import db, transaction
from clinicdir.staff.models import StaffFactor
from clinicdir.staff.queries import find_by_email
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.staff.second_factor import code_at, confirm_factor, start_factor
from clinicdir.staff.sessions import actor_of
from tests.conftest import Clock
from tests.hashes import spend_little
from tests.make import make_request, make_staff, sign_in
from tests.pages import Typed, field_errors, form, heading, main_text, parse, press, text_of
from tests.signing_in import EMAIL, choose, is_in, join, log_in
from tests.tables import rows, together

TEAM = "/staff/team"
LINK = re.compile(r"http://127\.0\.0\.1:8000(/staff/invitation/[\w-]{43})")
LAST = "This is the last admin: make another one first"


@pytest.fixture(autouse=True)
def _cheap_hashes(app: Flask) -> None:
    spend_little(app)


def enter(app: Flask, email: str, role: Role, *slugs: str) -> FlaskClient:
    with app.app_context():
        make_staff(email, role, slugs)
    client = app.test_client()
    sign_in(client, email)
    return client


@pytest.fixture
def manager(app: Flask, frozen: Clock) -> FlaskClient:
    return enter(app, "manager@example.com", Role.MANAGER, "renton", "covington")


@pytest.fixture
def desk(app: Flask, frozen: Clock) -> FlaskClient:
    """Return somebody at the desk of Renton who is signed in by a password."""
    join(app)
    client = app.test_client()
    log_in(client)
    return client


def number_of(app: Flask, email: str = EMAIL) -> int:
    numbers: dict[str, int] = dict(rows(app, "staff_member", "email", "id"))
    return numbers[email]


def do(
    client: FlaskClient, app: Flask, what: str, email: str = EMAIL, **typed: Typed
) -> TestResponse:
    page = f"{TEAM}/{number_of(app, email)}"
    return press(client, client.get(page), f"{page}/{what}", **typed)


def link_on(page: TestResponse) -> str:
    assert heading(page) == "A link to hand over"
    found = LINK.search(main_text(page))
    assert found is not None
    return found[1]


def listed(client: FlaskClient) -> dict[str, list[str]]:
    """Return the people on the page: address to role, clinics, second step, state."""
    people = [
        [text_of(cell) for cell in line.iter("td")] for line in parse(client.get(TEAM)).iter("tr")
    ]
    return {cells[0]: cells[1:] for cells in people if cells}


def told(app: Flask, action: str) -> list[tuple[str, str, str]]:
    entries = rows(app, "audit_entry", "action", "actor_label", "subject", "detail")
    return [entry[1:] for entry in entries if entry[0] == action]


def test_manager_invites_a_person_and_sees_who_is_there(app: Flask, manager: FlaskClient) -> None:
    page = manager.get(TEAM)
    typed: dict[str, Any] = {"email": "New@example.com", "role": "desk", "location": ["renton"]}
    link = link_on(press(manager, page, TEAM, **typed))
    assert told(app, "invite")[-1] == ("manager@example.com", "new@example.com", "desk")
    assert listed(manager)["new@example.com"] == [
        "Front desk: answers requests", "Renton", "Off", "Has not chosen a password yet",
    ]  # fmt: skip
    assert choose(app.test_client(), link).headers["Location"] == "/staff/"
    assert listed(manager)["new@example.com"][-1] == "Active"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"role": None}, "Select what the person may do"),
    ({"role": "admin"}, "Select what the person may do"),
    ({"location": None}, "Name at least one location for this role"),
    ({"email": "nobody"}, "Enter an email address, like name@example.com"),
    ({"email": "foreign@example.com"}, "This person already has an account"),
    ({"email": "admin@example.com"}, "This person already has an account"),
]


def test_refused_invitation_says_why_keeps_what_was_typed_and_changes_nobody(
    app: Flask, manager: FlaskClient
) -> None:
    with app.app_context():
        make_staff("foreign@example.com", Role.DESK, ("bellevue",))
        make_staff("admin@example.com", Role.ADMIN, ())
    before = rows(app, "staff_member", "email", "role")
    page = manager.get(TEAM)
    for changes, error in REFUSED:
        typed: dict[str, Any] = {
            "email": "new@example.com",
            "role": "desk",
            "location": ["covington"],
        } | changes
        answer = press(manager, page, TEAM, **typed)
        assert (answer.status_code, field_errors(answer)) == (422, [error])
        kept = form(answer, TEAM)
        assert kept["email"] == [typed["email"]]
        assert kept.get("location") == typed["location"]
        assert kept.get("role") == (["desk"] if typed["role"] == "desk" else None)
    assert rows(app, "staff_member", "email", "role") == before


def test_old_form_token_keeps_what_was_typed(app: Flask, manager: FlaskClient) -> None:
    typed: dict[str, Any] = {"email": "new@example.com", "role": "desk", "location": ["covington"]}
    answer = press(manager, manager.get(TEAM), TEAM, **typed, csrf_token="old")
    assert answer.status_code == 400
    kept = form(answer, TEAM)
    assert {name: kept[name] for name in typed} == {
        "email": ["new@example.com"], "role": ["desk"], "location": ["covington"],
    }  # fmt: skip
    assert rows(app, "staff_member", "email") == ["manager@example.com"]


def test_foreign_clinic_in_the_form_is_not_found(app: Flask, manager: FlaskClient) -> None:
    typed: dict[str, Any] = {"email": "new@example.com", "role": "desk", "location": ["bellevue"]}
    assert press(manager, manager.get(TEAM), TEAM, **typed).status_code == 404
    assert rows(app, "staff_member", "email") == ["manager@example.com"]


@pytest.mark.parametrize(
    ("by", "what"),
    [("manager", "assign"), ("admin", "link"), ("manager", "factor"), ("admin", "disable")],
)
def test_what_is_done_to_a_person_ends_the_sign_ins_at_once(
    app: Flask, desk: FlaskClient, by: str, what: str, frozen: Clock
) -> None:
    with app.app_context(), transaction():
        member = find_by_email(EMAIL)
        assert member is not None
        secret = start_factor(member, now=frozen.now())
        confirm_factor(member, code_at(secret, frozen.now()), now=frozen.now())
    places = () if by == "admin" else ("renton", "covington")
    boss = enter(app, "boss@example.com", Role(by), *places)
    assert is_in(desk)
    typed: dict[str, Any] = {}
    if what == "assign":
        typed = {"role": "viewer", "location": ["covington"], "shared_line": "y"}
    answer = do(boss, app, what, **typed)
    assert not is_in(desk)
    if what == "link":
        assert log_in(app.test_client()).status_code == 422
        assert choose(app.test_client(), link_on(answer)).status_code == 303
    else:
        url = f"{TEAM}/{number_of(app)}?done={what}"
        assert (answer.status_code, answer.headers["Location"]) == (303, url)
    action, detail, reason = {
        "assign": ("assign", "viewer covington", "role or locations changed"),
        "link": ("reset", "", "password reset"),
        "factor": ("factor_off", "", "second step reset"),
        "disable": ("disable", "", "disabled"),
    }[what]
    assert told(app, action) == [("boss@example.com", EMAIL, detail)]
    assert rows(app, "staff_session", "end_reason")[0] == reason
    with app.app_context():
        member = find_by_email(EMAIL)
        assert member is not None
        assert member.active == (what != "disable")
        assert [place.slug for place in member.locations] == (
            ["covington"] if what == "assign" else ["renton"]
        )
        assert (member.role.value, member.shared_line) == (
            ("viewer", True) if what == "assign" else ("desk", False)
        )
        assert db.session.query(StaffFactor).count() == (0 if what == "factor" else 1)


def test_disabling_puts_what_the_person_was_on_back_into_the_list(
    app: Flask, desk: FlaskClient, manager: FlaskClient, frozen: Clock
) -> None:
    with app.app_context():
        held, other = (make_request(app).reference for _ in range(2))
        boss = find_by_email("manager@example.com")
        leaver = find_by_email(EMAIL)
        assert boss is not None
        assert leaver is not None
        with transaction():
            for reference, person in ((held, leaver), (other, boss)):
                act(
                    get_request(reference, scope=EVERYWHERE, to_change=True),
                    Move(Action.CLAIM),
                    actor=actor_of(person),
                    now=frozen.now(),
                )
    frozen.move(minutes=1)
    done = do(manager, app, "disable")
    assert done.status_code == 303, main_text(done)
    said = main_text(manager.get(done.headers["Location"]))
    assert "This person is shut out. What they were on is back in the list." in said
    boss_id = number_of(app, "manager@example.com")
    assert rows(app, "appointment_request", "status", "claimed_by", "claimed_until") == [
        ("received", None, None),
        ("in_review", boss_id, frozen.now() + timedelta(minutes=14)),
    ]
    assert rows(app, "request_event", "action")[-1] == "release"
    assert told(app, "release") == [("manager@example.com", held, "in_review > received")]
    assert "1" in main_text(manager.get("/staff/?group=new"))
    assert log_in(app.test_client()).status_code == 422


def test_last_admin_cannot_leave_by_any_way(app: Flask, frozen: Clock) -> None:
    admin = enter(app, "admin@example.com", Role.ADMIN)
    answer = do(admin, app, "disable", "admin@example.com")
    assert (answer.status_code, LAST in main_text(answer)) == (422, True)
    typed: dict[str, Any] = {"role": "desk", "location": ["renton"]}
    answer = do(admin, app, "assign", "admin@example.com", **typed)
    assert (answer.status_code, LAST in main_text(answer)) == (422, True)
    answer = press(admin, admin.get(TEAM), TEAM, email="admin@example.com", **typed)
    assert (answer.status_code, LAST in main_text(answer)) == (422, True)
    assert rows(app, "staff_member", "role", "active") == [("admin", True)]
    assert is_in(admin)
    with app.app_context():
        make_staff("second@example.com", Role.ADMIN, ())
    assert do(admin, app, "disable", "admin@example.com").status_code == 303
    assert rows(app, "staff_member", "active") == [False, True]


def test_two_admins_who_disable_each_other_at_once_leave_one(app: Flask) -> None:
    people = ("one@example.com", "two@example.com")
    clients = [enter(app, email, Role.ADMIN) for email in people]
    pages = [f"{TEAM}/{number_of(app, email)}" for email in reversed(people)]
    forms = [
        form(client.get(page), f"{page}/disable")
        for client, page in zip(clients, pages, strict=True)
    ]
    statuses = together(
        2, lambda n: clients[n].post(f"{pages[n]}/disable", data=forms[n]).status_code
    )
    assert sorted(rows(app, "staff_member", "active")) == [False, True]
    assert statuses.count(303) == 1


def test_people_of_other_clinics_and_admins_do_not_exist_for_a_manager(
    app: Flask, manager: FlaskClient
) -> None:
    with app.app_context():
        make_staff("foreign@example.com", Role.DESK, ("bellevue",))
        make_staff("partly@example.com", Role.DESK, ("renton", "bellevue"))
        make_staff("admin@example.com", Role.ADMIN, ("renton",))
        make_staff("own@example.com", Role.DESK, ("renton",))
    assert set(listed(manager)) == {"manager@example.com", "own@example.com"}
    token = form(manager.get(TEAM), TEAM)["csrf_token"][0]
    typed: dict[str, Any] = {"csrf_token": token, "role": "viewer", "location": "renton"}
    before = rows(app, "staff_member", "role", "active", "password", "fs_uniquifier")
    for email in ("foreign@example.com", "partly@example.com", "admin@example.com"):
        page = f"{TEAM}/{number_of(app, email)}"
        assert manager.get(page).status_code == 404
        for what in ("assign", "link", "factor", "disable"):
            assert manager.post(f"{page}/{what}", data=typed).status_code == 404
    assert rows(app, "staff_member", "role", "active", "password", "fs_uniquifier") == before


def test_manager_makes_nobody_an_admin_and_keeps_the_form(
    app: Flask, desk: FlaskClient, manager: FlaskClient
) -> None:
    answer = do(manager, app, "assign", role="admin", location=["covington"])
    assert (answer.status_code, field_errors(answer)) == (422, ["Select what the person may do"])
    assert form(answer, f"{TEAM}/{number_of(app)}/assign")["location"] == ["covington"]
    assert is_in(desk)
