"""Strict JSON: what is inspected is what is forwarded, so a body has one meaning or none."""

from __future__ import annotations

import json
from typing import Any

import orjson

MAX_DEPTH = 64
NOT_OPENING = bytes(set(range(256)) - set(b"[{"))


class BadBody(ValueError):
    """The body is not the strict JSON that the guard forwards; the message says why."""


def parse(body: bytes) -> tuple[Any, bytes]:
    """Read a body into its document and the bytes that stand for exactly that document.

    A body that is already in the canonical form (compact separators, as most SDKs send it) is its own canonical form,
    and being equal to what was parsed from it, it cannot hide a duplicate key. Any other body is re-serialised.

    Raises:
        BadBody: not JSON by RFC 8259, not UTF-8, a duplicate key (after unescaping, at any depth), NaN or Infinity, a
            lone surrogate, or nested deeper than 64.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadBody(f"the body is not valid JSON: {error}") from None
    # What opens no more than 64 arrays and objects is no deeper than that.
    if len(body.translate(None, NOT_OPENING)) > MAX_DEPTH:
        _check_depth(document)
    canonical = orjson.dumps(document)
    if canonical == body:
        return document, body
    _check_duplicates(body)
    return document, canonical


def _check_depth(document: Any) -> None:
    level = [document] if type(document) in (dict, list) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if type(node) is dict else node)
            if type(child) in (dict, list)
        ]
        if not level:
            return
    raise BadBody(f"the body is nested deeper than {MAX_DEPTH}")


def _check_duplicates(body: bytes) -> None:
    json.loads(body.decode(), object_pairs_hook=_distinct, parse_int=len, parse_float=len)


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({key for key, _ in pairs}) != len(pairs):
        seen: set[str] = set()
        duplicate = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadBody(f"the key {duplicate[:64]!r} stands twice in one object")
