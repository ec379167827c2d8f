import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.refusal import Refusal
from guard.wire.forwarding import MOST_COMMAS, client_address
from guard.wire.networks import Networks

TRUSTED = Networks(["10.0.0.0/8", "127.0.0.1/32", "2001:db8:aa::/48", "::1/128"])
PROXY = "10.0.0.1"


def forwarded(*values: str) -> list[tuple[bytes, bytes]]:
    """X-Forwarded-For fields of these values."""
    return [(b"x-forwarded-for", value.encode("latin-1")) for value in values]


def rfc7239(*values: str) -> list[tuple[bytes, bytes]]:
    """Forwarded fields of these values."""
    return [(b"forwarded", value.encode("latin-1")) for value in values]


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        # No proxy of ours: headers mean nothing.
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", forwarded("198.51.100.7"), "192.0.2.1"),
        ("192.0.2.1", rfc7239("for=198.51.100.7"), "192.0.2.1"),
        ("192.0.2.1", forwarded("10.0.0.2"), "192.0.2.1"),
        ("::ffff:192.0.2.1", forwarded("198.51.100.7"), "192.0.2.1"),
        ("", [], ""),
        ("", forwarded("198.51.100.7"), ""),
        # One proxy of ours, which appends.
        (PROXY, [], PROXY),
        (PROXY, forwarded("198.51.100.7"), "198.51.100.7"),
        ("::ffff:10.0.0.1", forwarded("198.51.100.7"), "198.51.100.7"),
        ("::1", forwarded("198.51.100.7"), "198.51.100.7"),
        (PROXY, forwarded("1.1.1.1, 198.51.100.7"), "198.51.100.7"),
        (PROXY, forwarded("1.1.1.1,2.2.2.2,198.51.100.7"), "198.51.100.7"),
        (PROXY, forwarded("10.9.9.9, 198.51.100.7"), "198.51.100.7"),
        # Several of ours.
        (PROXY, forwarded("198.51.100.7, 10.0.0.2"), "198.51.100.7"),
        (PROXY, forwarded("1.1.1.1, 198.51.100.7, 10.0.0.3, 10.0.0.2"), "198.51.100.7"),
        (PROXY, forwarded("2001:db8:aa::5, 10.0.0.2"), "2001:db8:aa::5"),
        (PROXY, forwarded("10.0.0.3, 10.0.0.2"), "10.0.0.3"),
        # Repeated headers are one list.
        (PROXY, forwarded("1.1.1.1", "198.51.100.7"), "198.51.100.7"),
        (PROXY, forwarded("198.51.100.7", "10.0.0.2"), "198.51.100.7"),
        # How hops may be written.
        (PROXY, forwarded("  198.51.100.7\t"), "198.51.100.7"),
        (PROXY, forwarded("198.51.100.7:4711"), "198.51.100.7"),
        (PROXY, forwarded("2001:db8::7"), "2001:db8::7"),
        (PROXY, forwarded("[2001:db8::7]"), "2001:db8::7"),
        (PROXY, forwarded("[2001:db8::7]:4711"), "2001:db8::7"),
        (PROXY, forwarded("::ffff:198.51.100.7"), "198.51.100.7"),
        (PROXY, forwarded("198.51.100.7, ::ffff:10.0.0.2"), "198.51.100.7"),
        (PROXY, forwarded("fe80::1%eth0"), "fe80::1"),
        # What is no address ends the walk: nothing further left is believed.
        (PROXY, forwarded("198.51.100.7, unknown"), PROXY),
        (PROXY, forwarded("198.51.100.7, , 10.0.0.2"), "10.0.0.2"),
        (PROXY, forwarded("198.51.100.7, "), PROXY),
        (PROXY, forwarded(""), PROXY),
        (PROXY, forwarded("198.51.100.7, 10.0.0.2 10.0.0.3"), PROXY),
        (PROXY, forwarded("198.51.100.7, \xff"), PROXY),
        # Forwarded, RFC 7239.
        (PROXY, rfc7239("for=198.51.100.7"), "198.51.100.7"),
        (PROXY, rfc7239("For=198.51.100.7;proto=https;by=10.0.0.1"), "198.51.100.7"),
        (PROXY, rfc7239('for=1.1.1.1, for="[2001:db8::7]:4711"'), "2001:db8::7"),
        (PROXY, rfc7239("proto=https; for=198.51.100.7, for=10.0.0.2"), "198.51.100.7"),
        (PROXY, rfc7239("for=198.51.100.7", "for=10.0.0.2"), "198.51.100.7"),
        (PROXY, rfc7239("for=198.51.100.7, for=_hidden"), PROXY),
        (PROXY, rfc7239("for=198.51.100.7, for=unknown;by=10.0.0.1"), PROXY),
        (PROXY, rfc7239('for="1.1.1.1, for=198.51.100.7'), "198.51.100.7"),
        (PROXY, rfc7239("for=198.51.100.7, proto=https;by=10.0.0.1"), PROXY),
        (PROXY, rfc7239("for=198.51.100.7, "), PROXY),
        (PROXY, rfc7239('for="198.51.100.7"'), "198.51.100.7"),
        (PROXY, rfc7239('for="198.51.100.7:4711"'), "198.51.100.7"),
        (PROXY, rfc7239('for="198.51.100.7:_port"'), "198.51.100.7"),
        (PROXY, rfc7239("for=198.51.100.7:4711"), "198.51.100.7"),
        (PROXY, rfc7239('for="[2001:db8::7]"'), "2001:db8::7"),
        (PROXY, rfc7239("for=[2001:db8::7]:4711"), "2001:db8::7"),
        (PROXY, rfc7239('for="[::ffff:198.51.100.7]:80"'), "198.51.100.7"),
        (PROXY, rfc7239(r'for="198.51.\100.7"'), "198.51.100.7"),
        (PROXY, rfc7239('for="_hidden"'), PROXY),
        (PROXY, rfc7239('for="unknown"'), PROXY),
        (PROXY, rfc7239("for="), PROXY),
        (PROXY, rfc7239("for"), PROXY),
        (PROXY, rfc7239("for=1.1.1.1;for=198.51.100.7"), PROXY),
        (PROXY, rfc7239("notfor=198.51.100.7"), PROXY),
        # A comma, a semicolon or `for=` within quotes is text, which the client may have chosen.
        (PROXY, rfc7239('for=198.51.100.7;host="a, for=1.1.1.1"'), "198.51.100.7"),
        (PROXY, rfc7239('for=198.51.100.7;host="a;for=1.1.1.1"'), "198.51.100.7"),
        (PROXY, rfc7239('host="a, for=1.1.1.1, b";for=198.51.100.7'), "198.51.100.7"),
        (PROXY, rfc7239(r'for=198.51.100.7;host="\", for=1.1.1.1;x=\"y"'), "198.51.100.7"),
        (PROXY, rfc7239('for=198.51.100.7;host="a, for=1.1.1.1;x=";proto=""'), "198.51.100.7"),
        (PROXY, rfc7239('for=1.1.1.1;x="', 'for=198.51.100.7;host="a"'), "198.51.100.7"),
        (PROXY, rfc7239('for=1.1.1.1;x="', 'for=198.51.100.7;host=";y="'), "198.51.100.7"),
        (PROXY, rfc7239('for=198.51.100.7;host="' + "," * 100 + '"'), PROXY),
        # Both headers: where they agree.
        (PROXY, forwarded("198.51.100.7") + rfc7239("for=198.51.100.7"), "198.51.100.7"),
        (PROXY, rfc7239("for=1.1.1.1, for=198.51.100.7") + forwarded("2.2.2.2, 198.51.100.7:1"), "198.51.100.7"),
        ("192.0.2.1", forwarded("1.1.1.1") + rfc7239("for=2.2.2.2"), "192.0.2.1"),
        # Brackets, ports and zones that are none.
        (PROXY, forwarded("[198.51.100.7]"), PROXY),
        (PROXY, forwarded("[2001:db8::7"), PROXY),
        (PROXY, forwarded("[2001:db8::7]x"), PROXY),
        (PROXY, forwarded("198.51.100.7:http"), PROXY),
        (PROXY, forwarded("198.51.100.7:"), PROXY),
        (PROXY, forwarded("198.51.100.7%eth0"), PROXY),
        (PROXY, forwarded("198.51.100.7\xa0"), PROXY),
        # Names that only look like it.
        (PROXY, [(b"forwarded_for", b"198.51.100.7")], PROXY),
        (PROXY, [(b"x_forwarded-for", b"198.51.100.7")], PROXY),
        (PROXY, [(b"x_forwarded_for", b"198.51.100.7")], PROXY),
        (PROXY, [(b"x-real-ip", b"198.51.100.7")], PROXY),
    ],
)  # fmt: skip
def test_client_address(peer, headers, expected):
    """Forwarding headers are believed as far as our own proxies wrote them, read from the right."""
    assert client_address(peer, headers, TRUSTED) == expected


@pytest.mark.parametrize("headers", [forwarded, rfc7239])
def test_a_stranger_cannot_change_who_it_is(headers):
    """A thousand invented addresses from an untrusted peer are one client."""
    invented = [
        f"for=203.0.{n // 250}.{n % 250}" if headers is rfc7239 else f"203.0.{n // 250}.{n % 250}" for n in range(1000)
    ]
    assert {client_address("192.0.2.1", headers(value), TRUSTED) for value in invented} == {"192.0.2.1"}


@pytest.mark.parametrize("headers", [forwarded, rfc7239])
@given(data=st.data())
def test_nothing_left_of_our_proxies_is_believed(headers, data):
    """Whatever a client writes into the header before our proxy appends its address, the address is the client's."""
    told = data.draw(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=40))
    own = "198.51.100.7" if headers is forwarded else "for=198.51.100.7"
    assert client_address(PROXY, headers(f"{told}, {own}"), TRUSTED) == "198.51.100.7"


@pytest.mark.parametrize(
    "headers",
    [
        forwarded("198.51.100.7") + rfc7239("for=1.1.1.1"),
        forwarded("198.51.100.7") + rfc7239("for=_hidden"),
        forwarded("unknown") + rfc7239("for=198.51.100.7"),
        rfc7239('for="') + forwarded("198.51.100.7"),
    ],
)
def test_two_headers_that_disagree_are_refused(headers):
    """Which of them the proxy wrote, and which the client invented, cannot be told."""
    with pytest.raises(Refusal) as refused:
        client_address(PROXY, headers, TRUSTED)
    assert (refused.value.status, refused.value.code) == (400, "ambiguous_address")


@given(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\x00"), max_size=30),
    st.text(st.sampled_from('a",;=\\ for1.'), max_size=20),
    st.text(st.sampled_from('a",;=\\ for1.'), max_size=20),
)
def test_what_a_proxy_quotes_is_not_believed(before, host, path):
    """Whatever a client has its proxy put into quotes, and sent before it, the client is whom the proxy names."""
    quoted = ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in (host, path)]
    element = f"for=198.51.100.7;host={quoted[0]};path={quoted[1]}"
    assert client_address(PROXY, rfc7239(f"{before}, {element}"), TRUSTED) in {"198.51.100.7", PROXY}
    if element.count(",") < MOST_COMMAS:
        assert client_address(PROXY, rfc7239(f"{before}, {element}"), TRUSTED) == "198.51.100.7"


def test_a_header_of_commas_is_read_in_little_time():
    """The longest header that is let in costs no more than a few milliseconds, whatever is in it."""
    for text in ("," * 65_000, ',a="' * 16_000, 'for="' + "\\," * 32_000, "for=10.0.0.1," * 5_000):
        begin = time.process_time()
        client_address(PROXY, rfc7239(text), TRUSTED)
        assert time.process_time() - begin < 0.5


def test_without_trusted_proxies_the_peer_is_the_client():
    """With no proxy configured no header is read."""
    assert client_address(PROXY, forwarded("198.51.100.7"), Networks([])) == PROXY
