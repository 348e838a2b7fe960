"""Very many posts, and very many that never finish: quotas hold, others are served meanwhile."""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.hostile.items import case
from tests.hostile.live import FORM, Live, running_live
from tests.make import make_answers
from tests.tables import together

THREADS = 6  # of the server's eight: whoever looks meanwhile needs one too
PER_SENDER = 200
SOCKETS = 200


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Live]:
    """Return a server that counts, behind a proxy that tells it who asks."""
    with running_live(tmp_path, rate_limits="on", trusted_proxies="127.0.0.1") as running:
        yield running


@contextmanager
def watched(live: Live) -> Iterator[list[float]]:
    """Ask for /healthz all the while and yield how many seconds each answer took."""
    took: list[float] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.25):
            started = time.perf_counter()
            status = live.get(b"/healthz").status
            took.append(time.perf_counter() - started if status == 200 else float("inf"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join(timeout=20)


def flood(live: Live, posts: int, senders: int) -> Counter[int]:
    """Post requests from so many addresses, every fourth a good one; count the statuses."""

    def work(thread: int) -> list[int]:
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
        statuses = []
        for number in range(thread, posts, THREADS):
            sender = number % senders
            name = f"Robin {number}" if number % 4 == 0 else None  # to store costs the disk most
            connection.request(
                "POST",
                "/api/v1/requests",
                json.dumps(make_answers(patient_name=name, phone=f"206 555 {1_000 + number}")),
                {
                    "Content-Type": "application/json",
                    "Idempotency-Key": f"{senders}-{number}",
                    "X-Forwarded-For": f"10.0.{sender // 250}.{sender % 250}",
                },
            )
            answer = connection.getresponse()
            told = json.loads(answer.read())
            if answer.status == 429:
                assert told["phones"]["Renton"] == "+12066939929"
                assert int(answer.headers["Retry-After"]) > 0
            statuses.append(answer.status)
        connection.close()
        return statuses

    return Counter(status for part in together(THREADS, work) for status in part)


@pytest.mark.parametrize(
    ("posts", "senders", "passed"),
    [
        case(36, "250 posts of one address", 250, 1, PER_SENDER),
        case(36, "250 posts of 250 addresses", 250, 250, 250),
        case(36, "1,000 posts of one address", 1_000, 1, PER_SENDER, marks=pytest.mark.soak),
        case(36, "1,000 posts of 1,000 addresses", 1_000, 1_000, 1_000, marks=pytest.mark.soak),
    ],
)
def test_flood_is_refused_over_the_quota_and_stores_what_it_accepts(
    limited: Live, posts: int, senders: int, passed: int
) -> None:
    started = time.perf_counter()
    with watched(limited) as took:
        statuses = flood(limited, posts, senders)
    assert set(statuses) <= {201, 422, 429}
    assert statuses[201] + statuses[422] == passed
    assert statuses[429] == posts - passed
    assert statuses[201] > 0
    stored = limited.rows()
    assert len(stored["appointment_request"]) == statuses[201]
    assert len(stored["outbox_message"]) == statuses[201]
    assert took
    assert max(took) < 1
    assert time.perf_counter() - started < 60
    other = b"X-Forwarded-For: 192.0.2.77\r\nIdempotency-Key: real\r\n"
    kind = b"Content-Type: application/json\r\n"
    real = json.dumps(make_answers(phone="425 555 0188")).encode()
    assert limited.post(b"/api/v1/requests", real, kind + other).status == 201


HALF = b"POST /find HTTP/1.1\r\nHost: 127.0.0.1\r\n" + FORM


@pytest.mark.parametrize(
    "start",
    [
        case(37, "200 headers that never end", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "),
        case(37, "200 bodies that never end", HALF + b"Content-Length: 60000\r\n\r\naddress="),
    ],
)
def test_others_are_served_while_many_send_a_byte_in_five_seconds(live: Live, start: bytes) -> None:
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", live.port), timeout=10))
            for _ in range(SOCKETS)
        ]
        for one in slow:
            one.sendall(start)
        took = []
        for _ in range(2):
            for one in slow:
                one.sendall(b"a")
            until = time.monotonic() + 5
            while time.monotonic() < until:
                begun = time.perf_counter()
                assert live.get(b"/healthz").status == 200
                assert live.get(b"/locations/renton").status == 200
                took.append(time.perf_counter() - begun)
                time.sleep(0.2)
    assert max(took) < 1
