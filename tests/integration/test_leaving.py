"""SIGTERM while requests are in hand: each is answered and stored, and nobody new is let in."""

import json
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.test_serving import Server
from tests.make import make_answers

POSTS = 12  # the server has eight threads


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the lock of a database, so that whoever wants to store has to wait."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def references(database: Path) -> set[str]:
    """Return the references of all requests, read past the server."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return {name for (name,) in connection.execute("select reference from appointment_request")}
    finally:
        connection.close()


class Poster:
    """A request that is sent in two halves, over a connection of its own."""

    def __init__(self, port: int, key: str) -> None:
        body = json.dumps(make_answers()).encode()
        head = (
            f"POST /api/v1/requests HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        self._halves = [head + body[:100], body[100:]]
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=30)

    def send_half(self) -> None:
        self._connection.sendall(self._halves.pop(0))

    def answer(self) -> tuple[int, str]:
        """Return status and reference."""
        received = b""
        with self._connection:
            while part := self._connection.recv(65_536):
                received += part
        head, _, body = received.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), json.loads(body).get("reference", "")


def wait_until_refused(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return
        time.sleep(0.02)
    pytest.fail("connections are still taken ten seconds after SIGTERM")


def test_sigterm_answers_and_stores_what_is_in_hand(tmp_path: Path) -> None:
    server, database = Server(tmp_path), tmp_path / "clinicdir.sqlite3"
    with server.running() as process:
        posters = [Poster(server.port, f"key {number}") for number in range(POSTS)]
        stalled = Poster(server.port, "never sent to its end")
        with locked(database):
            for poster in [stalled, *posters]:
                poster.send_half()
            for poster in posters[1:]:
                poster.send_half()
            process.send_signal(signal.SIGTERM)
            wait_until_refused(server.port)
            posters[0].send_half()  # was under way when the signal came
        answers = [poster.answer() for poster in posters]
        assert [status for status, _ in answers] == [201] * POSTS
        # Who has stopped half way is not waited for: that would take 18 seconds.
        assert process.wait(timeout=14) == 0
        with pytest.raises((IndexError, ConnectionError)):
            stalled.answer()
    stored = references(database)
    assert stored == {reference for _, reference in answers}
    assert len(stored) == POSTS
