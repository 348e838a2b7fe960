"""How a clinic is reached: who may change it, what is refused, and what it changes."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.locations import seeds
from clinicdir.locations.queries import get_location
from clinicdir.resources import resource_dir
from clinicdir.staff.rules import Role
from tests.conftest import Clock
from tests.make import make_staff, sign_in
from tests.pages import Typed, field_errors, form, heading, links, main_text, press, summary
from tests.tables import rows

PAGE = "/staff/settings/renton/contact"
MANAGER, OTHER = "manager@example.com", "other@example.com"
TYPED: dict[str, Typed] = {
    "phone": "206-555-0100",
    "fax": " ",
    "email": " desk@renton.example ",
    "capacity": "2",
    "confirmed": "y",
}


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def manager(app: Flask) -> FlaskClient:
    return signed_in(app, MANAGER)


def signed_in(app: Flask, email: str, role: Role = Role.MANAGER) -> FlaskClient:
    with app.app_context():
        make_staff(email, role, ("renton",))
    client = app.test_client()
    sign_in(client, email)
    return client


def save(client: FlaskClient, **typed: Typed) -> TestResponse:
    """Save, once more where the page tells first whose number it is."""
    answer = press(client, client.get(PAGE), PAGE, **(TYPED | typed))
    return press(client, answer, PAGE) if answer.status_code == 200 else answer


def stored(app: Flask) -> tuple[Any, ...]:
    with app.app_context():
        place = get_location("renton")
        telecom = {point.system.value: point.value for point in place.telecom}
        return telecom, place.capacity, str(place.checked_at), place.version


def told(app: Flask) -> list[Any]:
    columns = ("actor_label", "action", "subject", "detail", "chain")
    return [row for row in rows(app, "audit_entry", *columns) if row[1] == "settings"]


def test_new_facts_are_public_at_once_audited_and_kept_by_the_seeds(
    app: Flask, client: FlaskClient, manager: FlaskClient
) -> None:
    before = stored(app)
    phone, fax = before[0]["phone"], before[0]["fax"]
    page = manager.get("/staff/settings/renton")
    assert links(page)["Phone, fax, email and places of Renton"] == PAGE
    answer = save(manager)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    after = ({"phone": "+12065550100", "email": "desk@renton.example"}, 2, "2026-11-24", 2)
    assert stored(app) == after
    detail = (
        f"phone: {phone} > +12065550100; fax: {fax} > None; email: None > desk@renton.example;"
        f" capacity: None > 2; checked_at: {before[2]} > 2026-11-24"
    )
    assert told(app) == [
        (MANAGER, "settings", "renton", detail, "location/3"),
    ]  # fmt: skip
    text = main_text(client.get("/locations/renton"))
    assert "(206) 555-0100" in text
    assert "desk@renton.example" not in text
    assert "Checked on 2026-11-24." in text
    with app.app_context():
        with transaction():
            changes = seeds.load(_seed_folder(), actor=OPERATOR, now=clock.now())
        assert {(one.slug, one.field, one.kind) for one in changes} == {
            ("renton", field, "kept") for field in ("phone", "fax", "email", "checked_at")
        }
    assert stored(app) == after


def _seed_folder() -> Path:
    return resource_dir("seeds")


def test_page_names_who_shares_the_number_and_saving_it_again_changes_nothing(
    app: Flask, manager: FlaskClient
) -> None:
    before, page = stored(app), manager.get(PAGE)
    assert heading(page) == "How Renton is reached"
    assert (
        "(206) 693-9929 is also the number of: Seattle, 5th Ave; Issaquah;"
        " Seattle, California Ave SW; Covington."
    ) in main_text(page)
    assert press(manager, page, PAGE).status_code == 303
    assert (stored(app), told(app)) == (before, [])
    save(manager)
    assert "is also the number of" not in main_text(manager.get(PAGE))


def test_whose_lines_a_number_leaves_and_joins_is_told_before_it_is_stored(
    app: Flask, manager: FlaskClient
) -> None:
    before = stored(app)
    typed: dict[str, Typed] = {"phone": "(425) 629-9997", "email": "desk@renton.example"}
    page = press(manager, manager.get(PAGE), PAGE, **typed)
    assert page.status_code == 200
    assert (
        "(206) 693-9929 stays the number of 4 other clinics: Seattle, 5th Ave; Issaquah; Seattle,"
        " California Ave SW; Covington. Patients who were given it still call it. Whoever answers"
        " it there finds requests of Renton no longer. (425) 629-9997 is also the number of 1 other"
        " clinic: Bellevue. Pages will tell patients to ask for Renton. People who answer the whole"
        " line will find requests of Renton too. Nothing is stored yet. Press the button once more"
        " if it is right."
    ) in main_text(page)
    assert (stored(app), told(app)) == (before, [])
    # Another number than the one that was told of is told of anew.
    other = press(manager, page, PAGE, phone="206 555 0100")
    assert (other.status_code, stored(app)) == (200, before)
    assert "is also the number of 1 other" not in main_text(other)
    assert press(manager, page, PAGE).status_code == 303
    assert stored(app)[0] == before[0] | {"phone": "+14256299997", "email": "desk@renton.example"}


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("phone", "", "Enter the phone number"),
        ("phone", "911",
         "Enter a phone or fax number like (206) 555-0100, without an extension"),
        ("phone", "206 555 0100 x5",
         "Enter a phone or fax number like (206) 555-0100, without an extension"),
        ("fax", "=1+1", "Enter a phone or fax number like (206) 555-0100, without an extension"),
        ("email", "a@b\nTo: c", "Enter an email address, like name@example.com"),
        ("capacity", "0", "Enter a whole number of patients from 1 to 99, or leave it empty"),
        ("capacity", "100", "Enter a whole number of patients from 1 to 99, or leave it empty"),
        ("capacity", "٣", "Enter a whole number of patients from 1 to 99, or leave it empty"),
    ],
)  # fmt: skip
def test_refused_facts_are_kept_with_what_to_write(
    app: Flask, manager: FlaskClient, field: str, typed: str, sentence: str
) -> None:
    before = stored(app)
    answer = save(manager, **{field: typed})
    assert answer.status_code == 422
    assert summary(answer) == [(f"#{field}", sentence)]
    assert field_errors(answer) == [sentence]
    assert form(answer, PAGE)["email" if field != "email" else "capacity"] == [
        TYPED["email" if field != "email" else "capacity"]
    ]
    assert (stored(app), told(app)) == (before, [])


def test_stale_page_is_told_who_was_faster(app: Flask, manager: FlaskClient) -> None:
    page, other = manager.get(PAGE), signed_in(app, OTHER)
    save(other, confirmed=None, phone="425 555 0100")
    answer = press(manager, page, PAGE, **TYPED)
    assert answer.status_code == 409
    assert "other@example.com changed these settings on Tue, Nov 24, 12:00 pm." in main_text(answer)
    assert "Phone(425) 555-0100" in main_text(answer)
    assert form(answer, PAGE)["phone"] == ["206-555-0100"]
    assert press(manager, answer, PAGE).status_code == 303
    assert stored(app)[0]["phone"] == "+12065550100"


def test_only_who_has_the_settings_of_the_clinic(app: Flask, manager: FlaskClient) -> None:
    data = form(manager.get(PAGE), PAGE) | TYPED
    foreign = manager.get("/staff/settings/covington/contact")
    unknown = manager.get("/staff/settings/nowhere/contact")
    assert (foreign.status_code, foreign.data) == (404, unknown.data)
    assert manager.post("/staff/settings/covington/contact", data=data).status_code == 404
    desk = signed_in(app, "desk@example.com", Role.DESK)
    assert desk.get(PAGE).status_code == 403
    assert desk.post(PAGE, data=data).status_code in (400, 403)
    assert told(app) == []
