"""Cursors: where the next page begins, opaque to whoever gives it back."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import orjson

_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,2048}")


class CursorError(ValueError):
    """It is none of ours, or one of another list."""


def write(of: str, after: tuple[Any, ...]) -> str:
    """The cursor of a list that goes on after that place."""
    return urlsafe_b64encode(orjson.dumps([of, *after])).rstrip(b"=").decode()


def read(of: str, text: str, *kinds: type | tuple[type, ...]) -> tuple[Any, ...]:
    """The place in that list, each part of one of these kinds.

    Raises:
        CursorError: it names none.
    """
    if not _CURSOR.fullmatch(text):
        raise CursorError
    try:
        found = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        raise CursorError from None
    fits = isinstance(found, list) and len(found) == len(kinds) + 1 and found[0] == of
    if not fits or not all(isinstance(part, kind) for part, kind in zip(found[1:], kinds, strict=True)):
        raise CursorError
    if write(of, tuple(found[1:])) != text:
        raise CursorError  # another spelling of it, which we do not write
    return tuple(found[1:])
