"""The one place that decides what a legal request is, and how long a model's answer is (RFC 9112, sections 3 and 6)."""

from __future__ import annotations

import re

from guard.exchange import Headers
from guard.refusal import Refusal

# Two of any of these is an ambiguity that two servers may resolve differently.
SINGLE = frozenset(
    {b"host", b"transfer-encoding", b"content-type", b"content-encoding", b"authorization", b"x-api-key",
     b"api-key", b"expect"}
)  # fmt: skip
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
TARGET = re.compile(rb"/[!$-;=?-Z_a-z~@&'()*+,%\[\]|^{}`\"\\]*\Z")
# A parameter behind the dots (`..;x`) is taken off by Java's servers before they resolve the path.
DOT_SEGMENT = re.compile(rb"(?:/|%2f|\\|%5c)(?:\.|%2e){1,2}(?:/|%2f|\\|%5c|;|%3b|\?|\Z)", re.IGNORECASE)
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{1,5})?\Z")
NO_BODY = frozenset({204, 304})


def bad_request(message: str) -> Refusal:
    """A refusal after which nothing more on this connection can be trusted."""
    return Refusal(400, "bad_request", message, close=True)


def upgrade_not_supported() -> Refusal:
    """The refusal of an upgrade: to another protocol than WebSocket, or where no WebSockets are relayed."""
    return Refusal(501, "upgrade_not_supported", "this protocol upgrade is not supported here", close=True)


def check_fields(headers: Headers, fields: dict[bytes, bytes], version: str) -> None:
    """Refuse header fields that make a request's destination or extent doubtful.

    Raises:
        Refusal: 400 for anything ambiguous or malformed, 501 for an unknown transfer coding, 505 for another version.
    """
    if len(fields) != len(headers):
        _check_singles(headers)
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
        _check_coding(coding, version)


def check_method(method: str) -> None:
    """Refuse (501) methods that mean something else than asking a model, above all those that are for proxies.

    TRACE would have the model's server repeat what it got, and so show the client the guard's own credential.
    """
    if method not in METHODS:
        raise Refusal(501, "method_not_supported", f"the method {method} is not supported here", close=True)


def check_target(target: bytes) -> None:
    """Refuse what is no plain absolute path with an optional query (RFC 9112, section 3.2.1), or leaves its prefix."""
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


def _check_coding(coding: bytes, version: str) -> None:
    if version == "1.0":
        raise bad_request("Transfer-Encoding does not exist in HTTP/1.0")
    if coding.lower() != b"chunked":
        raise Refusal(
            501, "transfer_coding_not_supported", "only the transfer coding 'chunked' is understood", close=True
        )


def ends_with_connection(status: int, length: bytes | None, *, chunked: bool) -> bool:
    """Whether only the connection's close tells the end of an answer (RFC 9112, section 6.3) to anything but HEAD."""
    return length is None and not chunked and status >= 200 and status not in NO_BODY
