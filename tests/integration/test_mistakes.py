"""Report a mistake on a clinic's page: stored sealed, limited, nothing lost, no mail."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clinicdir.db import db
from clinicdir.locations.models import MistakeReport
from tests.asking import EXPIRED, follow
from tests.conftest import Clock, build_app
from tests.pages import field_errors, form, heading, links, main_text, press, summary, title
from tests.tables import all_rows, rows

MISTAKE = "/locations/renton/mistake"
TEXT = "The fax ends in 8910 <b>\r\nnot 8909"


def test_report_is_stored_sealed_for_its_clinic_and_answered_on_a_page(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    page = client.get(links(client.get("/locations/renton"))["Report a mistake on this page"])
    assert heading(page) == "Report a mistake on the page of Renton"
    thanks = follow(client, press(client, page, MISTAKE, text=TEXT))
    assert heading(thanks) == "Thank you, we have your report"
    assert links(thanks)["Back to Renton"] == "/locations/renton"
    with app.app_context():
        [stored] = db.session.query(MistakeReport).all()
        assert stored.unseal() == {"text": "The fax ends in 8910 <b>\nnot 8909"}
        assert b"8910" not in stored.sealed
        assert (stored.at, stored.done_at, stored.done_by) == (frozen.now(), None, None)
    assert rows(app, "mistake_report", "location_id") == rows(app, "location", "id")[2:3]
    assert rows(app, "outbox_message", "id") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Enter what is wrong on the page"),
        (" \u200b ", "Enter what is wrong on the page"),
        ("x" * 1001, "What is wrong must be 1,000 characters or less"),
        ("a\0b", "Type this again: it contains characters that cannot be shown"),
    ],
)
def test_refused_report_is_kept_and_says_what_to_do(
    app: Flask, client: FlaskClient, text: str, sentence: str
) -> None:
    before = all_rows(app)
    refused = press(client, client.get(MISTAKE), MISTAKE, text=text)
    assert refused.status_code == 422
    assert title(refused).startswith("Error: Report a mistake")
    assert (summary(refused), field_errors(refused)) == ([("#text", sentence)], [sentence])
    assert form(refused, MISTAKE)["text"] == [text.replace("\0", "\ufffd")]
    assert all_rows(app) == before
    follow(client, press(client, refused, MISTAKE, text="x" * 1000))


@pytest.mark.parametrize("token", [None, "", "forged"])
def test_failed_token_keeps_the_text_and_one_press_sends_it(
    app: Flask, client: FlaskClient, token: str | None
) -> None:
    again = press(client, client.get(MISTAKE), MISTAKE, text="Wrong fax", csrf_token=token)
    assert (again.status_code, EXPIRED in main_text(again)) == (400, True)
    assert rows(app, "mistake_report", "id") == []
    assert form(again, MISTAKE)["text"] == ["Wrong fax"]
    follow(client, press(client, again, MISTAKE))
    assert rows(app, "mistake_report", "id") == [1]


def test_clinic_that_there_is_not_has_no_such_page(client: FlaskClient) -> None:
    for path in ("/locations/nowhere/mistake", "/locations/nowhere/mistake/thanks"):
        assert client.get(path).status_code == 404
    token = form(client.get(MISTAKE), MISTAKE)["csrf_token"]
    answer = client.post("/locations/nowhere/mistake", data={"csrf_token": token, "text": "x"})
    assert answer.status_code == 404


def test_twenty_reports_from_one_address_are_enough(sqlite_app: Flask) -> None:
    instance = sqlite_app.extensions["clinicdir"].settings.instance
    client = build_app(instance, rate_limits="on").test_client()
    page = client.get(MISTAKE)
    answers = [press(client, page, MISTAKE, text=f"No {number}") for number in range(21)]
    assert [answer.status_code for answer in answers] == [303] * 20 + [429]
    assert "Renton: (206) 693-9929" in main_text(answers[-1])
    assert len(rows(sqlite_app, "mistake_report", "id")) == 20
