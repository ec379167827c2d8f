"""The request to a model, built anew from parsed parts: nothing of the client's framing survives."""

from __future__ import annotations

import orjson

from guard.exchange import Exchange
from guard.policy.models import Version
from guard.wire.headers import to_model


def request_to_model(exchange: Exchange) -> bytes:
    """The whole request as the version being tried gets it."""
    version = exchange.version
    assert version is not None
    body = _body(exchange, version)
    length = b"content-length: %d\r\n" % len(body) if body or exchange.method in {"POST", "PUT", "PATCH"} else b""
    return b"".join(
        (
            exchange.method.encode(), b" ", version.base, exchange.target.encode("latin-1"), b" HTTP/1.1\r\n",
            to_model(exchange.headers, version.authority, _credential(exchange, version)),
            b"x-guard-id: ", exchange.id.encode(), b"\r\n", length, b"\r\n", body,
        )
    )  # fmt: skip


def _body(exchange: Exchange, version: Version) -> bytes:
    if version.rename is not None and type(exchange.document) is dict and "model" in exchange.document:
        return orjson.dumps({**exchange.document, "model": version.rename})
    return exchange.canonical if exchange.canonical is not None else exchange.body


def _credential(exchange: Exchange, version: Version) -> tuple[bytes, bytes] | None:
    if version.key is None:
        return None
    if exchange.route is not None and exchange.route.format.name == "anthropic":
        return b"x-api-key", version.key.encode()
    return b"authorization", b"Bearer " + version.key.encode()
