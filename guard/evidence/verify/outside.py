"""Checkpoints that were kept elsewhere: files with one signed note or more, one after the other."""

from __future__ import annotations

import re
from typing import NamedTuple

from guard.proof.note import MAX_BYTES, NoteError

_NOTE = re.compile(rb"\n*(.+?\n\n(?:\xe2\x80\x94 [^\n]*(?:\n|\Z))+)", re.DOTALL)

MAX_FILE_BYTES = 64 * MAX_BYTES


class Outside(NamedTuple):
    """One checkpoint from elsewhere: where it was found, which log it says it is of, and the note."""

    name: str
    log: str
    note: bytes


def outside(name: str, data: bytes) -> list[Outside]:
    """The checkpoints in a file's content; none is verified yet.

    Raises:
        NoteError: it holds something else.
    """
    found, at = [], 0
    while match := _NOTE.match(data, at):
        note = match[1]
        origin = note.partition(b"\n")[0].decode(errors="replace")
        found.append(Outside(name, origin.rpartition("/")[2], note))
        at = match.end()
    if not found or data[at:].strip(b"\n"):
        raise NoteError(f"{name}: it holds no checkpoints: expected signed notes, one after the other")
    if len(found) > 1:
        return [one._replace(name=f"{name}, number {number}") for number, one in enumerate(found, 1)]
    return found
