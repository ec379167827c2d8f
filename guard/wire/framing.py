"""The one place that decides what a legal request is, and how long a model's answer is (RFC 9112, sections 3 and 6)."""

from __future__ import annotations

import re
from typing import Literal

from guard.exchange import Exchange, Headers
from guard.refusal import Refusal

# Two of any of these is an ambiguity that two servers may resolve differently.
SINGLE = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding", b"authorization", b"x-api-key",
     b"api-key", b"expect"}
)  # fmt: skip
TARGET = re.compile(rb"/[!$-;=?-Z_a-z~@&'()*+,%\[\]|^{}`\"\\]*\Z")
DOT_SEGMENT = re.compile(rb"(?:/|%2f|\\|%5c)(?:\.|%2e){1,2}(?:/|%2f|\\|%5c|\?|\Z)", re.IGNORECASE)
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{1,5})?\Z")
NO_BODY = frozenset({204, 304})


def bad_request(message: str) -> Refusal:
    """A refusal after which nothing more on this connection can be trusted."""
    return Refusal(400, "bad_request", message, close=True)


def check_request(exchange: Exchange, version: str) -> None:
    """Refuse a request whose extent or destination could be read in two ways.

    Raises:
        Refusal: 400 for anything ambiguous or malformed, 501 for an unknown transfer coding, 505 for another HTTP version.
    """
    fields = exchange.fields
    if len(fields) != len(exchange.headers):
        _check_singles(exchange.headers)
    if version not in {"1.1", "1.0"}:
        raise Refusal(505, "http_version_not_supported", "HTTP/1.1 is spoken here", close=True)
    host = fields.get(b"host")
    if host is None:
        if version == "1.1":
            raise bad_request("the Host header is missing")
    elif HOST.match(host) is None:
        raise bad_request("the Host header is malformed")
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        _check_coding(coding, fields, version)


def check_target(target: bytes) -> None:
    """Refuse what is not a plain absolute path with an optional query (RFC 9112, section 3.2.1), or climbs out of its prefix."""
    if TARGET.match(target) is None:
        raise bad_request("the request target is not an absolute path")
    if b"." in target or b"%" in target:
        path = target.partition(b"?")[0]
        if DOT_SEGMENT.search(path) is not None or b"%00" in path:
            raise bad_request("the request target has dot segments")


def _check_singles(headers: Headers) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in SINGLE:
            if name in seen:
                raise bad_request(f"the header {name.decode()} stands twice")
            seen.add(name)


def _check_coding(coding: bytes, fields: dict[bytes, bytes], version: str) -> None:
    if version == "1.0":
        raise bad_request("Transfer-Encoding does not exist in HTTP/1.0")
    if b"content-length" in fields:
        raise bad_request("Transfer-Encoding and Content-Length contradict each other")
    if coding.lower() != b"chunked":
        raise Refusal(501, "transfer_coding_not_supported", "only the transfer coding 'chunked' is understood", close=True)


def extent(status: int, fields: dict[bytes, bytes]) -> Literal["none", "length", "chunked", "close"]:
    """How the end of an answer is told (RFC 9112, section 6.3), its request not being HEAD."""
    if status < 200 or status in NO_BODY:
        return "none"
    if b"transfer-encoding" in fields:
        return "chunked"
    return "length" if b"content-length" in fields else "close"
