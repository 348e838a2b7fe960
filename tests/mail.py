"""A real mail server on this machine, which answers as it is told and keeps what it takes."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.contentmanager import ContentManager, raw_data_manager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clinicdir import clock
from tests.canaries import look_at_mail

PASSWORD = "right"


class _PlainFirst(ContentManager):
    """Gives as the content of a mail in two forms the one that is plain text."""

    def get_content(self, msg: EmailMessage, *args: Any, **kw: Any) -> Any:  # type: ignore[override]  # noqa: ANN401
        plain = msg.get_body(("plain",)) if msg.is_multipart() else msg
        assert plain is not None
        return raw_data_manager.get_content(plain, *args, **kw)


_READING = policy.SMTP.clone(content_manager=_PlainFirst())


def html_of(mail: EmailMessage) -> str:
    """Return the HTML form of a mail."""
    part = mail.get_body(("html",))
    assert isinstance(part, EmailMessage)
    html: str = part.get_content()
    return html


class MailServer:
    """Takes mails; `answers` holds what it says instead of OK to MAIL, RCPT, DATA or QUIT."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.encrypted: list[bool] = []
        self.answers: dict[str, str] = {}

    def url(self, *, user: str = "", query: str = "") -> str:
        return f"smtp://{user}127.0.0.1:{self.port}{query}"

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self,
        _server: object,
        _session: object,
        envelope: Any,  # noqa: ANN401
        address: str,
        _options: object,
    ) -> str:
        if "MAIL" not in self.answers:
            envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self,
        _server: object,
        _session: object,
        envelope: Any,  # noqa: ANN401
        address: str,
        _options: object,
    ) -> str:
        if "RCPT" not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(  # noqa: N802
        self,
        _server: object,
        session: Any,  # noqa: ANN401
        envelope: Any,  # noqa: ANN401
    ) -> str:
        answer = self.answers.get("DATA", "250 OK")
        if answer.startswith("250"):
            parsed = message_from_bytes(envelope.content, policy=_READING)
            assert isinstance(parsed, EmailMessage)
            look_at_mail(parsed)
            self.mails.append(parsed)
            self.recipients.append(list(envelope.rcpt_tos))
            self.encrypted.append(session.ssl is not None)
        return answer

    async def handle_QUIT(self, _server: object, _session: object, _envelope: object) -> str:  # noqa: N802
        return self.answers.get("QUIT", "221 Bye")


def _authenticate(
    _server: object,
    _session: object,
    _envelope: object,
    _mechanism: str,
    data: Any,  # noqa: ANN401
) -> AuthResult:
    return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@contextmanager
def running_mail_server(**changes: Any) -> Iterator[MailServer]:  # noqa: ANN401
    """Yield a mail server; `changes` are options of aiosmtpd, such as `tls_context`."""
    server = MailServer()
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        authenticator=_authenticate,
        auth_require_tls=False,
        **changes,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@contextmanager
def curt_server(greeting: str) -> Iterator[int]:
    """Yield the port of a server that says one line to everybody and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(greeting.encode() + b"\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 with its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    today = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "mail.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_tls(certificate: Path) -> ssl.SSLContext:
    """Return what a server needs to offer STARTTLS with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
