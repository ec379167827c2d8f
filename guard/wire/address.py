"""Network addresses: whose they are, and where the guard listens or connects."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address


def parse_address(text: str) -> Address:
    """Read an IP address; one of IPv4 mapped into IPv6 (``::ffff:192.0.2.1``) becomes the IPv4 address it stands for.

    Raises:
        ValueError: the text is no address.
    """
    address = ip_address(text.partition("%")[0] if ":" in text else text)
    return getattr(address, "ipv4_mapped", None) or address


def zoneless(text: str) -> str:
    """The text, if it names no IPv6 zone (``fe80::1%eth0``): one is a place on this machine, never part of an address.

    Raises:
        ValueError: it names one.
    """
    if "%" in text:
        raise ValueError(f"{text!r} has a zone")
    return text


def plain_address(text: str) -> str:
    """A socket's peer as people write it: an IPv4 client of an IPv6 listener has its IPv4 address."""
    return text[7:] if text.startswith("::ffff:") and "." in text else text


@lru_cache(maxsize=16_384)
def household(address: str) -> str:
    """Whom an address counts as where use is limited: an IPv6 address its /64, of which one host has all (RFC 6177)."""
    if ":" not in address:
        return address
    try:
        return str(ip_network(f"{parse_address(address)}/64", strict=False))
    except ValueError:
        return address


class Listen(NamedTuple):
    """Where a listener binds."""

    host: str
    port: int


def parse_listen(text: str) -> Listen:
    """Read ``host:port`` or ``[v6]:port``; port 0 lets the system choose.

    Raises:
        ValueError: with what was expected.
    """
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError(f"expected host:port or [v6]:port, got {text!r}")
    return Listen(host, int(port))


class Origin(NamedTuple):
    """Where a model version answers: what a connection pool is made for."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The ``Host`` that requests to this origin carry (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


def parse_url(text: str) -> tuple[Origin, str]:
    """Split a version's URL into its origin and the base path (no trailing slash) that requests' paths are put behind.

    Raises:
        ValueError: with what was expected.
    """
    parts = urlsplit(text)
    expected = "expected http://host[:port][/base] or https://…"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{expected}, got {text!r}")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError(f"{expected}: no user, query or fragment")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Origin(parts.scheme, parts.hostname, port), parts.path.rstrip("/")
