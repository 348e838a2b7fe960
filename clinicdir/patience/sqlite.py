"""Begins on SQLite: how long each asks for the lock, and what waiting in vain means for others."""

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExceptionContext

from clinicdir.errors import Unavailable
from clinicdir.patience.gate import Gate, Gates
from clinicdir.patience.waiting import in_request, longest_wait_s, must_know

_SHORT_WAIT_MS = 4
# How often one who stands in line looks whether waiting has become useless.
_LOOK_EVERY_S = 0.05
# A read waits for a commit, which takes milliseconds.
_LONGEST_READ_S = 2.0
_ALONE_AFTER_S = 0.5
_WAIT = "clinicdir.wait_ms"


def watch(engine: Engine, gates: Gates, *, usual_s: Callable[[], float]) -> None:
    """Have the engine begin as said above; waits in vain shut the gates."""

    def begin(connection: Connection) -> None:
        if _writes(connection):
            _begin_writing(connection, gates, usual_s=usual_s())
        else:
            _begin_reading(connection, usual_s=usual_s())

    def note(context: ExceptionContext) -> None:
        code = getattr(context.original_exception, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_BUSY and not _writes(context.connection):
            gates.reading.shut()

    def connect(raw: sqlite3.Connection, _record: object) -> None:
        raw.execute(f"PRAGMA busy_timeout = {int(_read_wait_s(usual_s()) * 1_000)}")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
    event.listen(engine, "handle_error", note)


def _writes(connection: Connection | None) -> bool:
    return connection is not None and bool(connection.get_execution_options().get("writes"))


def _begin_reading(connection: Connection, *, usual_s: float) -> None:
    """Begin a read, which waits for the lock at its first statement."""
    raw: Any = connection.connection.driver_connection
    _let_wait(connection, raw, _read_wait_s(usual_s))
    raw.execute("BEGIN DEFERRED")


def _read_wait_s(usual_s: float) -> float:
    return longest_wait_s(min(usual_s, _LONGEST_READ_S) if in_request() else usual_s)


def _begin_writing(connection: Connection, gates: Gates, *, usual_s: float) -> None:
    """Take the lock at once, so that a read in the transaction is never stale; or raise."""
    raw: Any = connection.connection.driver_connection
    raw.execute(f"PRAGMA busy_timeout = {_SHORT_WAIT_MS}")
    connection.info.pop(_WAIT, None)
    try:
        refusal = _ask_for_lock(raw, gates.writing, longest_wait_s(usual_s))
        if refusal == sqlite3.SQLITE_BUSY:
            gates.writing.shut()
            gates.reading.leave()
        else:
            gates.writing.open()
        if refusal is not None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises as SQLAlchemy does
    finally:
        # Reading and committing wait as long as ever.
        _let_wait(connection, raw, usual_s)


def _let_wait(connection: Connection, raw: Any, wait_s: float) -> None:  # noqa: ANN401
    wait_ms = int(wait_s * 1_000)
    if connection.info.get(_WAIT) != wait_ms:
        raw.execute(f"PRAGMA busy_timeout = {wait_ms}")
        connection.info[_WAIT] = wait_ms


def _ask_for_lock(raw: sqlite3.Connection, gate: Gate, wait_s: float) -> int | None:
    """Ask for the lock until it is ours and return None, or the code of what stands against it.

    SQLite itself asks ten times a second, and beside a process that writes all the while it can
    miss every gap until it gives up. Asked every few milliseconds, the gaps are shared.
    Long before this one gives up, no page is to stand in line behind it any more.
    """
    begun = time.monotonic()
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as problem:
            refusal, waited_s = problem.sqlite_errorcode, time.monotonic() - begun
            if refusal != sqlite3.SQLITE_BUSY or waited_s >= wait_s:
                return refusal
            if waited_s >= _ALONE_AFTER_S and not gate.is_shut:
                gate.shut()
                gate.enter()
            time.sleep(random.uniform(0, 0.004))  # noqa: S311 - spreads those who wait
        else:
            return None


@contextmanager
def one_writer(lock: threading.Lock, gate: Gate, *, usual_s: float) -> Iterator[None]:
    """Hold the lock of this process's only writer, or raise Unavailable.

    A page waits in the line as long as it moves, and leaves it when the one in front was refused.
    """
    if in_request():
        _stand_in_line(lock, gate, usual_s)
    else:
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _stand_in_line(lock: threading.Lock, gate: Gate, usual_s: float) -> None:
    is_to_see = must_know() or gate.enter()
    until = time.monotonic() + longest_wait_s(usual_s)
    while not lock.acquire(timeout=_LOOK_EVERY_S):
        if time.monotonic() >= until if is_to_see else gate.is_shut:
            break
    else:
        if is_to_see or not gate.is_shut:
            return
        lock.release()
    if is_to_see:
        gate.leave()
    message = "The lock for writing is held."
    raise Unavailable(message)
