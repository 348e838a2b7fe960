"""By when a clinic answers: stored once, said everywhere, never made up."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.appointments.arrival import link_token
from clinicdir.appointments.changes import change_location
from clinicdir.appointments.operations import Move, act
from clinicdir.appointments.promise import is_overdue
from clinicdir.appointments.queries import get_request, list_requests
from clinicdir.appointments.rules import Action
from clinicdir.audit.rules import PATIENT, SYSTEM
from clinicdir.db import transaction
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.staff.queries import list_staff
from clinicdir.staff.rules import EVERYWHERE
from clinicdir.staff.sessions import actor_of
from tests import asking
from tests.asking import CHECK, follow
from tests.conftest import Clock
from tests.make import make_answers, make_request, make_staff, sign_in
from tests.pages import main_text, press
from tests.tables import rows

OFFICE = "Mo-Fr 08:00-17:00; PH off"
# The clock stands at a Tuesday noon: eight open hours end on the Friday after Thanksgiving.
WEDNESDAY_11 = datetime(2026, 11, 25, 19, tzinfo=UTC)
FRIDAY_11 = datetime(2026, 11, 27, 19, tzinfo=UTC)


def tell(app: Flask, slug: str, **columns: Any) -> None:  # noqa: ANN401
    """Set columns of a location as a manager would have them."""
    with app.app_context(), transaction():
        location = get_location(slug)
        for name, value in columns.items():
            setattr(location, name, value)


def tell_promise(app: Flask, slug: str = "renton") -> None:
    tell(app, slug, hours=OFFICE, answers_within_min=480)


def promises(app: Flask) -> list[Any]:
    return rows(app, "appointment_request", "promise_at", "due_at")


def own_page(app: Flask, client: FlaskClient, reference: str) -> str:
    with app.app_context():
        token = link_token(get_request(reference, scope=EVERYWHERE))
    return main_text(client.get(f"/requests/{token}"))


def test_promise_is_stored_from_the_page_and_said_before_and_after(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    tell_promise(app)
    page = asking.walk(client)
    assert (
        "This is a request, not yet a booking. Renton reads it and contacts you. Renton answers"
        " within 8 opening hours." in main_text(page)
    )
    sent = follow(client, press(client, page, CHECK))
    assert promises(app) == [(WEDNESDAY_11, WEDNESDAY_11)]
    text = main_text(sent)
    assert "Renton will contact you by Wed, Nov 25, 11:00 am." in text
    assert "has not told us" not in text


def test_promise_is_stored_and_answered_by_the_api(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    tell(app, "renton", hours=OFFICE, answers_within_min=480, closed_days=["2026-11-25"])
    answers = [
        client.post(
            "/api/v1/requests", json=make_answers(), headers={"Idempotency-Key": "a"}
        ).get_json()["promise_at"]
        for _ in range(2)
    ]
    assert answers == ["2026-11-27T19:00:00+00:00"] * 2
    assert promises(app) == [(FRIDAY_11, FRIDAY_11)]
    told = client.get("/api/v1/locations/renton").get_json()["hours"]
    assert told == OFFICE


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"hours": OFFICE},
        {"answers_within_min": 480},
        {"hours": "off", "answers_within_min": 480},
        {"hours": "2028 Mo-Fr 08:00-17:00", "answers_within_min": 480},
        {"hours": "Mon to Thu", "answers_within_min": 480},
    ],
)
def test_nothing_is_promised_that_nobody_said(
    app: Flask, client: FlaskClient, frozen: Clock, columns: dict[str, Any]
) -> None:
    tell(app, "renton", **columns)
    page = asking.walk(client)
    assert "answers within" not in main_text(page)
    text = main_text(follow(client, press(client, page, CHECK)))
    assert promises(app) == [(None, frozen.now())]
    assert (
        "Renton has not told us how soon it answers. If you hear nothing, call (206) 693-9929 and"
        " ask for Renton." in text
    )


def test_number_of_its_own_needs_no_asking_for(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    with app.app_context():
        reference = make_request(app, location="bellevue").reference
    text = own_page(app, client, reference)
    assert (
        "Bellevue has not told us how soon it answers. If you hear nothing, call (425) 629-9997."
        in text
    )
    assert "ask for" not in text


def test_first_open_clinic_of_several_makes_the_promise(app: Flask, frozen: Clock) -> None:
    tell(app, "renton", status=LocationStatus.CLOSED, hours="24/7", answers_within_min=60)
    tell_promise(app, "covington")
    with app.app_context():
        make_request(app, location=["renton", "covington"])
    assert promises(app) == [(WEDNESDAY_11, WEDNESDAY_11)]


def test_changed_hours_change_no_promise_that_was_made(app: Flask, frozen: Clock) -> None:
    tell_promise(app)
    with app.app_context():
        make_request(app)
    tell(app, "renton", hours="24/7", answers_within_min=120)
    with app.app_context():
        make_request(app)
    two_pm = datetime(2026, 11, 24, 22, tzinfo=UTC)
    assert promises(app) == [(WEDNESDAY_11, WEDNESDAY_11), (two_pm, two_pm)]
    tell(app, "renton", hours=None, answers_within_min=None)
    assert promises(app) == [(WEDNESDAY_11, WEDNESDAY_11), (two_pm, two_pm)]


def test_promise_goes_along_to_another_clinic(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    tell_promise(app)
    tell(app, "covington", hours="24/7", answers_within_min=60)
    with app.app_context():
        reference = make_request(app).reference
        with transaction():
            found = get_request(reference, scope=EVERYWHERE)
            change_location(found, "covington", seen_version=None, actor=PATIENT, now=frozen.now())
    assert promises(app) == [(WEDNESDAY_11, WEDNESDAY_11)]
    text = own_page(app, client, reference)
    assert "Covington will contact you by Wed, Nov 25, 11:00 am." in text


def test_quarantine_stops_no_clock(app: Flask, frozen: Clock) -> None:
    tell_promise(app)
    with app.app_context():
        found = make_request(app)
        reference, version = found.reference, found.version
        with transaction():
            held = get_request(reference, scope=EVERYWHERE)
            act(held, Move(Action.QUARANTINE, version), actor=SYSTEM, now=frozen.now())
        assert promises(app) == [(WEDNESDAY_11, WEDNESDAY_11)]
        held = get_request(reference, scope=EVERYWHERE)
        assert [is_overdue(held, at) for at in (WEDNESDAY_11, FRIDAY_11)] == [False, True]


def test_lists_are_by_promise_and_without_one_by_arrival(app: Flask, frozen: Clock) -> None:
    tell_promise(app)
    tell(app, "covington", hours="24/7", answers_within_min=60)
    with app.app_context():
        made = [
            make_request(app, location=slug).reference
            for slug in ("renton", "covington", "issaquah")
        ]
        found = [row.reference for row in list_requests(scope=EVERYWHERE, limit=9)]
    assert found == [made[2], made[1], made[0]]


def test_promise_is_overdue_until_the_patient_has_heard(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    tell_promise(app)
    with app.app_context():
        reference = make_request(app).reference
        make_staff("desk@example.com")
    frozen.move(hours=23)
    by = "Renton will contact you by Wed, Nov 25, 11:00 am."
    assert by in own_page(app, client, reference)
    frozen.move(seconds=1)
    late = (
        "Renton said it would contact you by Wed, Nov 25, 11:00 am. If you hear nothing, call"
        " (206) 693-9929 and ask for Renton."
    )
    assert late in own_page(app, client, reference)
    desk = app.test_client()
    sign_in(desk, "desk@example.com")
    assert "Overdue by Wed, Nov 25, 11:00 am" in main_text(desk.get("/staff/"))
    with app.app_context():
        with transaction():
            (member,) = list_staff()
            found = get_request(reference, scope=EVERYWHERE)
            for action in (Action.CLAIM, Action.AWAIT_PATIENT):
                act(found, Move(action), actor=actor_of(member), now=frozen.now())
        assert not is_overdue(get_request(reference, scope=EVERYWHERE), frozen.now())
    assert "Overdue by" not in main_text(desk.get("/staff/"))
    text = own_page(app, client, reference)
    assert late not in text
    assert "contact you by" not in text


def test_inbox_says_by_when(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    tell_promise(app)
    with app.app_context():
        make_request(app)
        make_staff("desk@example.com")
    sign_in(client, "desk@example.com")
    text = main_text(client.get("/staff/"))
    assert "0 min by Wed, Nov 25, 11:00 am" in text
    assert "Overdue by" not in text


def test_clinics_page_shows_its_week_and_how_it_stands(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    url = "/locations/renton"
    assert "Opening hours Call to check opening hours. Fax" in main_text(client.get(url))
    tell(app, "renton", hours="Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off")
    week = "Mon–Fri 8:00 am – 5:00 pm Sat 9:00 am – 12:00 pm Sun closed"
    different = "In the next two weeks it is different on: Thu, Nov 26 closed"
    assert (
        f"Opening hours Open now, closes 5:00 pm {week} {different} Closed on public holidays. Fax"
        in main_text(client.get(url))
    )
    frozen.move(hours=6)
    assert f"Closed now, opens Wed, Nov 25, 8:00 am {week}" in main_text(client.get(url))
    frozen.move(hours=10)
    assert f"Closed now, opens 8:00 am {week}" in main_text(client.get(url))


@pytest.mark.parametrize(
    ("hours", "shown"),
    [
        ("24/7", "Open now Mon–Sun open 24 hours"),
        ("off", "Closed now Mon–Sun closed"),
        ("11:00-24:00", "Open now, closes midnight Mon–Sun 11:00 am – midnight"),
        ("22:00-06:00", "Closed now, opens 10:00 pm Mon–Sun 10:00 pm – 6:00 am"),
        ("Mon to Thu <b>", "Mon to Thu <b>"),
    ],
)
def test_odd_hours_are_shown_as_they_are(
    app: Flask, client: FlaskClient, frozen: Clock, hours: str, shown: str
) -> None:
    tell(app, "renton", hours=hours)
    assert f"Opening hours {shown} Fax" in main_text(client.get("/locations/renton"))


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        # Midnight to six lasts five hours on the one Sunday and seven on the other.
        ("2026-03-08T09:59:00+00:00", "Open now, closes 6:00 am"),
        ("2026-03-08T12:59:00+00:00", "Open now, closes 6:00 am"),
        ("2026-03-08T13:00:00+00:00", "Closed now, opens 10:00 pm"),
        ("2026-11-01T09:30:00+00:00", "Open now, closes 6:00 am"),
        ("2026-11-01T13:59:00+00:00", "Open now, closes 6:00 am"),
        ("2026-11-01T14:00:00+00:00", "Closed now, opens 10:00 pm"),
    ],
)
def test_open_now_is_right_when_the_clocks_change(
    app: Flask, client: FlaskClient, frozen: Clock, now: str, shown: str
) -> None:
    tell(app, "renton", hours="22:00-06:00")
    frozen.at = datetime.fromisoformat(now)
    assert f"Opening hours {shown} Mon–Sun" in main_text(client.get("/locations/renton"))


def test_closed_clinic_is_not_called_open(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    tell(app, "renton", hours="24/7", status=LocationStatus.CLOSED)
    text = main_text(client.get("/locations/renton"))
    assert "Opening hours Mon–Sun open 24 hours" in text
    assert "Open now" not in text


def test_doctor_lists_clinics_without_hours_or_promise(app: Flask, frozen: Clock) -> None:
    for slug in ("seattle-5th-ave", "bellevue", "issaquah"):
        tell_promise(app, slug)
    tell(app, "covington", hours="Mon to Thu", answers_within_min=480)
    tell(app, "renton", hours="off", answers_within_min=480)
    lines = app.test_cli_runner().invoke(args=["doctor"]).output.splitlines()
    silent = "renton, seattle-california-ave-sw, covington"
    cure = "A manager sets it under Settings, at /staff/settings."
    assert [line for line in lines if "/staff/settings" in line] == [
        f"note     clinics without opening hours: seattle-california-ave-sw. {cure}",
        f"note     clinics whose opening hours cannot be read: covington. {cure}",
        f"note     clinics that do not say how soon they answer: {silent}. {cure}",
    ]
