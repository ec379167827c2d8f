"""A segment's first record: who writes from here on, and what was left behind in the file before."""

from __future__ import annotations

from typing import Any

import orjson

from guard.archive.lines import LINE_BYTES
from guard.archive.sealed import Sealed
from guard.journal.folder import PLAIN, Segment, open_file

FAILURE = "failure"
"""Why a segment was begun behind which the file before may hold records that were written again."""


def head_of(segment: Segment) -> dict[str, Any] | None:
    """The first record of a segment; None if there is none, or it says nothing about a segment.

    Raises:
        Damage, NoteError: the sealed file or its manifest is damaged.
        OSError: the file cannot be read.
    """
    return parse_head(first_line(segment))


def first_line(segment: Segment) -> bytes:
    """The first line of a segment's file; nothing if the records were deleted.

    Raises:
        Damage, NoteError, OSError: as `head_of` says.
    """
    if segment.plain:
        with open_file(segment.path(PLAIN)) as file:
            return file.readline(LINE_BYTES)
    if segment.sealed:
        with Sealed(segment) as sealed:
            return sealed.frame(0).partition(b"\n")[0]
    return b""


def parse_head(line: bytes) -> dict[str, Any] | None:
    """What a line says about the segment that it begins, if it does."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and found.get("kind") == "segment" else None


def stray(size: int, head: dict[str, Any] | None) -> str | None:
    """Why `size` bytes behind a segment's last record are not what the next one's head tells of, if so."""
    if size == 0 or (head is not None and head.get("after") == FAILURE):
        return None
    told = head.get("torn") if head is not None else None
    if told == size:
        return None
    return f"{size} bytes stand behind the last record, but the next segment's first record tells of {told or 'none'}"
