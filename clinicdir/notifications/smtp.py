"""Sends mails to a server and tells lasting refusals from passing troubles."""

import contextlib
import io
import re
import smtplib
import ssl
import time
from dataclasses import dataclass, field
from email.generator import BytesGenerator
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from clinicdir.notifications.channels import Down, Refused, Troubled
from clinicdir.notifications.mail_headers import OVER_THE_LINE, OVER_THE_LINE_UTF8

TIMEOUT_S = 20.0
# From the first step of a mail to its last one, however slow each is.
_LONGEST_S = 80.0
_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
_CLOSING = 421
_OK = 250
_TAKEN_FOR = frozenset({250, 251})
_POLICY = re.compile(r"\d{3} 5\.7\.")


@dataclass(frozen=True)
class SmtpAddress:
    """A mail server by its URL: `smtp://user:password@host:port?starttls=required`, `smtps://…`."""

    host: str
    port: int
    user: str | None
    password: str | None
    implicit_tls: bool
    starttls_required: bool

    @classmethod
    def parse(cls, url: str) -> "SmtpAddress":
        """Read the URL, or raise ValueError that says what is allowed."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            message = "must look like smtp://user:password@host:port or smtps://…"
            raise ValueError(message)
        implicit = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=parts.port or (465 if implicit else 25),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            implicit_tls=implicit,
            starttls_required=parse_qs(parts.query).get("starttls") == ["required"],
        )


class _Cut(Exception):  # noqa: N818 - reads as a word
    """A connection that had worked was gone before the mail was handed over."""


@dataclass
class SmtpChannel:
    """Sends mails through one server, over one connection for as long as that holds."""

    address: SmtpAddress
    timeout_s: float = TIMEOUT_S
    _server: smtplib.SMTP | None = field(default=None, init=False)
    _deadline: float = field(default=0.0, init=False)

    def send(self, mail: EmailMessage) -> None:
        """Return once the server has accepted the mail; else raise Refused, Troubled or Down."""
        self._deadline = time.monotonic() + _LONGEST_S
        if self._server is not None:
            try:
                self._hand_over(mail, self._server, is_fresh=False)
            except _Cut:
                self._drop()  # servers end a connection after some mails: open another
            else:
                return
        self._hand_over(mail, self._open(), is_fresh=True)

    def check(self) -> None:
        """Connect, encrypt and sign in as for a mail; raise Down where that fails."""
        self._deadline = time.monotonic() + _LONGEST_S
        try:
            self._open()
        finally:
            self.close()

    def close(self) -> None:
        """Say goodbye; whatever comes back, the mails are accepted."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()
            server.close()

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _hurry(self, server: smtplib.SMTP) -> None:
        """Give the next step the time that is left; a lease must outlast the slowest server."""
        left = self._deadline - time.monotonic()
        if left <= 0 or server.sock is None:
            message = "the mail server took too long"
            raise TimeoutError(message)
        server.sock.settimeout(min(self.timeout_s, left))

    def _open(self) -> smtplib.SMTP:
        """Connect and sign in; all that fails here hits every message alike."""
        try:
            server = self._connect()
            try:
                self._greet(server)
            except BaseException:
                server.close()
                raise
        except smtplib.SMTPResponseException as answer:
            raise Down(_words(answer.smtp_code, answer.smtp_error)) from answer
        except (smtplib.SMTPException, OSError) as trouble:
            message = f"{type(trouble).__name__}: {trouble}"
            raise Down(message) from trouble
        self._server = server
        return server

    def _hand_over(self, mail: EmailMessage, server: smtplib.SMTP, *, is_fresh: bool) -> None:
        try:
            data, options = _as_bytes(mail, server)
            self._name_parties(mail, server, options, is_fresh=is_fresh)
        except (smtplib.SMTPServerDisconnected, OSError) as cut:
            self._drop()
            if not is_fresh:
                raise _Cut from cut
            message = f"{type(cut).__name__}: {cut}"
            raise Down(message, own=True) from cut
        except smtplib.SMTPException as trouble:
            message = f"{type(trouble).__name__}: {trouble}"
            raise Troubled(message) from trouble
        try:
            self._hurry(server)
            code, text = _give(data, server)
        except (smtplib.SMTPException, OSError) as cut:
            # Nobody knows whether it was taken; it is sent again under the same Message-ID.
            self._drop()
            message = f"{type(cut).__name__}: {cut}"
            raise Down(message, own=True) from cut
        if code != _OK:
            self._refuse(code, text, server)

    def _name_parties(
        self, mail: EmailMessage, server: smtplib.SMTP, options: list[str], *, is_fresh: bool
    ) -> None:
        """Say from whom and to whom; a sender who is refused hits every message alike."""
        self._hurry(server)
        is_sender = True
        code, text = server.mail(_address(mail, "From"), options)
        if code == _OK:
            self._hurry(server)
            is_sender = False
            code, text = server.rcpt(_address(mail, "To"))
            if code in _TAKEN_FOR:
                return
        if code == _CLOSING and not is_fresh:
            raise _Cut
        if is_sender:
            self._reset(code, server)
            raise Down(_words(code, text))
        self._refuse(code, text, server)

    def _refuse(self, code: int, text: bytes | str, server: smtplib.SMTP) -> None:
        self._reset(code, server)
        if code == _CLOSING:
            raise Down(_words(code, text), own=True)
        raise told_apart(code, text)

    def _reset(self, code: int, server: smtplib.SMTP) -> None:
        """Make the connection ready for the next mail, or let go of it."""
        try:
            if code == _CLOSING or server.rset()[0] != _OK:
                self._drop()
        except (smtplib.SMTPException, OSError):
            self._drop()

    def _connect(self) -> smtplib.SMTP:
        host, port = self.address.host, self.address.port
        if self.address.implicit_tls:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=self.timeout_s, context=context)
        return smtplib.SMTP(host, port, timeout=self.timeout_s)

    def _greet(self, server: smtplib.SMTP) -> None:
        """Encrypt where that is offered, go no further where it is demanded and not; sign in."""
        address = self.address
        self._hurry(server)
        server.ehlo_or_helo_if_needed()
        if not address.implicit_tls:
            if server.has_extn("starttls"):
                self._hurry(server)
                server.starttls(context=ssl.create_default_context())
                self._hurry(server)
                server.ehlo_or_helo_if_needed()
            elif address.starttls_required:
                message = (
                    "The mail server does not offer STARTTLS, which CLINICDIR_SMTP_URL demands."
                )
                raise Down(message)
        if address.user is not None:
            self._hurry(server)
            server.login(address.user, address.password or "")


def _give(data: bytes, server: smtplib.SMTP) -> tuple[int, bytes | str]:
    """Hand the mail over and return the answer, whichever of the two steps it came at."""
    try:
        return server.data(data)
    except smtplib.SMTPDataError as answer:
        return answer.smtp_code, answer.smtp_error


def _as_bytes(mail: EmailMessage, server: smtplib.SMTP) -> tuple[bytes, list[str]]:
    """Return the mail as it goes over the line, and the options it asks the server for."""
    is_ascii = all(_address(mail, name).isascii() for name in ("From", "To"))
    if not is_ascii and not server.has_extn("smtputf8"):
        message = "The mail server does not take addresses outside ASCII."
        raise Troubled(message)
    policy = OVER_THE_LINE if is_ascii else OVER_THE_LINE_UTF8
    held = io.BytesIO()
    BytesGenerator(held, policy=policy).flatten(mail)
    return held.getvalue(), [] if is_ascii else ["SMTPUTF8", "BODY=8BITMIME"]


def _address(mail: EmailMessage, name: str) -> str:
    """Return the one address of a line of the head."""
    address: str = mail[name].addresses[0].addr_spec
    return address


def told_apart(code: int, text: bytes | str) -> Exception:
    """Tell a mailbox that does not exist from what speaks of us, which the operator can mend.

    5.7.x is a matter of policy or rights, as in "554 5.7.1 Relay access denied" (RFC 3463).
    """
    message = _words(code, text)
    of_the_mailbox = code in _NO_SUCH_MAILBOX and not _POLICY.match(message)
    return Refused(message) if of_the_mailbox else Troubled(message)


def _words(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {words}"
