"""The changes that were made, a few at a time: from a place on, or back from one.

Only the segments that are needed are read. Within each, records are held against their chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guard.custody.control import ControlError, follows, lines_of, parsed
from guard.journal.chain import Position, split
from guard.journal.folder import CONTROL, Segment, segments


def since(journal: Path, seq: int, count: int) -> list[dict[str, Any]]:
    """The first changes whose number is `seq` or more, in their order.

    Raises:
        ControlError: a record is damaged.
        OSError: a file cannot be read.
    """
    found = segments(journal, CONTROL)
    first = max((place for place, segment in enumerate(found) if segment.base <= seq), default=0)
    taken: list[dict[str, Any]] = []
    for place in range(first, len(found)):
        for record in _changes(found, place, seq):
            if record["seq"] >= seq:
                taken.append(record)
            if len(taken) == count:
                return taken
    return taken


def before(journal: Path, seq: int | None, count: int) -> list[dict[str, Any]]:
    """The last changes whose number is less than `seq` (None: of all), the newest first.

    Raises:
        ControlError: a record is damaged.
        OSError: a file cannot be read.
    """
    found = segments(journal, CONTROL)
    taken: list[dict[str, Any]] = []
    for place in reversed(range(len(found))):
        if seq is not None and found[place].base >= seq:
            continue
        fitting = [record for record in _changes(found, place, 0) if seq is None or record["seq"] < seq]
        taken += fitting[::-1][: count - len(taken)]
        if len(taken) == count:
            break
    return taken


def _changes(found: list[Segment], place: int, seq: int) -> Iterator[dict[str, Any]]:
    """The changes of a segment; of a sealed one perhaps only those around `seq` and behind it."""
    segment = found[place]
    end = found[place + 1].base if place + 1 < len(found) else None
    here: Position | None = None
    for line in lines_of(segment, seq):
        entry = split(line) if line.endswith(b"\n") else None
        if entry is None and end is None:
            return  # torn, or just being written
        if entry is not None and entry.seq == end:
            return
        if entry is None or (here is not None and follows(line, here) is None):
            raise ControlError(f"{segment.name}: a record is damaged, or is not there")
        here = Position(entry.seq + 1, entry.chain)
        record = parsed(line)
        if record.get("kind") == "change":
            yield record
