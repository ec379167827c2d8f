"""Putting an error's document into bytes."""

from __future__ import annotations

from typing import Any

import orjson


def body(document: dict[str, Any]) -> bytes:
    """Return a document as JSON. Halves of surrogate pairs, which JSON cannot carry, become question marks."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return orjson.dumps(_cleaned(document))


def event(document: dict[str, Any]) -> bytes:
    """Return a document as a complete `error` event of an event stream (HTML Living Standard, 9.2.5)."""
    return b"event: error\ndata: %b\n\n" % body(document)


def _cleaned(value: Any) -> Any:
    if type(value) is dict:
        return {key: _cleaned(member) for key, member in value.items()}
    return value.encode(errors="replace").decode() if type(value) is str else value
