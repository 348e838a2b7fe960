"""Two presses at one moment on one request: each is done once, or told, and none fails."""

from collections import Counter

from flask import Flask
from flask.testing import FlaskClient

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
        page = desk.get(url)
        answers = together(
            2, lambda _, page=page, url=url, into=into: press(
                second_tab(app, desk), page, f"{url}/merge", into=into
            ).status_code,
        )  # fmt: skip
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
        edit, page = desk.get(f"{url}/change/contact"), desk.get(url)
        sent = (
            (edit, f"{url}/change/contact", {"phone": "206 555 0177"}),
            (page, f"{url}/withdraw", {"note": "She called."}),
        )
        answers = together(
            2, lambda number, sent=sent: press(
                second_tab(app, desk), *sent[number][:2], **sent[number][2]
            ).status_code,
        )  # fmt: skip
        assert set(answers) <= {303, 409}
        assert 303 in answers
        status, changed = rows(app, "appointment_request", "status", "answers_version")[-1]
        # Whoever was told 303 has done it; who was told 409 has not.
        assert (status == "withdrawn", changed > 1) == (answers[1] == 303, answers[0] == 303)


def second_tab(app: Flask, desk: FlaskClient) -> FlaskClient:
    """Return a client of its own thread with the same sign-in."""
    found = desk.get_cookie("clinicdir")
    assert found is not None
    tab = app.test_client()
    tab.set_cookie("clinicdir", found.value)
    return tab
