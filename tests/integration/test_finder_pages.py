"""The finder's pages and its JSON: words, questions, headers, and what nobody should send."""

import json
import logging
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from geopy.location import Location  # type: ignore[import-untyped]

from clinicdir.finder.rules import Level
from tests.pages import form, heading, links, main_text, parse, press, text_of, title

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Fixed:
    """A geocoder with one answer."""

    def __init__(
        self, level: Level, error_m: int = 250, alternatives: tuple[str, ...] = ()
    ) -> None:
        """Take what is answered to everything."""
        self.raw = {
            "level": level.value,
            "error_m": error_m,
            "matched": "13112 NE 20th St",
            "alternatives": list(alternatives),
        }

    def geocode(self, query: str) -> Any:  # noqa: ANN401 - geopy has no types
        return Location(query, (47.6285, -122.1657), self.raw)


def with_geocoder(app: Flask, geocoder: Any) -> FlaskClient:  # noqa: ANN401
    """Return a client of the app with another geocoder."""
    app.extensions["clinicdir"] = replace(app.extensions["clinicdir"], geocoder=geocoder)
    return app.test_client()


def items(page: Any) -> list[tuple[str, list[str]]]:  # noqa: ANN401
    """Return each result's heading and the remarks below it, in the order of the list."""
    [found] = [node for node in parse(page).iter("ol") if node.attrib.get("class") == "cards"]
    return [
        (
            text_of(next(item.iter("h3"))),
            [text_of(node) for node in item.iter("p") if node.attrib.get("class") == "soft"],
        )
        for item in found.iter("li")
    ]


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (Level.POINT, "We found that address."),
        (Level.INTERPOLATED, "We placed it between two house numbers that we know."),
        (
            Level.NEAR_NUMBER,
            "We do not know that house number and used the nearest one that we know on the street.",
        ),
        (Level.STREET, "We know the street but not the house number, and used its middle."),
        (Level.GRID, "We placed it by its house number and the number of its street."),
        (Level.POSTAL_CODE, "We used the middle of the ZIP code."),
        (Level.CITY, "We used the middle of the city."),
        (Level.POSITION, "We used the place that your device told us, and have not kept it."),
        (Level.ONLINE, "We looked the address up with an online service."),
    ],
)
def test_every_level_is_told_in_words(sqlite_app: Flask, level: Level, words: str) -> None:
    page = with_geocoder(sqlite_app, Fixed(level)).post("/find", data={"address": "x"})
    assert (
        f"{words} It may be off by about 0.2 miles."
        " Distances are in a straight line; the way by road is longer."
    ) in main_text(page)


def test_small_errors_are_not_told(sqlite_app: Flask) -> None:
    page = with_geocoder(sqlite_app, Fixed(Level.POINT, 40)).post("/find", data={"address": "x"})
    assert "We found that address. Distances" in main_text(page)


def test_results_are_an_ordered_list_with_one_heading_each(client: FlaskClient) -> None:
    page = client.post("/find", data={"address": "98057"})
    found = items(page)
    names = [name for name, _ in found]
    assert [re.sub(r"[0-9.]+", "1", name) for name in names[:2]] == [
        "Renton, 1 miles",
        "Covington, 1 miles",
    ]
    assert len(names) == 6


def test_waters_and_ferries_stand_with_the_result_and_change_the_order(
    client: FlaskClient,
) -> None:
    page = client.post("/find", data={"address": "Bremerton"})
    found = items(page)
    first, second = found[0][1], found[1][1]
    assert "Across Sinclair Inlet, Puget Sound and Elliott Bay; needs a ferry." in first
    assert "Nearer in a straight line, but the way there is longer." in second
    assert "About the same distance as the first one." not in second


def test_two_streets_that_fit_become_a_question_with_buttons(sqlite_app: Flask) -> None:
    choices = ("13112 NE 20th St, Bellevue, WA 98005", "13112 SE 20th St, Bellevue, WA 98005")
    client = with_geocoder(sqlite_app, Fixed(Level.POSTAL_CODE, 4500, choices))
    page = client.post("/find", data={"address": "13112 20th St Bellevue"})
    assert "Did you mean NE 20th St or SE 20th St?" in main_text(page)
    buttons = [node for node in parse(page).iter("button") if node.attrib.get("name") == "address"]
    assert [(node.attrib["value"], text_of(node)) for node in buttons] == [(c, c) for c in choices]
    assert not [address for address in links(page).values() if "13112" in address]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (("Bellevue, NE", "Bellevue, WI"), "Did you mean Bellevue, NE or Bellevue, WI?"),
        (("1 A St, X", "2 A St, X", "3 B St, X"), "Did you mean 1 A St, 2 A St or 3 B St?"),
        (("1 A St, 98005", "1 B St, 98006"), "Did you mean A St or B St?"),
        (("1 A St, 98005", "1 A St, 98006"), "Did you mean 1 A St, 98005 or 1 A St, 98006?"),
        (("Main St N, X", "Main St S, X"), "Did you mean Main St N or Main St S?"),
        (("5th Ave",), "Did you mean 5th Ave?"),
        (tuple("ABCDE"), "Did you mean another one?"),
        (("<b>&\x07", "x"), "Did you mean <b>&\ufffd or x?"),
    ],
)
def test_question_names_what_differs(
    sqlite_app: Flask, choices: tuple[str, ...], words: str
) -> None:
    client = with_geocoder(sqlite_app, Fixed(Level.POSTAL_CODE, 4500, choices))
    assert words in main_text(client.post("/find", data={"address": "x"}))


@pytest.mark.parametrize(
    ("level", "others", "words"),
    [
        (Level.GRID, ("13112 SE 20th St",), "Did you mean NE 20th St or SE 20th St?"),
        (Level.GRID, ("13112 NE 20th St", "13112 20th St"), "Did you mean NE 20th St or 20th St?"),
        (Level.POSTAL_CODE, ("13112 SE 20th St",), "Did you mean SE 20th St?"),
        (Level.GRID, ("Bellevue, NE",), "Did you mean Bellevue, NE?"),
    ],
)
def test_question_offers_the_place_that_was_taken_too(
    sqlite_app: Flask, level: Level, others: tuple[str, ...], words: str
) -> None:
    client = with_geocoder(sqlite_app, Fixed(level, 250, others))
    assert words in main_text(client.post("/find", data={"address": "x"}))


def test_api_names_alternatives_waters_and_ferries(sqlite_app: Flask) -> None:
    client = with_geocoder(sqlite_app, Fixed(Level.CITY, 4500, ("A", "B")))
    body = client.post("/api/v1/nearest", json={"address": "x"}).get_json()
    assert body["alternatives"] == ["A", "B"]
    place = {"latitude": 47.535, "longitude": -122.23}
    first, *others = client.post("/api/v1/nearest", json=place).get_json()["results"]
    assert first["location"]["slug"] == "bellevue"
    assert (first["across"], first["needs_ferry"]) == (["Lake Washington"], False)
    assert [other["distance_m"] < first["distance_m"] for other in others] == [False, True]


def test_device_place_is_rounded_and_answered(client: FlaskClient) -> None:
    place = {"latitude": "47.478649", "longitude": "-122.207544", "accuracy": "35"}
    page = client.post("/find", data=place)
    assert (page.status_code, heading(page)) == (200, "Clinics near you")
    assert items(page)[0][0] == "Renton, less than 0.1 miles"
    assert "47.47" not in page.get_data(as_text=True)
    assert "-122" not in page.get_data(as_text=True)
    assert "Set-Cookie" not in page.headers


def test_device_that_is_not_sure_makes_more_places_about_as_near(client: FlaskClient) -> None:
    place = {"latitude": "47.55", "longitude": "-122.18"}
    remark = "About the same distance as the first one."
    sure = items(client.post("/find", data=place | {"accuracy": "10"}))
    unsure = items(client.post("/find", data=place | {"accuracy": "9000"}))
    counts = [sum(remark in remarks for _, remarks in found) for found in (sure, unsure)]
    assert counts[0] < counts[1]
    for odd in ("nan", "-5", "inf", "0"):
        assert client.post("/find", data=place | {"accuracy": odd}).status_code == 200


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ("nan", "0"), ("inf", "0"), ("0", "-inf"), ("91", "0"), ("0", "180.5"), ("", ""),
        ("north", "west"), ("1e400", "0"), ("9" * 10_000, "0"), ("\x00", "\U0001f3e5"),
        ("47", None), (None, "-122"),
    ],
)  # fmt: skip
def test_place_on_no_map_is_refused_and_the_form_stays(
    client: FlaskClient, latitude: str | None, longitude: str | None
) -> None:
    sent = {"latitude": latitude, "longitude": longitude}
    page = client.post("/find", data={k: v for k, v in sent.items() if v is not None})
    assert page.status_code == 422
    assert title(page).startswith("Error: ")
    assert "We could not read that place. Type where you are." in main_text(page)
    assert form(page, "/find") == {"address": [""]}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Enter a ZIP code, a city or a street address"),
        (" \t ", "Enter a ZIP code, a city or a street address"),
        ("a" * 201, "Enter no more than 200 characters"),
        ("x" * 10_000, "Enter no more than 200 characters"),
        ("\U0001f3e5" * 5_000, "Enter no more than 200 characters"),
    ],
)
def test_line_that_cannot_be_looked_up_is_refused_at_the_field(
    client: FlaskClient, typed: str, words: str
) -> None:
    page = client.post("/find", data={"address": typed})
    assert (page.status_code, page.headers["Cache-Control"]) == (422, "no-store")
    assert title(page).startswith("Error: Find a HIDEF clinic near you")
    assert main_text(page).count(words) == 2
    assert form(page, "/find") == {"address": [typed.strip()[:200]]}
    again = press(client, page, "/find", address="98057")
    assert heading(again) == "Clinics near 98057"


HOSTILE = (
    "\U0001f3e5\U0001f9d1\u200d\u2695\ufe0f",
    "'; DROP TABLE location; --",
    '" OR 1=1 --',
    "1' UNION SELECT sealed FROM appointment_request --",
    "\x00\x01\x1b[2J\x7f",
    "\u202e98057\u202c",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} %s %(x)s ${x}",
    "a\u0301" * 100,
    "\ufdd0\uffff",
    "12345678901234567890 Main St",
    "-1 -1 -1",
    "NaN",
    "../../etc/passwd",
)


@pytest.mark.parametrize("typed", HOSTILE)
def test_hostile_line_gets_a_page_and_is_logged_nowhere(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, typed: str
) -> None:
    caplog.set_level(logging.DEBUG)
    page = client.post("/find", data={"address": typed})
    assert page.status_code == 200
    near = client.get("/", query_string={"near": typed})
    assert near.status_code in (200, 400)
    answer = client.post("/api/v1/nearest", json={"address": typed})
    assert answer.status_code == 200
    assert len(answer.get_json()["results"]) == 3
    assert typed not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        '{"latitude": NaN, "longitude": 0}', '{"latitude": 1e999, "longitude": 0}',
        '{"latitude": 0, "longitude": -Infinity}', '{"latitude": 91, "longitude": 0}',
        '{"latitude": "47", "longitude": "-122"}', '{"latitude": true, "longitude": 0}',
        '{"latitude": %s, "longitude": 0}' % ("9" * 4_000), '{"latitude": 47}',
        '{"address": "%s"}' % ("x" * 10_000), '{"address": ["x"]}', '{"address": null}',
        '{"postal_code": "\u0661\u0662\u0663\u0664\u0665"}', '{"address": "x", "latitude": 1}',
    ],
)  # fmt: skip
def test_hostile_json_is_refused_field_by_field(client: FlaskClient, body: str) -> None:
    answer = client.post("/api/v1/nearest", data=body, content_type="application/json")
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    problem = json.loads(answer.get_data())
    assert {"field", "code", "message"} == set(problem["errors"][0])


@pytest.mark.parametrize(
    ("path", "is_finder"),
    [("/", True), ("/?near=98057", True), ("/locations/", True), ("/locations/renton", False),
     ("/privacy", False), ("/request", False), ("/staff/login", False), ("/no-such-page", False),
     ("/openapi.json", False), ("/healthz", False)],
)  # fmt: skip
def test_only_finder_pages_may_run_the_script_and_ask_the_device(
    client: FlaskClient, path: str, is_finder: bool
) -> None:
    answer = client.get(path)
    script = "; script-src 'self'" if is_finder else ""
    assert answer.headers["Content-Security-Policy"] == POLICY + script
    mine = "geolocation=(self)" if is_finder else "geolocation=()"
    assert answer.headers["Permissions-Policy"] == f"camera=(), {mine}, microphone=()"
    scripts = [node.attrib["src"] for node in parse(answer).iter("script")] if is_finder else []
    assert [source.partition("?")[0] for source in scripts] == (
        ["/static/js/locate.js"] if is_finder else []
    )


def test_answers_to_a_post_carry_the_same_headers(client: FlaskClient) -> None:
    for data in ({"address": "98057"}, {"address": ""}):
        answer = client.post("/find", data=data)
        assert answer.headers["Content-Security-Policy"] == f"{POLICY}; script-src 'self'"
        assert "geolocation=(self)" in answer.headers["Permissions-Policy"]
    assert "geolocation=()" in client.get("/find").headers["Permissions-Policy"]


def test_script_is_small_and_sends_nothing_by_itself(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    path = page.partition('script src="')[2].partition('"')[0]
    script = client.open(path, buffered=True)
    assert script.mimetype == "text/javascript"
    assert len(script.get_data()) <= 2_000
    for banned in ("fetch(", "XMLHttpRequest", "localStorage", "cookie", "sendBeacon"):
        assert banned not in script.get_data(as_text=True)
