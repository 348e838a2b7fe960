"""Hands a message to the outside world and tells lasting refusals from passing troubles."""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

TIMEOUT_S = 20
_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
_POLICY = re.compile(r"\d{3} 5\.7\.")


class NoAddress(Exception):  # noqa: N818 - reads as a word
    """Nobody has set an address or a mail server yet; the message waits for one."""


class Refused(Exception):  # noqa: N818 - reads as a word
    """The other side will never take this message; trying again is of no use."""


class Troubled(Exception):  # noqa: N818
    """The other side cannot take it now; try again later."""


Send = Callable[[EmailMessage], None]


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


def send_nothing(_mail: EmailMessage) -> None:
    """Stand for the mail server while none is set: the message waits."""
    message = "CLINICDIR_SMTP_URL is not set"
    raise NoAddress(message)


class SmtpChannel:
    """Sends mails through one server, a connection each."""

    def __init__(self, address: SmtpAddress) -> None:
        """Keep the address; nothing is opened before the first mail."""
        self._address = address

    def send(self, mail: EmailMessage) -> None:
        """Return once the server has accepted the mail; else raise Refused or Troubled."""
        try:
            server = self._connect()
            try:
                self._greet(server)
                server.send_message(mail)
                # Whatever comes back from here on, the mail is accepted.
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    server.quit()
            finally:
                server.close()
        except smtplib.SMTPRecipientsRefused as refusal:
            code, text = next(iter(refusal.recipients.values()))
            raise told_apart(code, text) from refusal
        except smtplib.SMTPDataError as answer:
            raise told_apart(answer.smtp_code, answer.smtp_error) from answer
        except smtplib.SMTPResponseException as answer:
            # What is refused at the door, at the password or for the sender hits every message
            # alike and is the operator's to mend: the messages must outlive it.
            raise Troubled(_words(answer.smtp_code, answer.smtp_error)) from answer
        except (smtplib.SMTPException, OSError) as trouble:
            message = f"{type(trouble).__name__}: {trouble}"
            raise Troubled(message) from trouble

    def _connect(self) -> smtplib.SMTP:
        address = self._address
        if address.implicit_tls:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(address.host, address.port, timeout=TIMEOUT_S, context=context)
        return smtplib.SMTP(address.host, address.port, timeout=TIMEOUT_S)

    def _greet(self, server: smtplib.SMTP) -> None:
        """Encrypt where that is offered, go no further where it is demanded and not; sign in."""
        address = self._address
        server.ehlo_or_helo_if_needed()
        if not address.implicit_tls:
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
            elif address.starttls_required:
                message = (
                    "The mail server does not offer STARTTLS, which CLINICDIR_SMTP_URL demands."
                )
                raise Troubled(message)
        if address.user is not None:
            server.login(address.user, address.password or "")


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
