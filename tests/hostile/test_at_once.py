"""Two presses at one moment on one request: each is done once, or told, and none fails."""

from collections import Counter
from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.hostile.doors import make_desk, make_open
from tests.hostile.items import item
from tests.pages import press
from tests.tables import rows, together

ROUNDS = 4


@item(51)
def test_merge_pressed_twice_at_once_is_one(app: Flask) -> None:
    desk = make_desk(app)
    for _ in range(ROUNDS):
        url, into = make_open(app), make_open(app).rpartition("/")[2]
        merge = Press(desk.get(url), f"{url}/merge", {"into": into})
        answers = at_once(desk, merge, merge)
        assert sorted(answers) in ([303, 409], [303, 422])
    states = Counter(rows(app, "appointment_request", "status"))
    assert states == {"received": ROUNDS, "entered_in_error": ROUNDS}
    assert Counter(rows(app, "request_event", "action")) == {
        "submit": 2 * ROUNDS, "merge": ROUNDS, "note": ROUNDS,
    }  # fmt: skip


@item(51)
def test_change_for_a_caller_against_withdrawal_leaves_one_truth(app: Flask) -> None:
    desk = make_desk(app)
    for _ in range(ROUNDS):
        url = make_open(app)
        edit = f"{url}/change/contact"
        changed, ended = at_once(
            desk,
            Press(desk.get(edit), edit, {"phone": "206 555 0177"}),
            Press(desk.get(url), f"{url}/withdraw", {"note": "She called."}),
        )
        assert {changed, ended} <= {303, 409}
        assert 303 in (changed, ended)
        status, version = rows(app, "appointment_request", "status", "answers_version")[-1]
        # Whoever was told 303 has done it; who was told 409 has not.
        assert (version > 1, status == "withdrawn") == (changed == 303, ended == 303)


@dataclass
class Press:
    """One form of an opened page, filled in."""

    page: TestResponse
    action: str
    typed: dict[str, str]


def at_once(desk: FlaskClient, *presses: Press) -> list[int]:
    """Send forms at one moment, each from a tab of its own; return the status of each answer."""
    found = desk.get_cookie("clinicdir")
    assert found is not None
    tabs = [desk.application.test_client() for _ in presses]
    for tab in tabs:
        tab.set_cookie("clinicdir", found.value)

    def send(number: int) -> int:
        one = presses[number]
        return press(tabs[number], one.page, one.action, **one.typed).status_code

    return together(len(presses), send)
