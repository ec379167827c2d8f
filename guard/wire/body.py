"""Strict JSON: what is inspected is what is forwarded, so a body has one meaning or none."""

from __future__ import annotations

import json
from typing import Any

import orjson

MAX_DEPTH = 64
MAX_CONTAINERS = 500_000
"""Arrays and objects: one takes two bytes to send and a hundred to hold."""


def _all_but(characters: bytes) -> bytes:
    return bytes(set(range(256)) - set(characters))


OTHER_THAN_OPENING = _all_but(b"[{")
OTHER_THAN_OPENING_OR_QUOTE = _all_but(b'[{"')
OTHER_THAN_COLON_OR_QUOTE = _all_but(b':"')

LEAST_INTEGER, GREATEST_INTEGER = -(2**63), 2**64 - 1
SHORTEST_BIG_INTEGER = 19  # digits
DIGITS_AS_ZERO = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))

BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class BadBody(ValueError):
    """The body is not the strict JSON that the guard forwards; the message says why."""


def parse(body: bytes) -> tuple[Any, bytes]:
    """Read a body into its document and the bytes that stand for exactly that document.

    A body that is already in the canonical form (compact separators, as most SDKs send it) is its own canonical form,
    and being equal to what was parsed from it, it cannot hide a duplicate key. Any other body is re-serialised.

    Raises:
        BadBody: not JSON by RFC 8259, not UTF-8, a duplicate key (after unescaping, at any depth), NaN or Infinity, a
            lone surrogate, an integer beyond 64 bits, nested deeper than 64, or more than 500,000 arrays and objects.
    """
    openings = len(body.translate(None, OTHER_THAN_OPENING))
    if openings > MAX_CONTAINERS and _outside_strings(body, OTHER_THAN_OPENING_OR_QUOTE) > MAX_CONTAINERS:
        raise BadBody(f"the body has more than {MAX_CONTAINERS} arrays and objects")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadBody(f"the body is not valid JSON: {_other_coding(body) or error}") from None
    # What opens no more than 64 arrays and objects is no deeper than that.
    canonical = _write_if_shallow(document) if openings > MAX_DEPTH else orjson.dumps(document)
    if canonical == body:
        return document, body
    # A duplicate has gone from the canonical form, and then that has fewer members, each with a colon.
    members = _outside_strings(body, OTHER_THAN_COLON_OR_QUOTE)
    duplicates = members != _outside_strings(canonical, OTHER_THAN_COLON_OR_QUOTE)
    if duplicates or b"0" * SHORTEST_BIG_INTEGER in body.translate(DIGITS_AS_ZERO):
        _check_exactly(body)
    return document, canonical


def _other_coding(body: bytes) -> str:
    """Name what makes a body unreadable that is JSON in another coding; RFC 8259, section 8.1, forbids them all."""
    if body.startswith(BYTE_ORDER_MARKS):
        return "it begins with a byte order mark; send UTF-8 without one"
    if b"\x00" in body[:4]:
        return "it has a zero byte at its beginning, as UTF-16 and UTF-32 have; send UTF-8"
    return ""


def _write_if_shallow(document: Any) -> bytes:
    """Write the canonical form inside of so many lists that the writer refuses if the document is too deep."""
    for _ in range(LEVELS_AROUND):
        document = [document]
    try:
        return orjson.dumps(document)[LEVELS_AROUND:-LEVELS_AROUND]
    except orjson.JSONEncodeError:
        raise BadBody(f"the body is nested deeper than {MAX_DEPTH}") from None


def _levels_around() -> int:
    """How many lists leave exactly `MAX_DEPTH` of the levels that the writer can write."""
    levels = 0
    document: list[Any] = []
    try:
        while levels < 100_000:
            orjson.dumps(document)
            levels, document = levels + 1, [document]
    except orjson.JSONEncodeError:
        return levels - MAX_DEPTH
    raise AssertionError("the JSON writer has no bound on depth that could be used")


LEVELS_AROUND = _levels_around()


def _outside_strings(text: bytes, others: bytes) -> int:
    """How many characters, without these others, a JSON text has outside of its strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side are an empty string, or the end of one and the beginning of the next: without them, what
    # is within and what is without stays so.
    marks = text.translate(None, others).replace(b'""', b"")
    return sum(map(len, marks.split(b'"')[::2]))


def _check_exactly(body: bytes) -> None:
    """Find what is wrong with a valid JSON text, if anything is."""
    json.loads(body.decode(), object_pairs_hook=_distinct, parse_int=_bounded, parse_float=len)


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({key for key, _ in pairs}) != len(pairs):
        seen: set[str] = set()
        duplicate = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadBody(f"the key {duplicate[:64]!r} stands twice in one object")


def _bounded(integer: str) -> None:
    """Servers differ beyond 64 bits: exact, rounded to a double, wrapped around, refused (RFC 8259, section 6)."""
    if len(integer) >= SHORTEST_BIG_INTEGER and (
        len(integer) > len(str(LEAST_INTEGER)) or not LEAST_INTEGER <= int(integer) <= GREATEST_INTEGER
    ):
        raise BadBody(f"an integer does not fit into 64 bits: {integer[:24]}; send it as a string")
