"""Decides which addresses a webhook may reach, so that no form opens a way into the network.

Names are looked up first and judged by what they lead to; so an address has no other spelling that
gets past, and whoever connects uses the very address that was judged.
"""

import queue
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, quote, urlsplit

from clinicdir.errors import marked

LONGEST_URL = 2_000
LOOK_UP_S = 5.0
_FIRST_FREE_PORT = 1024
_STANDARD_PORTS = {"https": 443, "http": 80}
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
# What a path may hold as it is; all else is written in percent.
_PATH_SAFE = "/%:=&?~+!$,;'()*@"

IpAddress = IPv4Address | IPv6Address
LookUp = Callable[[str, int], list[str]]

_NAT64 = ip_network("64:ff9b::/96")
_PUBLIC_V6 = ip_network("2000::/3")
# Of the machine, of the network, of one link: open to whoever sets ALLOW_PRIVATE_WEBHOOKS.
_PRIVATE = tuple(
    ip_network(block)
    for block in (
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
        "::1/128", "fc00::/7",
    )
)  # fmt: skip
# Never a receiver: this network, link-local, relays and tunnels, examples, groups, reserved; and
# where clouds keep the keys of their machines. `is_global` alone lets several of them through.
_NEVER = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3",
        "::/128", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fe80::/10", "ff00::/8",
        "100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128",
    )
)  # fmt: skip


class BadTarget(ValueError):  # noqa: N818 - reads as a word
    """A webhook may not go there; `message` and `values` say what to do, ready to translate."""

    def __init__(self, message: str, **values: str | int) -> None:
        """Keep sentence and values apart; as text they are one English sentence."""
        super().__init__(message % values)
        self.message = message
        self.values = values


class NotFoundNow(BadTarget):
    """The name leads nowhere at present, which may pass."""


@dataclass(frozen=True)
class Target:
    """A webhook's URL in parts: `host` in ASCII without brackets, `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        """Return what the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = self.port == _STANDARD_PORTS[self.scheme]
        return host if standard else f"{host}:{self.port}"


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the system's resolver; OSError where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_target(url: str, *, allow_private: bool, find: LookUp = look_up) -> None:
    """Raise BadTarget, a ValueError in plain words, unless a webhook may go to this URL now."""
    addresses_of(read_target(url, allow_private=allow_private), allow_private, find)


def read_target(url: str, *, allow_private: bool) -> Target:
    """Take a URL apart, or raise BadTarget; nothing is looked up."""
    if len(url) > LONGEST_URL:
        raise BadTarget(
            marked("The address must be %(most)s characters or less."), most=LONGEST_URL
        )
    schemes = ("https", "http") if allow_private else ("https",)
    try:
        parts = urlsplit("" if _NOT_IN_URLS.search(url) else url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in schemes or not parts.hostname:
        raise BadTarget(
            marked("Enter an address that begins with https://, such as %(example)s."),
            example="https://example.com/requests",
        )
    if "@" in parts.netloc:
        raise BadTarget(
            marked("Leave out the name and password before the @: the signature proves who sends.")
        )
    port = _STANDARD_PORTS[parts.scheme] if port is None else port
    if port < _FIRST_FREE_PORT and port != _STANDARD_PORTS[parts.scheme]:
        raise BadTarget(
            marked("Use port %(port)s, or one from 1024 up."),
            port=_STANDARD_PORTS[parts.scheme],
        )
    return Target(parts.scheme, _ascii_host(parts.hostname), port, _path(parts))


def _path(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return quote((parts.path or "/") + query, safe=_PATH_SAFE)


def _ascii_host(host: str) -> str:
    """Return a host as it goes over the wire; a name in another script gets its `xn--` form."""
    if ":" in host and "%" not in host:  # an IPv6 address, for urlsplit has seen its brackets
        return host
    try:
        host = host.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host):
        raise BadTarget(marked("Check the spelling of the name between https:// and the next /."))
    return host


def addresses_of(
    target: Target, allow_private: bool, find: LookUp, patience_s: float = LOOK_UP_S
) -> list[IpAddress]:
    """Return where the host is now; raise BadTarget if one of its addresses may not be reached."""
    try:
        found = [ip_address(text) for text in _in_time(find, target, patience_s)]
    except (OSError, ValueError):
        found = []
    if not found:
        raise NotFoundNow(
            marked("%(host)s cannot be found. Check the spelling, or try again later."),
            host=target.host,
        )
    if not all(may_reach(address, allow_private=allow_private) for address in found):
        raise BadTarget(
            marked("%(host)s is not on the public internet. Enter a public address."),
            host=target.host,
        )
    return found


def _in_time(find: LookUp, target: Target, patience_s: float) -> list[str]:
    """Look a host up in a thread of its own, for the system's look-up knows no time limit."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(find(target.host, target.port))
        except Exception as trouble:  # noqa: BLE001 - raised again where it is waited for
            answers.put(trouble)

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=patience_s)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def may_reach(address: IpAddress, *, allow_private: bool) -> bool:
    """Say whether a webhook may connect to this address; none that is not listed as public may."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        address = IPv4Address(int(address) & 0xFFFF_FFFF)  # what the translator would connect to
    if any(address in block for block in _NEVER):
        return False
    if any(address in block for block in _PRIVATE):
        return allow_private
    if isinstance(address, IPv6Address) and address not in _PUBLIC_V6:
        return False  # also an IPv4 address in the clothes of IPv6
    return address.is_global
