"""Header fields as the guard takes them in and gives them out (RFC 9110, RFC 9112)."""

from __future__ import annotations

from http import HTTPStatus

from guard.exchange import Headers
from guard.wire.media import canonical

HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-authentication-info",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip

# What the guard decides itself on the way to a model: framing, the host, how the body is encoded (not at all) and how
# the answer may be; anything that tells a third party about the client's network, or has a server take another path or
# method than was judged.
NOT_FORWARDED = HOP_BY_HOP | {
    b"host", b"content-length", b"content-encoding", b"expect", b"accept-encoding", b"forwarded", b"via",
    b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-forwarded-server",
    b"x-real-ip", b"x-original-url", b"x-rewrite-url", b"x-http-method", b"x-http-method-override",
    b"x-method-override", b"x-original-method",
}  # fmt: skip
# The last because of `guard.wire.handshake.KEY_PROTOCOL`.
CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"api-key", b"sec-websocket-protocol"})
LOOKED_AT = NOT_FORWARDED | CREDENTIALS | {b"content-type"}

# What the guard decides itself on the way back.
NOT_RETURNED = HOP_BY_HOP | {b"content-length", b"via"}
OURS = b"x-guard-"

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
STATUS_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, REASONS.get(status, b"")) for status in range(100, 600)}


def dropped_by_connection(headers: Headers) -> frozenset[bytes]:
    """The names that ``Connection`` lists: they too end at this hop (RFC 9110, section 7.6.1)."""
    listed = [value for name, value in headers if name == b"connection"]
    return frozenset(name.strip().lower() for value in listed for name in value.split(b","))


def to_model(headers: Headers, authority: bytes, credential: tuple[bytes, bytes] | None) -> bytes:
    """The header lines of a request to a model, without those that depend on the exchange (length, id).

    `credential` replaces whatever the client sent as its own; None passes the client's through.
    """
    dropped = (NOT_FORWARDED | CREDENTIALS if credential else NOT_FORWARDED) | dropped_by_connection(headers)
    lines = [b"host: ", authority, b"\r\n"]
    for name, value in headers:
        if name not in dropped and not name.startswith(OURS) and not _is_twin(name):
            lines += (name, b": ", canonical(value) if name == b"content-type" else value, b"\r\n")
    if credential:
        lines += (credential[0], b": ", credential[1], b"\r\n")
    lines.append(b"accept-encoding: identity\r\nvia: 1.1 guard\r\n")
    return b"".join(lines)


def _is_twin(name: bytes) -> bool:
    """Whether servers that read ``_`` as ``-`` (CGI's heirs) take it for a field that the guard judges or writes."""
    hyphened = name.replace(b"_", b"-")
    return hyphened != name and (hyphened in LOOKED_AT or hyphened.startswith(OURS))


def returned(headers: Headers, listed: frozenset[bytes]) -> bytes:
    """The header lines of a model's answer that are the client's to see; `listed`: what its ``Connection`` names."""
    dropped = NOT_RETURNED | listed
    lines = [
        b"%b: %b\r\n" % (name, value) for name, value in headers if name not in dropped and not name.startswith(OURS)
    ]
    lines.append(b"via: 1.1 guard\r\n")
    return b"".join(lines)
