"""Days that never were, hours that the clock skips, numbers that are none, places on no map."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from tests.asking import WHO, shown, walk
from tests.conftest import Clock, build_app
from tests.hostile.doors import counts, make_desk, make_open, move, problems, send_api
from tests.hostile.items import case, item
from tests.make import make_request
from tests.pages import field_errors, form, heading, main_text, press
from tests.tables import all_rows, rows

PAST = "Target month must be this month or later"
FAR = "Target month must be within the next 3 years"
BIRTH = "Birth date must be a day in the past, like 1980-05-31"
WHEN = "Enter the day and the time, like 2026-11-24 and 14:30"
AHEAD = "The appointment must be in the future, within two years"
SKIPPED = "That time is skipped when the clocks change: choose another"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        case(13, "month zero", "0000-00", PAST),
        case(13, "month of zeros with a day", "0000-00-00", PAST),
        case(13, "month 13", "2027-13", PAST),
        case(13, "last month", "2026-10", PAST),
        case(13, "month of the year 9999", "9999-12", FAR),
        case(13, "month in full-width digits", "２０２７-05", PAST),
        case(13, "month as an instant", "2026-11-01T01:30", PAST),
        case(13, "month of 5,000 digits", "9" * 5_000, PAST),
    ],
)
def test_month_that_cannot_be_aimed_at_is_refused(
    sqlite_app: Flask, frozen: Clock, typed: str, sentence: str
) -> None:
    client = sqlite_app.test_client()
    refused = press(client, client.get("/request"), "/request", location="renton", goal="run",
                    tried="Rest", target_month=typed)  # fmt: skip
    assert (refused.status_code, field_errors(refused)) == (422, [sentence])
    assert shown(refused, "/request", ("location", "goal", "tried")) == {
        "location": "renton", "goal": "run", "tried": "Rest",
    }  # fmt: skip
    answer = send_api(client, target_month=typed)
    assert (answer.status_code, problems(answer)) == (422, [("target_month", sentence)])
    assert set(counts(sqlite_app).values()) == {0}


@pytest.mark.parametrize(
    "typed",
    [
        case(13, "birth on day zero", "0000-00-00"),
        case(13, "birth on February 30", "2026-02-30"),
        case(13, "birth in 9999", "9999-12-31"),
        case(13, "birth tomorrow", "2026-11-25"),
        case(13, "birth in 1879", "1879-12-31"),
        case(13, "birth at an hour", "2026-11-01T01:30"),
        case(13, "birth in other digits", "١٩٨٠-٠٥-٣١"),
        case(13, "birth in words", "yesterday"),
    ],
)
def test_birth_date_that_cannot_be_is_refused_and_kept(
    sqlite_app: Flask, tmp_path: Path, frozen: Clock, typed: str
) -> None:
    client = build_app(tmp_path, ask_birth_date=True).test_client()
    page = walk(client, WHO)
    refused = press(client, page, WHO, for_whom="me", patient_name="Kim", birth_date=typed)
    assert (refused.status_code, field_errors(refused)) == (422, [BIRTH])
    assert form(refused, WHO)["birth_date"] == [typed]
    answer = send_api(client, birth_date=typed)
    assert (answer.status_code, problems(answer)) == (422, [("birth_date", BIRTH)])
    assert set(counts(sqlite_app).values()) == {0}


@pytest.mark.parametrize(
    ("now", "day", "hour", "refused_at"),
    [
        case(13, "booked on day zero", "2026-10-01", "0000-00-00", "10:00", ("day", WHEN)),
        case(13, "booked on February 30", "2026-01-01", "2026-02-30", "10:00", ("day", WHEN)),
        case(13, "booked in 9999", "2026-10-01", "9999-12-31", "10:00", ("day", AHEAD)),
        case(13, "booked yesterday", "2026-10-02", "2026-10-01", "10:00", ("day", AHEAD)),
        case(13, "booked in one word", "2026-10-01", "2026-11-01T01:30", "", ("day", WHEN)),
        case(
            13, "booked in a skipped hour", "2026-03-01", "2026-03-08", "02:30", ("time", SKIPPED)
        ),
        case(13, "booked at 25:00", "2026-10-01", "2026-11-01", "25:00", ("day", WHEN)),
    ],
)
def test_booking_at_an_odd_hour_is_refused_and_kept(
    sqlite_app: Flask, frozen: Clock, now: str, day: str, hour: str, refused_at: tuple[str, str]
) -> None:
    field, sentence = refused_at
    frozen.at = datetime.fromisoformat(f"{now}T20:00:00+00:00")
    desk, url = make_desk(sqlite_app), make_open(sqlite_app)
    before = all_rows(sqlite_app, without=("audit_entry", "audit_head"))
    refused = move(desk, url, "book", day=day, time=hour)
    assert (refused.status_code, field_errors(refused)) == (422, [sentence])
    assert f'<a href="#{field}">{sentence}' in refused.get_data(as_text=True)
    kept = form(refused, f"{url}/book")
    assert (kept["day"], kept["time"]) == ([day], [hour])
    assert all_rows(sqlite_app, without=("audit_entry", "audit_head")) == before


@item(13)
def test_hour_that_comes_twice_is_its_first(app: Flask, frozen: Clock) -> None:
    frozen.at = datetime.fromisoformat("2026-10-01T20:00:00+00:00")
    desk, url = make_desk(app), make_open(app)
    assert move(desk, url, "book", day="2026-11-01", time="01:30").status_code == 303
    booked = rows(app, "appointment_request", "booked_at")
    assert booked == [datetime(2026, 11, 1, 8, 30, tzinfo=UTC)]


NUMBERS = ("0", "-1", str(2**63), str(2**64), "1e3", "１", "9" * 20, "+1", " 1", "1.0", "0x1")


@item(22)
@pytest.mark.parametrize("typed", NUMBERS)
def test_number_that_names_nothing_is_missing(sqlite_app: Flask, typed: str) -> None:
    client, desk = sqlite_app.test_client(), make_desk(sqlite_app)
    for path in (f"/locations/{typed}", f"/requests/{typed}", f"/api/v1/locations/{typed}"):
        assert client.get(path).status_code == 404, path
    unknown = desk.get("/staff/nowhere")
    for path in (f"/staff/requests/{typed}", f"/staff/invitation/{typed}"):
        answer = desk.get(path)
        assert (answer.status_code, answer.data) == (404, unknown.data), path


@item(22)
@pytest.mark.parametrize("typed", [*NUMBERS, "", "None", "1;2", "9" * 9_000])
def test_list_that_begins_nowhere_begins_at_the_start_or_is_empty(
    sqlite_app: Flask, typed: str
) -> None:
    with sqlite_app.app_context():
        make_request(sqlite_app)
    client, desk = sqlite_app.test_client(), make_desk(sqlite_app)
    listed = client.get("/api/v1/locations", query_string={"after": typed}).get_json()
    assert len(listed["locations"]) == 6, typed
    assert client.get("/", query_string={"after": typed}).data == client.get("/").data
    inbox = desk.get("/staff/", query_string={"after": typed})
    assert (inbox.status_code, "206 555 0123" in main_text(inbox)) == (200, True)


@item(22)
@pytest.mark.parametrize("typed", [*NUMBERS, "", "9" * 9_000])
def test_version_that_was_never_shown_is_stale(sqlite_app: Flask, typed: str) -> None:
    desk, url = make_desk(sqlite_app), make_open(sqlite_app)
    before = rows(sqlite_app, "appointment_request", "status", "version")
    answer = move(desk, url, "decline", version=typed, decline_reason="other", note="typed")
    assert (answer.status_code, heading(answer)) == (409, heading(desk.get(url)))
    assert form(answer, f"{url}/decline")["note"] == ["typed"]
    assert rows(sqlite_app, "appointment_request", "status", "version") == before


ODD_QUERIES = (
    "page=-1", "page=1e9", "sort=__class__", "sort=id;drop", "q=" + "%25" * 10_000, "q=(a%2B)%2B$",
    "group=__class__", "limit=1e9", "lang=../../etc", "near=" + "a%20" * 5_000, "a[]=1&a[b]=2",
    "&" * 20_000, "=" * 20_000,
)  # fmt: skip


@item(23)
@pytest.mark.parametrize("query", ODD_QUERIES, ids=lambda query: query[:20])
def test_odd_query_is_answered_at_once(sqlite_app: Flask, query: str) -> None:
    client, desk = sqlite_app.test_client(), make_desk(sqlite_app)
    client.get("/?near=98057")
    for path, asking, statuses in (
        ("/", client, (200,)), ("/locations/renton", client, (200,)), ("/request", client, (200,)),
        ("/api/v1/locations", client, (200,)), ("/api/v1/nearest", client, (422,)),
        ("/staff/", desk, (200, 404) if query.startswith("group") else (200,)),
        ("/staff/login", client, (200,)),
    ):  # fmt: skip
        asking.get(path)
        tries = []
        for _ in range(2):  # a slow answer is slow twice; a busy machine may be once
            started = time.perf_counter()
            answer = asking.get(f"{path}?{query}")
            tries.append(time.perf_counter() - started)
            assert answer.status_code in statuses, (path, query[:30])
            if tries[-1] < 0.5:
                break
        assert min(tries) < 0.5, (path, tries)  # 100 ms on a machine that does nothing else


@item(24)
@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ("NaN", "0"), ("Infinity", "0"), ("0", "-Infinity"), ("1e400", "0"), ("91", "0"),
        ("0", "181"), ("-90.001", "0"), ("9" * 5_000, "0"), ("true", "0"), ('"47"', '"-122"'),
        ("[47]", "0"), ("null", "0"),
    ],
)  # fmt: skip
def test_place_on_no_map_is_refused_by_the_page_and_the_api(
    sqlite_app: Flask, latitude: str, longitude: str
) -> None:
    client = sqlite_app.test_client()
    body = f'{{"latitude": {latitude}, "longitude": {longitude}}}'
    answer = client.post("/api/v1/nearest", data=body, content_type="application/json")
    # json.loads would take Infinity; a strict reader of what we answer must not meet it.
    told = json.loads(answer.get_data(), parse_constant=pytest.fail)
    long = len(latitude) > 4_300
    assert (answer.status_code, told["status"]) == ((400, 400) if long else (422, 422))
    page = client.post("/find", data={"latitude": latitude, "longitude": longitude})
    assert page.status_code == 422
    assert main_text(page).count("We could not read that place. Type where you are.") == 2


@item(24)
def test_minus_nothing_is_a_place(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    body = '{"latitude": -0, "longitude": -0.0}'
    answer = client.post("/api/v1/nearest", data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["origin"]["level"]) == (200, "position")
    page = client.post("/find", data={"latitude": "-0", "longitude": "-0.0"})
    assert (page.status_code, heading(page)) == (200, "Clinics near you")


@item(25)
@pytest.mark.parametrize(
    ("typed", "status"),
    [("x" * 10_000, 422), ("\U0001f3e5" * 201, 422), ("\U0001f3e5", 200), ("1 OR 1=1 --", 200),
     ("'; drop table location; --", 200), ("12 Main St\nRenton", 200), ("%s%n{{7*7}}", 200)],
)  # fmt: skip
def test_address_that_is_none_is_unknown_or_refused(
    sqlite_app: Flask, typed: str, status: int
) -> None:
    client = sqlite_app.test_client()
    before = all_rows(sqlite_app)
    page = client.post("/find", data={"address": typed})
    assert page.status_code == status
    assert form(page, "/find")["address"][0] in (typed[:200], "")
    answer = client.post("/api/v1/nearest", json={"address": typed})
    assert answer.status_code == status
    if status == 200:
        assert len(answer.get_json()["results"]) == 3
        line = ["finder", "locate", "--format", "ndjson", typed]
        done = sqlite_app.test_cli_runner().invoke(args=line)
        assert (done.exit_code, json.loads(done.stdout)["query"]) == (0, typed)
    assert all_rows(sqlite_app) == before


@item(22, 24)
@pytest.mark.parametrize(
    "limit", ["0", "-1", "51", "1e1", str(2**64), "true", '"3"', "null", "NaN"]
)
def test_limit_that_is_no_small_number_is_refused(sqlite_app: Flask, limit: str) -> None:
    client = sqlite_app.test_client()
    body = f'{{"postal_code": "98057", "limit": {limit}}}'
    answer = client.post("/api/v1/nearest", data=body, content_type="application/json")
    sentence = "Limit must be a whole number from 1 to 50"
    assert (answer.status_code, problems(answer)) == (422, [("limit", sentence)])
