"""The opening handshake of a WebSocket (RFC 6455, section 4): what a client must ask, and what a model must answer.

Extensions are offered to nobody and accepted from nobody, so that what is inspected is what is forwarded.
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64encode

from guard.exchange import Headers
from guard.refusal import Refusal
from guard.wire.framing import bad_request
from guard.wire.grammar import TOKEN

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
NAME = re.compile(TOKEN.encode())
FIELDS = b"sec-websocket-"

KEY_PROTOCOL = b"openai-insecure-api-key."
"""Browsers cannot set headers on a WebSocket; OpenAI's clients there name their API key as a subprotocol."""


class BadHandshake(Exception):
    """The model's 101 is none that this handshake could be answered with; the message says why."""


def asks_websocket(headers: Headers) -> bool:
    """Whether what an upgrade asks for is the WebSocket protocol and nothing else."""
    return values(headers, b"upgrade") == [b"websocket"]


def check_opening(method: str, headers: Headers, *, http10: bool) -> bytes:
    """Check a client's handshake (section 4.2.1), and give its key; the wire has checked that it has no body.

    Raises:
        Refusal: 426 for another version of the protocol, 400 for anything else.
    """
    if method != "GET" or http10:
        raise bad_request("a WebSocket is opened by GET with HTTP/1.1")
    if b"upgrade" not in tokens(headers, b"connection"):
        raise bad_request("the Connection header does not list Upgrade")
    if values(headers, FIELDS + b"version") != [b"13"]:
        raise Refusal(
            426,
            "websocket_version_not_supported",
            "WebSockets are spoken in version 13 here",
            headers=((b"upgrade", b"websocket"), (FIELDS + b"version", b"13")),
            close=True,
        )
    keys = [value for name, value in headers if name == FIELDS + b"key"]
    if len(keys) != 1 or KEY.fullmatch(keys[0]) is None:
        raise bad_request("Sec-WebSocket-Key is not the base64 of 16 bytes")
    offered = protocols(headers)
    if len(set(offered)) != len(offered) or not all(map(NAME.fullmatch, offered)):
        raise bad_request("Sec-WebSocket-Protocol is not a list of different names")
    return keys[0]


def check_answer(headers: Headers, key: bytes, offered: list[bytes]) -> bytes | None:
    """Check a model's 101 (section 4.1) to a handshake with this key; give the subprotocol that it chose, if any.

    Raises:
        BadHandshake: it does not answer that handshake.
    """
    if not asks_websocket(headers) or b"upgrade" not in tokens(headers, b"connection"):
        raise BadHandshake("an upgrade to something else")
    if [value for name, value in headers if name == FIELDS + b"accept"] != [accept_of(key)]:
        raise BadHandshake("Sec-WebSocket-Accept is wrong")
    if values(headers, FIELDS + b"extensions"):
        raise BadHandshake("an extension that nobody offered")
    chosen = [value for name, value in headers if name == FIELDS + b"protocol"]
    if len(chosen) > 1 or not set(chosen) <= set(offered):
        raise BadHandshake("a subprotocol that nobody offered")
    return chosen[0] if chosen else None


def new_key() -> bytes:
    """A key for a handshake of the guard's own."""
    return b64encode(os.urandom(16))


def accept_of(key: bytes) -> bytes:
    """What proves that a handshake with this key was understood."""
    return b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def opening_lines(key: bytes, offered: list[bytes]) -> bytes:
    """The header lines that make a request a handshake."""
    lines = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: %b\r\n" % key
    return lines + (b"sec-websocket-protocol: %b\r\n" % b", ".join(offered) if offered else b"")


def answer_lines(key: bytes, chosen: bytes | None) -> bytes:
    """The header lines that answer one."""
    lines = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: %b\r\n" % accept_of(key)
    return lines + (b"sec-websocket-protocol: %b\r\n" % chosen if chosen is not None else b"")


def without_handshake(headers: Headers) -> Headers:
    """The fields that do not belong to the handshake, nor are taken to by servers that read ``_`` as ``-``."""
    return [field for field in headers if not field[0].replace(b"_", b"-").startswith(FIELDS)]


def protocols(headers: Headers) -> list[bytes]:
    """The subprotocols that are offered, in the client's order; the field may stand more than once."""
    listed = [value for name, value in headers if name == FIELDS + b"protocol"]
    return [name.strip(b" \t") for value in listed for name in value.split(b",")]


def protocol_key(headers: Headers) -> str | None:
    """The API key among the subprotocols.

    Raises:
        Refusal: there are two.
    """
    keys = {name.removeprefix(KEY_PROTOCOL) for name in protocols(headers) if name.startswith(KEY_PROTOCOL)}
    if len(keys) > 1:
        raise Refusal(400, "ambiguous_api_key", "the request carries two different API keys")
    return keys.pop().decode("latin-1") or None if keys else None


def values(headers: Headers, wanted: bytes) -> list[bytes]:
    """All values of a field, in lower case."""
    return [value.lower() for name, value in headers if name == wanted]


def tokens(headers: Headers, wanted: bytes) -> list[bytes]:
    """All members of a field that is a list, in lower case."""
    return [token.strip(b" \t") for value in values(headers, wanted) for token in value.split(b",")]
