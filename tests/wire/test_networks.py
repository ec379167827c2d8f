"""Sets of networks, held against the standard library's."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.address import parse_address
from guard.wire.networks import Networks, packed, stretch, too_wide

# Few first bits, so that many of them hold one another.
NETWORKS = st.tuples(st.sampled_from([4, 6]), st.integers(0, 255), st.integers(0, 8)).map(
    lambda drawn: _network(*drawn)
)


def _network(version: int, number: int, length: int) -> str:
    size = 32 if version == 4 else 128
    kind = IPv4Network if version == 4 else IPv6Network
    network = kind((number << (size - 8), length), strict=False)
    return str(network)


ADDRESSES = st.one_of(
    st.integers(0, 255).map(lambda number: ip_address(number << 24)),
    st.integers(0, 255).map(lambda number: ip_address(number << 120)),
)


@pytest.mark.parametrize(
    ("networks", "address", "expected"),
    [
        ([], "192.0.2.1", None),
        (["192.0.2.0/24"], "192.0.2.255", "192.0.2.0/24"),
        (["192.0.2.0/24"], "192.0.3.0", None),
        (["192.0.2.0/255.255.255.0"], "192.0.2.7", "192.0.2.0/255.255.255.0"),
        (["192.0.2.1"], "192.0.2.1", "192.0.2.1"),
        (["192.0.2.1"], "::ffff:192.0.2.1", "192.0.2.1"),
        (["0.0.0.0/0"], "255.255.255.255", "0.0.0.0/0"),
        (["0.0.0.0/0"], "::1", None),
        (["::/0"], "192.0.2.1", None),
        (["2001:db8::/32"], "2001:db8:ffff::1", "2001:db8::/32"),
        (["2001:db8::/32"], "2001:db9::1", None),
        (["198.51.100.0/24", "203.0.113.0/25"], "203.0.113.127", "203.0.113.0/25"),
        (["192.0.2.1", "192.0.2.0/24"], "192.0.2.1", "192.0.2.0/24"),
    ],
)
def test_networks_hold_their_addresses(networks, address, expected):
    """A set gives the network that holds an address, in the words it was given in."""
    assert Networks(networks).find(parse_address(address)) == expected
    assert bool(Networks(networks)) == bool(networks)


@given(st.lists(NETWORKS, max_size=12), st.lists(st.tuples(st.booleans(), NETWORKS), max_size=24), ADDRESSES)
def test_sets_agree_with_the_standard_library_however_they_came_about(first, changes, address):
    """Networks are put in and taken out, also such as hold others; each set answers as asking one by one does, and the
    one that it was made from answers as before.
    """
    names = set(first)
    networks = Networks(first)
    for step in range(0, len(changes), 3):
        before, names_before = networks, set(names)
        added = [one for adds, one in changes[step : step + 3] if adds]
        removed = [one for adds, one in changes[step : step + 3] if not adds]
        names = (names - set(removed)) | set(added)
        networks = networks.changed(added, removed)
        for one, known in ((before, names_before), (networks, names)):
            holding = {name for name in known if address in ip_network(name)}
            found = one.find(address)
            assert (found in holding) if holding else (found is None)


def test_many_networks_keep_what_they_have_in_common():
    """A set of thousands and one more share all but one of their chunks."""
    networks = Networks(f"10.{number // 256}.{number % 256}.0/25" for number in range(20_000))
    more = networks.changed(["192.0.2.0/24"], ["10.0.7.0/25"])
    assert more.find(ip_address("10.0.7.1")) is None
    assert networks.find(ip_address("10.0.7.1")) == "10.0.7.0/25"
    assert more.find(ip_address("10.19.136.200")) is None
    chunks, others = (one._v4._chunks for one in (networks, more))
    assert len(chunks) > 10
    assert len([chunk for chunk, other in zip(chunks, others, strict=True) if chunk is not other]) == 2


@pytest.mark.parametrize(
    "text",
    ["", "a", "192.0.2.1/24", "192.0.2.0/33", "192.0.2/24", "2001:db8::1/64", "::/129", "1.2.3.4/", "/8", "1.2.3.4/-1",
     "1.2.3.4/٣", "fe80::1%eth0/64", "1.2.3.4\x00"],
)  # fmt: skip
def test_what_is_no_network_is_refused(text):
    """An address with a length must be the first one of its network."""
    with pytest.raises(ValueError, match=r"."):
        stretch(text)


@given(st.ip_addresses())
def test_addresses_are_read_as_by_the_standard_library(address):
    """The quick way to read an address gives the same one, mapped ones included."""
    assert packed(str(address)) == parse_address(str(address)).packed


@pytest.mark.parametrize("text", ["", "a", "192.0.2", "192.0.2.256", "010.0.0.1", "1::2::3", "1.2.3.4%a", "\udc80::"])
def test_what_is_no_address_has_no_bytes(text):
    """It is told by a ValueError, whatever the system calls it."""
    with pytest.raises(ValueError, match="is no address"):
        packed(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.0.0.0/0", "it holds everybody"),
        ("::/0", "it holds everybody"),
        ("128.0.0.0/1", "it is wider than /8"),
        ("10.0.0.0/7", "it is wider than /8"),
        ("10.0.0.0/8", ""),
        ("203.0.113.9", ""),
        ("2000::/15", "it is wider than /16"),
        ("2001::/16", ""),
        ("2001:db8::1", ""),
    ],
)
def test_which_networks_are_the_worlds(text, why):
    """Nobody has a network of that width; it is told by how much that is."""
    assert too_wide(text) == why
