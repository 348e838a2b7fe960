"""A gate before something that can keep people waiting: one waits in vain, the rest need not."""

import threading
import time

from clinicdir.errors import Unavailable

# Whoever went to see may end without a word; after this long the next one goes.
_TRIES_FOR_S = 5.0


class Gate:
    """Open as long as all goes well. Once somebody waited in vain, one at a time goes to see.

    Without it each of the server's few threads would wait its full time, and pages that need no
    database would wait behind them.
    """

    def __init__(self) -> None:
        """Begin open."""
        self._lock = threading.Lock()
        self._is_shut = False
        self._taken_until = 0.0

    @property
    def is_shut(self) -> bool:
        """Say whether the last one who waited did so in vain."""
        return self._is_shut

    def enter(self) -> bool:
        """Go through; return whether it is to see if things are well again, or raise Unavailable.

        Who gets in tells the outcome by `open` or `shut`.
        """
        if not self._is_shut:
            return False
        with self._lock:
            now = time.monotonic()
            if not self._is_shut:
                return False
            if now < self._taken_until:
                message = "The database kept somebody waiting in vain a moment ago."
                raise Unavailable(message)
            self._taken_until = now + _TRIES_FOR_S
            return True

    def leave(self) -> None:
        """Let another go and see; this one has learnt nothing."""
        self._taken_until = 0.0

    def open(self) -> None:
        """Note that all went well."""
        if self._is_shut:
            with self._lock:
                self._is_shut, self._taken_until = False, 0.0

    def shut(self) -> None:
        """Note that somebody waited in vain."""
        with self._lock:
            self._is_shut, self._taken_until = True, 0.0


class Gates:
    """The two gates of a database: a lock for writing may be held while reading goes on."""

    def __init__(self) -> None:
        """Begin with both open."""
        self.reading = Gate()
        self.writing = Gate()
