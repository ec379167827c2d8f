"""The PROXY protocol, versions 1 and 2: how a TCP load balancer says whose connection it passes on.

Grammar and rules are those of HAProxy's ``proxy-protocol.txt`` (sections 2.1 and 2.2). There is no socket here: `parse`
is asked again with all bytes so far until the header is whole. What version 2 carries behind the addresses (TLVs,
CRC32C among them) is skipped unread: the peer is trusted, and TCP has checked the bytes.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

V1_BYTES = 107
V1_START = b"PROXY "
V1_LINE = re.compile(rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP[46]) ([^ ]+) ([^ ]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))\Z")

V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V2_FIXED_BYTES = 16
# What follows may be 65,535 bytes long; addresses take 36, or 216 as Unix paths, a client's certificate a few thousand.
V2_BYTES = 8_192
LOCAL, PROXY = 0x20, 0x21
ADDRESS_BYTES = {0x0: 0, 0x1: 12, 0x2: 36, 0x3: 216}
TRANSPORTS = frozenset({0x0, 0x1, 0x2})
STREAM = 0x1


class Header(NamedTuple):
    """A whole header: the address of who connected, None where it tells none, and how many bytes it takes."""

    source: str | None
    size: int


class BadHeader(Exception):
    """The bytes are no PROXY header, and no more of them will make it one."""


def parse(data: bytes) -> Header | None:
    """Read the header at the beginning of a connection; None: more bytes are needed.

    ``LOCAL``, ``UNKNOWN``, Unix sockets and datagrams tell no address: the connection is then its peer's own.

    Raises:
        BadHeader: with what was wrong.
    """
    if data.startswith(V1_START[: len(data)]):
        return _parse_v1(data)
    if data.startswith(V2_SIGNATURE[: len(data)]):
        return _parse_v2(data)
    raise BadHeader("it begins with no PROXY header")


def _parse_v1(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, V1_BYTES)
    if end < 0:
        # The last byte that fits can only be the line feed.
        if len(data) >= V1_BYTES:
            raise BadHeader(f"its line is over {V1_BYTES} bytes")
        return None
    found = V1_LINE.match(data, 0, end)
    if found is None:
        raise BadHeader("its line is malformed")
    family, source, destination, *ports = found.groups()
    if family is None:
        return Header(None, end + 2)
    if any(int(port) > 65_535 for port in ports):
        raise BadHeader("a port is over 65535")
    read = _ipv4 if family == b"TCP4" else _ipv6
    read(destination)
    return Header(read(source), end + 2)


def _parse_v2(data: bytes) -> Header | None:
    if len(data) < V2_FIXED_BYTES:
        return None
    command, kind = data[12], data[13]
    length = int.from_bytes(data[14:16], "big")
    family, transport = kind >> 4, kind & 0xF
    if command not in (LOCAL, PROXY):
        raise BadHeader("its version or command is unknown")
    if length > V2_BYTES:
        raise BadHeader(f"it is over {V2_BYTES} bytes")
    # The family of a LOCAL header means nothing and is not looked at.
    if command == PROXY:
        if family not in ADDRESS_BYTES or transport not in TRANSPORTS:
            raise BadHeader("its family or transport is unknown")
        if length < ADDRESS_BYTES[family]:
            raise BadHeader("it is too short for its addresses")
    if len(data) < V2_FIXED_BYTES + length:
        return None
    source = None
    if command == PROXY and transport == STREAM:
        if family == 0x1:
            source = str(IPv4Address(data[16:20]))
        elif family == 0x2:
            source = _plain(IPv6Address(data[16:32]))
    return Header(source, V2_FIXED_BYTES + length)


def _ipv4(text: bytes) -> str:
    try:
        return str(IPv4Address(text.decode("ascii")))
    except (AddressValueError, UnicodeDecodeError):
        raise BadHeader("an address is not IPv4") from None


def _ipv6(text: bytes) -> str:
    try:
        address = IPv6Address(text.decode("ascii"))
    except (AddressValueError, UnicodeDecodeError):
        raise BadHeader("an address is not IPv6") from None
    if address.scope_id is not None:
        raise BadHeader("an address has a zone")
    return _plain(address)


def _plain(address: IPv6Address) -> str:
    """An IPv4 client of the balancer's IPv6 listener is the IPv4 client that it is."""
    return str(address.ipv4_mapped or address)
