"""The clinics and the finder as programs see them."""

import json
import math
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from clinicdir.db import db, transaction
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.locations.rules import TelecomSystem

SLUGS = [
    "seattle-5th-ave", "bellevue", "renton", "issaquah", "seattle-california-ave-sw", "covington",
]  # fmt: skip
URL = "/api/v1/nearest"
RENTON = {
    "slug": "renton",
    "name": "Renton",
    "address": {
        "line": "332 Burnett Ave S",
        "unit": None,
        "city": "Renton",
        "state": "WA",
        "postal_code": "98057",
    },
    "phone": {"e164": "+12066939929", "display": "(206) 693-9929"},
    "fax": {"e164": "+12069228909", "display": "(206) 922-8909"},
    "latitude": 47.478649,
    "longitude": -122.207544,
    "status": "open",
    "notice": None,
    "hours": None,
    "goals": ["everyday", "run", "ski", "paddle_board", "sport", "climb", "other"],
    "contact_by": ["phone", "email"],
    "shares_phone_with": [
        "seattle-5th-ave", "issaquah", "seattle-california-ave-sw", "covington",
    ],
    "request_url": "http://127.0.0.1:8000/request?location=renton",
}  # fmt: skip


def refusal(answer: TestResponse) -> tuple[int, list[tuple[str, str]]]:
    assert answer.mimetype == "application/problem+json"
    body = answer.get_json()
    return answer.status_code, [(error["field"], error["message"]) for error in body["errors"]]


def slugs(answer: TestResponse) -> list[str]:
    return [result["location"]["slug"] for result in answer.get_json()["results"]]


def test_location_has_exactly_the_promised_fields(client: FlaskClient) -> None:
    answer = client.get("/api/v1/locations/renton")
    assert (answer.status_code, answer.get_json()) == (200, RENTON)
    bellevue = client.get("/api/v1/locations/bellevue").get_json()
    assert (bellevue["address"]["unit"], bellevue["shares_phone_with"]) == ("#400", [])


def test_list_is_in_seed_order_and_equal_to_the_single_ones(client: FlaskClient) -> None:
    page = client.get("/api/v1/locations").get_json()
    assert set(page) == {"locations", "next"}
    assert page["next"] is None
    assert page["locations"] == [
        client.get(f"/api/v1/locations/{slug}").get_json() for slug in SLUGS
    ]


def test_list_of_many_is_read_page_by_page(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), transaction():
        first = get_location("renton")
        copied = {
            column.key: getattr(first, column.key)
            for column in Location.__mapper__.column_attrs
            if column.key not in ("id", "slug", "ordinal", "name", "version")
        }
        db.session.add_all(
            Location(**copied, slug=f"more-{number}", name=f"More {number}", ordinal=number)
            for number in range(7, 58)
        )
    page = client.get("/api/v1/locations").get_json()
    following = client.get(page["next"]).get_json()
    assert [len(page["locations"]), len(following["locations"]), following["next"]] == [50, 7, None]
    everything = [place["slug"] for part in (page, following) for place in part["locations"]]
    assert everything == SLUGS + [f"more-{number}" for number in range(7, 58)]


def test_change_of_data_shows_at_once(app: Flask, client: FlaskClient) -> None:
    with app.app_context(), transaction():
        place = get_location("renton")
        place.status, place.hours = LocationStatus.LIMITED, "Mon to Thu"
        place.latitude = place.longitude = None
        for point in list(place.telecom):
            if point.system is TelecomSystem.PHONE:
                point.value = "+442079460018"
            else:
                place.telecom.remove(point)
    assert client.get("/api/v1/locations/renton").get_json() == RENTON | {
        "status": "limited",
        "hours": "Mon to Thu",
        "latitude": None,
        "longitude": None,
        "phone": {"e164": "+442079460018", "display": "+44 20 7946 0018"},
        "fax": None,
        "shares_phone_with": [],
    }
    covington = client.get("/api/v1/locations/covington").get_json()
    assert covington["shares_phone_with"] == [
        "seattle-5th-ave", "issaquah", "seattle-california-ave-sw",
    ]  # fmt: skip
    near = client.post(URL, json={"postal_code": "98057", "limit": 6}).get_json()
    last = near["results"][-1]
    assert (last["location"]["slug"], last["distance_m"]) == ("renton", None)


@pytest.mark.parametrize("slug", ["nowhere", "Renton", "%2e%2e", "r" * 10_000, "0", str(2**64)])
def test_unknown_location_is_a_problem(sqlite_app: Flask, slug: str) -> None:
    answer = sqlite_app.test_client().get(f"/api/v1/locations/{slug}")
    assert refusal(answer) == (404, [])


def test_zip_code_finds_the_nearest_by_post_and_by_get(client: FlaskClient) -> None:
    posted = client.post(URL, json={"postal_code": "98057"})
    body = posted.get_json()
    assert set(body) == {"origin", "alternatives", "results"}
    assert set(body["origin"]) == {"level", "latitude", "longitude", "error_m", "matched"}
    assert (body["origin"]["level"], body["alternatives"]) == ("postal_code", [])
    assert "98057" in body["origin"]["matched"]
    assert len(body["results"]) == 3
    assert set(body["results"][0]) == {
        "location",
        "distance_m",
        "about_as_near_as_first",
        "across",
        "needs_ferry",
    }
    assert body["results"][0]["location"] == RENTON
    distances = [result["distance_m"] for result in body["results"]]
    assert distances == sorted(distances)
    assert distances[0] < 3_000
    assert client.get(f"{URL}?postal_code=98057").get_json() == body
    assert slugs(client.get(f"{URL}?postal_code=98057&limit=1")) == ["renton"]


@pytest.mark.parametrize("slug", SLUGS)
def test_own_address_of_each_clinic_gives_itself_first(sqlite_app: Flask, slug: str) -> None:
    client = sqlite_app.test_client()
    address = client.get(f"/api/v1/locations/{slug}").get_json()["address"]
    line = f"{address['line']}, {address['city']}, {address['state']} {address['postal_code']}"
    answer = client.post(URL, json={"address": line})
    first = answer.get_json()["results"][0]
    assert (first["location"]["slug"], first["distance_m"] < 160) == (slug, True)


def test_position_is_taken_as_it_is(client: FlaskClient) -> None:
    answer = client.post(
        URL, json={"latitude": RENTON["latitude"], "longitude": RENTON["longitude"], "limit": 6}
    )
    body = answer.get_json()
    assert body["origin"] == {
        "level": "position",
        "latitude": 47.478649,
        "longitude": -122.207544,
        "error_m": 0,
        "matched": "47.4786, -122.2075",
    }
    assert (body["results"][0]["location"]["slug"], body["results"][0]["distance_m"]) == (
        "renton",
        0,
    )
    assert sorted(slugs(answer)) == sorted(SLUGS)


@pytest.mark.parametrize("position", [(90, 180), (-90, -180), (0, 0), (-0.0, -0.0), (89.999, 1)])
def test_position_at_the_edge_of_the_map_is_taken(
    sqlite_app: Flask, position: tuple[float, float]
) -> None:
    answer = sqlite_app.test_client().post(
        URL, json={"latitude": position[0], "longitude": position[1]}
    )
    assert answer.status_code == 200
    assert all(result["distance_m"] > 1_000_000 for result in answer.get_json()["results"])
    assert math.isfinite(answer.get_json()["origin"]["latitude"])


LATITUDE = [("latitude", "This must be a number of degrees from -90 to 90")]
LONGITUDE = [("longitude", "This must be a number of degrees from -180 to 180")]


@pytest.mark.parametrize(
    ("latitude", "longitude", "errors"),
    [
        ("NaN", "1", LATITUDE),
        ("1", "Infinity", LONGITUDE),
        ("-Infinity", "NaN", LATITUDE + LONGITUDE),
        ("1e400", "-1e400", LATITUDE + LONGITUDE),
        ("91", "181", LATITUDE + LONGITUDE),
        ("90.0000001", "0", LATITUDE),
        ("1" + "0" * 400, "1", LATITUDE),
        ("true", "false", LATITUDE + LONGITUDE),
        ('"47.5"', '"-122"', LATITUDE + LONGITUDE),
        ("[1]", "{}", LATITUDE + LONGITUDE),
    ],
)
def test_position_off_the_map_is_refused(
    sqlite_app: Flask, latitude: str, longitude: str, errors: list[tuple[str, str]]
) -> None:
    body = f'{{"latitude": {latitude}, "longitude": {longitude}}}'
    answer = sqlite_app.test_client().post(URL, data=body, content_type="application/json")
    assert refusal(answer) == (422, errors)
    assert "Infinity" not in answer.get_data(as_text=True)
    assert "NaN" not in answer.get_data(as_text=True)


def test_unknown_address_gives_the_first_by_name_without_distance(client: FlaskClient) -> None:
    body = client.post(URL, json={"address": "Xyzzy Quux"}).get_json()
    assert (body["origin"], body["alternatives"]) == (None, [])
    assert [
        (result["location"]["name"], result["distance_m"], result["about_as_near_as_first"])
        for result in body["results"]
    ] == [("Bellevue", None, False), ("Covington", None, False), ("Issaquah", None, False)]


@pytest.mark.parametrize(
    "address",
    [
        "", " ", "\0", "😀" * 50, "'; DROP TABLE location;--", "\n\r\t", "\ud7ff", "x" * 200,
        "a" * 99 + "!" * 99, "%" * 200, "(" * 200,
    ],
)  # fmt: skip
def test_strange_address_is_only_unknown(sqlite_app: Flask, address: str) -> None:
    answer = sqlite_app.test_client().post(URL, json={"address": address})
    assert (answer.status_code, answer.get_json()["origin"]) == (200, None)
    assert slugs(answer) == ["bellevue", "covington", "issaquah"]


def test_lone_surrogate_in_an_address_is_only_unknown(client: FlaskClient) -> None:
    body = '{"address": "332 \\ud800 Nowhere"}'
    answer = client.post(URL, data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["origin"]) == (200, None)


ONE_OF = [("address", "Send one of address, postal_code, or latitude with longitude")]
ADDRESS = [("address", "Address must be text of 200 characters or less")]
ZIP = [("postal_code", "ZIP code must be 5 digits")]
LIMIT = [("limit", "Limit must be a whole number from 1 to 50")]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, ONE_OF),
        ({"limit": 3}, ONE_OF),
        ({"address": None}, ONE_OF),
        ({"address": "x", "postal_code": "98057"}, ONE_OF),
        ({"latitude": 1}, ONE_OF),
        ({"latitude": 1, "longitude": 1, "address": "x"}, ONE_OF),
        ({"address": "x" * 201}, ADDRESS),
        ({"address": "x" * 10_000}, ADDRESS),
        ({"address": 98057}, ADDRESS),
        ({"address": ["x"]}, ADDRESS),
        ({"postal_code": "9805"}, ZIP),
        ({"postal_code": "９８０５７"}, ZIP),
        ({"postal_code": "98057-1234"}, ZIP),
        ({"postal_code": 98057}, ZIP),
        ({"postal_code": "98057", "limit": 0}, LIMIT),
        ({"postal_code": "98057", "limit": 51}, LIMIT),
        ({"postal_code": "98057", "limit": "3"}, LIMIT),
        ({"postal_code": "98057", "limit": True}, LIMIT),
        ({"postal_code": "98057", "limit": 2.0}, LIMIT),
        ({"postal_code": "98057", "limit": 10**300}, LIMIT),
        (
            {"adress": "x", "zip": "98057"},
            [("adress", "There is no such field"), ("zip", "There is no such field")],
        ),
    ],
)
def test_question_that_is_not_one_is_refused(
    sqlite_app: Flask, body: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    answer = sqlite_app.test_client().post(URL, json=body)
    assert refusal(answer) == (422, errors)


def test_street_address_in_a_url_is_refused_and_not_repeated(client: FlaskClient) -> None:
    answer = client.get(f"{URL}?address=332+Burnett+Ave+S&postal_code=98057")
    sentence = "Send a street address by POST: a URL is kept in logs and histories."
    assert refusal(answer) == (400, [("address", sentence)])
    assert "Burnett" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("", [("postal_code", "Enter a ZIP code")]),
        ("postal_code=", ZIP),
        ("postal_code=9805", ZIP),
        ("postal_code=%EF%BC%99%EF%BC%98%EF%BC%90%EF%BC%95%EF%BC%97", ZIP),
        ("postal_code=98057&limit=0", LIMIT),
        ("postal_code=98057&limit=x", LIMIT),
        ("postal_code=98057&limit=-1", LIMIT),
        ("postal_code=98057&limit=1e9", LIMIT),
        ("postal_code=98057&limit=" + "9" * 5_000, LIMIT),
        ("postal_code=98057&limit=51", LIMIT),
    ],
)
def test_strange_query_is_refused(
    sqlite_app: Flask, query: str, errors: list[tuple[str, str]]
) -> None:
    assert refusal(sqlite_app.test_client().get(f"{URL}?{query}")) == (422, errors)


def test_body_of_another_kind_is_refused(client: FlaskClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = client.post(URL, data='{"postal_code": "98057"}', content_type=kind)
        assert refusal(answer) == (415, [])
    for data in (b"{", b"\xff", b"[" * 60_000):
        answer = client.post(URL, data=data, content_type="application/json")
        assert refusal(answer) == (400, [])
    large = json.dumps({"address": "x" * 64_001})
    assert refusal(client.post(URL, data=large, content_type="application/json")) == (413, [])


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/api/v1/locations", "POST", "GET, HEAD, OPTIONS"),
        ("/api/v1/locations/renton", "DELETE", "GET, HEAD, OPTIONS"),
        ("/api/v1/nearest", "PUT", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/consent", "POST", "GET, HEAD, OPTIONS"),
        ("/openapi.json", "POST", "GET, HEAD, OPTIONS"),
    ],
)
def test_other_method_is_refused(sqlite_app: Flask, path: str, method: str, allowed: str) -> None:
    answer = sqlite_app.test_client().open(path, method=method)
    assert refusal(answer) == (405, [])
    assert ", ".join(sorted(answer.headers["Allow"].split(", "))) == allowed


def test_answers_set_no_cookie(client: FlaskClient) -> None:
    for answer in (
        client.get("/api/v1/locations"),
        client.post(URL, json={"postal_code": "98057"}),
        client.get("/openapi.json"),
    ):
        assert "Set-Cookie" not in answer.headers
