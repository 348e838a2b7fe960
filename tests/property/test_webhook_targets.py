"""No address passes that the registries of special addresses do not list as public."""

from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinicdir.notifications.targets import may_reach

# IANA's registries of special-purpose addresses of IPv4 and IPv6, and the blocks of groups: what
# they do not call globally reachable, with 6to4 and Teredo, which lead to other addresses.
NOT_PUBLIC = [
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.170/31", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/1", "4000::/2", "8000::/1", "2001::/32", "2001:2::/48", "2001:10::/28",
        "2001:db8::/32", "2002::/16", "3fff::/20",
    )
]  # fmt: skip
# These two stand in ::/1 and are what is left of it.
REACHABLE = [ip_network("2000::/3"), ip_network("64:ff9b::/96")]


def is_listed_as_public(address: IPv4Address | IPv6Address) -> bool:
    special = [block for block in NOT_PUBLIC if address in block]
    if any(address in block for block in REACHABLE):
        special = [block for block in special if block.prefixlen > 1]
    return not special


V4 = st.ip_addresses(v=4)
PREFIXES = [int(IPv6Address(prefix)) for prefix in ("::", "::ffff:0:0", "64:ff9b::")]
INSIDE_V6 = st.builds(
    lambda prefix, inner: IPv6Address(prefix | int(inner)), st.sampled_from(PREFIXES), V4
) | st.builds(lambda inner: IPv6Address(0x2002 << 112 | int(inner) << 80), V4)


@settings(max_examples=300)
@given(V4 | st.ip_addresses(v=6) | INSIDE_V6)
@example(IPv6Address("2001:200::1"))
@example(IPv4Address("223.255.255.255"))
def test_nothing_passes_that_is_not_public(address: IPv4Address | IPv6Address) -> None:
    if may_reach(address, allow_private=False):
        assert is_listed_as_public(address)


@given(V4)
def test_address_inside_a_translated_one_is_judged_like_itself(inner: IPv4Address) -> None:
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) | int(inner))
    for allow_private in (False, True):
        itself = may_reach(inner, allow_private=allow_private)
        assert may_reach(translated, allow_private=allow_private) is itself
    assert not may_reach(IPv6Address(0xFFFF << 32 | int(inner)), allow_private=True)
    assert not may_reach(IPv6Address(0x2002 << 112 | int(inner) << 80), allow_private=True)


@given(V4 | st.ip_addresses(v=6))
def test_what_is_public_is_open_whatever_is_allowed(address: IPv4Address | IPv6Address) -> None:
    if may_reach(address, allow_private=False):
        assert may_reach(address, allow_private=True)
