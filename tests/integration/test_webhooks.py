"""What a receiver gets, and what becomes of each answer: real servers, real TLS."""

import base64
import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinicdir.notifications import webhooks
from clinicdir.notifications.channels import Refused, Troubled
from clinicdir.notifications.webhooks import (
    Endpoint,
    Notice,
    TryLater,
    WebhookChannel,
    new_secret,
    sign,
)
from tests.hooks import (
    HOST,
    Play,
    Receiver,
    babble,
    drip_body,
    drip_head,
    flood_body,
    flood_head,
    hang,
    hang_up,
    lead,
    make_tls,
    running_receiver,
    say,
)

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
KEY = "0b9d3c1e-6d0f-4a55-9a1c-3f0f8f1f9b52"
SECRET = new_secret()
LINK = "https://clinics.example/staff/requests/C7K-4KQ2"
NOTICE = Notice("request_waits", "C7K-4KQ2", "renton", "received", LINK, NOW - timedelta(minutes=5))
PUBLIC = "93.184.215.14"
GUIDE = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as server:
        yield server


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts of a server named hook.example and of a client that believes it."""
    return make_tls(tmp_path_factory.mktemp("tls"))


def send(receiver: Receiver, *, now: datetime = NOW, secrets: tuple[str, ...] = (SECRET,)) -> None:
    endpoint = Endpoint(f"http://127.0.0.1:{receiver.port}/in?clinic=renton", secrets)
    WebhookChannel(allow_private=True).send(NOTICE, endpoint, message_key=KEY, now=now)


def test_receiver_gets_the_request_without_name_or_health(receiver: Receiver) -> None:
    send(receiver)
    assert receiver.paths == ["/in?clinic=renton"]
    signature = receiver.heads[0].pop("webhook-signature")
    assert re.fullmatch(r"v1,[A-Za-z0-9+/]{43}=", signature)
    assert receiver.heads == [
        {
            "host": f"127.0.0.1:{receiver.port}",
            "content-type": "application/json",
            "content-length": str(len(receiver.bodies[0])),
            "user-agent": "clinicdir",
            "connection": "close",
            "webhook-id": KEY,
            "webhook-timestamp": "1795550400",
        }
    ]
    assert json.loads(receiver.bodies[0]) == {
        "type": "request_waits",
        "timestamp": "2026-11-24T19:55:00+00:00",
        "data": {
            "reference": "C7K-4KQ2", "location": "renton", "status": "received", "link": LINK,
        },
    }  # fmt: skip


def test_signature_is_that_of_the_standards_own_example() -> None:
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
        b'{"test": 2432232314}',
    )  # fmt: skip
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs_and_another_library_agrees(receiver: Receiver) -> None:
    old = new_secret()
    send(receiver, secrets=(SECRET, old))
    content = f"{KEY}.1795550400.".encode() + receiver.bodies[0]
    expected = []
    for secret in (SECRET, old):
        code = hmac.HMAC(base64.b64decode(secret.removeprefix("whsec_")), hashes.SHA256())
        code.update(content)
        expected.append("v1," + base64.b64encode(code.finalize()).decode())
    assert receiver.heads[0]["webhook-signature"] == " ".join(expected)


def test_recipe_of_the_guide_tells_ours_from_others(receiver: Receiver) -> None:
    recipe: dict[str, Any] = {}
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    exec(code[0], recipe)  # noqa: S102 - our own page
    is_ours: Callable[..., bool] = recipe["is_from_clinicdir"]
    send(receiver, secrets=(new_secret(), SECRET))
    head, body, at = receiver.heads[0], receiver.bodies[0], NOW.timestamp()
    assert is_ours(head, body, SECRET, now=at + 299)
    assert not is_ours(head, body, SECRET, now=at + 301)
    assert not is_ours(head, body, SECRET, now=at - 301)
    assert not is_ours(head, body, new_secret(), now=at)
    assert not is_ours(head, body + b" ", SECRET, now=at)
    for name, other in (("webhook-id", "another"), ("webhook-timestamp", f"{at + 1:.0f}")):
        assert not is_ours(head | {name: other}, body, SECRET, now=at)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "whsec_not base64", "password"])
def test_secret_that_is_too_short_or_none_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        sign(secret, KEY, 0, b"")


@pytest.mark.parametrize(("key", "secrets"), [("a.b", (SECRET,)), ("a\r\nb", (SECRET,)), (KEY, ())])
def test_nothing_leaves_unsigned_or_with_a_key_that_could_be_read_otherwise(
    receiver: Receiver, key: str, secrets: tuple[str, ...]
) -> None:
    endpoint = Endpoint(f"http://127.0.0.1:{receiver.port}/", secrets)
    with pytest.raises(ValueError, match="needs a secret, and a key"):
        WebhookChannel(allow_private=True).send(NOTICE, endpoint, message_key=key, now=NOW)
    assert receiver.bodies == []


def test_retry_has_the_same_id_and_body_and_a_time_and_signature_of_its_own(
    receiver: Receiver,
) -> None:
    receiver.play = say(500)
    for hour in range(8):
        with pytest.raises(Troubled, match=r"^The receiver answered 500 Internal Server Error\.$"):
            send(receiver, now=NOW + timedelta(hours=hour))
    receiver.play = say(204)
    send(receiver, now=NOW + timedelta(hours=8))
    assert {head["webhook-id"] for head in receiver.heads} == {KEY}
    assert len(set(receiver.bodies)) == 1
    assert [head["webhook-timestamp"] for head in receiver.heads] == [
        str(1795550400 + 3600 * hour) for hour in range(9)
    ]
    assert len({head["webhook-signature"] for head in receiver.heads}) == 9


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_answer_from_200_to_299_is_taken(receiver: Receiver, status: int) -> None:
    receiver.play = say(status)
    send(receiver)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, Refused, "The receiver answered 400 Bad Request."),
        (401, Refused, "The receiver answered 401 Unauthorized."),
        (404, Refused, "The receiver answered 404 Not Found."),
        (410, Refused, "The receiver answered 410 Gone."),
        (499, Refused, "The receiver answered 499."),
        (408, Troubled, "The receiver answered 408 Request Timeout."),
        (425, Troubled, "The receiver answered 425 Too Early."),
        (429, Troubled, "The receiver answered 429 Too Many Requests."),
        (503, Troubled, "The receiver answered 503 Service Unavailable."),
        (599, Troubled, "The receiver answered 599."),
        (101, Troubled, "The receiver answered 101 Switching Protocols."),
    ],
)
def test_lasting_answers_are_told_from_passing_ones(
    receiver: Receiver, status: int, kind: type[Exception], words: str
) -> None:
    receiver.play = say(status)
    with pytest.raises(kind) as raised:
        send(receiver)
    assert (type(raised.value), str(raised.value)) == (kind, words)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("999999999", 3600),
        ("Tue, 24 Nov 2026 20:02:00 GMT", 120),
        ("Tue, 24 Nov 2026 19:00:00 GMT", 0),
        ("Sun, 24 Nov 2075 20:02:00 GMT", 3600),
    ],
)
def test_wait_that_the_receiver_names_is_kept_up_to_an_hour(
    receiver: Receiver, value: str, seconds: int
) -> None:
    receiver.play = say(429, Retry_After=value)
    with pytest.raises(TryLater) as raised:
        send(receiver)
    assert raised.value.wait == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "soon", "-1", "1e9", "Tue, 99 Nov 2026 20:02:00 GMT"])
def test_wait_that_is_none_is_passed_over(receiver: Receiver, value: str) -> None:
    receiver.play = say(503, Retry_After=value)
    with pytest.raises(Troubled) as raised:
        send(receiver)
    assert type(raised.value) is Troubled


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_refused_and_never_followed(receiver: Receiver, status: int) -> None:
    receiver.play = say(status, Location=f"http://127.0.0.1:{receiver.port}/again")
    with pytest.raises(Refused, match=r"Redirects are not followed: set the new address\.$"):
        send(receiver)
    assert receiver.paths == ["/in?clinic=renton"]


@pytest.mark.parametrize("play", [flood_body, drip_body])
def test_answer_is_not_read_beyond_its_head(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, play: Play
) -> None:
    received = count_received(monkeypatch)
    receiver.play = play
    started = time.monotonic()
    send(receiver)
    assert time.monotonic() - started < 5
    assert sum(received) <= 16_384


def count_received(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the bytes that each read of a connection by this thread brings."""
    received: list[int] = []
    own, recv_into = threading.get_ident(), socket.socket.recv_into

    def counted(self: socket.socket, *given: Any) -> int:  # noqa: ANN401
        read = recv_into(self, *given)
        if threading.get_ident() == own:
            received.append(read)
        return read

    monkeypatch.setattr(socket.socket, "recv_into", counted)
    return received


@pytest.mark.parametrize("play", [hang, drip_head])
def test_receiver_that_is_slow_is_given_up(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, play: Play
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.4)
    receiver.play = play
    started = time.monotonic()
    with pytest.raises(Troubled, match=r"^127\.0\.0\.1 did not answer in time\.$"):
        send(receiver)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("play", "what"),
    [(flood_head, "HTTPException"), (hang_up, "RemoteDisconnected"), (babble, "BadStatusLine")],
)
def test_receiver_that_does_not_speak_http_is_a_passing_trouble(
    receiver: Receiver, play: Play, what: str
) -> None:
    receiver.play = play
    with pytest.raises(Troubled) as raised:
        send(receiver)
    assert str(raised.value) == f"127.0.0.1 gave no answer: {what}"


def test_connection_that_is_never_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "CONNECT_S", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.create_connection(full.getsockname()),  # nobody accepts it: there is no more room
    ):
        endpoint = Endpoint(f"http://127.0.0.1:{full.getsockname()[1]}/", (SECRET,))
        started = time.monotonic()
        with pytest.raises(Troubled, match=r"^127\.0\.0\.1 did not answer in time\.$"):
            WebhookChannel(allow_private=True).send(NOTICE, endpoint, message_key=KEY, now=NOW)
        assert 0.1 < time.monotonic() - started < 5


def test_receiver_that_nobody_runs_is_a_passing_trouble(receiver: Receiver) -> None:
    receiver.shutdown()
    receiver.server_close()
    with pytest.raises(Troubled, match=r"^127\.0\.0\.1 gave no answer: Connection refused$"):
        send(receiver)


def send_encrypted(
    receiver: Receiver, trusted: ssl.SSLContext, find: Callable[[str, int], list[str]]
) -> None:
    """Send as a site does that allows nothing private."""
    channel = WebhookChannel(allow_private=False, find=find, tls=trusted)
    endpoint = Endpoint(f"https://{HOST}:{receiver.port}/in", (SECRET,))
    channel.send(NOTICE, endpoint, message_key=KEY, now=NOW)


def test_connection_goes_to_the_checked_address_under_the_name_of_the_url(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name leads elsewhere at the second look-up: there must be none."""
    asked: list[str] = []

    def find(host: str, _port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC if len(asked) == 1 else "127.0.0.1"]

    def no_look_up(*_: object) -> None:
        pytest.fail("a name was looked up again")

    monkeypatch.setattr(socket, "getaddrinfo", no_look_up)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with running_receiver(tls[0]) as receiver:
        wanted = lead(monkeypatch, receiver.port)
        send_encrypted(receiver, tls[1], find)
        assert wanted == [(PUBLIC, receiver.port)]
        assert asked == [HOST]
        assert receiver.heads[0]["host"] == f"{HOST}:{receiver.port}"
        with pytest.raises(Refused, match=f"^{HOST} is not on the public internet"):
            send_encrypted(receiver, tls[1], find)
        assert len(wanted) == len(receiver.bodies) == 1


def test_next_address_is_tried_where_the_first_is_dead(
    tls: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    with running_receiver(tls[0]) as receiver:
        channel = WebhookChannel(
            allow_private=True, tls=tls[1], find=lambda _host, _port: ["::1", "127.0.0.1"]
        )
        endpoint = Endpoint(f"https://{HOST}:{receiver.port}/in", (SECRET,))
        channel.send(NOTICE, endpoint, message_key=KEY, now=NOW)
        assert len(receiver.bodies) == 1


@pytest.mark.parametrize("name", ["other.example", PUBLIC])
def test_certificate_of_another_name_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    offered, trusted = make_tls(tmp_path, name)
    with running_receiver(offered) as receiver:
        lead(monkeypatch, receiver.port)
        with pytest.raises(Troubled, match=f"^The certificate of {HOST} does not fit: Hostname"):
            send_encrypted(receiver, trusted, lambda _host, _port: [PUBLIC])
        assert receiver.bodies == []


def test_certificate_of_an_unknown_authority_gets_nothing(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_receiver(tls[0]) as receiver:
        lead(monkeypatch, receiver.port)
        channel = WebhookChannel(allow_private=False, find=lambda _host, _port: [PUBLIC])
        endpoint = Endpoint(f"https://{HOST}:{receiver.port}/in", (SECRET,))
        with pytest.raises(Troubled, match=f"^The certificate of {HOST} does not fit: unable to"):
            channel.send(NOTICE, endpoint, message_key=KEY, now=NOW)
        assert receiver.bodies == []


def test_private_target_is_refused_unless_allowed(receiver: Receiver) -> None:
    endpoint = Endpoint(f"https://localhost:{receiver.port}/", (SECRET,))
    with pytest.raises(Refused, match=r"^localhost is not on the public internet\."):
        WebhookChannel(allow_private=False).send(NOTICE, endpoint, message_key=KEY, now=NOW)
    with pytest.raises(Refused, match=r"^Enter an address that begins with https://"):
        WebhookChannel(allow_private=False).send(
            NOTICE, Endpoint(f"http://localhost:{receiver.port}/", (SECRET,)),
            message_key=KEY, now=NOW,
        )  # fmt: skip
    assert receiver.bodies == []
    send(receiver)
    assert len(receiver.bodies) == 1


def test_name_that_leads_nowhere_is_a_passing_trouble(receiver: Receiver) -> None:
    channel = WebhookChannel(allow_private=True, find=lambda _host, _port: [])
    with pytest.raises(Troubled, match=f"^{HOST} cannot be found"):
        channel.send(NOTICE, Endpoint(f"https://{HOST}/", (SECRET,)), message_key=KEY, now=NOW)


STARTS = [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 x\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b""]
HEADERS = [b"Retry-After: ", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"\r\n"]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(HEADERS) | st.binary(max_size=30), max_size=6),
)
def test_whatever_is_answered_ends_as_taken_refused_or_troubled(
    receiver: Receiver, start: bytes, rest: list[bytes]
) -> None:
    def play(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start + b"".join(rest))

    receiver.play = play
    with contextlib.suppress(Refused, Troubled):
        send(receiver)
