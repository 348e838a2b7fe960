"""What the door decides without a request: own paths, senders, passwords."""

import pytest

from clinicdir.web.login import is_own_path
from clinicdir.web.security import address_prefix


@pytest.mark.parametrize(
    "target",
    ["", "/", "/staff/", "/staff/?group=closed&location=renton", "/staff/requests/C7K4KQ2",
     "/%09/evil.example", "/é", "/a//b", "/?next=https://evil.example"],
)  # fmt: skip
def test_path_of_our_own_is_known(target: str) -> None:
    assert is_own_path(target)


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "///evil.example", "/\\evil.example", "\\evil.example", "\\\\evil.example",
     "/\t/evil.example", "\t//evil.example", " //evil.example", "/ /evil.example", "/\n", "/\r",
     "/\x00", "/\x7f", "staff/", "https:evil.example", "https://evil.example",
     "javascript:alert(1)", "?a=b", "#a", "／／evil.example"],
)  # fmt: skip
def test_what_a_browser_may_take_for_another_site_is_not_our_own(target: str) -> None:
    assert not is_own_path(target)


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::1", "::"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("198.51.100.7, 10.0.0.1", "unknown"),
    ],
)
def test_sender_is_an_address_or_a_network_of_ipv6(address: str, sender: str) -> None:
    assert address_prefix(address) == sender
