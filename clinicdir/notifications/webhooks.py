"""Tells another computer of a request by HTTPS, signed as Standard Webhooks describes.

What is sent names no person and no health. Of the answer only the status and Retry-After are used:
nothing that a receiver writes is kept or shown.
"""

import base64
import binascii
import hashlib
import hmac
import io
import json
import re
import secrets
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse

from clinicdir.notifications.channels import Refused, Troubled
from clinicdir.notifications.targets import (
    BadTarget,
    IpAddress,
    LookUp,
    NotFoundNow,
    Target,
    addresses_of,
    look_up,
    read_target,
)

TIMEOUT_S = 20.0
CONNECT_S = 5.0
LONGEST_WAIT = timedelta(hours=1)
_MOST_ADDRESSES = 4
_LONGEST_HEAD = 16_384
_SECRET_PREFIX = "whsec_"  # noqa: S105 - the standard's mark of a secret, not one
_SECRET_BYTES = 32
_SHORTEST_SECRET, _LONGEST_SECRET = 24, 64
_MESSAGE_KEY = re.compile(r"[A-Za-z0-9_-]{1,200}")
# Client errors that pass: timeouts, a lock, a server that was not meant, too early, too many.
_PASSING = frozenset({408, 409, 421, 423, 425, 429})


class TryLater(Troubled):
    """The receiver cannot take it now and has said how long to wait."""

    def __init__(self, message: str, wait: timedelta) -> None:
        """Keep how long; it is between nothing and an hour."""
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Endpoint:
    """A receiver: its URL, and its secrets; each signs, so that a new one can join an old one."""

    url: str
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class Notice:
    """What a webhook tells: of which request, at which clinic; `link` is for staff only.

    There is no place for a name or for health data, and `link` must never be the patient's own.
    """

    kind: str
    reference: str
    location: str
    status: str
    link: str
    at: datetime

    def body(self) -> bytes:
        """Return the JSON, the same bytes at every try."""
        data = {
            "reference": self.reference,
            "location": self.location,
            "status": self.status,
            "link": self.link,
        }
        at = self.at.astimezone(UTC).isoformat(timespec="seconds")
        content = {"type": self.kind, "timestamp": at, "data": data}
        return json.dumps(content, separators=(",", ":")).encode()


def new_secret() -> str:
    """Return a secret for one receiver, in the standard's form: `whsec_` and base64."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, message_key: str, timestamp: int, body: bytes) -> str:
    """Return `v1,` and the HMAC-SHA256 in base64 over id, time and body, joined by dots."""
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not _SHORTEST_SECRET <= len(key) <= _LONGEST_SECRET:
        message = "A secret is whsec_ and 24 to 64 bytes in base64."
        raise ValueError(message)
    content = f"{message_key}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


class WebhookChannel:
    """Posts notices, a connection each; knows no proxy and follows no redirect."""

    def __init__(
        self, *, allow_private: bool, find: LookUp = look_up, tls: ssl.SSLContext | None = None
    ) -> None:
        """Take whether private addresses and http:// are allowed; nothing is opened yet."""
        self._allow_private = allow_private
        self._find = find
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()

    def send(self, notice: Notice, endpoint: Endpoint, *, message_key: str, now: datetime) -> None:
        """Return once the receiver has answered 2xx; else raise Refused, Troubled or TryLater."""
        ends_at = time.monotonic() + TIMEOUT_S
        try:
            target = read_target(endpoint.url, allow_private=self._allow_private)
            addresses = addresses_of(target, self._allow_private, self._find)
        except NotFoundNow as lack:
            raise Troubled(str(lack)) from lack
        except BadTarget as problem:
            raise Refused(str(problem)) from problem
        request = _request(target, notice.body(), endpoint, message_key=message_key, now=now)
        try:
            status, retry_after = self._exchange(target, addresses, request, ends_at)
        except ssl.SSLCertVerificationError as problem:
            message = f"The certificate of {target.host} does not fit: {problem.verify_message}"
            raise Troubled(message) from problem
        except TimeoutError as trouble:
            message = f"{target.host} did not answer in time."
            raise Troubled(message) from trouble
        except (OSError, HTTPException) as trouble:
            what = getattr(trouble, "strerror", None) or type(trouble).__name__
            message = f"{target.host} gave no answer: {what}"
            raise Troubled(message) from trouble
        _judge(status, retry_after, now)

    def _exchange(
        self, target: Target, addresses: list[IpAddress], request: bytes, ends_at: float
    ) -> tuple[int, str | None]:
        """Send the request; return status and Retry-After of the answer, and leave the rest."""
        with self._connect(target, addresses, ends_at) as connection:
            connection.settimeout(_left(ends_at))
            connection.sendall(request)
            # Of a socket, HTTPResponse uses makefile() only.
            with HTTPResponse(_Bounded(connection, ends_at), method="POST") as answer:  # type: ignore[arg-type]
                answer.begin()
                return answer.status, answer.headers.get("Retry-After")

    def _connect(self, target: Target, addresses: list[IpAddress], ends_at: float) -> socket.socket:
        """Connect to the first address that takes us: one of those checked, no name again."""
        trouble: OSError = TimeoutError()
        for address in addresses[:_MOST_ADDRESSES]:
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(min(CONNECT_S, _left(ends_at)))
                connection.connect((str(address), target.port))
            except OSError as problem:
                connection.close()
                trouble = problem
                continue
            return self._encrypted(connection, target, ends_at)
        raise trouble

    def _encrypted(
        self, connection: socket.socket, target: Target, ends_at: float
    ) -> socket.socket:
        if target.scheme == "http":
            return connection
        try:
            connection.settimeout(_left(ends_at))
            return self._tls.wrap_socket(connection, server_hostname=target.host)
        except BaseException:
            connection.close()
            raise


class _Bounded(io.RawIOBase):
    """Reads from a connection until a moment, however slowly it drips, and not without end."""

    def __init__(self, connection: socket.socket, ends_at: float) -> None:
        self._connection = connection
        self._ends_at = ends_at
        self._room = _LONGEST_HEAD

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._room:
            message = "the answer's head does not end"
            raise HTTPException(message)
        self._connection.settimeout(_left(self._ends_at))
        read = self._connection.recv_into(buffer, min(len(buffer), self._room))
        self._room -= read
        return read


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _request(
    target: Target, body: bytes, endpoint: Endpoint, *, message_key: str, now: datetime
) -> bytes:
    """Return the whole request; the id stays the same at every try, the time is that of the try."""
    if not _MESSAGE_KEY.fullmatch(message_key) or not endpoint.secrets:
        message = "A webhook needs a secret, and a key of letters, digits, - and _."
        raise ValueError(message)
    timestamp = int(now.timestamp())
    signatures = [sign(secret, message_key, timestamp, body) for secret in endpoint.secrets]
    head = {
        "Host": target.host_header,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": "clinicdir",
        "Connection": "close",
        "webhook-id": message_key,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _judge(status: int, retry_after: str | None, now: datetime) -> None:
    """Take 2xx; tell what only a person can mend at the receiver from what passes."""
    if 200 <= status < 300:  # noqa: PLR2004
        return
    message = f"The receiver answered {status}{_phrase(status)}."
    if 300 <= status < 400:  # noqa: PLR2004
        message += " Redirects are not followed: set the new address."
        raise Refused(message)
    if 400 <= status < 500 and status not in _PASSING:  # noqa: PLR2004
        raise Refused(message)
    wait = _wait(retry_after, now)
    raise Troubled(message) if wait is None else TryLater(message, wait)


def _phrase(status: int) -> str:
    """Return our own words for a status: the receiver's might be anything."""
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _wait(retry_after: str | None, now: datetime) -> timedelta | None:
    """Read Retry-After, seconds or a date, as a wait of an hour at most; None if it is neither."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", retry_after.strip()):
        wait = timedelta(seconds=int(retry_after))
    else:
        try:
            moment = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        wait = moment.replace(tzinfo=moment.tzinfo or UTC) - now
    return max(timedelta(), min(wait, LONGEST_WAIT))
