"""What the log says of a request, and that nothing a person typed is ever in it or in /metrics."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from clinicdir import clock
from clinicdir.cli.routing import make_post
from clinicdir.db import db, transaction
from clinicdir.notifications.delivery import deliver_due
from clinicdir.staff.rules import Role
from clinicdir.web.logs import EXTRAS, JsonLines
from tests.asking import CHECK, follow, walk
from tests.conftest import Clock
from tests.integration.test_desk_moves import send, signed_in
from tests.integration.test_health import give_address
from tests.integration.test_sealing import CANARIES
from tests.mail import free_port
from tests.make import make_answers, make_request, make_staff, sign_in, token_of
from tests.own import pass_check
from tests.pages import press
from tests.tables import rows

KEYS = {"time", "level", "logger", "place", "event", "request_id", "frames", "cause"}
KEYS |= {"cause_frames", *EXTRAS}
WORDS = ("canary", "núñez", "8675309", "867-5309", "example.com", "4711983", "quuxwood")
GIVEN = "0123456789abcdef0123456789abcdef"


class Lines:
    """The log as it would be written, line by line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def answered(self) -> list[dict[str, Any]]:
        return [line for line in self.all() if line.get("event") == "answered"]


@pytest.fixture
def log() -> Iterator[Lines]:
    """Write down what every library says, SQLAlchemy each statement."""
    lines, root = Lines(), logging.getLogger()
    handler, level = logging.StreamHandler(lines.stream), root.level
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def test_answer_is_logged_by_its_route(sqlite_app: Flask, log: Lines) -> None:
    client = sqlite_app.test_client()
    answer = client.get("/locations/renton?source=canary")
    client.post("/find", data={"address": "4711983 Quuxwood Ave S"})
    client.get("/requests/canarytoken")
    client.get("/request/who")
    client.open("/canary/4711983", method="CANARY")
    ids = [line["request_id"] for line in log.answered()]
    told = [{name: line[name] for name in ("route", "method", "status")} for line in log.answered()]
    assert told == [
        {"route": "/locations/<slug>", "method": "GET", "status": 200},
        {"route": "/find", "method": "POST", "status": 200},
        {"route": "/requests/<token>", "method": "GET", "status": 404},
        {"route": "/request/<step>", "method": "GET", "status": 303},
        {"route": "none", "method": "other", "status": 404},
    ]
    assert "X-Request-Id" not in answer.headers
    assert len(set(ids)) == 5
    assert all(0 < line["duration_ms"] < 60_000 for line in log.answered())


def test_number_of_a_request_is_taken_from_a_trusted_proxy_alone(
    with_settings: Callable[..., Flask], log: Lines
) -> None:
    def seen(client: FlaskClient, given: str, peer: str = "127.0.0.1") -> str:
        client.get(
            "/healthz",
            headers={"X-Request-Id": given},
            environ_overrides={"REMOTE_ADDR": peer},
        )
        return str(log.answered()[-1]["request_id"])

    behind = with_settings(trusted_proxies="127.0.0.1").test_client()
    assert seen(behind, GIVEN) == GIVEN
    bad = ("", "canary", "2065550123", GIVEN * 3, f"{GIVEN}\x7f", "robin@example.com.aaaaaaaa")
    for given in bad:
        made = seen(behind, given)
        assert (made != given, len(made)) == (True, 32)
    assert seen(behind, GIVEN, "192.0.2.7") != GIVEN
    assert seen(with_settings().test_client(), GIVEN) != GIVEN


def test_fault_is_found_by_the_number_that_its_page_says(
    app: Flask, client: FlaskClient, log: Lines
) -> None:
    own = walk_all(client)
    spoil(app)
    answer = client.get(own)
    assert answer.status_code == 500
    (fault,) = [line for line in log.all() if "fault" in line]
    assert f"say number {fault['fault']}" in answer.get_data(as_text=True)
    assert fault["exception"] == "builtins.LookupError"
    assert fault["request_id"] == answer.headers["X-Request-Id"]
    assert any(frame.startswith("clinicdir/web/public/own_page.py:") for frame in fault["frames"])


@pytest.mark.plants_canary  # as the address of an account, which the database holds in clear
def test_refused_requests_say_why_and_whose(sqlite_app: Flask, log: Lines) -> None:
    app = sqlite_app
    with app.app_context():
        staff_id = make_staff("canary@example.com").id
        reference = make_request(app, location="covington").reference
    stranger, desk = app.test_client(), app.test_client()
    sign_in(desk, "canary@example.com")
    token = token_of(stranger.get("/staff/login").text)
    form = {"csrf_token": token, "password": "canary canary canary"}
    stranger.post("/staff/login", data=form | {"email": "Canary@example.com"})
    stranger.post("/staff/login", data=form | {"email": "nobody@example.com"})
    stranger.post("/staff/login", data=form | {"csrf_token": "canary"})
    stranger.post("/staff/login", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    stranger.post(f"/staff/requests/{reference}/claim", data=form)
    stranger.get("/", headers={"Host": "canary.example"})
    desk.get(f"/staff/requests/{reference}")
    desk.get("/staff/export")
    answered = [line for line in log.answered() if line["status"] >= 400]
    assert [(line["refused"], line.get("staff_id"), line["status"]) for line in answered] == [
        ("sign_in", staff_id, 422),
        ("sign_in", None, 422),
        ("form_token", None, 400),
        ("origin", None, 403),
        ("signed_out", None, 403),
        ("host", None, 400),
        ("missing_or_foreign", staff_id, 404),
        ("not_allowed", staff_id, 403),
    ]
    assert "canary" not in log.stream.getvalue().casefold()


def walk_all(client: FlaskClient) -> str:
    """Ask by the pages with canaries in every answer and return the path of the own page."""
    typed: dict[str, Any] = {**CANARIES}
    page = walk(client, **typed)
    sent = press(client, page, CHECK)
    return str(follow(client, sent).request.path) if sent.status_code == 303 else ""


def spoil(app: Flask) -> None:
    """Put a word where the program knows none, so that its fault repeats it."""
    with app.app_context(), transaction():
        db.session.execute(text("update appointment_request set status = 'canarystatus'"))


def test_no_word_of_a_person_is_in_any_line_or_measure(
    with_settings: Callable[..., Flask], frozen: Clock, log: Lines
) -> None:
    app = with_settings(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    give_address(app)
    client = app.test_client()
    client.get(
        "/?near=canary&source=canary", headers={"User-Agent": "canary", "Referer": "/canary"}
    )
    client.post("/find", data={"address": "4711983 Quuxwood Ave S"})
    own = walk_all(client)
    with app.app_context():
        assert deliver_due(make_post(), clock=clock.now) == 0
    pass_check(client, own, "canary")
    pass_check(client, own, "5309")
    body = make_answers(goal="other", for_whom="someone_else", **CANARIES)
    post = {"json": body, "headers": {"Idempotency-Key": "canarykey"}}
    assert app.test_client().post("/api/v1/requests", **post).status_code == 201
    post["json"] = body | {"phone": "867-5309 canary", "goal": "canary"}
    assert app.test_client().post("/api/v1/requests", **post).status_code in (409, 422)
    references = rows(app, "appointment_request", "reference")
    staff = signed_in(app, "canary@example.com", Role.MANAGER)
    for reference in references:
        move_on(app, staff, reference)
    measures = app.test_client().get("/metrics").get_data(as_text=True)
    told = [*log.all()]
    spoil(app)
    assert app.test_client().get(own).status_code == 500
    post = {"json": body, "headers": {"Idempotency-Key": "canarykey two"}}
    with without_table(app, "name_word"):
        assert app.test_client().post("/api/v1/requests", **post).status_code in (500, 503)
    measures += app.test_client().get("/metrics").get_data(as_text=True)
    lines = log.all()
    assert len(lines) > len(told) > 40
    assert "channel" in {name for line in lines for name in line}  # the mail server is away
    assert {line["status"] // 100 for line in log.answered()} == {2, 3, 4, 5}
    assert {name for line in lines for name in line} <= KEYS
    written = (log.stream.getvalue() + measures).casefold()
    written += written.encode().decode("unicode_escape", errors="replace").casefold()
    secrets = [*WORDS, own.rpartition("/")[2].casefold()]
    secrets += [one.casefold() for one in references]
    assert [word for word in secrets if word in written] == []


def move_on(app: Flask, staff: FlaskClient, reference: str) -> None:
    """Look for a request, open it and move it, with canaries in every field."""
    token = token_of(staff.get("/staff/").get_data(as_text=True))
    staff.post("/staff/search", data={"csrf_token": token, "wanted": "Patientcanary Núñez"})
    staff.get(f"/staff/requests/{reference}?canary=canary")
    for action, typed in {
        "claim": {"note": "Notecanary"},
        "note": {"note": "Notecanary"},
        "log_contact": {"outcome": "voicemail", "note": "Notecanary"},
        "offer": {"day1": "canary", "time1": "canary"},
        "decline": {"decline_reason": "canary"},
        "transfer": {"location": "covington", "note": "Reasoncanary"},
    }.items():
        send(app, staff, reference, action, **typed)


@contextmanager
def without_table(app: Flask, table: str) -> Iterator[None]:
    """Take a table away, so that storing fails with the values in hand."""
    rename(app, table, "gone")
    try:
        yield
    finally:
        rename(app, "gone", table)


def rename(app: Flask, table: str, name: str) -> None:
    with app.app_context():
        db.session.remove()
        with db.engine.begin() as connection:
            connection.execute(text(f"alter table {table} rename to {name}"))
