"""A running server and raw sockets to it, for what no honest client can send."""

import contextlib
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.test_serving import Server

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
JSON = b"Content-Type: application/json\r\n"


@dataclass(frozen=True)
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


class Live:
    """A server that runs, on a port of its own."""

    def __init__(self, server: Server, database: Path) -> None:
        self.port = server.port
        self._database = database

    @property
    def host(self) -> bytes:
        """Return the header that names our host, and asks to hang up after the answer."""
        return f"Host: 127.0.0.1:{self.port}\r\nConnection: close\r\n".encode()

    def raw(self, sent: bytes, *, seconds: float = 10) -> bytes:
        """Send bytes as they are and return all that comes back until the server hangs up."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            with contextlib.suppress(OSError):  # cut off in the middle, the answer is still there
                connection.sendall(sent)
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(65_536):
                    received += part
        return received

    def answers(self, sent: bytes) -> list[Answer]:
        """Return the answers to what was sent, one after the other."""
        found, rest = [], self.raw(sent)
        while rest:
            head, _, after = rest.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.casefold(): value
                for name, _, value in (line.partition(": ") for line in lines)
            }
            length = int(headers.get("content-length", len(after)))
            found.append(Answer(int(first.split(" ")[1]), headers, after[:length]))
            rest = after[length:]
        return found

    def ask(self, line: bytes, headers: bytes = b"", body: bytes = b"") -> Answer:
        """Send one request to our own host and return its only answer."""
        length = f"Content-Length: {len(body)}\r\n".encode() if body else b""
        (answer,) = self.answers(line + b"\r\n" + self.host + headers + length + b"\r\n" + body)
        return answer

    def get(self, path: bytes, headers: bytes = b"") -> Answer:
        return self.ask(b"GET " + path + b" HTTP/1.1", headers)

    def post(self, path: bytes, body: bytes, headers: bytes = FORM) -> Answer:
        return self.ask(b"POST " + path + b" HTTP/1.1", headers, body)

    def rows(self) -> dict[str, list[Any]]:
        """Return every row of every table, read past the server; its worker notes that it lives."""
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        try:
            names = connection.execute("select name from sqlite_master where type = 'table'")
            return {
                name: connection.execute(f"select * from {name}").fetchall()  # noqa: S608
                for (name,) in names.fetchall()
                if name != "delivery_worker"
            }
        finally:
            connection.close()


@contextmanager
def running_live(folder: Path, **settings: str) -> Iterator[Live]:
    """Yield a server that runs in a folder, with settings beyond those of the tests."""
    server = Server(folder)
    server.environment |= {f"CLINICDIR_{name.upper()}": value for name, value in settings.items()}
    with server.running():
        yield Live(server, folder / "clinicdir.sqlite3")
