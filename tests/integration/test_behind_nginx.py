"""The site behind the reverse proxy that ships: whom it believes, and who waits for whom."""

import http.client
import json
import signal
import sqlite3
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.test_leaving import locked, references, wait_until_refused
from tests.integration.test_serving import Server
from tests.make import make_answers
from tests.nginx import running_nginx, trusting
from tests.parts import NGINX
from tests.postgres import free_port
from tests.tables import together

pytestmark = pytest.mark.needs(NGINX)

HALF = 64
PER_SENDER = 200
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FORGED = {
    "X-Forwarded-For": "10.9.8.7",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=10.9.8.7;host=evil.example;proto=http",
}


@dataclass
class Behind:
    """A server, the port of the proxy before it, and the folder of both."""

    server: Server
    process: "subprocess.Popen[str]"
    port: int
    folder: Path
    context: ssl.SSLContext = field(repr=False)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.context)

    def ask(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        connection = self.connect()
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode()
        finally:
            connection.close()

    def post(self, key: str) -> tuple[int, str]:
        """Send a request and return status and reference."""
        given = JSON | {"Idempotency-Key": key}
        status, _, told = self.ask("/api/v1/requests", json.dumps(make_answers()).encode(), given)
        return status, json.loads(told).get("reference", "") if status == 201 else ""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder, port = tmp_path_factory.mktemp("behind"), free_port()
    server = Server(folder / "instance")
    server.environment |= {
        "CLINICDIR_BASE_URL": f"https://localhost:{port}",
        "CLINICDIR_TRUSTED_PROXIES": "127.0.0.1",
        "CLINICDIR_RATE_LIMITS": "on",
    }
    with server.running() as process, running_nginx(folder, port=port, site=server.port):
        yield Behind(server, process, port, folder, trusting(folder))


def heading(page: str) -> str:
    return page.partition("<h1>")[2].partition("</h1>")[0]


def test_site_is_reached_by_its_own_name_and_by_tls_only(behind: Behind) -> None:
    status, headers, _ = behind.ask("/locations", headers=FORGED)
    assert (status, headers["Location"]) == (308, f"https://localhost:{behind.port}/locations/")
    status, headers, page = behind.ask("/request")
    assert (status, heading(page)) == (200, "What do you want to get back to?")
    assert headers["Set-Cookie"].startswith("__Host-clinicdir=")
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert headers["Server"] == "nginx"  # no version
    assert behind.ask("/", headers={"Host": "evil.example"})[0] == 400


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"address=" + b"x" * 63_993, {}, 413, "That was too much text"),
        (None, {"X-A": "a" * 20_000}, 200, "Find a HIDEF clinic near you"),
        (None, {"Cookie": "c=x; " * 10_000}, 431, "Your browser sent too much"),
    ],
)
def test_too_much_is_refused_in_the_words_of_the_site(
    behind: Behind, body: bytes | None, headers: dict[str, str], status: int, words: str
) -> None:
    told, _, page = behind.ask("/find" if body else "/", body, headers | (FORM if body else {}))
    assert (told, heading(page)) == (status, words)


def test_others_are_served_while_clients_hold_half_headers_and_half_bodies(behind: Behind) -> None:
    host = f"Host: localhost:{behind.port}\r\n".encode()
    header = b"GET / HTTP/1.1\r\n" + host + b"X-Slow: "
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n"
    body = b"POST /find HTTP/1.1\r\n" + host + form + b"\r\naddress="
    with ExitStack() as stack:
        for begun in [header] * HALF + [body] * HALF:
            slow = behind.connect()
            stack.callback(slow.close)
            slow.connect()
            assert slow.sock is not None
            slow.sock.sendall(begun)
        pages = [behind.ask("/") for _ in range(20)]
        stored = behind.post("while others stall")
    assert [status for status, _, _ in pages] == [200] * 20
    assert stored[0] == 201


def forget_counts(behind: Behind) -> None:
    connection = sqlite3.connect(behind.folder / "instance/limits.sqlite3", isolation_level=None)
    connection.execute("delete from hit")
    connection.close()


def test_no_forged_address_gets_more_than_one_sender_may(behind: Behind) -> None:
    forget_counts(behind)

    def work(thread: int) -> list[int]:
        connection = behind.connect()
        statuses = []
        for number in range(thread, PER_SENDER + 4, 4):
            forged = FORGED | {"X-Forwarded-For": f"10.1.1.{number}", "Idempotency-Key": "k"}
            connection.request("POST", "/api/v1/requests", b"{}", forged | JSON)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        return statuses

    statuses = [status for part in together(4, work) for status in part]
    assert Counter(statuses) == {422: PER_SENDER, 429: 4}


def test_log_of_the_proxy_names_nobody_and_no_page(behind: Behind) -> None:
    assert behind.ask("/?near=98057")[0] == 200
    lines = (behind.folder / "clinicdir.log").read_text().splitlines()
    assert lines
    assert [line for line in lines if "127.0.0.1" in line or "/" in line or "98057" in line] == []


def connections(port: int) -> int:
    """Return how many connections a server has, as the kernel counts them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(at.endswith(f":{port:04X}") and state == "01" for _, at, _, state, *_ in fields)


def test_sigterm_of_the_site_cuts_nothing_that_came_through_the_proxy(behind: Behind) -> None:
    """Comes last: the server is gone afterwards."""
    forget_counts(behind)
    answers: list[tuple[int, str]] = []

    def send(key: str) -> None:
        answers.append(behind.post(key))

    threads = [threading.Thread(target=send, args=(f"last {number}",)) for number in range(4)]
    database = behind.folder / "instance/clinicdir.sqlite3"
    with locked(database):
        for thread in threads:
            thread.start()
        while connections(behind.server.port) < len(threads):
            time.sleep(0.01)
        behind.process.send_signal(signal.SIGTERM)
        wait_until_refused(behind.server.port)
    for thread in threads:
        thread.join()
    assert behind.process.wait(timeout=20) == 0
    assert [status for status, _ in answers] == [201] * len(threads)
    status, headers, page = behind.ask("/locations/renton")
    assert (status, headers["Retry-After"], headers["Cache-Control"]) == (503, "30", "no-store")
    assert heading(page) == "The site is back in a minute"
    acknowledged = {reference for _, reference in answers}
    assert acknowledged <= references(database)
    assert len(acknowledged) == len(threads)
