"""What programs get when they ask for an appointment, and what then stands in the tables."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from sqlalchemy import text
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.codes import ContactBy, ForWhom, PartOfDay, Weekday, YesNoUnsure
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import RequestChannel, Status, parse_reference
from clinicdir.audit.rules import ActorKind
from clinicdir.crypto import token_hash
from clinicdir.db import db, key_ring, transaction
from clinicdir.locations.models import Location, LocationStatus
from clinicdir.locations.queries import get_location
from clinicdir.web.api.openapi import describe
from tests.conftest import Clock, build_app
from tests.make import CONSENT, make_answers
from tests.pages import heading, main_text
from tests.tables import all_rows, rows
from tests.unit.appointments.test_submission import RULES

URL = "/api/v1/requests"
NOON = datetime(2026, 11, 24, 20, tzinfo=UTC)
FULL = {
    "location": ["covington", "renton", "issaquah"],
    "goal": "other",
    "goal_text": "Dance",
    "body_area": "knee",
    "target_month": "2027-05",
    "stopped": ["skiing", "running"],
    "tried": "Rest and ice",
    "for_whom": "someone_else",
    "asker_name": "Kim O’Example",
    "relation": "Parent",
    "patient_name": "José Example",
    "phone": "(206) 555-0123 x45",
    "email": "Jose@Example.com",
    "contact_by": "email",
    "best_time": "late_day",
    "voicemail_ok": True,
    "windows": [{"weekday": "monday", "part": "morning"}, {"weekday": "any", "part": "midday"}],
    "returning": "no",
    "referral": "not_sure",
    "language": "es",
    "interpreter": True,
    "access_needs": "No steps",
    "note": "Line one\nLine two",
    "short_notice": True,
    "consent_version": CONSENT,
}


def send(client: FlaskClient, body: object, key: str = "a key") -> TestResponse:
    return client.post(URL, json=body, headers={"Idempotency-Key": key})


def problem(answer: TestResponse) -> tuple[int, list[tuple[str, str]]]:
    """Return status and errors of a refusal, which must be problem+json and say its status."""
    assert answer.mimetype == "application/problem+json"
    body = answer.get_json()
    assert set(body) - {"phones"} == {"type", "title", "status", "detail", "errors"}
    assert (body["type"], body["status"]) == ("about:blank", answer.status_code)
    assert body["title"]
    assert body["detail"]
    assert all(set(error) == {"field", "code", "message"} for error in body["errors"])
    return answer.status_code, [(error["field"], error["message"]) for error in body["errors"]]


def close(slug: str) -> None:
    with transaction():
        get_location(slug).status = LocationStatus.CLOSED


def test_answer_says_what_was_received_and_where_to_look(
    client: FlaskClient, frozen: Clock
) -> None:
    answer = send(client, make_answers())
    made = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (201, "application/json")
    reference, link = made["reference"], made["status_url"]
    assert made == {
        "reference": reference,
        "status": "received",
        "location": "renton",
        "status_url": link,
        "promise_at": None,
    }
    assert parse_reference(reference) == reference
    assert link.startswith("http://127.0.0.1:8000/requests/")
    page = client.get(link)
    assert (page.status_code, heading(page)) == (200, "We have your request")
    assert main_text(page).startswith(
        f"We have your request Your reference{reference[:3]}-{reference[3:]} Clinic: Renton "
        "This is a request, not yet a booking."
    )
    assert "Robin" not in page.get_data(as_text=True)
    assert client.get(f"{link}x").status_code == 404


def test_every_field_reaches_its_column_or_the_seal(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    made = send(client, FULL).get_json()
    plain = {
        "reference": made["reference"],
        "status": Status.RECEIVED,
        "channel": RequestChannel.API,
        "created_at": NOON,
        "changed_at": NOON,
        "promise_at": None,
        "submission_key": "api:a key",
        "link_version": 1,
        "goal": "other",
        "body_area": "knee",
        "target_month": date(2027, 5, 1),
        "stopped": ["running", "skiing"],
        "for_whom": "someone_else",
        "contact_by": "email",
        "best_time": "late_day",
        "voicemail_ok": True,
        "windows": FULL["windows"],
        "is_returning": "no",
        "referral": "not_sure",
        "language": "es",
        "interpreter": True,
        "short_notice": True,
        "consent_version": CONSENT,
        "consented_at": NOON,
        "locale": "en",
        "source": None,
        "claimed_by": None,
        "claimed_until": None,
        "booked_at": None,
        "decline_reason": None,
        "duplicate_of": None,
    }
    assert rows(app, "appointment_request", *plain) == [tuple(plain.values())]
    with app.app_context():
        stored = db.session.query(AppointmentRequest).one()
        ring = key_ring()
        assert stored.location.slug == "covington"
        assert stored.personal == {
            "patient_name": "José Example",
            "asker_name": "Kim O’Example",
            "relation": "Parent",
            "birth_date": None,
            "phone": "(206) 555-0123 x45",
            "phone_e164": "+12065550123;ext=45",
            "email": "Jose@example.com",
            "goal_text": "Dance",
            "tried": "Rest and ice",
            "note": "Line one\nLine two",
            "access_needs": "No steps",
        }
        assert stored.link_hash == token_hash(made["status_url"].rpartition("/")[2])
        assert stored.link_key_id == ring.newest_id
        assert stored.phone_hash == ring.fingerprint("phone", "+12065550123")
        assert stored.phone_last4_hash == ring.fingerprint("phone_last4", "0123")
        assert stored.email_hash == ring.fingerprint("email", "jose@example.com")
        words = {ring.fingerprint("name_word", word) for word in ("jose", "example", "kim", "o")}
    assert set(rows(app, "name_word", "word_hash")) == words
    assert len(rows(app, "name_word", "id")) == 4


def test_history_audit_message_and_ticked_clinics_are_written_with_it(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    before = len(rows(app, "audit_entry", "id"))
    reference = send(client, FULL).get_json()["reference"]
    with app.app_context():
        numbers = {place.slug: place.id for place in db.session.query(Location)}
    (request_id,) = rows(app, "appointment_request", "id")
    events = ("request_id", "at", "actor_kind", "staff_id", "action", "from_status", "to_status")
    assert rows(app, "request_event", *events) == [
        (request_id, NOON, ActorKind.PATIENT, None, "submit", None, Status.RECEIVED)
    ]
    entries = ("chain", "sequence", "at", "actor_kind", "staff_id", "actor_label", "action")
    assert rows(app, "audit_entry", *entries, "subject", "detail")[before:] == [
        (
            f"location/{numbers['covington']}", 1, NOON, ActorKind.PATIENT, None, "", "submit",
            reference, "- > received",
        )
    ]  # fmt: skip
    messages = ("kind", "channel", "subject_id", "state", "created_at", "due_at", "attempts")
    assert rows(app, "outbox_message", *messages) == [
        ("request_waits", "email", request_id, "waiting", NOON, NOON, 0),
        ("tell_received", "email", request_id, "waiting", NOON, NOON, 0),
    ]
    assert rows(app, "outbox_message", "sealed", "last_error") == [(None, None)] * 2
    assert rows(app, "request_location", "request_id", "location_id", "ordinal") == [
        (request_id, numbers["covington"], 0),
        (request_id, numbers["renton"], 1),
        (request_id, numbers["issaquah"], 2),
    ]


def test_first_open_clinic_of_those_ticked_gets_the_request(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        close("covington")
        numbers = {place.slug: place.id for place in db.session.query(Location)}
    assert send(client, FULL).get_json()["location"] == "renton"
    assert rows(app, "appointment_request", "location_id") == [numbers["renton"]]
    assert rows(app, "request_location", "location_id") == [
        numbers[slug] for slug in ("covington", "renton", "issaquah")
    ]


def test_clinic_that_is_closed_or_unknown_takes_no_request(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        close("renton")
    closed = [("location", "Select a clinic that is open")]
    unknown = [("location", "Select a clinic")]
    assert problem(send(client, make_answers())) == (422, closed)
    for slug in (
        "../../etc/passwd", "%2e%2e", "Renton", "RENTON", "r" * 10_000, "rеnton", "1", "renton ",
    ):  # fmt: skip
        assert problem(send(client, make_answers(location=slug))) == (422, unknown)
        mixed = make_answers(location=["covington", slug])
        assert problem(send(client, mixed)) == (422, unknown)
    assert rows(app, "appointment_request", "id") == []
    assert send(client, make_answers(location="bellevue")).get_json()["location"] == "bellevue"


def test_every_rule_speaks_its_sentence_and_a_refusal_stores_nothing(
    app: Flask, client: FlaskClient, frozen: Clock
) -> None:
    before = all_rows(app)
    for changes, expected in RULES:
        if expected:
            assert problem(send(client, make_answers(**changes))) == (422, expected)
    assert all_rows(app) == before
    taken = [changes for changes, expected in RULES if not expected]
    for number, changes in enumerate(taken):
        assert send(client, make_answers(**changes), f"key {number}").status_code == 201
    assert len(rows(app, "appointment_request", "id")) == len(taken) > 5


def test_error_carries_a_stable_code(client: FlaskClient) -> None:
    answer = send(client, make_answers(patient_name="", phone="911", is_admin=True))
    assert answer.get_json() == {
        "type": "about:blank",
        "title": "Some answers need a change",
        "status": 422,
        "detail": "See the list of errors, change these fields and send it again.",
        "errors": [
            {"field": "is_admin", "code": "unknown", "message": "There is no such field"},
            {
                "field": "patient_name",
                "code": "missing",
                "message": "Enter the patient's full name",
            },
            {
                "field": "phone",
                "code": "not_a_phone",
                "message": "Enter a phone number, like 206 555 0123",
            },
        ],
    }


def test_month_is_counted_at_the_clinic(app: Flask, client: FlaskClient, frozen: Clock) -> None:
    frozen.at = datetime.fromisoformat("2026-12-01T04:00:00+00:00")  # still November there
    assert send(client, make_answers(target_month="2026-11")).status_code == 201
    frozen.move(hours=5)
    assert problem(send(client, make_answers(target_month="2026-11"), "another")) == (
        422,
        [("target_month", "Target month must be this month or later")],
    )


def test_same_key_and_content_give_the_same_answer_and_one_row(
    app: Flask, client: FlaskClient
) -> None:
    first = send(client, FULL)
    before = all_rows(app)
    other_order = dict(reversed(list(FULL.items())))
    for body in (FULL, other_order, FULL | {"best_time": "late_day", "birth_date": None}):
        body.pop("birth_date", None)
        again = send(client, body)
        assert (again.status_code, again.get_data()) == (201, first.get_data())
    assert all_rows(app) == before
    assert len(rows(app, "appointment_request", "id")) == 1


def test_same_key_gives_the_same_answer_after_staff_have_acted(
    app: Flask, client: FlaskClient
) -> None:
    first = send(client, make_answers())
    with app.app_context(), transaction():
        db.session.query(AppointmentRequest).one().status = Status.QUARANTINED
    assert send(client, make_answers()).get_json() == first.get_json()
    page = client.get(first.get_json()["status_url"])
    assert heading(page) == "We have your request"


def test_same_key_with_other_content_is_a_conflict(app: Flask, client: FlaskClient) -> None:
    send(client, make_answers())
    before = all_rows(app)
    for changes in ({"patient_name": "Kim Example"}, {"phone": "206 555 0124"}, {"note": "x"}):
        answer = send(client, make_answers(**changes))
        assert problem(answer) == (409, [])
        assert answer.get_json()["detail"] == (
            "This key was used before, for a request with other content."
        )
    assert all_rows(app) == before


def test_other_keys_make_other_requests(app: Flask, client: FlaskClient) -> None:
    made = [send(client, make_answers(), key).get_json() for key in ("a", "b", "A")]
    assert len({one["reference"] for one in made}) == 3
    assert len({one["status_url"] for one in made}) == 3
    assert rows(app, "appointment_request", "submission_key") == ["api:a", "api:b", "api:A"]


@pytest.mark.parametrize("key", [None, "", "   ", "x" * 201, "Schlüssel", "a\tb"])
def test_missing_or_unfit_key_is_refused(sqlite_app: Flask, key: str | None) -> None:
    client = sqlite_app.test_client()
    headers = {} if key is None else {"Idempotency-Key": key}
    sentence = (
        "Send the header Idempotency-Key with a value of your own, new for each request and the"
        " same at each try: 1 to 200 printable ASCII characters."
    )
    answer = client.post(URL, json=make_answers(), headers=headers)
    assert problem(answer) == (400, [("Idempotency-Key", sentence)])
    assert rows(sqlite_app, "appointment_request", "id") == []


def test_body_of_another_kind_is_refused(app: Flask, client: FlaskClient) -> None:
    good = json.dumps(make_answers())
    headers = {"Idempotency-Key": "k"}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = client.post(URL, data=good, content_type=kind, headers=headers)
        assert problem(answer) == (415, [])
    assert problem(client.post(URL, headers=headers)) == (415, [])
    broken: tuple[str | bytes, ...] = (
        "", "{", "{'a': 1}", good[:-1], b'{"patient_name": "\xff\xfe"}', b"\xed\xa0\x80",
        "[" * 30_000, "1" * 5_000,
    )  # fmt: skip
    for data in broken:
        answer = client.post(URL, data=data, content_type="application/json", headers=headers)
        assert problem(answer) == (400, []), data[:20]
    for value in ("[]", '"text"', "1", "null", "NaN", "true"):
        answer = client.post(URL, data=value, content_type="application/json", headers=headers)
        assert problem(answer) == (422, [("", "Send one JSON object")])
    assert rows(app, "appointment_request", "id") == []
    charset = "application/json; charset=utf-8"
    assert client.post(URL, data=good, content_type=charset, headers=headers).status_code == 201


def test_last_of_two_equal_names_counts_alone(app: Flask, client: FlaskClient) -> None:
    good = json.dumps(make_answers(location="covington"))
    body = good[:-1] + ', "location": "renton"}'
    headers = {"Idempotency-Key": "k"}
    answer = client.post(URL, data=body, content_type="application/json", headers=headers)
    assert answer.get_json()["location"] == "renton"
    assert len(rows(app, "request_location", "id")) == 1


def test_body_over_the_limit_is_refused(app: Flask, client: FlaskClient) -> None:
    empty = len(json.dumps(make_answers(note="")))
    for size, status in ((64_000, 422), (64_001, 413)):
        body = json.dumps(make_answers(note="x" * (size - empty)))
        assert len(body) == size
        answer = client.post(
            URL, data=body, content_type="application/json", headers={"Idempotency-Key": "k"}
        )
        assert problem(answer)[0] == status
    assert rows(app, "appointment_request", "id") == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "FOO"])
def test_other_method_is_told_the_right_one(sqlite_app: Flask, method: str) -> None:
    answer = sqlite_app.test_client().open(
        URL, method=method, headers={"X-HTTP-Method-Override": "POST"}
    )
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}
    if method != "HEAD":
        assert problem(answer) == (405, [])


@pytest.mark.parametrize("path", ["/api/v1/request", "/api/v1/", "/api/v2/requests", "/api/x/é"])
def test_unknown_address_is_a_problem_too(sqlite_app: Flask, path: str) -> None:
    client = sqlite_app.test_client()
    assert problem(client.get(path)) == (404, [])
    assert problem(client.post(path, json={})) == (404, [])


def test_too_many_posts_are_told_when_to_come_again(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path)
    client = build_app(tmp_path, rate_limits="on").test_client()
    answers = [client.post(URL, json={}) for _ in range(201)]
    assert [answer.status_code for answer in answers] == [400] * 200 + [429]
    assert problem(answers[-1]) == (429, [])
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 601


PLANTED = ("request_event", "name_word", "request_location", "audit_entry", "outbox_message")


@pytest.mark.parametrize("table", PLANTED)
def test_fault_in_the_middle_leaves_nothing(app: Flask, client: FlaskClient, table: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql(
            f"create trigger planted before insert on {table}"
            " begin select raise(abort, 'planted'); end"
            if db.engine.dialect.name == "sqlite"
            else "create or replace function planted() returns trigger language plpgsql as"
            " $$ begin raise exception 'planted'; end $$;"
            f" create trigger planted before insert on {table} execute function planted()"
        )
    before = all_rows(app)
    answer = send(client, FULL)
    status, errors = problem(answer)
    assert (status // 100, errors) == (5, [])
    assert "planted" not in answer.get_data(as_text=True)
    assert all_rows(app) == before
    with app.app_context(), db.engine.begin() as connection:
        on = "" if db.engine.dialect.name == "sqlite" else f" on {table}"
        connection.execute(text(f"drop trigger planted{on}"))
    assert send(client, FULL).status_code == 201
    assert len(rows(app, table, "id")) > len(before[table])


def test_consent_in_force_is_the_one_a_request_must_name(client: FlaskClient) -> None:
    notice = client.get("/api/v1/consent").get_json()
    assert set(notice) == {"version", "text", "locale"}
    assert (notice["version"], notice["locale"]) == (CONSENT, "en")
    assert notice["text"] in client.get("/privacy").get_data(as_text=True)


def test_post_needs_no_cookie_and_sets_none(client: FlaskClient) -> None:
    answer = client.post(
        URL,
        json=make_answers(),
        headers={
            "Idempotency-Key": "k",
            "Origin": "https://partner.example",
            "Sec-Fetch-Site": "cross-site",
        },
    )
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (201, False)


# The description, and that it tells the truth.


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/openapi.json")
    assert answer.mimetype == "application/json"
    described: dict[str, Any] = answer.get_json()
    return described


def test_description_is_valid_and_names_every_route(app: Flask, document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1.")
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/", "/openapi.json"))
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    described = {
        (path, method) for path, methods in document["paths"].items() for method in methods
    }
    assert described == routes
    assert len(routes) == 7


def codes(document: dict[str, Any]) -> Iterator[tuple[str, str, object]]:
    """Yield each code in the description of a request: field, code, and the answer it makes."""
    for name, schema in document["components"]["schemas"]["RequestBody"]["properties"].items():
        for code in schema.get("enum", ()):
            yield name, code, code
        items = schema.get("items", {})
        for code in items.get("enum", ()):
            yield name, code, [code]
        for key, part in items.get("properties", {}).items():
            for code in part["enum"]:
                yield name, code, [{"weekday": "any", "part": "any"} | {key: code}]


def test_codes_in_the_description_are_the_ones_that_are_taken(
    app: Flask, client: FlaskClient, document: dict[str, Any]
) -> None:
    found = list(codes(document))
    base = make_answers(goal_text="Dance", asker_name="Kim", relation="Aunt", email="a@example.com")
    for number, (name, _, value) in enumerate(found):
        answer = send(client, base | {name: value}, f"key {number}")
        assert answer.status_code == 201, (name, value, answer.get_json())
    for name, code, value in found:
        wrong = json.loads(json.dumps(value).replace(f'"{code}"', '"no such code"'))
        _, errors = problem(send(client, base | {name: wrong}))
        assert [field for field, _ in errors] == [name]
    listed = {name: {code for field, code, _ in found if field == name} for name, _, _ in found}
    intake = app.extensions["clinicdir"].intake
    assert listed == {
        "goal": {choice.code for choice in intake.goals},
        "body_area": {choice.code for choice in intake.body_areas},
        "stopped": {choice.code for choice in intake.stopped},
        "for_whom": set(ForWhom),
        "contact_by": set(ContactBy),
        "best_time": set(PartOfDay),
        "windows": {*Weekday, *PartOfDay},
        "returning": set(YesNoUnsure),
        "referral": set(YesNoUnsure),
        "consent_version": {CONSENT},
    }


def test_answers_keep_what_the_description_says(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    def check(name: str, instance: object) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(instance)

    def refused(name: str, instance: object) -> bool:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        return not Draft202012Validator(schema).is_valid(instance)

    check("RequestBody", FULL)
    check("RequestBody", make_answers())
    assert refused("RequestBody", make_answers(phone=None))
    assert refused("RequestBody", make_answers(is_admin=True))
    check("RequestMade", send(client, FULL).get_json())
    check("Problem", send(client, {}).get_json())
    check("Problem", client.get("/api/v1/nowhere").get_json())
    check("LocationPage", client.get("/api/v1/locations").get_json())
    check("Location", client.get("/api/v1/locations/renton").get_json())
    check("Consent", client.get("/api/v1/consent").get_json())
    for query in (
        {"address": "332 Burnett Ave S, Renton"},
        {"address": "nowhere at all"},
        {"postal_code": "98057", "limit": 6},
        {"latitude": 47.6, "longitude": -122.3},
    ):
        check("NearestQuery", query)
        check("NearestAnswer", client.post("/api/v1/nearest", json=query).get_json())
    assert refused("NearestQuery", {"address": "x", "postal_code": "98057"})


def test_birth_date_is_described_only_where_it_is_taken(sqlite_app: Flask) -> None:
    intake = sqlite_app.extensions["clinicdir"].intake
    for asked in (False, True):
        described = describe(intake, url="https://x.example", ask_birth_date=asked)
        fields = described["components"]["schemas"]["RequestBody"]["properties"]
        assert ("birth_date" in fields) == asked


def test_clock_is_asked_once_for_a_request(app: Flask, client: FlaskClient) -> None:
    before = clock.now()
    send(client, make_answers())
    ((created, consented),) = rows(app, "appointment_request", "created_at", "consented_at")
    assert before <= created == consented <= clock.now()
