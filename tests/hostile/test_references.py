"""Names of things: slugs that are none, two slugs at once, links and references of others."""

import secrets

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.appointments.rules import REFERENCE_ALPHABET, new_reference, parse_reference
from clinicdir.db import transaction
from clinicdir.locations.models import LocationStatus
from clinicdir.locations.queries import get_location
from tests.asking import START
from tests.hostile.doors import counts, make_desk, problems, send_api
from tests.hostile.items import case, item
from tests.make import make_request
from tests.pages import field_errors, form, heading, main_text, press
from tests.tables import all_rows, rows, statements

SLUGS = [
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e", "Renton", "RENTON", "r" * 10_000,
    "rеnton", "ｒenton", "renton ", " renton", "renton/", "1", "0", "-1", "nowhere", "renton\u200b",
]  # fmt: skip


@pytest.mark.parametrize("slug", [case(14, f"slug {slug[:24]!r}", slug) for slug in SLUGS])
def test_slug_that_names_no_clinic(sqlite_app: Flask, slug: str) -> None:
    client, desk = sqlite_app.test_client(), make_desk(sqlite_app)
    before = all_rows(sqlite_app)
    missing = client.get("/nowhere")
    answer = client.get(f"/locations/{slug}")
    assert (answer.status_code, answer.data) == (404, missing.data)
    assert client.get(f"/api/v1/locations/{slug}").status_code == 404
    opened = client.get(START, query_string={"location": slug})
    assert (opened.status_code, "location" in form(opened, START)) == (200, False)
    refused = press(client, opened, START, location=slug, goal="run", tried="Rest")
    assert (refused.status_code, field_errors(refused)) == (422, ["Select a clinic"])
    assert form(refused, START)["tried"] == ["Rest"]
    for location in (slug, ["covington", slug]):
        answer = send_api(client, location=location)
        assert (answer.status_code, problems(answer)) == (422, [("location", "Select a clinic")])
    inbox = desk.get("/staff/", query_string={"location": slug})
    assert (inbox.status_code, inbox.data) == (404, desk.get("/staff/none").data)
    done = sqlite_app.test_cli_runner().invoke(args=["requests", "list", "--location", slug])
    assert (done.exit_code, done.stdout) == (1, "")
    assert all_rows(sqlite_app) == before


@item(14)
def test_closed_clinic_takes_nothing_and_says_so(app: Flask) -> None:
    with app.app_context(), transaction():
        get_location("renton").status = LocationStatus.CLOSED
    client = app.test_client()
    page = client.get(START)
    refused = press(client, page, START, location="renton", goal="run", tried="Rest")
    sentence = "Select a clinic that is open"
    assert (refused.status_code, field_errors(refused)) == (422, [sentence])
    assert form(refused, START)["tried"] == ["Rest"]
    answer = send_api(client, location="renton")
    assert (answer.status_code, problems(answer)) == (422, [("location", sentence)])
    assert set(counts(app).values()) == {0}


def kept_of(client: FlaskClient, sent: TestResponse) -> dict[str, list[str]]:
    """Return what the first page shows again of the draft that an answer has made."""
    assert sent.status_code == 303
    return form(client.get(sent.headers["Location"].replace("/who", "")), START)


@item(14)
def test_field_sent_twice_counts_once(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    page = client.get(START)
    data = form(page, START) | {"location": ["renton", "covington"], "goal": ["run", "ski"]}
    kept = kept_of(client, client.post(START, data=data))
    # Of the goals there can be one; of the clinics there can be several.
    assert (kept["location"], kept["goal"]) == (["renton", "covington"], ["run"])


@item(14)
def test_field_in_the_address_and_in_the_body_is_read_from_the_body(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    page = client.get(START)
    data = form(page, START) | {"location": "renton", "goal": "run"}
    sent = client.post(f"{START}?location=covington&goal=ski", data=data)
    kept = kept_of(client, sent)
    assert (kept["location"], kept["goal"]) == (["renton"], ["run"])


def links(app: Flask) -> tuple[str, str]:
    """Return the patient's links of two requests."""
    first, second = (
        send_api(app.test_client(), key=key).get_json()["status_url"] for key in ("a", "b")
    )
    return first, second


@pytest.mark.parametrize(
    "how",
    [
        case(33, "one symbol changed", "changed"),
        case(33, "lower case", "lower"),
        case(33, "one symbol more", "longer"),
        case(33, "one symbol less", "shorter"),
        case(33, "the reference as a link", "reference"),
        case(33, "two links mixed", "mixed"),
        case(33, "10,000 symbols", "long"),
    ],
)
def test_link_that_is_not_quite_one_opens_nothing(sqlite_app: Flask, how: str) -> None:
    own, other = links(sqlite_app)
    start, _, token = own.rpartition("/")
    (reference, _) = rows(sqlite_app, "appointment_request", "reference")
    tried = {
        "changed": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "lower": token.swapcase(),
        "longer": f"{token}A",
        "shorter": token[:-1],
        "reference": reference,
        "mixed": token[:20] + other.rpartition("/")[2][20:],
        "long": token * 500,
    }[how]
    client = sqlite_app.test_client()
    before = all_rows(sqlite_app)
    assert client.get(own).status_code == 200
    answer, missing = client.get(f"{start}/{tried}"), client.get("/requests/none")
    assert (answer.status_code, answer.data) == (404, missing.data)
    assert all_rows(sqlite_app) == before


GUESSES = 10_000


@item(33)
def test_ten_thousand_guessed_references_open_nothing_of_others(sqlite_app: Flask) -> None:
    """A reference has a check symbol, and even a whole one opens only one's own clinics."""
    with sqlite_app.app_context():
        foreign = make_request(sqlite_app, location="covington").reference
    desk = make_desk(sqlite_app)
    typed = ["".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(7)) for _ in range(GUESSES)]
    whole = [guess for guess in typed if parse_reference(guess) == guess]
    assert len(whole) < GUESSES / 20
    missing = desk.get("/staff/requests/none")
    for guess in [foreign, new_reference(), *whole[:50], *typed[:50]]:
        answer = desk.get(f"/staff/requests/{guess}")
        assert (answer.status_code, answer.data) == (404, missing.data)
    assert "covington" not in main_text(missing)


@item(33)
def test_guessed_links_open_nothing(sqlite_app: Flask) -> None:
    own, _ = links(sqlite_app)
    client = sqlite_app.test_client()
    before = all_rows(sqlite_app)
    missing = client.get("/requests/none").data
    size = len(own.rpartition("/")[2])
    for _ in range(200):
        answer = client.get(f"/requests/{secrets.token_urlsafe(size)[:size]}")
        assert (answer.status_code, answer.data) == (404, missing)
    assert heading(client.get(own)) == "We have your request"
    assert all_rows(sqlite_app) == before


@item(33)
def test_foreign_reference_costs_the_same_work_as_one_that_never_was(sqlite_app: Flask) -> None:
    """Time would tell what the answer does not: so the same statements go to the database."""
    with sqlite_app.app_context():
        foreign = make_request(sqlite_app, location="covington").reference
        own = make_request(sqlite_app, location="renton").reference
    desk, stranger = make_desk(sqlite_app), sqlite_app.test_client()
    link = f"{links(sqlite_app)[0].rpartition('/')[0]}/"

    def work(client: FlaskClient, path: str) -> tuple[int, list[str]]:
        with statements(sqlite_app) as seen:
            status = client.get(path).status_code
        return status, list(seen)

    work(desk, "/staff/")  # what is noted once a minute is noted now
    missing = work(desk, f"/staff/requests/{new_reference()}")
    assert work(desk, f"/staff/requests/{foreign}") == missing
    assert (missing[0], work(desk, f"/staff/requests/{own}")[0]) == (404, 200)
    assert len(work(desk, f"/staff/requests/{own}")[1]) > len(missing[1]) > 0
    guesses = [work(stranger, link + secrets.token_urlsafe(32)) for _ in range(3)]
    assert guesses[0] == guesses[1] == guesses[2]
