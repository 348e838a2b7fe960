"""Who may read /metrics, and what it says of desks, messages and the process."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update
from werkzeug.test import TestResponse

from clinicdir import clock
from clinicdir.appointments.groups import Group, View, count_by_status, tally_by_location
from clinicdir.appointments.models import AppointmentRequest
from clinicdir.appointments.rules import OPEN, Status
from clinicdir.db import db, transaction
from clinicdir.notifications.models import ChannelState
from clinicdir.notifications.queries import count_by_state, last_number
from clinicdir.notifications.rules import Channel
from clinicdir.notifications.workers import beat
from clinicdir.staff.rules import EVERYWHERE
from tests.conftest import Clock
from tests.exposition import read
from tests.integration.test_query_plans import plans, reads_every_request
from tests.mail import free_port
from tests.make import make_request
from tests.pages import main_text
from tests.tables import all_rows, statements

TOKEN = "a long and random word of the scraper"
FAR = {"REMOTE_ADDR": "192.0.2.7"}


def ask(client: FlaskClient, *, token: str = "", far: bool = True, **headers: str) -> TestResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        given["Authorization"] = token
    return client.get("/metrics", headers=given, environ_overrides=FAR if far else {})


def told(app: Flask) -> dict[str, float]:
    answer = app.test_client().get("/metrics")
    assert (answer.status_code, answer.content_type) == (
        200, "text/plain; version=0.0.4; charset=utf-8",
    )  # fmt: skip
    assert answer.headers["Cache-Control"] == "no-store"
    return read(answer.get_data(as_text=True))


def change(number: int, **values: object) -> None:
    with transaction():
        of = AppointmentRequest.id == number
        db.session.execute(update(AppointmentRequest).where(of).values(**values))


def test_token_opens_it_from_anywhere(with_settings: Callable[..., Flask]) -> None:
    client = with_settings(metrics_token=TOKEN).test_client()
    for given in (f"Bearer {TOKEN}", f"bearer {TOKEN} "):
        assert ask(client, token=given).status_code == 200
    missing = main_text(client.get("/nothing-here", environ_overrides=FAR))
    for given in ("", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}",
                  "Bearer \xe9", TOKEN):  # fmt: skip
        refused = ask(client, token=given)
        assert (refused.status_code, main_text(refused)) == (404, missing)
    assert client.get(f"/metrics?token={TOKEN}", environ_overrides=FAR).status_code == 404


def test_without_a_token_set_none_opens_it(client: FlaskClient) -> None:
    for given in ("", "Bearer", "Bearer ", "Bearer None"):
        assert ask(client, token=given).status_code == 404


def test_this_machine_may_read_it_unless_a_proxy_passed_the_request_on(
    client: FlaskClient,
) -> None:
    assert ask(client, far=False).status_code == 200
    for peer in ("127.0.0.9", "::1", "::ffff:127.0.0.1"):
        assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": peer}).status_code == 200
    for name in ("X_Forwarded_For", "X_Forwarded_Proto", "X_Forwarded_Host", "Forwarded", "Via",
                 "X_Real_IP"):  # fmt: skip
        assert ask(client, far=False, **{name: "127.0.0.1"}).status_code == 404, name


def test_proxy_that_is_trusted_opens_nothing(with_settings: Callable[..., Flask]) -> None:
    client = with_settings(trusted_proxies="127.0.0.1").test_client()
    assert ask(client, far=False, X_Forwarded_For="127.0.0.1").status_code == 404


def test_desks_and_their_lateness_are_told(app: Flask, frozen: Clock) -> None:
    with app.app_context():
        late = make_request(app).id
        make_request(app, location="covington")
        held = make_request(app).id
        change(late, promise_at=clock.now(), due_at=clock.now())
        change(held, status=Status.QUARANTINED)
    frozen.move(seconds=90)
    seen = told(app)
    assert {name: seen[name] for name in seen if "renton" in name and seen[name]} == {
        'clinicdir_requests{location="renton",status="received"}': 1,
        'clinicdir_requests{location="renton",status="quarantined"}': 1,
        'clinicdir_requests_overdue{location="renton"}': 1,
        'clinicdir_promise_lateness_seconds{location="renton"}': 90,
        'clinicdir_requests_quarantined{location="renton"}': 1,
        'clinicdir_quarantine_age_seconds{location="renton"}': 90,
    }
    assert {name: seen[name] for name in seen if "covington" in name and seen[name]} == {
        'clinicdir_requests{location="covington",status="received"}': 1,
    }
    assert len([name for name in seen if name.startswith("clinicdir_requests{")]) == 6 * 6
    assert len([name for name in seen if name.startswith("clinicdir_requests_closed{")]) == 6 * 7
    assert seen["clinicdir_database_up"] == 1


def test_messages_channels_and_worker_are_told(app: Flask, frozen: Clock) -> None:
    with app.app_context():
        make_request(app)
        make_request(app)
        assert "clinicdir_worker_heartbeat_age_seconds" not in told(app)
        with transaction():
            beat("host:1", now=clock.now())
            db.session.execute(text("update outbox_message set state = 'dead' where id = 1"))
            now = clock.now()
            state = ChannelState(channel=Channel.EMAIL, failures=1, last_error="away")
            state.paused_until = now + timedelta(minutes=2)
            state.troubled_since = now - timedelta(minutes=1)
            db.session.add(state)
    frozen.move(seconds=30)
    seen = told(app)
    wanted = ("clinicdir_outbox", "clinicdir_channel", "clinicdir_worker")
    assert {name: seen[name] for name in seen if name.startswith(wanted) and seen[name]} == {
        'clinicdir_outbox_messages{channel="email",state="dead"}': 1,
        'clinicdir_outbox_messages{channel="email",state="waiting"}': 1,
        'clinicdir_outbox_oldest_age_seconds{channel="email"}': 30,
        "clinicdir_outbox_queued_total": 2,
        'clinicdir_channel_paused{channel="email"}': 1,
        'clinicdir_channel_trouble_seconds{channel="email"}': 90,
        "clinicdir_worker_heartbeat_age_seconds": 30,
    }
    assert seen['clinicdir_outbox_messages{channel="fax",state="dead"}'] == 0


def test_answers_are_counted_by_route_and_never_by_address(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    for path in ("/", "/?near=98057", "/locations/renton", "/locations/nowhere", "/zebra/98057"):
        client.get(path)
    seen = told(sqlite_app)
    assert {name: seen[name] for name in seen if name.startswith("clinicdir_http_answers")} == {
        'clinicdir_http_answers_total{route="/",class="2xx"}': 2,
        'clinicdir_http_answers_total{route="/locations/<slug>",class="2xx"}': 1,
        'clinicdir_http_answers_total{route="/locations/<slug>",class="4xx"}': 1,
        'clinicdir_http_answers_total{route="none",class="4xx"}': 1,
    }
    took = "clinicdir_http_duration_seconds"
    buckets = [seen[name] for name in seen if name.startswith(f'{took}_bucket{{route="/",')]
    assert (len(buckets), buckets, buckets[-1]) == (12, sorted(buckets), 2)
    assert seen[f'{took}_count{{route="/"}}'] == 2
    assert 0 < seen[f'{took}_sum{{route="/"}}'] < 60


def test_database_that_is_away_is_told_and_the_rest_still_is(
    with_settings: Callable[..., Flask], frozen: Clock
) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none"
    away = with_settings(database_url=url)
    assert away.test_client().get("/locations/renton").status_code == 503
    seen = told(away)
    assert seen["clinicdir_database_up"] == 0
    assert seen["clinicdir_database_unavailable_total"] == 1
    assert [name for name in seen if name.startswith("clinicdir_requests")] == []
    assert seen["clinicdir_instance_free_bytes"] > 0


def test_reading_is_kept_for_five_seconds_and_changes_nothing(app: Flask, frozen: Clock) -> None:
    with app.app_context():
        make_request(app)
    before = all_rows(app)
    first = told(app)
    with statements(app) as sent:
        frozen.move(seconds=4.9)
        assert told(app)["clinicdir_outbox_queued_total"] == first["clinicdir_outbox_queued_total"]
        assert [one for one in sent if "appointment_request" in one] == []
        frozen.move(seconds=0.1)
        told(app)
        assert [one for one in sent if "appointment_request" in one] != []
    assert all_rows(app) == before


@pytest.mark.usefixtures("frozen")
def test_what_is_asked_of_the_database_is_answered_by_indexes(app: Flask) -> None:
    with app.app_context():
        make_request(app)
        view = View(EVERYWHERE, 0, clock.now())
        for group in (Group.OVERDUE, Group.SPAM):
            lines = plans(partial(tally_by_location, group, view))
            assert lines
            assert reads_every_request(lines) == []
        for run in (count_by_state, last_number):
            lines = plans(run)
            assert lines
            assert [one for one in lines if "Seq Scan on outbox" in one] == []
            assert [one for one in lines if one == "SCAN outbox_message"] == []
        counted = plans(partial(count_by_status, OPEN))
        assert counted
        assert reads_every_request(counted) == []


def test_closed_requests_are_counted_once_a_minute(app: Flask, frozen: Clock) -> None:
    name = 'clinicdir_requests_closed{location="renton",status="booked"}'
    with app.app_context():
        number = make_request(app).id
        assert told(app)[name] == 0
        change(number, status=Status.BOOKED)
        frozen.move(seconds=59)
        assert told(app)[name] == 0
        frozen.move(seconds=1)
        assert told(app)[name] == 1
