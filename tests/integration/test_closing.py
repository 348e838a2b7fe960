"""A clinic closes: nothing comes in, what is open and who works there go elsewhere, for good."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments import closing as domain
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.queries import get_request
from clinicdir.appointments.rules import Action, show_reference
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import db, transaction
from clinicdir.locations import seeds
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.resources import resource_dir
from clinicdir.staff.models import StaffMember
from clinicdir.staff.rules import EVERYWHERE, Role
from tests.conftest import Clock
from tests.make import make_request, make_staff, sign_in
from tests.pages import Typed, form, heading, links, main_text, press, summary
from tests.signing_in import is_in
from tests.tables import all_rows, rows

PAGE = "/staff/settings/renton/close"
ADMIN, DESK = "admin@example.com", "desk@example.com"
TYPED: dict[str, Typed] = {"location": "bellevue", "notice": "Closed since Tuesday."}


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    return signed_in(app, ADMIN, Role.ADMIN)


def signed_in(app: Flask, email: str, role: Role, *locations: str) -> FlaskClient:
    with app.app_context():
        make_staff(email, role, locations)
    client = app.test_client()
    sign_in(client, email)
    return client


def close(client: FlaskClient, **typed: Typed) -> TestResponse:
    return press(client, client.get(PAGE), PAGE, **(TYPED | typed))


def ask(app: Flask, action: Action | None = None, location: str = "renton") -> str:
    """Store a request and make one move of it."""
    with app.app_context():
        reference = make_request(app, location=location).reference
        if action is not None:
            with transaction():
                found = get_request(reference, scope=EVERYWHERE)
                move = Move(action, booked_at=clock.now(), decline_reason="other")
                act(found, move, actor=OPERATOR, now=clock.now())
    return reference


def where(app: Flask) -> dict[str, tuple[str, str]]:
    """Return the clinic and the state of each request."""
    slugs = dict(rows(app, "location", "id", "slug"))
    found = rows(app, "appointment_request", "reference", "location_id", "status")
    return {reference: (slugs[place], status) for reference, place, status in found}


def places_of(app: Flask, email: str) -> tuple[str, set[str]]:
    with app.app_context():
        member = db.session.query(StaffMember).filter_by(email=email).one()
        return member.role.value, {place.slug for place in member.locations}


def test_open_requests_and_people_go_to_the_other_clinic(
    app: Flask, client: FlaskClient, admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "_AT_ONCE", 2)
    desk = signed_in(app, DESK, Role.DESK, "renton", "covington")
    other = signed_in(app, "other@example.com", Role.VIEWER, "covington")
    waiting, spam, booked, gone, claimed, foreign = (
        ask(app), ask(app, Action.QUARANTINE), ask(app, Action.BOOK), ask(app, Action.DECLINE),
        ask(app), ask(app, location="covington"),
    )  # fmt: skip
    opened = f"/staff/requests/{claimed}"
    press(desk, desk.get(opened), f"{opened}/claim")
    page = admin.get(PAGE)
    assert heading(page) == "Close Renton"
    assert "3 open requests are here. People of this clinic: desk@example.com" in main_text(page)
    answer = close(admin)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert where(app) == {
        waiting: ("bellevue", "received"), spam: ("bellevue", "quarantined"),
        booked: ("renton", "booked"), gone: ("renton", "declined"),
        claimed: ("bellevue", "received"), foreign: ("covington", "received"),
    }  # fmt: skip
    assert places_of(app, DESK) == ("desk", {"bellevue", "covington"})
    assert (is_in(desk), is_in(other)) == (False, True)
    assert main_text(admin.get(PAGE)).startswith(
        "Close Renton Renton is closed: it takes no requests. 0 open requests are here."
        " Nobody belongs to this clinic. Nothing is left to do."
    )
    assert "Closed since Tuesday." in main_text(client.get("/locations/renton"))
    with app.app_context():
        history = get_request(claimed, scope=EVERYWHERE).events[-1]
        assert history.unseal() == {"note": "The clinic closes.", "passed": ["renton", "bellevue"]}


def test_page_names_the_booked_visits_to_come_and_what_to_do(
    app: Flask, admin: FlaskClient, frozen: Clock
) -> None:
    begun, to_come = ask(app, Action.BOOK), ask(app, Action.BOOK)
    ask(app, Action.BOOK, location="covington")
    waiting = ask(app)
    assert "still to come" not in main_text(admin.get(PAGE))
    with app.app_context(), transaction():
        for reference in (to_come, waiting):
            found = get_request(reference, scope=EVERYWHERE)
            found.booked_at = frozen.now() + timedelta(days=9)
    page = admin.get(PAGE)
    said = "1 booked visit is still to come here. Booked at Renton"
    assert f"1 open request is here. {said} Nobody belongs to this clinic. Booked visits" in (
        main_text(page)
    )
    assert "press “Find another time” before you close the clinic" in main_text(page)
    address = links(page)["Booked at Renton"]
    listed = main_text(admin.get(address))
    assert (address, show_reference(to_come) in listed, show_reference(begun) in listed) == (
        "/staff/?group=booked&location=renton", True, True,
    )  # fmt: skip
    close(admin)
    assert said in main_text(admin.get(PAGE))
    # As the page says: what needs another time is open, and goes along with the next press.
    with app.app_context(), transaction():
        found = get_request(to_come, scope=EVERYWHERE)
        act(found, Move(Action.RETIME), actor=OPERATOR, now=clock.now())
    close(admin)
    assert where(app)[to_come] == ("bellevue", "received")


def test_closing_is_in_the_trail_and_the_seeds_keep_it(app: Flask, admin: FlaskClient) -> None:
    signed_in(app, DESK, Role.DESK, "renton")
    reference = ask(app)
    close(admin)
    columns = ("actor_label", "action", "subject", "detail")
    wanted = ("settings", "assign", "transfer_out", "transfer")
    assert [row for row in rows(app, "audit_entry", *columns) if row[1] in wanted] == [
        (ADMIN, "settings", "renton", "status: open > closed; notice"),
        (ADMIN, "assign", DESK, "desk bellevue"),
        (ADMIN, "transfer", reference, "received > received"),
        (ADMIN, "transfer_out", reference, "to bellevue"),
    ]
    with app.app_context():
        with transaction():
            changes = seeds.load(resource_dir("seeds"), actor=OPERATOR, now=clock.now())
        assert [(one.slug, one.field, one.kind) for one in changes] == [
            ("renton", "status", "kept")
        ]
        place = get_location("renton")
        assert (place.status.value, place.notice) == ("closed", "Closed since Tuesday.")


def test_what_was_left_by_a_crash_is_moved_by_the_next_press(
    app: Flask, admin: FlaskClient
) -> None:
    close(admin)
    with app.app_context(), transaction():
        get_location("renton").status = LocationStatus.OPEN
    late = ask(app)
    with app.app_context(), transaction():
        get_location("renton").status = LocationStatus.CLOSED
    assert "1 open request is here." in main_text(admin.get(PAGE))
    assert close(admin).status_code == 303
    assert where(app) == {late: ("bellevue", "received")}


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"location": ""}, "location", "Select the clinic that takes over"),
        ({"location": "renton"}, "location", "Select the clinic that takes over"),
        ({"location": "nowhere"}, "location", "Select the clinic that takes over"),
        ({"notice": "x" * 201}, "notice", "Notice must be 200 characters or less"),
    ],
)
def test_refused_closing_changes_nothing(
    app: Flask, admin: FlaskClient, typed: dict[str, Typed], field: str, sentence: str
) -> None:
    ask(app)
    before = all_rows(app, without=("staff_session",))
    answer = close(admin, **typed)
    assert answer.status_code == 422
    assert summary(answer) == [(f"#{field}", sentence)]
    assert form(answer, PAGE)["notice"] == [typed.get("notice", TYPED["notice"])]
    assert all_rows(app, without=("staff_session",)) == before


def test_stale_page_and_closed_taker_are_refused(app: Flask, admin: FlaskClient) -> None:
    page = admin.get(PAGE)
    settings = "/staff/settings/renton"
    press(admin, admin.get(settings), settings, notice="Ring twice")
    answer = press(admin, page, PAGE, **TYPED)
    assert answer.status_code == 409
    assert f"{ADMIN} changed these settings on Tue, Nov 24, 12:00 pm." in main_text(answer)
    assert press(admin, answer, PAGE).status_code == 303
    assert "renton" not in form(admin.get("/staff/settings/bellevue/close"),
                                "/staff/settings/bellevue/close")["location"]  # fmt: skip


def test_only_admins_close(app: Flask, admin: FlaskClient) -> None:
    manager = signed_in(app, "manager@example.com", Role.MANAGER, "renton", "bellevue")
    contact = "/staff/settings/renton/contact"
    assert "Close Renton" not in links(manager.get(contact))
    assert links(admin.get(contact))["Close Renton"] == PAGE
    assert manager.get(PAGE).status_code == 403
    data: dict[str, Any] = form(manager.get(contact), contact) | TYPED
    assert manager.post(PAGE, data=data).status_code == 403
    assert dict(rows(app, "location", "slug", "status"))["renton"] == "open"
