"""What bots send by the form and to many clinics: where it stands on the pages of staff."""

import pytest
from flask import Flask

from clinicdir.staff.rules import Role
from tests.asking import ANSWERS, CHECK, START, follow, walk
from tests.conftest import Clock
from tests.hostile.doors import make_desk, send_api
from tests.hostile.items import case, item
from tests.pages import main_text, press
from tests.tables import rows

NAME = str(ANSWERS["/request/who"]["patient_name"])
SLUGS = (
    "seattle-5th-ave", "bellevue", "renton", "issaquah", "seattle-california-ave-sw", "covington",
)  # fmt: skip
WHY = (
    "This may be spam: a field that people do not see was filled in"
    " it was sent faster than people type"
)


@pytest.mark.parametrize(
    ("seconds", "aside", "is_held"),
    [
        case(36, "honeypot filled, sent in 0.3 s", 0.3, "Example Ltd", True),
        case(36, "honeypot filled by a person's browser", 60, "Example Ltd", False),
        case(36, "sent in 0.3 s", 0.3, "", False),
    ],
)
def test_form_of_a_bot_stands_apart_from_those_of_people(
    sqlite_app: Flask, frozen: Clock, seconds: float, aside: str, is_held: bool
) -> None:
    client, desk = sqlite_app.test_client(), make_desk(sqlite_app)
    first = client.get(START)
    frozen.move(seconds=seconds)
    page = walk(client, first=first, aside=aside)
    thanked = follow(client, press(client, page, CHECK))
    assert thanked.status_code == 200
    ((reference, status),) = rows(sqlite_app, "appointment_request", "reference", "status")
    assert status == ("quarantined" if is_held else "received")
    listed, apart = (main_text(desk.get(f"/staff/?group={one}")) for one in ("open", "spam"))
    assert (NAME in listed, NAME in apart) == (not is_held, is_held)
    assert ("Check: may be spam (1)" in listed) is is_held
    opened = main_text(desk.get(f"/staff/requests/{reference}"))
    assert (WHY in opened, "Not spam: put it among the new ones" in opened) == (is_held, is_held)


@item(36)
def test_same_text_at_six_clinics_is_held_from_the_fourth_and_shown_as_alike(app: Flask) -> None:
    client = app.test_client()
    for slug in SLUGS:
        assert send_api(client, key=slug, location=slug, note="Call me today").status_code == 201
    stored = rows(app, "appointment_request", "reference", "status", "location_id")
    assert [one[1:] for one in stored] == [
        ("received" if number <= 3 else "quarantined", number) for number in range(1, 7)
    ]
    at_renton = f"/staff/requests/{stored[2][0]}"
    seen = main_text(make_desk(app, Role.ADMIN).get(at_renton))
    flagged = seen.partition("The same phone number or email came with:")[2]
    assert [f"{one[:3]}-{one[3:]}, " in flagged for one, *_ in stored] == [
        number != 2 for number in range(6)
    ]
    assert "The same phone number" not in main_text(make_desk(app).get(at_renton))
