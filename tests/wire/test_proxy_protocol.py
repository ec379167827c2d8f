import struct
from contextlib import suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.wire.proxy_protocol import V1_BYTES, V2_BYTES, V2_SIGNATURE, BadHeader, Header, parse


def v1(text: str) -> bytes:
    """A line of version 1."""
    return text.encode("latin-1") + b"\r\n"


def v2(command: int = 0x21, kind: int = 0x11, body: bytes = b"", *, length: int | None = None) -> bytes:
    """A header of version 2; `length` instead of the body's own."""
    return V2_SIGNATURE + struct.pack("!BBH", command, kind, len(body) if length is None else length) + body


def addresses(source: str, destination: str) -> bytes:
    """The address block of two addresses, with ports."""
    return ip_address(source).packed + ip_address(destination).packed + struct.pack("!HH", 4711, 443)


V4 = addresses("203.0.113.9", "192.0.2.1")
V6 = addresses("2001:db8::7", "2001:db8::1")
CRC32C = b"\x03\x00\x04\xde\xad\xbe\xef"
TLS_TLV = b"\x20\x00\x0c\x07\x00\x00\x00\x00\x21\x00\x04TLSv"
LONGEST_V6 = " ".join(["ffff:" * 7 + "ffff"] * 2)

GOOD = [
    (v1("PROXY TCP4 203.0.113.9 192.0.2.1 4711 443"), "203.0.113.9"),
    (v1("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535"), "255.255.255.255"),
    (v1("PROXY TCP4 0.0.0.0 0.0.0.0 0 0"), "0.0.0.0"),
    (v1("PROXY TCP6 2001:DB8::7 2001:db8::1 4711 443"), "2001:db8::7"),
    (v1(f"PROXY TCP6 {LONGEST_V6} 65535 65535"), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    (v1("PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2"), "203.0.113.9"),
    (v1("PROXY UNKNOWN"), None),
    (v1("PROXY UNKNOWN anything at all"), None),
    (v1(f"PROXY UNKNOWN {LONGEST_V6} 65535 65535"), None),
    (v2(body=V4), "203.0.113.9"),
    (v2(kind=0x21, body=V6), "2001:db8::7"),
    (v2(kind=0x21, body=addresses("::ffff:203.0.113.9", "::1")), "203.0.113.9"),
    (v2(body=V4 + CRC32C + TLS_TLV), "203.0.113.9"),
    (v2(body=V4 + b"\x04\xff\xff"), "203.0.113.9"),
    (v2(body=V4 + bytes(V2_BYTES - len(V4))), "203.0.113.9"),
    (v2(kind=0x12, body=V4), None),
    (v2(kind=0x10, body=V4), None),
    (v2(kind=0x31, body=b"/run/a.sock".ljust(108, b"\0") * 2), None),
    (v2(kind=0x00), None),
    (v2(kind=0x00, body=CRC32C), None),
    (v2(command=0x20, kind=0x00), None),
    (v2(command=0x20, kind=0x11, body=V4), None),
    (v2(command=0x20, kind=0xFF, body=b"x"), None),
]

BAD = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"proxy TCP4 203.0.113.9 192.0.2.1 4711 443\r\n",
    b"PROXYTCP4",
    b"\r\n\r\n\x00\r\nQUIX\n",
    v1("PROXY TCP4"),
    v1("PROXY "),
    v1("PROXY UNKNOWNX"),
    v1("PROXY UDP4 203.0.113.9 192.0.2.1 4711 443"),
    v1("PROXY TCP4  203.0.113.9 192.0.2.1 4711 443"),
    v1("PROXY TCP4 203.0.113.9 192.0.2.1 4711 443 "),
    v1("PROXY TCP4 203.0.113.9 192.0.2.1 4711"),
    v1("PROXY TCP4 203.0.113.9 192.0.2.1 04711 443"),
    v1("PROXY TCP4 203.0.113.9 192.0.2.1 65536 443"),
    v1("PROXY TCP4 203.0.113.9 192.0.2.1 4711 -1"),
    v1("PROXY TCP4 203.0.113.9 192.0.2.1 4711 \xb2"),
    v1("PROXY TCP4 203.0.113.09 192.0.2.1 4711 443"),
    v1("PROXY TCP4 203.0.113 192.0.2.1 4711 443"),
    v1("PROXY TCP4 203.0.113.9 192.0.2 4711 443"),
    v1("PROXY TCP4 2001:db8::7 192.0.2.1 4711 443"),
    v1("PROXY TCP4 \xb2.0.113.9 192.0.2.1 4711 443"),
    v1("PROXY TCP6 203.0.113.9 192.0.2.1 4711 443"),
    v1("PROXY TCP6 fe80::1%eth0 ::1 4711 443"),
    v1("PROXY TCP6 [2001:db8::7] ::1 4711 443"),
    b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\n" + b"x" * V1_BYTES,
    b"PROXY TCP4 203.0.113.9\r192.0.2.1 4711 443\r\n",
    b"PROXY UNKNOWN \n\r\n",
    b"PROXY UNKNOWN " + b"x" * (V1_BYTES - 14),
    v1("PROXY UNKNOWN " + "x" * (V1_BYTES - 15)),
    v2(command=0x11, body=V4),
    v2(command=0x31, body=V4),
    v2(command=0x22, body=V4),
    v2(kind=0x41, body=V4),
    v2(kind=0x13, body=V4),
    v2(body=V4[:-1]),
    v2(kind=0x21, body=V6[:-1]),
    v2(kind=0x31, body=bytes(215)),
    v2(length=V2_BYTES + 1),
    v2(command=0x20, length=65_535),
]


@pytest.mark.parametrize(("header", "source"), GOOD)
def test_whose_connection_it_is(header, source):
    """The header tells the source, or that it tells none, and where it ends; what follows is not its own."""
    assert parse(header) == parse(header + b"GET / HTTP/1.1\r\n\r\n") == Header(source, len(header))


@pytest.mark.parametrize("header", BAD)
def test_what_is_no_header_is_refused(header):
    """Nothing is guessed: what the grammar does not have is an error."""
    with pytest.raises(BadHeader, match=r"."):
        parse(header)


@pytest.mark.parametrize("header", [header for header, _ in GOOD])
def test_a_header_may_come_in_pieces(header):
    """Cut after any byte, what came is neither whole nor wrong."""
    assert [size for size in range(len(header)) if parse(header[:size]) is not None] == []


@pytest.mark.parametrize("header", BAD)
def test_no_beginning_of_a_bad_header_is_good(header):
    """Cut after any byte, what is wrong is still waited for or refused, and never taken."""
    for size in range(len(header)):
        with suppress(BadHeader):
            assert parse(header[:size]) is None


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", V2_SIGNATURE, V2_SIGNATURE + b"\x21"]))
def test_any_bytes_are_good_bad_or_the_beginning(data, start):
    """Whatever comes, the answer is a header within the bytes, a wish for more, or that it is none."""
    try:
        header = parse(start + data)
    except BadHeader:
        return
    assert header is None or 0 < header.size <= len(start + data)


@given(st.binary(min_size=V1_BYTES, max_size=300).filter(lambda data: b"\r" not in data))
def test_version_1_is_never_waited_for_longer_than_it_can_be(data):
    """A line that does not end within 107 bytes is refused."""
    with pytest.raises(BadHeader):
        parse(b"PROXY " + data)
