"""`flask staff invite|reset|assign|disable|list` and `flask demo`, as an operator meets them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import create_engine, text

from clinicdir import clock
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action
from clinicdir.cli import demo
from clinicdir.cli.serving import prepare_database
from clinicdir.crypto import new_key
from clinicdir.db import db, transaction
from clinicdir.locations.queries import list_all_locations
from clinicdir.staff.queries import find_by_email
from clinicdir.staff.rules import EVERYWHERE, Role
from clinicdir.staff.second_factor import code_at, confirm_factor, start_factor
from clinicdir.staff.sessions import actor_of
from tests.client import page_text
from tests.conftest import SECRET, Clock, build_app
from tests.hashes import spend_little
from tests.make import PASSWORD, make_request, token_of
from tests.signing_in import EMAIL, choose, is_in, join, log_in
from tests.tables import all_rows, rows

LINK = re.compile(r"http://127\.0\.0\.1:8000(/staff/invitation/[\w-]{43})\n")


def run(runner: FlaskCliRunner, *words: str) -> tuple[int, str, str]:
    result = runner.invoke(args=list(words))
    return result.exit_code, result.stdout, result.stderr


def invite(runner: FlaskCliRunner, email: str, role: str, *slugs: str) -> str:
    places = [word for slug in slugs for word in ("--location", slug)]
    code, out, err = run(runner, "staff", "invite", email, "--role", role, *places)
    assert (code, err) == (0, "")
    found = LINK.fullmatch(out)
    assert found is not None, out
    return found[1]


def test_invite_prints_a_link_that_works_and_nothing_else(
    app: Flask, runner: FlaskCliRunner
) -> None:
    path = invite(runner, "Desk@Example.com", "desk", "renton", "covington")
    client = app.test_client()
    page = client.get(path).get_data(as_text=True)
    form = {"csrf_token": token_of(page), "password": PASSWORD}
    assert client.post(path, data=form).headers["Location"] == "/staff/"
    inbox = page_text(client.get("/staff/").get_data(as_text=True))
    assert "All my clinics Renton Covington To do (0)" in inbox
    told = rows(app, "audit_entry", "actor_kind", "action", "subject", "detail")
    assert ("operator", "invite", "desk@example.com", "desk") in told


def test_invite_of_somebody_not_yet_joined_changes_role_and_locations(
    app: Flask, runner: FlaskCliRunner
) -> None:
    older = invite(runner, "desk@example.com", "desk", "renton")
    newer = invite(runner, "desk@example.com", "manager", "bellevue")
    assert app.test_client().get(older).status_code == 404
    assert app.test_client().get(newer).status_code == 200
    assert people(runner) == [
        {
            "email": "desk@example.com",
            "role": "manager",
            "locations": ["bellevue"],
            "active": True,
            "joined": False,
            "second_step": False,
            "shared_line": False,
        }
    ]


def people(runner: FlaskCliRunner) -> Any:  # noqa: ANN401 - JSON
    code, out, err = run(runner, "staff", "list", "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("nobody", "--role", "desk", "--location", "renton"),
            "email: Enter an email address, like name@example.com\n",
        ),
        (
            ("desk@example.com", "--role", "desk"),
            "location: Name at least one location for this role\n",
        ),
        (
            ("desk@example.com", "--role", "desk", "--location", "nowhere"),
            "There is no such thing. The list commands show what there is.\n",
        ),
        (
            ("a@example.com\nBcc: b@example.com", "--role", "admin"),
            "email: Enter an email address, like name@example.com\n",
        ),
    ],
)
def test_invite_refuses_in_one_line_and_changes_nothing(
    app: Flask, runner: FlaskCliRunner, words: tuple[str, ...], says: str
) -> None:
    before = all_rows(app)
    assert run(runner, "staff", "invite", *words) == (1, "", says)
    assert all_rows(app) == before


def test_invite_of_somebody_who_has_a_password_is_refused(
    app: Flask, runner: FlaskCliRunner
) -> None:
    path = invite(runner, "desk@example.com", "desk", "renton")
    client = app.test_client()
    page = client.get(path).get_data(as_text=True)
    client.post(path, data={"csrf_token": token_of(page), "password": PASSWORD})
    again = run(runner, "staff", "invite", "desk@example.com", "--role", "admin")
    assert again == (1, "", "email: This person already has an account\n")
    assert rows(app, "staff_member", "role") == ["desk"]


def test_invite_knows_no_other_role(runner: FlaskCliRunner) -> None:
    code, out, err = run(runner, "staff", "invite", "desk@example.com", "--role", "owner")
    assert (code, out) == (2, "")
    assert "'owner' is not one of 'viewer', 'desk', 'manager', 'admin'" in err


def test_disable_shuts_a_person_out(app: Flask, runner: FlaskCliRunner, frozen: Clock) -> None:
    path = invite(runner, "desk@example.com", "desk", "renton")
    assert run(runner, "staff", "disable", "DESK@example.com") == (
        0, "DESK@example.com is disabled; all sign-ins have ended. Back in the list: 0.\n", "",
    )  # fmt: skip
    assert app.test_client().get(path).status_code == 404
    assert rows(app, "staff_member", "active", "disabled_at") == [(False, frozen.now())]
    told = rows(app, "audit_entry", "actor_kind", "action", "subject")
    assert told[-1] == ("operator", "disable", "desk@example.com")


def test_disable_of_nobody_says_so(runner: FlaskCliRunner) -> None:
    says = "There is no such thing. The list commands show what there is.\n"
    assert run(runner, "staff", "disable", "nobody@example.com") == (1, "", says)


def test_disable_puts_back_what_the_person_was_on(
    app: Flask, runner: FlaskCliRunner, frozen: Clock
) -> None:
    invite(runner, "desk@example.com", "desk", "renton")
    with app.app_context():
        reference = make_request(app).reference
        member = find_by_email("desk@example.com")
        assert member is not None
        with transaction():
            held = get_request(reference, scope=EVERYWHERE, to_change=True)
            act(held, Move(Action.CLAIM), actor=actor_of(member), now=frozen.now())
    out = "desk@example.com is disabled; all sign-ins have ended. Back in the list: 1.\n"
    assert run(runner, "staff", "disable", "desk@example.com") == (0, out, "")
    assert rows(app, "appointment_request", "status", "claimed_by") == [("received", None)]


def test_last_admin_is_kept_in_plain_words(app: Flask, runner: FlaskCliRunner) -> None:
    invite(runner, "admin@example.com", "admin")
    before = all_rows(app)
    says = "email: This is the last admin: make another one first\n"
    assert run(runner, "staff", "disable", "admin@example.com") == (1, "", says)
    move = ("assign", "admin@example.com", "--role", "desk", "--location", "renton")
    assert run(runner, "staff", *move) == (1, "", says)
    assert all_rows(app) == before


def test_reset_prints_a_link_alone_and_ends_the_password(
    app: Flask, runner: FlaskCliRunner
) -> None:
    spend_little(app)
    join(app)
    client = app.test_client()
    log_in(client)
    code, out, err = run(runner, "staff", "reset", EMAIL)
    found = LINK.fullmatch(out)
    assert (code, err) == (0, "")
    assert found is not None
    assert not is_in(client)
    assert log_in(app.test_client()).status_code == 422
    assert choose(app.test_client(), found[1]).status_code == 303
    assert run(runner, "staff", "reset", "nobody@example.com")[:2] == (1, "")


def test_reset_of_the_second_step_leaves_the_password(app: Flask, runner: FlaskCliRunner) -> None:
    spend_little(app)
    join(app)
    client = app.test_client()
    log_in(client)
    with app.app_context(), transaction():
        member, now = find_by_email(EMAIL), clock.now()
        assert member is not None
        confirm_factor(member, code_at(start_factor(member, now=now), now), now=now)
    says = f"{EMAIL} has no second step now; all sign-ins have ended.\n"
    assert run(runner, "staff", "reset", EMAIL, "--second-step") == (0, says, "")
    assert rows(app, "staff_factor", "id") == rows(app, "staff_recovery_code", "id") == []
    assert not is_in(client)
    told = rows(app, "audit_entry", "actor_kind", "action", "subject", "detail")
    assert ("operator", "factor_off", EMAIL, "") in told
    again = app.test_client()
    log_in(again)
    assert is_in(again)
    assert run(runner, "staff", "reset", "nobody@example.com", "--second-step")[:2] == (1, "")


def test_assign_moves_a_person_and_ends_the_sign_ins(app: Flask, runner: FlaskCliRunner) -> None:
    spend_little(app)
    join(app)
    client = app.test_client()
    log_in(client)
    move = (EMAIL, "--role", "desk", "--location", "covington", "--shared-line")
    says = f"{EMAIL} is now desk; all sign-ins have ended.\n"
    assert run(runner, "staff", "assign", *move) == (0, says, "")
    assert not is_in(client)
    (person,) = people(runner)
    assert (person["locations"], person["shared_line"]) == (["covington"], True)
    listed = f"{EMAIL}  desk  active  covington  shared line\n"
    assert run(runner, "staff", "list") == (0, listed, "")
    refused = run(runner, "staff", "assign", EMAIL, "--role", "desk")
    assert refused == (1, "", "location: Name at least one location for this role\n")


def test_list_shows_everybody_by_address(app: Flask, runner: FlaskCliRunner) -> None:
    assert run(runner, "staff", "list") == (0, "", "")
    invite(runner, "zoe@example.com", "viewer", "renton")
    invite(runner, "amy@example.com", "admin", "renton")
    invite(runner, "bob@example.com", "desk", "covington", "seattle-5th-ave")
    run(runner, "staff", "disable", "bob@example.com")
    code, out, _ = run(runner, "staff", "list")
    assert code == 0
    assert out.splitlines() == [
        "amy@example.com  admin  active  every location",
        "bob@example.com  desk  disabled  seattle-5th-ave, covington",
        "zoe@example.com  viewer  active  renton",
    ]


@pytest.mark.parametrize("command", ["invite", "reset", "assign", "disable", "list"])
def test_commands_have_help(runner: FlaskCliRunner, command: str) -> None:
    code, out, _ = run(runner, "staff", command, "--help")
    assert code == 0
    assert out.startswith(f"Usage: clinicdir staff {command}")


# The demo


def test_demo_refuses_production(app: Flask, with_settings: Callable[..., Flask]) -> None:
    settings = app.extensions["clinicdir"].settings
    settings.instance.chmod(0o700)
    live = with_settings(
        env="production",
        base_url="https://clinics.example",
        encryption_keys=new_key(),
        secret_key=SECRET,
        rate_limits="on",
    )
    before = all_rows(app)
    assert run(live.test_cli_runner(), "demo") == (
        1, "", "The demo invents people and opens doors: not with ENV=production.\n",
    )  # fmt: skip
    assert all_rows(app) == before


def test_demo_wants_a_database_of_its_own(app: Flask, runner: FlaskCliRunner) -> None:
    before = all_rows(app)
    code, out, err = run(runner, "demo")
    assert (code, out) == (1, "")
    assert err.startswith("The demo wants a database of its own: run `make demo`, or set")
    assert all_rows(app) == before


def test_demo_fills_a_morning_once_and_gives_each_role_a_link(
    sqlite_app: Flask, tmp_path: Path, frozen: Clock
) -> None:
    app = build_app(tmp_path, database_url=f"sqlite:///{tmp_path / demo.DATABASE}")
    with app.app_context():
        prepare_database()
        for _ in range(2):
            with transaction():
                demo.fill(now=frozen.now())
        with transaction():
            links = demo.sign_in_links(now=frozen.now())
        places = list_all_locations()[:3]
        assert len(places) == 3
    assert set(links) == set(Role)
    statuses = sorted(rows(app, "appointment_request", "status"))
    assert statuses == [
        "awaiting_patient",
        "booked",
        "in_review",
        "offered",
        "quarantined",
        *["received"] * 7,
    ]
    for role, token in links.items():
        client = app.test_client()
        page = client.get(f"/staff/invitation/{token}").get_data(as_text=True)
        form = {"csrf_token": token_of(page)}
        answer = client.post(f"/staff/invitation/{token}", data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/")
        inbox = client.get("/staff/").get_data(as_text=True)
        assert f"{role.value}@demo.example.org" in inbox
        assert "Sample" in inbox
    with app.app_context():
        db.engine.dispose()
    engine = create_engine(f"sqlite:///{tmp_path / demo.DATABASE}")
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from staff_member")) == 4
    engine.dispose()
