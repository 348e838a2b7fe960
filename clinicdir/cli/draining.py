"""Leaves on SIGTERM only when the requests in hand are answered, and at once where there are none.

waitress as shipped drops them; this uses inner names of waitress 3.0.2 and has tests.
"""

import contextlib
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

# With five seconds that waitress and the workers each may take on top, all is over within 30.
DRAIN_S = 18.0
# As long what has begun to arrive is still read; whoever is slower than that is a stalled client.
_READ_ON_S = 2.0
_LET_IN_S = 1.0
_LOOK_EVERY_S = 0.05


def drain_on_sigterm(server: Any, stop: threading.Event) -> None:  # noqa: ANN401 - has no types
    """End `server.run()` on SIGTERM after the requests in hand; `stop` is set at once."""

    def leave(*_: object) -> None:
        if stop.is_set():
            return  # told twice, as `timeout` and some service managers do
        stop.set()
        # Not here: the signal may have interrupted the loop while it accepts a connection.
        threading.Thread(target=_finish, args=(server,)).start()

    # A shell that starts us in the background lets SIGINT be ignored, and _finish needs it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, leave)


def _finish(server: Any) -> None:  # noqa: ANN401 - the same
    begun = time.monotonic()
    # Who has connected before the signal counts as in hand, though the loop may not know it yet.
    _wait_while(lambda: _is_knocking(server.socket), begun + _LET_IN_S)
    server.accepting = False
    with contextlib.suppress(OSError):  # macOS knows no such thing of a listening socket
        server.socket.shutdown(socket.SHUT_RDWR)
    _wait_while(lambda: _is_busy(server) or _is_reading(server), begun + _READ_ON_S)
    _wait_while(lambda: _is_busy(server), begun + DRAIN_S)
    signal.raise_signal(signal.SIGINT)  # ends server.run()


def _wait_while(holds: Callable[[], bool], until: float) -> None:
    while holds() and time.monotonic() < until:
        time.sleep(_LOOK_EVERY_S)


def _is_knocking(listening: socket.socket) -> bool:
    """Say whether somebody has connected whom the loop has not let in."""
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    return bool(poll.poll(0))


def _is_busy(server: Any) -> bool:  # noqa: ANN401 - the same
    """Say whether a request waits or is worked on, or an answer is not sent to its end."""
    work = server.task_dispatcher
    channels = list(server.active_channels.values())
    return bool(
        work.queue
        or work.active_count
        or any(one.requests or one.total_outbufs_len for one in channels)
    )


def _is_reading(server: Any) -> bool:  # noqa: ANN401 - the same
    """Say whether a request has come in part, or a new connection has sent nothing yet."""
    return any(
        one.request is not None or one.last_activity == one.creation_time
        for one in list(server.active_channels.values())
    )
