"""The request to a model, built anew from parsed parts: nothing of the client's framing survives."""

from __future__ import annotations

from urllib.parse import quote, unquote_plus

import orjson

from guard.exchange import Exchange, Headers
from guard.policy.models import Version
from guard.wire.handshake import KEY_PROTOCOL, opening_lines, protocols, without_handshake
from guard.wire.headers import to_model
from guard.wire.multipart import Form
from guard.wire.trace import without_parent

REMEMBERED_VERSIONS = 16


def request_to_model(exchange: Exchange) -> bytes:
    """The whole request as the version being tried gets it."""
    version = exchange.version
    assert version is not None
    body = _body(exchange, version)
    length = b"content-length: %d\r\n" % len(body) if body or exchange.method in {"POST", "PUT", "PATCH"} else b""
    return b"%b %b%b HTTP/1.1\r\n%bx-guard-id: %b\r\n%b\r\n%b" % (
        exchange.method.encode(), version.base, exchange.target.encode("latin-1"), _lines(exchange, version),
        exchange.id.encode(), length if exchange.trace is None else exchange.trace.line + length, body,
    )  # fmt: skip


def handshake_to_model(exchange: Exchange, key: bytes) -> tuple[bytes, list[bytes]]:
    """The guard's own handshake with the version being tried, and the subprotocols that it offers."""
    version = exchange.version
    assert version is not None
    headers = _headers(exchange)
    offered = protocols(headers)
    if version.key is not None:
        offered = [name for name in offered if not name.startswith(KEY_PROTOCOL)]
    lines = to_model(without_handshake(headers), version.authority, _credential(exchange, version))
    if exchange.trace is not None:
        lines += exchange.trace.line
    target = _renamed(exchange.target, version.rename) if version.rename is not None else exchange.target
    request = b"GET %b%b HTTP/1.1\r\n%bx-guard-id: %b\r\n%b\r\n" % (
        version.base, target.encode("latin-1"), lines, exchange.id.encode(), opening_lines(key, offered),
    )  # fmt: skip
    return request, offered


def _renamed(target: str, name: str) -> str:
    """The target with another model in its query, if it names one."""
    path, mark, query = target.partition("?")
    parts = query.split("&")
    named = [unquote_plus(part.partition("=")[0]) == "model" for part in parts]
    return path + mark + "&".join(f"model={quote(name)}" if it else part for it, part in zip(named, parts, strict=True))


def _headers(exchange: Exchange) -> Headers:
    """The client's fields; where the guard is part of the trace it tells of that itself."""
    headers = exchange.head.headers
    return headers if exchange.trace is None else without_parent(headers)


def _lines(exchange: Exchange, version: Version) -> bytes:
    head = exchange.head
    lines = head.for_model.get(version)
    if lines is None:
        if len(head.for_model) >= REMEMBERED_VERSIONS:  # each policy has versions of its own
            head.for_model.clear()
        lines = to_model(_headers(exchange), version.authority, _credential(exchange, version))
        head.for_model[version] = lines
    return lines


def _body(exchange: Exchange, version: Version) -> bytes:
    document = exchange.document
    if version.rename is not None:
        if type(document) is dict and "model" in document:
            return orjson.dumps({**document, "model": version.rename})
        if type(document) is Form:
            return bytes(document.renamed(version.rename))
    return exchange.canonical if exchange.canonical is not None else exchange.body


def _credential(exchange: Exchange, version: Version) -> tuple[bytes, bytes] | None:
    if version.key is None:
        return None
    if exchange.route is not None and exchange.route.format.name == "anthropic":
        return b"x-api-key", version.key.encode()
    return b"authorization", b"Bearer " + version.key.encode()
