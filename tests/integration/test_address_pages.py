"""A clinic moves: its point is shown before it is stored, and the finder follows at once."""

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
from clinicdir.resources import resource_dir
from clinicdir.staff.rules import Role
from tests.conftest import Clock
from tests.make import make_staff, sign_in
from tests.pages import Typed, form, heading, main_text, press, summary
from tests.tables import rows

PAGE = "/staff/settings/renton/address"
MANAGER = "manager@example.com"
# The street grid of the county puts it here, by its numbers alone.
TYPED: dict[str, Typed] = {
    "name": "Bellevue  South", "line": "12000 SE 38th St", "unit": "#2", "city": "Bellevue",
    "postal_code": "98006",
}  # fmt: skip
COLUMNS = (
    "slug", "name", "line", "unit", "city", "postal_code", "latitude", "longitude",
    "position_source", "position_error_m", "position_is_estimate", "version",
)  # fmt: skip
MOVED = (
    "Bellevue South", "12000 SE 38th St", "#2", "Bellevue", "98006", 47.57614, -122.18081,
    "found by the finder (grid)", 414, True, 2,
)  # fmt: skip
BY_HAND = ("given by the group", None, False, 2)


@pytest.fixture(autouse=True)
def _frozen(frozen: Clock) -> None:
    """Let it be Tuesday noon in Renton."""


@pytest.fixture
def manager(app: Flask) -> FlaskClient:
    with app.app_context():
        make_staff(MANAGER, Role.MANAGER, ("renton",))
    client = app.test_client()
    sign_in(client, MANAGER)
    return client


def save(client: FlaskClient, **typed: Typed) -> TestResponse:
    return press(client, client.get(PAGE), PAGE, **typed)


def stored(app: Flask) -> tuple[Any, ...]:
    return next(tuple(row[1:]) for row in rows(app, "location", *COLUMNS) if row[0] == "renton")


def told(app: Flask) -> list[Any]:
    columns = ("actor_label", "subject", "detail", "chain", "action")
    return [row[:4] for row in rows(app, "audit_entry", *columns) if row[4] == "settings"]


def nearest(client: FlaskClient) -> list[tuple[str, int]]:
    """Return the clinics nearest to the new address, with their distances."""
    here = {"latitude": MOVED[5], "longitude": MOVED[6], "limit": 2}
    found = client.post("/api/v1/nearest", json=here).get_json()["results"]
    return [(one["location"]["slug"], one["distance_m"]) for one in found]


def test_new_address_is_looked_up_shown_and_in_force_at_once(
    app: Flask, client: FlaskClient, manager: FlaskClient
) -> None:
    before = stored(app)
    assert [slug for slug, _ in nearest(client)] == ["bellevue", "renton"]
    page = save(manager, **TYPED)
    assert (page.status_code, heading(page)) == (200, "Where Renton is")
    assert (
        "The finder puts this address at the latitude and longitude below, off by 0.3 miles at"
        " most. Until a person has checked it on a map, it counts as an estimate. That is 6.9 miles"
        " from where the clinic is now.Nearest other clinics from there: Bellevue, 3.7 miles;"
        " Seattle, 5th Ave, 8.0 miles.Nothing is stored yet. Press the button once more if it is"
        " right."
    ) in main_text(page)
    shown = form(page, PAGE)
    assert (shown["latitude"], shown["longitude"]) == (["47.57614"], ["-122.18081"])
    assert (stored(app), told(app)) == (before, [])
    answer = press(manager, page, PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert stored(app) == MOVED
    after = dict(zip(COLUMNS[1:], MOVED, strict=True))
    changes = (
        f"{name}: {was} > {after[name]}"
        for name, was in zip(COLUMNS[1:-1], before, strict=False)
        if name != "unit" or was != after[name]
    )
    assert told(app) == [(MANAGER, "renton", "; ".join(changes), "location/3")]
    assert nearest(client) == [("renton", 0), ("bellevue", 5928)]
    assert "12000 SE 38th St, #2, Bellevue, WA 98006" in main_text(client.get("/locations/renton"))
    assert "Position47.57614, -122.18081, an estimate, off by 0.3 miles at most" in main_text(
        manager.get(PAGE)
    )


def test_seeds_keep_the_new_address(app: Flask, manager: FlaskClient) -> None:
    press(manager, save(manager, **TYPED), PAGE)
    with app.app_context():
        with transaction():
            changes = seeds.load(_seed_folder(), actor=OPERATOR, now=clock.now())
        kept = {(one.slug, one.kind) for one in changes}
    assert kept == {("renton", "kept")}
    assert stored(app) == MOVED


def _seed_folder() -> Path:
    return resource_dir("seeds")


def test_person_who_has_looked_makes_it_no_estimate(app: Flask, manager: FlaskClient) -> None:
    press(manager, save(manager, **TYPED), PAGE, checked="y")
    assert stored(app) == (*MOVED[:-2], False, 2)


def test_point_of_another_address_is_never_taken_over(app: Flask, manager: FlaskClient) -> None:
    page = save(manager, **TYPED)
    page = press(manager, page, PAGE, line="1200 SW 43rd St", city="Renton", postal_code="98057")
    assert page.status_code == 200
    assert form(page, PAGE)["latitude"] == ["47.44115"]
    press(manager, page, PAGE)
    assert stored(app)[5:8] == (47.44115, -122.23348, "found by the finder (grid)")


@pytest.mark.parametrize(
    ("typed", "point"),
    [
        ({"latitude": "47.5", "longitude": "-122.25"}, (47.5, -122.25, *BY_HAND)),
        ({"latitude": "", "longitude": ""}, (None, None, None, None, False, 2)),
    ],
)
def test_address_that_the_finder_does_not_know_gets_a_point_by_hand_or_none(
    app: Flask, manager: FlaskClient, typed: dict[str, Typed], point: tuple[Any, ...]
) -> None:
    page = save(manager, line="1 Nowhere Pl", city="Spokane", postal_code="99201")
    assert "The finder does not know this address, or knows only its town." in main_text(page)
    assert (form(page, PAGE)["latitude"], form(page, PAGE)["longitude"]) == ([""], [""])
    assert press(manager, page, PAGE, **typed).status_code == 303
    assert stored(app)[5:] == point


def test_unit_name_and_own_degrees_are_saved_without_a_second_look(
    app: Flask, manager: FlaskClient
) -> None:
    before = stored(app)
    assert save(manager, unit="Suite 9", name="Renton Station").status_code == 303
    assert stored(app) == ("Renton Station", before[1], "Suite 9", *before[3:10], 2)
    typed = {"line": "1 New St", "latitude": "47.5", "longitude": "-122.25"}
    assert save(manager, **typed).status_code == 303
    assert stored(app)[5:] == (47.5, -122.25, *BY_HAND[:3], 3)


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"line": ""}, "line", "Enter the street and number in 1 to 200 characters"),
        ({"unit": "x" * 61}, "unit", "Enter the unit in 60 characters or less"),
        ({"longitude": ""}, "longitude", "Enter latitude and longitude together, or neither"),
        (
            {"latitude": "91"},
            "latitude",
            "Enter degrees as a decimal number, like 47.4829 and -122.2171",
        ),
    ],
)
def test_refused_address_is_kept_and_nothing_is_stored(
    app: Flask, manager: FlaskClient, typed: dict[str, Typed], field: str, sentence: str
) -> None:
    before = stored(app)
    answer = save(manager, **(TYPED | typed))
    assert answer.status_code == 422
    assert summary(answer) == [(f"#{field}", sentence)]
    assert form(answer, PAGE)["name"] == [TYPED["name"]]
    assert (stored(app), told(app)) == (before, [])


def test_stale_page_keeps_what_was_typed(app: Flask, manager: FlaskClient) -> None:
    page = save(manager, **TYPED)
    save(manager, unit="Suite 9")
    answer = press(manager, page, PAGE)
    assert answer.status_code == 409
    assert f"{MANAGER} changed these settings on Tue, Nov 24, 12:00 pm." in main_text(answer)
    assert "Address332 Burnett Ave S, Suite 9" in main_text(answer)
    assert stored(app)[1:3] == ("332 Burnett Ave S", "Suite 9")
    assert press(manager, answer, PAGE).status_code == 303
    assert stored(app)[:3] == MOVED[:3]
