"""Answers that are no strict JSON, read the way that clients read them.

A client's own parser takes more than RFC 8259: NaN, halves of surrogate pairs, a byte order mark, UTF-16 and UTF-32.
What it can read has to be read here, or a phrase in escapes would pass unseen.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import orjson


class Found(NamedTuple):
    """What an answer may be read as: documents, and the whole of it as text if it is not one document."""

    documents: list[Any]
    text: str


def read(body: bytes) -> Found:
    """Read an answer of unknown writing: as one document, else as text and each line that is a document."""
    text = body.decode(json.detect_encoding(body), "replace").removeprefix("\ufeff")
    document = _document(text)
    if document is not None:
        return Found([document], "")
    lines = [line.removeprefix("data:") for line in text.splitlines()]
    found = [document for line in lines if (document := _document(line)) is not None]
    return Found(found, scalar(text))


def recoded(content: bytes) -> bytes | None:
    """A document in UTF-16 or UTF-32 as UTF-8; None: it is none, and no parser will find one in it."""
    encoding = json.detect_encoding(content)
    if encoding.startswith("utf-8"):
        return None
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    return text.encode() if _document(text) is not None else None


def scalar(text: str) -> str:
    """Replace the halves of surrogate pairs, which no encoding can carry, by U+FFFD; pairs become their character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _document(text: str) -> Any:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if type(document) in (dict, list, str) else None


def is_json(data: bytes) -> bool:
    """Tell whether this is one whole JSON document, strictly."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True
