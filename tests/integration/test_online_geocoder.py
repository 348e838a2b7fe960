"""A service that answers, hangs, trickles, babbles, redirects, refuses: the page always stands."""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from clinicdir import create_app
from clinicdir.db import db, transaction
from clinicdir.finder import online
from clinicdir.finder.pace import FILE_NAME, Pace
from clinicdir.settings import BadSettings, load_settings
from tests.conftest import build_app
from tests.pages import heading, main_text

# No street of that name is known offline; the ZIP is.
TYPED = "4711 Secretgarden Ln Apt 5, Renton, WA 98057"
SENT = "4711 SECRETGARDEN LN, RENTON, WA 98057"
PLACE = {
    "lat": "47.4800", "lon": "-122.2100", "display_name": "4711, Secretgarden Lane, Renton",
    "boundingbox": ["47.4799", "47.4801", "-122.2101", "-122.2099"],
}  # fmt: skip

Play = Callable[[BaseHTTPRequestHandler], None]


class Service(ThreadingHTTPServer):
    """A geocoding service on this machine that plays what a test tells it to."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.play: Play = say(json.dumps([PLACE]))
        self.asked: list[str] = []
        self.at: list[float] = []
        self.agents: list[str] = []
        self.released = threading.Event()

    @property
    def host(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        service = self.server
        assert isinstance(service, Service)
        service.at.append(time.monotonic())
        service.asked.append(parse_qs(urlsplit(self.path).query).get("q", [self.path])[0])
        service.agents.append(self.headers["User-Agent"])
        try:
            service.play(self)
        except OSError:  # whoever asked has hung up
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def say(body: str, status: int = 200, **headers: str) -> Play:
    """Return a play that gives one answer."""

    def play(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return play


def hang(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing until the test is over."""
    assert isinstance(handler.server, Service)
    handler.server.released.wait(20)


def trickle_head(handler: BaseHTTPRequestHandler) -> None:
    """Send one header after the other, each in time."""
    assert isinstance(handler.server, Service)
    handler.send_response(200)
    handler.flush_headers()
    while not handler.server.released.wait(0.2):
        handler.wfile.write(b"X-More: yes\r\n")
        handler.wfile.flush()


def trickle_body(handler: BaseHTTPRequestHandler) -> None:
    """Send a body that never ends."""
    assert isinstance(handler.server, Service)
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.released.wait(0.2):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def flood(handler: BaseHTTPRequestHandler) -> None:
    """Send more than anybody should read."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(2_000):
        handler.wfile.write(b"[" * 10_000)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"[{")
    handler.close_connection = True


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def asking(app: Flask, service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """Return the app with the service as its Nominatim, and little patience."""
    monkeypatch.setattr(online, "TIMEOUT_S", 0.5)
    settings = app.extensions["clinicdir"].settings
    options = f"domain={service.host},scheme=http"
    made = build_app(
        settings.instance,
        database_url=settings.database,
        geocoder="nominatim",
        geocoder_options=options,
    )
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


def pace_of(app: Flask) -> Pace:
    return Pace(app.extensions["clinicdir"].settings.instance / FILE_NAME)


def find(app: Flask, address: str = TYPED) -> tuple[int, str, str]:
    """Return status, heading and text of the page for an address."""
    page = app.test_client().post("/find", data={"address": address})
    return page.status_code, heading(page), main_text(page)


def test_address_that_offline_does_not_know_is_asked_once_and_kept(
    asking: Flask, service: Service
) -> None:
    for _ in range(3):
        status, title, words = find(asking)
        assert (status, title) == (200, "Clinics near 4711, Secretgarden Lane, Renton")
        assert f"We looked the address up with Nominatim ({service.host})." in words
        assert "© OpenStreetMap contributors" in words
    assert service.asked == [SENT]
    assert service.agents == ["clinicdir (http://127.0.0.1:8000)"]
    assert pace_of(asking).tally() == {"answered": 1}


def test_what_is_coarse_known_or_no_address_is_never_sent(asking: Flask, service: Service) -> None:
    for text_ in ("98057", "Bellevue", "332 Burnett Ave S, Renton", "my knee hurts", "\U0001f3e5"):
        assert find(asking, text_)[0] == 200
    client = asking.test_client()
    assert client.get("/?near=98057").status_code == 200
    assert client.get("/?near=1+Unknown+Ln+Renton").status_code == 200
    assert service.asked == []


@pytest.mark.parametrize(
    ("play", "outcome"),
    [
        (hang, "timed out"),
        (trickle_head, "timed out"),
        (trickle_body, "timed out"),
        (flood, "garbage"),
        (cut, "garbage"),
        (say("<html>Hello</html>"), "garbage"),
        (say("\ufeff{"), "garbage"),
        (say('"text"'), "garbage"),
        (say("[7]"), "garbage"),
        (say('[{"lat": "north"}]'), "garbage"),
        (say('[{"lat": "NaN", "lon": "1", "display_name": "x"}]'), "garbage"),
        (say('[{"lat": "1e999", "lon": "1", "display_name": "x"}]'), "garbage"),
        (say('[{"lat": "95", "lon": "1", "display_name": "x"}]'), "garbage"),
        (say("[" * 100_000), "garbage"),
        (say("", 302, Location="http://127.0.0.1:1/secret"), "redirected"),
        (say("", 301, Location="http://169.254.169.254/"), "redirected"),
        (say("no", 403), "refused"),
        (say("slow down", 429), "too many"),
        (say("oops", 500), "server error"),
        (say("oops", 503), "timed out"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_service_that_fails_leaves_the_offline_answer_and_is_counted(
    asking: Flask, service: Service, caplog: pytest.LogCaptureFixture, play: Play, outcome: str
) -> None:
    caplog.set_level(logging.DEBUG)
    service.play = play
    status, title, words = find(asking)
    assert (status, title) == (200, "Clinics near 98057")
    assert "We used the middle of the ZIP code." in words
    assert pace_of(asking).tally() == {outcome: 1}
    assert "ecretgarden" not in caplog.text.replace("SECRETGARDEN", "Secretgarden")
    assert "4711" not in caplog.text


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ([], "unknown"),
        ([PLACE | {"lat": "40.7", "lon": "-74.0", "boundingbox": None}], "elsewhere"),
        ([PLACE | {"boundingbox": ["47.3", "47.6", "-122.5", "-122.0"]}], "no better"),
    ],
)
def test_answer_that_is_no_better_than_ours_is_not_shown(
    asking: Flask, service: Service, answer: list[Any], outcome: str
) -> None:
    service.play = say(json.dumps(answer))
    assert find(asking)[:2] == (200, "Clinics near 98057")
    assert pace_of(asking).tally() == {outcome: 1}


def test_name_from_the_service_cannot_break_the_page(asking: Flask, service: Service) -> None:
    name = "<script>alert(1)</script>\x1b\u202e" + "x" * 500
    service.play = say(json.dumps([PLACE | {"display_name": name, "boundingbox": ["a"]}]))
    status, title, _ = find(asking)
    assert (status, title) == (200, f"Clinics near {'<script>alert(1)</script>' + 'x' * 95}")


def test_service_that_nobody_listens_at_is_counted(asking: Flask, service: Service) -> None:
    service.shutdown()
    service.server_close()
    assert find(asking)[:2] == (200, "Clinics near 98057")
    assert pace_of(asking).tally() == {"unreachable": 1}


def test_one_request_a_second_leaves_however_many_ask(asking: Flask, service: Service) -> None:
    addresses = [f"{number} Secretgarden Ln, Renton 98057" for number in range(1, 9)]
    threads = [threading.Thread(target=find, args=(asking, address)) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(service.at) <= 3
    gaps = [later - earlier for earlier, later in zip(service.at, service.at[1:], strict=False)]
    assert all(gap > 0.9 for gap in gaps), gaps
    tally = pace_of(asking).tally()
    assert sum(tally.values()) == 8
    assert tally["not asked"] == 8 - len(service.at)


def test_database_is_free_while_the_service_thinks(asking: Flask, service: Service) -> None:
    writes: list[float] = []

    def write(_handler: BaseHTTPRequestHandler) -> None:
        with asking.app_context():
            started = time.monotonic()
            with transaction():
                db.session.execute(text("update organization set name = name"))
            writes.append(time.monotonic() - started)
            db.session.remove()
        say("[]")(_handler)

    service.play = write
    assert find(asking)[0] == 200
    assert len(writes) == 1
    assert writes[0] < 0.4


def test_api_and_command_use_the_same_ladder(asking: Flask, service: Service) -> None:
    body = asking.test_client().post("/api/v1/nearest", json={"address": TYPED}).get_json()
    assert (body["origin"]["level"], body["origin"]["latitude"]) == ("online", 47.48)
    service.play = hang
    other = {"address": "1 Secretgarden Ln, Renton 98057"}
    body = asking.test_client().post("/api/v1/nearest", json=other).get_json()
    assert body["origin"]["level"] == "postal_code"


def test_pages_say_so_before_anything_is_sent(asking: Flask, service: Service) -> None:
    client = asking.test_client()
    for path in ("/", "/privacy"):
        words = main_text(client.get(path))
        assert f"is sent to Nominatim ({service.host})" in words, path
    assert service.asked == []


def test_doctor_counts_the_failures(asking: Flask, service: Service) -> None:
    service.play = say("no", 500)
    find(asking)
    said = asking.test_cli_runner().invoke(args=["doctor"]).output
    assert "geocoding by nominatim: 1 server error; the last 1 failed." in said
    assert service.host not in said


def test_pace_that_cannot_be_kept_sends_nothing(asking: Flask, service: Service) -> None:
    pace_of(asking).path.write_text("no database")
    assert find(asking)[:2] == (200, "Clinics near 98057")
    assert service.asked == []


def test_offline_makes_no_file_and_says_nothing_of_services(app: Flask) -> None:
    client: FlaskClient = app.test_client()
    assert client.post("/find", data={"address": TYPED}).status_code == 200
    assert "is sent to" not in main_text(client.get("/"))
    assert not pace_of(app).path.exists()
    assert pace_of(app).tally() == {}
    assert pace_of(app).failures_in_a_row() == 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nowhere", None, "geopy knows no service 'nowhere'"),
        ("nominatim", "domian=x", "takes no option domian"),
        ("nominatim", "scheme=ftp", "cannot be used so"),
        ("googlev3", None, "cannot be used so"),
    ],
)
def test_service_that_cannot_be_used_stops_the_start(
    tmp_path: Path, name: str, options: str | None, message: str
) -> None:
    settings = load_settings(instance=tmp_path, geocoder=name, geocoder_options=options)
    with pytest.raises(BadSettings, match=message):
        create_app(settings)


def test_options_that_are_no_options_are_refused() -> None:
    with pytest.raises(BadSettings, match="CLINICDIR_GEOCODER_OPTIONS: must look like"):
        load_settings(geocoder_options="api_key")


def test_file_of_the_pace_holds_no_address(asking: Flask, service: Service) -> None:
    find(asking)
    with sqlite3.connect(pace_of(asking).path) as connection:
        dump = "\n".join(connection.iterdump()).upper()
    connection.close()
    assert "SECRET" not in dump
    assert pace_of(asking).path.stat().st_mode & 0o077 == 0
