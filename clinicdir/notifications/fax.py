"""What is said of a fax on its way, and where faxes go: by HylaFAX, by mail, or over HTTP.

A fax counts as received only with a receipt: the far machine's confirmation of the page, told by
HylaFAX or by a gateway's status. Without one it was handed over, no more.
"""

import enum
import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from clinicdir.errors import marked
from clinicdir.notifications.channels import Down, NoChannel, Refused, Troubled

HYLAFAX_PORT = 4559
ALLOWED = (
    "must look like hylafax://host:4559, mailto:{digits}@gateway.example,"
    " https://gateway.example/faxes or interfax:"
)
# Gateways by name, after their own documents.
PRESETS = {
    "interfax:": (
        "https://rest.interfax.net/outbound/faxes?faxNumber={number}&reference={key}"
        "&pageSize=letter&resolution=fine&rendering=bw"
    ),
}
_NOT_SET = "CLINICDIR_FAX_URL is not set"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MODEM = re.compile(r"[A-Za-z0-9_]+")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class Unreachable(Down):
    """The fax server or gateway itself is away: no fax can leave, whatever its number."""


class FaxState(enum.StrEnum):
    """Where a fax stands, or how its call ended."""

    QUEUED = "queued"
    CALLING = "calling"
    RECEIVED = "received"
    HANDED_OVER = "handed_over"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CUT_OFF = "cut_off"
    FAILED = "failed"


STATE_WORDS = {
    FaxState.QUEUED: marked("waits for a free line"),
    FaxState.CALLING: marked("the call is in progress"),
    FaxState.RECEIVED: marked("received by the fax machine"),
    FaxState.HANDED_OVER: marked("handed to the gateway, which gives no receipt"),
    FaxState.BUSY: marked("the line was busy"),
    FaxState.NO_ANSWER: marked("nobody answered"),
    FaxState.CUT_OFF: marked("the call broke off before the page was confirmed"),
    FaxState.FAILED: marked("failed"),
}
_ON_ITS_WAY = frozenset({FaxState.QUEUED, FaxState.CALLING})
_DONE = frozenset({FaxState.RECEIVED, FaxState.HANDED_OVER})


@dataclass(frozen=True)
class FaxStatus:
    """What is known of one fax; `job` names it to its driver, `words` are the driver's own."""

    state: FaxState
    job: str
    words: str = ""
    pages: int = 0

    @property
    def is_final(self) -> bool:
        """Say whether this try is over, well or not."""
        return self.state not in _ON_ITS_WAY

    def raise_if_lost(self) -> None:
        """Raise Troubled where this try has failed: every such failure may pass."""
        if self.is_final and self.state not in _DONE:
            message = f"{STATE_WORDS[self.state]}: {self.words}".rstrip(": ")
            raise Troubled(message)


@dataclass(frozen=True)
class FaxJob:
    """One page for one number (E.164). `key` is the message's own, the same at every try."""

    number: str
    pdf: bytes
    key: str

    def __post_init__(self) -> None:
        """Refuse what is no number or no PDF: HylaFAX would fax any other bytes as plain text."""
        if not _E164.fullmatch(self.number):
            message = "the fax number is not in the form +12065550100"
            raise Refused(message)
        if not self.pdf.startswith(b"%PDF-"):
            message = "the page is no PDF"
            raise Refused(message)

    @property
    def digits(self) -> str:
        """Return the number without its plus."""
        return self.number.removeprefix("+")


class FaxDriver(Protocol):
    """One way by which a fax leaves."""

    def submit(self, job: FaxJob, /) -> FaxStatus:
        """Hand the fax over; raise Refused, Troubled, Unreachable or NoAddress where that fails.

        A key whose fax is on its way or received is not faxed again, where that can be told.
        """

    def follow(self, job: str, /) -> FaxStatus:
        """Return how a fax stands that was handed over; raise Unreachable where none can say."""


class NoFax:
    """Stands for the driver while none is set: the message waits."""

    def submit(self, _job: FaxJob) -> FaxStatus:
        """Raise NoChannel, a NoAddress of all faxes."""
        raise NoChannel(_NOT_SET)

    def follow(self, _job: str) -> FaxStatus:
        """Raise NoChannel, a NoAddress of all faxes."""
        raise NoChannel(_NOT_SET)


@dataclass(frozen=True)
class HylafaxAddress:
    """A HylaFAX server, and the modem or class of modems that is to call."""

    host: str
    port: int = HYLAFAX_PORT
    modem: str = ""


@dataclass(frozen=True)
class MailGateway:
    """The address of a mail gateway, with `{digits}` where the number goes."""

    template: str


@dataclass(frozen=True)
class HttpGateway:
    """The address to which a fax is posted; may hold `{digits}`, `{number}` and `{key}`."""

    template: str


FaxAddress = HylafaxAddress | MailGateway | HttpGateway


def parse_fax_url(url: str) -> FaxAddress:
    """Read CLINICDIR_FAX_URL, or raise ValueError that says what is allowed."""
    scheme, _, rest = url.partition(":")
    if scheme == "mailto":
        return _mail_gateway(rest)
    parts = urlsplit(url := PRESETS.get(url, url))
    try:
        port = parts.port
    except ValueError:
        raise ValueError(ALLOWED) from None
    if parts.scheme == "hylafax":
        return _hylafax(parts.hostname, port, parts.username or "", plain=not parts.path.strip("/"))
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS):
        return _http_gateway(url, parts.hostname)
    if parts.scheme == "http":
        message = "must begin with https:// where the gateway is on another machine"
        raise ValueError(message)
    raise ValueError(ALLOWED)


def _hylafax(host: str | None, port: int | None, modem: str, *, plain: bool) -> HylafaxAddress:
    if not host or not plain or (modem and not _MODEM.fullmatch(modem)):
        raise ValueError(ALLOWED)
    return HylafaxAddress(host, port or HYLAFAX_PORT, modem)


def _mail_gateway(template: str) -> MailGateway:
    local, _, domain = template.partition("@")
    if "{digits}" not in local or not re.fullmatch(r"[A-Za-z0-9.-]+", domain):
        raise ValueError(ALLOWED)
    if not re.fullmatch(r"[A-Za-z0-9.+_=-]*", local.replace("{digits}", "")):
        raise ValueError(ALLOWED)
    return MailGateway(template)


def _http_gateway(url: str, host: str | None) -> HttpGateway:
    places = set(re.findall(r"\{[^}]*\}", url))
    if not host or places - {"{digits}", "{number}", "{key}"}:
        message = "may hold {digits}, {number} and {key}, and no other name in braces"
        raise ValueError(message)
    return HttpGateway(url)
