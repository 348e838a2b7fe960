"""A clinic opens: an admin types its facts, under the rules of the seed file, and seeds keep it."""

import json
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.audit.rules import OPERATOR
from clinicdir.db import transaction
from clinicdir.locations import seeds
from clinicdir.locations.seed_check import errors
from clinicdir.resources import resource_dir
from clinicdir.staff.rules import Role
from tests.conftest import Clock
from tests.make import make_staff, sign_in
from tests.pages import Typed, field_errors, form, heading, links, main_text, press, summary
from tests.tables import rows

PAGE = "/staff/locations/new"
ADMIN = "admin@example.com"
TYPED: dict[str, Typed] = {
    "name": "Kent  Station", "slug": "kent", "line": "1 Main St", "unit": "", "city": "Kent",
    "state": "WA", "postal_code": "98032", "latitude": "47.3846", "longitude": "-122.2340",
    "phone": "206 693 9929", "fax": "", "email": "kent@group.example",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    return signed_in(app, ADMIN, Role.ADMIN)


def signed_in(app: Flask, email: str, role: Role) -> FlaskClient:
    with app.app_context():
        make_staff(email, role, () if role is Role.ADMIN else ("renton",))
    client = app.test_client()
    sign_in(client, email)
    return client


def add(client: FlaskClient, **typed: Typed) -> TestResponse:
    return press(client, client.get(PAGE), PAGE, **(TYPED | typed))


def test_new_clinic_is_public_closed_and_kept_by_the_seeds(
    app: Flask, client: FlaskClient, admin: FlaskClient, tmp_path: Path
) -> None:
    assert links(admin.get("/staff/settings"))["Add a clinic"] == PAGE
    answer = add(admin)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/staff/settings/kent")
    told = client.get("/api/v1/locations/kent").get_json()
    assert (told["name"], told["status"], told["latitude"]) == ("Kent Station", "closed", 47.3846)
    assert told["phone"] == {"e164": "+12066939929", "display": "(206) 693-9929"}
    assert "renton" in told["shares_phone_with"]
    assert heading(client.get("/locations/kent")) == "Kent Station"
    noted = rows(app, "audit_entry", "actor_label", "action", "subject", "chain")
    assert noted[-1] == (ADMIN, "location_added", "kent", "location/7")
    settings = "/staff/settings/kent"
    assert press(admin, admin.get(settings), settings, status="open").status_code == 303
    with app.app_context():
        before = seeds.export()["locations"][-1]
        file = tmp_path / "locations.json"
        content = json.loads((resource_dir("seeds") / "locations.json").read_text())
        other = before | {"name": "Another name", "status": "closed"}
        file.write_text(json.dumps(content | {"locations": [*content["locations"], other]}))
        assert errors(file) == []
        for source in (resource_dir("seeds"), file):
            with transaction():
                seeds.load(source, actor=OPERATOR, now=clock.now())
            assert seeds.export()["locations"][-1] == before


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"name": " "}, "name", "Enter the name in 1 to 100 characters"),
        (
            {"slug": "../Kent"},
            "slug",
            "Enter at most 60 small letters and digits, with single hyphens between",
        ),
        (
            {"slug": "renton"},
            "slug",
            "Another clinic has this address of its page: choose another word",
        ),
        ({"state": "wa"}, "state", "Enter the state in two capital letters, like WA"),
        ({"postal_code": "9803"}, "postal_code", "Enter the ZIP code, like 98121 or 98121-1234"),
        ({"time_zone": "PST8"}, "time_zone", "Enter the time zone, like America/Los_Angeles"),
        (
            {"latitude": "nan"},
            "latitude",
            "Enter degrees as a decimal number, like 47.4829 and -122.2171",
        ),
        ({"longitude": ""}, "longitude", "Enter latitude and longitude together, or neither"),
        ({"phone": ""}, "phone", "Enter the phone number"),
    ],
)
def test_refused_facts_are_kept_and_nothing_is_stored(
    app: Flask, admin: FlaskClient, typed: dict[str, Typed], field: str, sentence: str
) -> None:
    answer = add(admin, **typed)
    assert answer.status_code == 422
    assert summary(answer)[0] == (f"#{field}", sentence)
    assert sentence in field_errors(answer)
    kept = form(answer, PAGE)
    wanted = TYPED | typed
    assert {name: kept[name] for name in wanted} == {name: [one] for name, one in wanted.items()}
    assert len(rows(app, "location", "slug")) == 6


def test_point_that_nobody_typed_is_looked_up_and_shown_before_it_is_stored(
    app: Flask, admin: FlaskClient
) -> None:
    typed: dict[str, Typed] = {
        "line": "1200 SW 43rd St", "city": "Renton", "postal_code": "98057", "latitude": "",
        "longitude": "",
    }  # fmt: skip
    page = add(admin, **typed)
    assert page.status_code == 200
    assert "Nothing is stored yet. Press the button once more if it is right." in main_text(page)
    assert len(rows(app, "location", "slug")) == 6
    assert press(admin, page, PAGE).status_code == 303
    columns = ("slug", "latitude", "longitude", "position_source", "position_is_estimate")
    assert rows(app, "location", *columns)[-1] == (
        "kent", 47.44115, -122.23348, "found by the finder (grid)", True,
    )  # fmt: skip


def test_only_admins_add(app: Flask) -> None:
    manager = signed_in(app, "manager@example.com", Role.MANAGER)
    assert "Add a clinic" not in links(manager.get("/staff/settings"))
    assert manager.get(PAGE).status_code == 403
    assert "Renton" in main_text(manager.get("/staff/settings"))
