"""A mail server that fails as it is told: hangs, cuts, refuses, dies after it has accepted."""

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from typing import Any


class FaultyServer(socketserver.ThreadingTCPServer):
    """Takes mails one step at a time; what it does may be changed while it runs.

    `mode`: up, hang (never says anything), cut (resets the line after the text of a mail), dies
    (takes a mail, says so and hangs up). `recipients` holds answers to RCPT by address.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Talk)
        self.port: int = self.server_address[1]
        self.mode = "up"
        self.delay_s = 0.0
        self.per_connection: int | None = None
        self.recipients: dict[str, str] = {}
        self.password: str | None = None
        self.connections = self.logins = self.answered = 0
        # Message-IDs as they came, whatever was answered.
        self.ids: list[str] = []
        self.on_mail: Callable[[], None] = lambda: None

    def url(self, user: str = "") -> str:
        return f"smtp://{user}127.0.0.1:{self.port}"


class _Talk(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        self.server.connections += 1
        with contextlib.suppress(OSError):
            self._talk()

    def _say(self, line: str) -> None:
        time.sleep(self.server.delay_s)
        self.wfile.write(f"{line}\r\n".encode())

    def _talk(self) -> None:
        taken = 0
        if self.server.mode == "hang":
            self.rfile.read()
            return
        self._say("220 faulty")
        for line in self.rfile:
            verb, _, rest = line.decode().strip().partition(" ")
            verb = verb.upper()
            if verb == "MAIL" and taken == self.server.per_connection:
                self._say("421 4.7.0 Enough for one connection")
                return
            if verb == "DATA":
                if not self._take():
                    return
                taken += 1
                continue
            answer = self._answer(verb, rest)
            self._say(answer)
            if answer.startswith(("421", "221")):
                return

    def _answer(self, verb: str, rest: str) -> str:
        if verb == "EHLO" and self.server.password:
            return "250-faulty\r\n250 AUTH PLAIN"
        if verb == "AUTH":
            self.server.logins += 1
            return "535 5.7.8 Wrong user or password"
        if verb == "RCPT":
            address = rest[rest.index("<") + 1 : rest.index(">")]
            return str(self.server.recipients.get(address, "250 ok"))
        return "221 bye" if verb == "QUIT" else "250 ok"

    def _take(self) -> bool:
        """Take the text of a mail; return False when the talk is over."""
        self._say("354 go on")
        text = b""
        while not text.endswith(b"\r\n.\r\n"):
            text += self.rfile.readline()
        self.server.ids.append(message_from_bytes(text)["Message-ID"])
        self.server.on_mail()
        if self.server.mode == "cut":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        self._say("250 taken")
        self.server.answered += 1
        return bool(self.server.mode != "dies")


@contextmanager
def faulty_server(port: int = 0) -> Iterator[FaultyServer]:
    with FaultyServer(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=5)
