"""What staff read first of a request: the goal, the month and the weeks left, and the place."""

from datetime import date, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.db import transaction
from clinicdir.locations.queries import get_location
from clinicdir.web.answers import goal_line
from tests.conftest import Clock
from tests.make import make_request, make_staff, sign_in
from tests.pages import parse, text_of

NOV_22 = date(2026, 11, 22)
MAY = date(2027, 5, 1)


@pytest.mark.parametrize(
    ("month", "today", "line"),
    [
        (MAY, NOV_22, "Run a 5k, May 2027 (24 weeks)"),
        (MAY, date(2027, 4, 30), "Run a 5k, May 2027 (2 weeks)"),
        (MAY, date(2027, 5, 1), "Run a 5k, May 2027 (2 weeks)"),
        (MAY, date(2027, 5, 2), "Run a 5k, May 2027 (1 week)"),
        (MAY, date(2027, 5, 8), "Run a 5k, May 2027 (1 week)"),
        (MAY, date(2027, 5, 9), "Run a 5k, May 2027 (this week)"),
        (MAY, date(2027, 5, 15), "Run a 5k, May 2027 (this week)"),
        (MAY, date(2027, 5, 16), "Run a 5k, May 2027"),
        (MAY, date(2027, 6, 1), "Run a 5k, May 2027"),
        (date(2029, 11, 1), NOV_22, "Run a 5k, Nov 2029 (155 weeks)"),
        (None, NOV_22, "Run a 5k"),
    ],
)
def test_weeks_are_whole_ones_to_the_middle_of_the_month(
    sqlite_app: Flask, month: date | None, today: date, line: str
) -> None:
    intake = sqlite_app.extensions["clinicdir"].intake
    with sqlite_app.app_context():
        told = goal_line("run", "Run a 5k", intake, target_month=month, today=today)
    assert told == line


@pytest.mark.parametrize(
    ("goal", "goal_text", "line"),
    [
        ("run", None, "Run, May 2027 (24 weeks)"),
        ("run", "", "Run, May 2027 (24 weeks)"),
        ("everyday", None, "Everyday life: stairs, walking, work, May 2027 (24 weeks)"),
        ("other", "50 % of %(goal)s {{ 7 }}", "50 % of %(goal)s {{ 7 }}, May 2027 (24 weeks)"),
        ("gone_from_the_list", None, "gone_from_the_list, May 2027 (24 weeks)"),
    ],
)
def test_own_words_stand_before_the_label(
    sqlite_app: Flask, goal: str, goal_text: str | None, line: str
) -> None:
    intake = sqlite_app.extensions["clinicdir"].intake
    with sqlite_app.app_context():
        assert goal_line(goal, goal_text, intake, target_month=MAY, today=NOV_22) == line


def goal_cell(client: FlaskClient) -> str:
    (cell,) = [
        text_of(node)
        for node in parse(client.get("/staff/")).iter("td")
        if node.attrib["data-label"] == "Goal"
    ]
    return cell


def big_line(client: FlaskClient, reference: str) -> str:
    page = client.get(f"/staff/requests/{reference}")
    return next(text_of(node) for node in parse(page).iter("p") if node.get("class") == "big")


def test_inbox_and_request_begin_with_the_goal_line_and_the_place(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    frozen.at = datetime.fromisoformat("2026-11-22T20:00:00+00:00")
    with app.app_context():
        make_staff("desk@example.com")
        reference = make_request(
            app, goal_text="Run a 5k", target_month="2027-05", body_area="foot_or_ankle"
        ).reference
    sign_in(client, "desk@example.com")
    assert goal_cell(client) == "Run a 5k, May 2027 (24 weeks) Foot or ankle"
    assert big_line(client, reference) == "Run a 5k, May 2027 (24 weeks)Foot or ankle"


def test_weeks_count_from_the_day_at_the_clinic(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    """At 5:00 UTC on May 9 it is still May 8 in Renton, and May 9 in New York."""
    with app.app_context():
        make_staff("desk@example.com")
        make_request(app, target_month="2027-05")
    frozen.at = datetime.fromisoformat("2027-05-09T05:00:00+00:00")
    sign_in(client, "desk@example.com")
    assert goal_cell(client) == "Run, May 2027 (1 week)"
    with app.app_context(), transaction():
        get_location("renton").time_zone = "America/New_York"
    assert goal_cell(client) == "Run, May 2027 (this week)"


def test_request_without_place_and_month_shows_the_goal_alone(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    with app.app_context():
        make_staff("desk@example.com")
        reference = make_request(app).reference
    sign_in(client, "desk@example.com")
    assert (goal_cell(client), big_line(client, reference)) == ("Run", "Run")
