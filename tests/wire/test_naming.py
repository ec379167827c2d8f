"""How callers are called where they are blocked."""

from hashlib import sha256
from ipaddress import IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.naming import agent_pattern, network, session, session_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.9/24", "203.0.113.0/24"),
        ("203.0.113.9/32", "203.0.113.9"),
        ("2001:DB8::1/128", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("::/0", "::/0"),
    ],
)
def test_networks_have_one_spelling(text, expected):
    """That of what requests come from: of a mapped address that of the IPv4 address."""
    assert network(text) == expected


ADDRESSES = st.one_of(
    st.ip_addresses(),
    st.integers(0, 2**32 - 1).map(IPv6Address),
    st.integers(0, 2**32 - 1).map(lambda number: IPv6Address(number | 0xFFFF << 32)),
)


@given(ADDRESSES, st.integers(0, 128), st.booleans())
def test_a_spelling_is_that_of_the_standard_library(address, length, exact):
    """Whether it is told at once or read anew; and it is its own spelling."""
    found = ip_network((address, min(length, address.max_prefixlen)), strict=False)
    text = str(found) if exact else f"{address}/{found.prefixlen}"
    spelled = network(text)
    assert network(spelled) == spelled
    if not (isinstance(found, IPv6Network) and found.network_address.ipv4_mapped is not None):
        single = found.prefixlen == found.max_prefixlen
        assert spelled == (str(found.network_address) if single else str(found))
        assert spelled == network(spelled.upper())


@pytest.mark.parametrize("text", ["", "a", "1.2.3", "1.2.3.4/33", "fe80::1%eth0", "fe80::1%eth0/64", "fe80::%eth0/64"])
def test_what_is_no_network_is_told(text):
    """With what it was."""
    with pytest.raises(ValueError, match=r"expected"):
        network(text)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (b"s-1", "s-1"),
        ("é".encode(), "é"),
        (b"x" * 128, "x" * 128),
        (b"x" * 129, f"sha256:{sha256(b'x' * 129).hexdigest()}"),
        (b"\xff", "sha256:" + sha256(b"\xff").hexdigest()),
    ],
)
def test_a_session_has_a_name_of_bounded_length(told, name):
    """Any that is told, and one that it can be blocked by."""
    assert session(told) == name
    assert session_name(name) == name


@pytest.mark.parametrize("name", ["", " a", "a\n", "x" * 129, "é" * 65])
def test_no_session_is_called_so(name):
    """What no header can say is a mistake."""
    with pytest.raises(ValueError, match="names no session"):
        session_name(name)


def test_patterns_have_one_spelling():
    """Case does not count; one that fits everybody, or has no end, is a mistake."""
    assert agent_pattern("*BadBot/?") == "*badbot/?"
    for pattern in ("", "*", "*?*", "a" * 257, " a"):
        with pytest.raises(ValueError, match="no pattern for user agents"):
            agent_pattern(pattern)
