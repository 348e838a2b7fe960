"""Clients over bare sockets for bench/server_choice.py: good ones, and some that stop half way."""

import contextlib
import socket
import ssl
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_WAIT_S = 5.0
_DRIP_S = 1.0
_GIVE_UP = 3
# Made once: to read the authorities of the machine takes longer than a page does.
_UNCHECKED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_UNCHECKED.check_hostname = False
_UNCHECKED.verify_mode = ssl.CERT_NONE


@dataclass(frozen=True)
class Door:
    """Where clients knock: a port of this machine, with TLS or without."""

    port: int
    tls: bool

    def connect(self, seconds: float = _WAIT_S) -> socket.socket:
        """Return a connection; the certificate of a measurement is nobody's."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=seconds)
        if not self.tls:
            return plain
        return _UNCHECKED.wrap_socket(plain, server_hostname="localhost")

    def ask(self, path: str, headers: str = "", seconds: float = _WAIT_S) -> tuple[int, bytes]:
        """GET a path and return status and body; raises OSError where nothing comes."""
        host = f"Host: localhost:{self.port}\r\nConnection: close\r\n"
        received = b""
        with self.connect(seconds) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\n{host}{headers}\r\n".encode())
            while part := connection.recv(65_536):
                received += part
        head, _, body = received.partition(b"\r\n\r\n")
        if not head:
            raise ConnectionError("hung up without an answer")
        return int(head.split(b" ")[1]), body


@dataclass(frozen=True)
class Answers:
    """How good clients fared."""

    good: int
    asked: int
    p50_ms: float
    p95_ms: float

    def __str__(self) -> str:
        """Return the cell of the table."""
        if not self.good:
            return f"**0 of {self.asked}**"
        count = f"{self.good} of {self.asked}"
        if self.good < self.asked:
            count = f"**{count}**"
        return f"{count}, {self.p50_ms:.0f}/{self.p95_ms:.0f} ms"


def ask_often(door: Door, *, count: int = 200, clients: int = 4) -> Answers:
    """Ask for the home page from a few clients; each gives up after three failures in a row."""
    taken: list[float] = []

    def ask() -> None:
        failed = 0
        for _ in range(count // clients):
            begun = time.perf_counter()
            failed += 1
            with contextlib.suppress(OSError):
                status, body = door.ask("/")
                if status == 200 and b"</html>" in body:  # noqa: PLR2004
                    taken.append((time.perf_counter() - begun) * 1000)
                    failed = 0
            if failed == _GIVE_UP:
                return

    _together([threading.Thread(target=ask) for _ in range(clients)])
    p95 = statistics.quantiles(taken, n=20)[-1] if len(taken) > 1 else 0
    return Answers(len(taken), count, statistics.median(taken) if taken else 0, p95)


@contextmanager
def stalled(door: Door, *, headers: int, bodies: int) -> Iterator[None]:
    """Hold connections that send one byte a second of a header or a body, and never end."""
    host = f"Host: localhost:{door.port}\r\n"
    begun = [f"GET / HTTP/1.1\r\n{host}X-Slow: "] * headers
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n"
    begun += [f"POST /find HTTP/1.1\r\n{host}{form}\r\naddress=a"] * bodies
    held = []
    for text in begun:
        connection = door.connect()
        connection.sendall(text.encode())
        held.append(connection)
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(_DRIP_S):
            for connection in held:
                with contextlib.suppress(OSError):  # a server may well hang up on such a client
                    connection.send(b"a")

    thread = threading.Thread(target=drip)
    thread.start()
    time.sleep(1)
    try:
        yield
    finally:
        stop.set()
        thread.join()
        for connection in held:
            connection.close()


class Running:
    """Slow requests on their way, and how many of them were answered."""

    def __init__(self, door: Door, *, count: int, seconds: float) -> None:
        """Send them, each by a client of its own."""
        self.kept = 0
        self._lock = threading.Lock()

        def ask() -> None:
            with contextlib.suppress(OSError):
                status, _ = door.ask(f"/-/slow?{seconds}", seconds=40)
                with self._lock:
                    self.kept += status == 200  # noqa: PLR2004

        self._threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def join(self) -> int:
        """Wait for the last one and return how many were answered with 200."""
        for thread in self._threads:
            thread.join()
        return self.kept


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
