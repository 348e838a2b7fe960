"""Which addresses a webhook may have: how a URL is read, and what its name leads to."""

import threading
from ipaddress import ip_address

import pytest

from clinicdir.notifications.targets import (
    BadTarget,
    NotFoundNow,
    Target,
    addresses_of,
    check_target,
    may_reach,
    read_target,
)

PUBLIC = "93.184.215.14"
BEGIN = "Enter an address that begins with https://, such as https://example.com/requests."
SPELLING = "Check the spelling of the name between https:// and the next /."
USERINFO = "Leave out the name and password before the @: the signature proves who sends."
PORTS = "Use port 443, or one from 1024 up."


def leads_to(*addresses: str) -> object:
    return lambda _host, _port: list(addresses)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hook.example", Target("https", "hook.example", 443, "/")),
        ("HTTPS://Hook.Example.:8443/a/b?c=d#e", Target("https", "hook.example", 8443, "/a/b?c=d")),
        ("https://bücher.example/ü%20?q=é", Target(
            "https", "xn--bcher-kva.example", 443, "/%C3%BC%20?q=%C3%A9")),
        ("https://[2606:4700::1]:1024/", Target("https", "2606:4700::1", 1024, "/")),
        ("https://①②⑦.0.0.1/", Target("https", "127.0.0.1", 443, "/")),
    ],
)  # fmt: skip
def test_url_is_taken_apart(url: str, target: Target) -> None:
    assert read_target(url, allow_private=False) == target


@pytest.mark.parametrize(
    ("target", "header"),
    [
        (Target("https", "hook.example", 443, "/"), "hook.example"),
        (Target("http", "hook.example", 443, "/"), "hook.example:443"),
        (Target("https", "2606:4700::1", 8443, "/"), "[2606:4700::1]:8443"),
    ],
)
def test_host_header_names_a_port_that_is_not_the_usual_one(target: Target, header: str) -> None:
    assert target.host_header == header


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", BEGIN),
        ("hook.example", BEGIN),
        ("http://hook.example", BEGIN),
        ("file:///etc/passwd", BEGIN),
        ("gopher://hook.example", BEGIN),
        ("https://", BEGIN),
        ("https:///path", BEGIN),
        ("https://hook.example:99999", BEGIN),
        ("https://hook.example:port", BEGIN),
        ("https://[::1", BEGIN),
        ("https://hook.example/a b", BEGIN),
        ("https://hook.example/\r\nX-Evil: 1", BEGIN),
        ("https://hook.example\\@evil.example/", BEGIN),
        ("https://user:pass@hook.example", USERINFO),
        ("https://hook.example@evil.example", USERINFO),
        ("https://@hook.example", USERINFO),
        ("https://hook.example:25", PORTS),
        ("https://hook.example:80", PORTS),
        ("https://hook.example:0", PORTS),
        ("https://hook..example", SPELLING),
        ("https://-/", SPELLING),
        ("https://hook.example..", SPELLING),
        ("https://ho%6fk.example", SPELLING),
        ("https://[fe80::1%25eth0]/", SPELLING),
        (f"https://{'a' * 64}.example", SPELLING),
        ("https://hook.example/" + "a" * 2_000, "The address must be 2000 characters or less."),
    ],
)
def test_url_that_is_none_is_refused_with_what_to_do(url: str, words: str) -> None:
    with pytest.raises(BadTarget) as refusal:
        read_target(url, allow_private=False)
    assert str(refusal.value) == words
    assert refusal.value.message % refusal.value.values == words


def test_http_is_for_whoever_allows_private_webhooks() -> None:
    inside = Target("http", "engine", 80, "/in")
    assert read_target("http://engine/in", allow_private=True) == inside
    with pytest.raises(BadTarget, match=r"^Use port 80, or one from 1024 up\.$"):
        read_target("http://engine:443/in", allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/",
        "https://0x7f.1/", "https://0177.0.0.1/", "https://017700000001/", "https://0/",
        "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::127.0.0.1]/",
        "https://[64:ff9b::10.0.0.1]/", "https://[2002:7f00:1::]/", "https://①②⑦。０。０。１/",
        "https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/",
        "https://localhost/", "https://LOCALHOST./",
    ],
)  # fmt: skip
def test_no_spelling_of_a_private_address_passes_the_real_look_up(url: str) -> None:
    with pytest.raises(BadTarget, match=r"is not on the public internet\. Enter a public address"):
        check_target(url, allow_private=False)


@pytest.mark.parametrize("private", ["10.1.2.3", "fd12::1", "fe80::1%eth0", "169.254.169.254"])
def test_name_with_one_private_address_among_public_ones_is_refused(private: str) -> None:
    find = leads_to(PUBLIC, private)
    with pytest.raises(BadTarget) as refusal:
        check_target("https://hook.example", allow_private=False, find=find)  # type: ignore[arg-type]
    words = "hook.example is not on the public internet. Enter a public address."
    assert str(refusal.value) == words
    assert not isinstance(refusal.value, NotFoundNow)


def test_name_with_public_addresses_passes() -> None:
    find = leads_to(PUBLIC, "2606:4700::1")
    check_target("https://hook.example", allow_private=False, find=find)  # type: ignore[arg-type]


def nowhere(_host: str, _port: int) -> list[str]:
    raise OSError


@pytest.mark.parametrize("find", [nowhere, leads_to()])
def test_name_that_leads_nowhere_may_be_tried_again(find: object) -> None:
    words = r"^hook\.example cannot be found\. Check the spelling, or try again later\.$"
    with pytest.raises(NotFoundNow, match=words):
        check_target("https://hook.example", allow_private=False, find=find)  # type: ignore[arg-type]


def test_look_up_that_hangs_is_not_waited_for() -> None:
    released = threading.Event()

    def hang(_host: str, _port: int) -> list[str]:
        released.wait(20)
        return [PUBLIC]

    target = Target("https", "hook.example", 443, "/")
    with pytest.raises(NotFoundNow):
        addresses_of(target, False, hang, patience_s=0.02)
    released.set()


@pytest.mark.parametrize(
    ("address", "usually", "allowed"),
    [
        ("8.8.8.8", True, True),
        ("2606:4700::1", True, True),
        ("64:ff9b::808:808", True, True),
        ("10.0.0.1", False, True),
        ("127.0.0.1", False, True),
        ("100.64.0.1", False, True),
        ("fd12::1", False, True),
        ("64:ff9b::a00:1", False, True),
        ("169.254.169.254", False, False),
        ("100.100.100.200", False, False),
        ("168.63.129.16", False, False),
        ("192.0.0.192", False, False),
        ("fd00:ec2::254", False, False),
        ("0.0.0.0", False, False),  # noqa: S104 - a target, nothing listens
        ("224.0.0.1", False, False),
        ("240.0.0.1", False, False),
        ("255.255.255.255", False, False),
        ("198.18.0.1", False, False),
        ("203.0.113.5", False, False),
        ("::ffff:8.8.8.8", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("2002:808:808::", False, False),
        ("2001::1", False, False),
        ("64:ff9b:1::1", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("fe80::1", False, False),
        ("fec0::1", False, False),
        ("ff0e::1", False, False),
        ("3fff::1", False, False),
        ("5f00::1", False, False),
    ],
)
def test_address_is_open_always_when_allowed_or_never(
    address: str, usually: bool, allowed: bool
) -> None:
    read = ip_address(address)
    assert may_reach(read, allow_private=False) is usually
    assert may_reach(read, allow_private=True) is allowed
