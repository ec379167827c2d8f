"""The one place that decides what a legal request is, and how long a model's answer is (RFC 9112, sections 3 and 6)."""

from __future__ import annotations

import re

from guard.exchange import Headers
from guard.refusal import Refusal
from guard.wire.grammar import TOKEN

# Two of any of these is an ambiguity that two servers may resolve differently.
SINGLE = frozenset(
    {b"host", b"transfer-encoding", b"content-type", b"authorization", b"x-api-key", b"api-key",
     b"expect"}
)  # fmt: skip
EMPTY_LINES = b"\r\n" * 4
VERSIONS = frozenset({"1.1", "1.0"})
END_TO_END = SINGLE - {b"transfer-encoding"} | {b"content-length", b"content-encoding", b"cookie"}
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ALLOW = ", ".join(sorted(METHODS)).encode()
CODINGS = re.compile(rf"{TOKEN}(?:[ \t]*,[ \t]*{TOKEN})*[ \t]*,[ \t]*chunked".encode(), re.IGNORECASE)
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
        Refusal: 400 for anything ambiguous or malformed, 501 for an unknown transfer coding.
    """
    if len(fields) != len(headers):
        _check_singles(headers)
    host = fields.get(b"host")
    if host is None:
        if version == "1.1":
            raise bad_request("the Host header is missing")
    elif HOST.match(host) is None:
        raise bad_request("the Host header is malformed")
    coding = fields.get(b"transfer-encoding")
    if coding is not None:
        _check_coding(coding, version)


def check_line(method: bytes, target: bytes, version: str, raw: bytes | bytearray, *, first: bool) -> None:
    """Refuse a request line that is not exactly method, target and version with one space between them.

    The parser takes more: several spaces, no version at all (HTTP/0.9), the names of other protocols (RTSP), and any
    line ends before it. RFC 9112, section 3, lets a recipient do so, and two that differ in it disagree on what was
    asked.

    Args:
        method, target, version: what the parser read.
        raw: what was received; the line is somewhere in it.
        first: nothing but empty lines may be before it (section 2.2).

    Raises:
        Refusal: 400 for such a line, 505 for a version that is not spoken here.
    """
    at = raw.find(b"%b %b HTTP/%b\r\n" % (method, target, version.encode()))
    if at < 0:
        raise bad_request("the request line is not: method, space, target, space, HTTP/1.1")
    if at and first and not are_empty_lines(raw[:at]):
        raise bad_request("before the request line are line ends other than CRLF, or too many")
    if version not in VERSIONS:
        raise Refusal(505, "http_version_not_supported", "HTTP/1.1 is spoken here", close=True)


def are_empty_lines(raw: bytes | bytearray, *, unfinished: bool = False) -> bool:
    """Whether these bytes are a few empty lines; `unfinished`: the last one's LF may be still to come."""
    return EMPTY_LINES.startswith(raw) and (unfinished or len(raw) % 2 == 0)


def check_connection(listed: frozenset[bytes]) -> None:
    """Refuse a ``Connection`` that names fields which are the model's too: it would have the guard take them away.

    What it judged by them, as which caller and as what kind of body, would not be what the model gets. RFC 9110,
    section 7.6.1, forbids it.
    """
    if not END_TO_END.isdisjoint(listed):
        raise bad_request("Connection lists a field that does not end at this hop")


def check_method(method: str) -> None:
    """Refuse methods that mean something else than asking a model: 405 for those for proxies, 501 for unknown ones.

    TRACE would have the model's server repeat what it got, and so show the client the guard's own credential.
    """
    if method in METHODS:
        return
    message = f"the method {method} is not supported here"
    if method in {"CONNECT", "TRACE"}:
        raise Refusal(405, "method_not_allowed", message, headers=((b"allow", ALLOW),), close=True)
    raise Refusal(501, "method_not_supported", message, close=True)


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
        # Section 6.1: an unknown coding is 501; section 6.3: where chunked is not the last one, no end can be told.
        if CODINGS.fullmatch(coding) is None:
            raise bad_request("Transfer-Encoding does not end with 'chunked'")
        raise Refusal(
            501, "transfer_coding_not_supported", "only the transfer coding 'chunked' is understood", close=True
        )


def ends_with_connection(status: int, length: bytes | None, *, chunked: bool) -> bool:
    """Whether only the connection's close tells the end of an answer (RFC 9112, section 6.3) to anything but HEAD."""
    return length is None and not chunked and status >= 200 and status not in NO_BODY
