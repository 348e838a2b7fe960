"""A receiver of webhooks on this machine: it plays what a test tells it to, and keeps what came."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clinicdir import clock

HOST = "hook.example"

Play = Callable[[BaseHTTPRequestHandler], None]


class Receiver(ThreadingHTTPServer):
    """Answers 204 until `play` is set; `paths`, `heads` and `bodies` hold what came."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        self.play: Play = say(204)
        self.paths: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.released = threading.Event()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        """Say nothing: whoever asked has hung up, which some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = self.server
        assert isinstance(receiver, Receiver)
        receiver.paths.append(self.path)
        receiver.heads.append({name.lower(): value for name, value in self.headers.items()})
        receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        receiver.play(self)

    def log_message(self, *_: object) -> None:
        pass


def say(status: int, **headers: str) -> Play:
    """Return a play that gives one answer."""

    def play(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return play


def drip_head(handler: BaseHTTPRequestHandler) -> None:
    """Send one header after the other, each in time, without end."""
    assert isinstance(handler.server, Receiver)
    handler.send_response(200)
    handler.flush_headers()
    while not handler.server.released.wait(0.02):
        handler.wfile.write(b"X-More: yes\r\n")


def flood_head(handler: BaseHTTPRequestHandler) -> None:
    """Send a head that does not end."""
    handler.send_response(200)
    handler.flush_headers()
    while True:
        handler.wfile.write(b"X-More: " + b"x" * 1_000 + b"\r\n")


def flood_body(handler: BaseHTTPRequestHandler) -> None:
    """Send an answer of 10 MB."""
    handler.send_response(200)
    handler.send_header("Content-Length", "10000000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b"x" * 100_000)


def drip_body(handler: BaseHTTPRequestHandler) -> None:
    """Accept at once, then send a body that does not end."""
    assert isinstance(handler.server, Receiver)
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.released.wait(0.02):
        handler.wfile.write(b" ")


def hang(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing until the test is over."""
    assert isinstance(handler.server, Receiver)
    handler.server.released.wait(20)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close without a word."""
    handler.close_connection = True


def babble(handler: BaseHTTPRequestHandler) -> None:
    """Answer in another protocol."""
    handler.wfile.write(b"220 mail.example ESMTP\r\n")


@contextmanager
def running_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    with Receiver(tls) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.released.set()
            receiver.shutdown()
            thread.join()


def make_tls(folder: Path, name: str = HOST) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what a server of that name needs, and what a client needs to believe it."""
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority of the tests")])
    root = _certificate(issuer, issuer, authority.public_key(), authority, None)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    leaf = _certificate(subject, issuer, server.public_key(), authority, name)
    path = folder / f"{name}.pem"
    path.write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    offered.load_cert_chain(path)
    trusted = root.public_bytes(serialization.Encoding.PEM).decode()
    return offered, ssl.create_default_context(cadata=trusted)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    host: str | None,
) -> x509.Certificate:
    today = clock.now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host is not None:
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


def lead(monkeypatch: pytest.MonkeyPatch, to: int) -> list[tuple[str, int]]:
    """Let every connection end at a port of this machine; return the list of where each wanted."""
    wanted: list[tuple[str, int]] = []
    connect = socket.socket.connect

    def led(self: socket.socket, address: tuple[str, int]) -> None:
        wanted.append(address)
        connect(self, ("127.0.0.1", to))

    monkeypatch.setattr(socket.socket, "connect", led)
    return wanted
