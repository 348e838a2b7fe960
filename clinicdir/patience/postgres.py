"""A connection to PostgreSQL that tells a slow statement from a server that is away.

A server that is stopped, or cut off, keeps the line open and says nothing: neither the driver
nor the kernel would give up. A page that has waited a while asks on another line whether the
server is there at all.
"""

import enum
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout
from sqlalchemy import Engine, event

from clinicdir.patience.gate import Gate
from clinicdir.patience.waiting import in_request, longest_wait_s, must_know

ASK_AFTER_S = 1.0
# A page is not kept waiting longer for one statement, though the server is well.
LONGEST_STATEMENT_S = 30.0
# "Do you speak TLS?": every server answers it with one byte, whoever asks.
_ARE_YOU_THERE = struct.pack("!ii", 8, 80877103)

T = TypeVar("T")


class Found(enum.Enum):
    """What became of asking whether a server is there."""

    THERE = enum.auto()
    GONE = enum.auto()
    SILENT = enum.auto()


def look_for(host: str, port: int, *, timeout_s: float) -> Found:
    """Ask a server on a line of its own whether it is there; being turned away is soon known."""
    until = time.monotonic() + timeout_s
    try:
        with _line(host, port, timeout_s) as line:
            line.settimeout(max(0.01, until - time.monotonic()))
            line.sendall(_ARE_YOU_THERE)
            return Found.THERE if line.recv(1) else Found.GONE
    except TimeoutError:
        return Found.SILENT
    except OSError:
        return Found.GONE


def _line(host: str, port: int, timeout_s: float) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout=timeout_s)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(timeout_s)
    try:
        line.connect(f"{host}/.s.PGSQL.{port}")
    except OSError:
        line.close()
        raise
    return line


class Watched(psycopg.Connection[Any]):
    """A connection whose statements wait for a server that is there, and for no other."""

    note_away: Callable[[], None]

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for a statement's answer; in a request, look after the server meanwhile."""
        if timeout is not None or not in_request():
            return super().wait(gen, interval, timeout)
        step_s = longest_wait_s(ASK_AFTER_S)
        until = time.monotonic() + (2 * step_s if must_know() else LONGEST_STATEMENT_S)
        while True:
            try:
                return super().wait(gen, interval, step_s)
            except _WaitTimeout:
                if not self._server_is_there(step_s):
                    self.note_away()
                elif time.monotonic() < until:
                    continue
                self.pgconn.finish()  # what comes of the statement nobody will hear on this line
                message = "the server kept a page waiting in vain"
                raise psycopg.OperationalError(message) from None

    def _server_is_there(self, timeout_s: float) -> bool:
        address = (self.pgconn.hostaddr or self.pgconn.host or b"").decode()
        if not address:
            return True
        return look_for(address, int(self.pgconn.port), timeout_s=timeout_s) is Found.THERE


def watch(engine: Engine, gate: Gate) -> None:
    """Have the engine's connections wait as said above, and shut the gate when one gives up."""

    class Ours(Watched):
        note_away = staticmethod(gate.shut)

    def connect(_dialect: object, _record: object, args: Any, options: Any) -> Watched:  # noqa: ANN401
        if in_request() and _is_silent(options.get("host"), options.get("port")):
            gate.shut()
            message = "the server does not answer"
            raise psycopg.OperationalError(message)
        try:
            return Ours.connect(*args, **options)
        except psycopg.errors.ConnectionTimeout:
            gate.shut()
            raise

    event.listen(engine, "do_connect", connect)


def _is_silent(host: object, port: object) -> bool:
    if not isinstance(host, str) or "," in host:
        return False  # of several hosts the driver finds the one that is there
    wait_s = longest_wait_s(ASK_AFTER_S)
    return look_for(host, int(str(port or 5432)), timeout_s=wait_s) is Found.SILENT
