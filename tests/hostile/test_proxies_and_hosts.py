"""Hosts that are not ours, and forwarded addresses from nobody's proxy."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import build_app
from tests.hostile.items import case, item
from tests.hostile.live import JSON, Live
from tests.make import make_answers
from tests.pages import heading
from tests.tables import all_rows

UNREAD = "We could not read that"
HOSTS = [
    "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "evil@127.0.0.1",
    "127.0.0.1/evil", "127.0.0.1?evil", "127.0.0.1#evil", "127.0.0.1, evil.example",
    "127.0.0.1:99999", "127.0.0.1:x", "[::1", "", " ", "127.0.0.1\\evil", "127.0.0.1%00",
]  # fmt: skip


@pytest.mark.parametrize("host", [case(19, f"host {host!r}", host) for host in HOSTS])
def test_forged_host_is_refused_everywhere(sqlite_app: Flask, host: str) -> None:
    client = sqlite_app.test_client()
    before = all_rows(sqlite_app)
    headers = {"Host": host}
    for path in ("/", "/request", "/locations/renton", "/requests/none", "/static/css/site.css"):
        answer = client.get(path, headers=headers)
        assert (answer.status_code, heading(answer)) == (400, UNREAD), path
        assert "evil" not in f"{answer.headers}{answer.get_data(as_text=True)}"
    posted = client.post(
        "/api/v1/requests", json=make_answers(), headers=headers | {"Idempotency-Key": "k"}
    )
    assert (posted.status_code, posted.mimetype) == (400, "application/problem+json")
    for path in ("/staff/login", "/staff/invitation/none", "/request/check", "/find"):
        answer = client.post(path, data={"email": "a@x.example"}, headers=headers)
        assert (answer.status_code, heading(answer)) == (400, UNREAD), path
    assert all_rows(sqlite_app) == before


@item(19)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "[::1]:8000"])
def test_own_host_is_served_through_any_port(sqlite_app: Flask, host: str) -> None:
    answer = sqlite_app.test_client().get("/", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "lines",
    [
        case(19, "no Host", b""),
        case(19, "two equal Hosts", b"Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n"),
        case(19, "two Hosts", b"Host: 127.0.0.1\r\nHost: evil.example\r\n"),
        case(19, "two Hosts, ours last", b"Host: evil.example\r\nHost: 127.0.0.1\r\n"),
        case(19, "Host of bad bytes", b"Host: 127.0.0.1\xff\r\n"),
        case(19, "port 99999", b"Host: 127.0.0.1:99999\r\n"),
    ],
)
def test_host_over_the_wire(live: Live, lines: bytes) -> None:
    for version in (b"1.1", b"1.0"):
        start = b"GET / HTTP/" + version + b"\r\nConnection: close\r\n"
        (answer,) = live.answers(start + lines + b"\r\n")
        assert (answer.status, b"<h1>We could not read that</h1>" in answer.body) == (400, True)
        assert b"evil" not in answer.body


FORGED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "99999",
    "X-Forwarded-Prefix": "/evil",
    "X-Original-URL": "/evil",
    "X-Rewrite-URL": "/evil",
    "Forwarded": "host=evil.example",
}


@item(20)
def test_forwarded_host_is_not_believed(client: FlaskClient) -> None:
    answer = client.get("/locations/renton", headers=FORGED)
    assert answer.get_data() == client.get("/locations/renton").get_data()
    body = client.get("/api/v1/locations/renton", headers=FORGED).get_json()
    assert body["request_url"] == "http://127.0.0.1:8000/request?location=renton"


@item(20)
def test_forwarded_host_is_not_believed_from_our_proxy_either(
    tmp_path: Path, sqlite_template: Path
) -> None:
    """The scheme is; names and prefixes come from CLINICDIR_BASE_URL alone."""
    shutil.copy(sqlite_template, tmp_path)
    client = build_app(tmp_path, trusted_proxies="127.0.0.1").test_client()
    made = client.post(
        "/api/v1/requests", json=make_answers(), headers=FORGED | {"Idempotency-Key": "k"}
    )
    assert made.get_json()["status_url"].startswith("http://127.0.0.1:8000/requests/")
    moved = client.get("/locations", headers=FORGED)
    assert moved.headers["Location"] == "https://localhost/locations/"
    assert client.get("/", headers=FORGED).status_code == 200


PEER = "198.51.100.1"


def refusals(client: FlaskClient, sender: str, tries: int) -> list[int]:
    """Post empty requests, each in the name of another sender; return the statuses."""
    return [
        client.post(
            "/api/v1/requests",
            json={},
            headers={"X-Forwarded-For": sender.format(number // 250, number % 250)},
            environ_base={"REMOTE_ADDR": PEER},
        ).status_code
        for number in range(tries)
    ]


@pytest.mark.parametrize(
    ("trusted", "sender", "tries", "passed"),
    [
        case(20, "forged, no proxy is set", None, "10.0.{}.{}", 1_000, 200),
        case(20, "forged, past the proxy", "192.0.2.7", "10.0.{}.{}", 210, 200),
        # A proxy adds the address that it sees at the end; what stands before is hearsay.
        case(20, "forged, by our proxy", PEER, "10.0.{}.{}, 203.0.113.5", 210, 200),
        case(20, "IPv6 of one network", PEER, "2001:db8::{}:{}", 210, 200),
        case(20, "real ones, by our proxy", PEER, "10.0.{}.{}", 1_000, 1_000),
    ],
)
def test_new_forwarded_address_each_time(
    limited: Callable[[str | None], FlaskClient],
    trusted: str | None,
    sender: str,
    tries: int,
    passed: int,
) -> None:
    statuses = refusals(limited(trusted), sender, tries)
    assert statuses == [400] * passed + [429] * (tries - passed)


@pytest.fixture
def limited(tmp_path: Path, sqlite_template: Path) -> Callable[[str | None], FlaskClient]:
    """Return a maker of a client of an app that counts, behind a stated proxy or none."""
    shutil.copy(sqlite_template, tmp_path)

    def make(trusted: str | None) -> FlaskClient:
        given = {} if trusted is None else {"trusted_proxies": trusted}
        return build_app(tmp_path, rate_limits="on", **given).test_client()

    return make


@item(20)
def test_forwarded_address_that_is_none_counts_as_one_sender(live: Live) -> None:
    for sender in (b"\xff", b"unknown", b"1.2.3.4:99999", b"[::1", b"a" * 5_000, b"1.2.3.4," * 999):
        headers = JSON + b"X-Forwarded-For: " + sender + b"\r\n"
        assert live.post(b"/api/v1/requests", b"{}", headers).status == 400
