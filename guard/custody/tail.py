"""The control log as it grows: each change once, in order, held against its chain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guard.custody.control import ControlError, Written, follows, lines_of, parsed
from guard.journal.chain import BEGINNING, Position, split
from guard.journal.folder import CONTROL, PLAIN, Segment, open_file, segments


class Tail:
    """Where somebody is in the control log."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._folder = journal / CONTROL
        self._position = BEGINNING
        self._base = 0
        self._offset = 0
        self._seen = -1, -1

    @property
    def position(self) -> Position:
        """The record to come, and the chain of the last one read."""
        return self._position

    def resume(self, position: Position) -> bool:
        """Go on behind the records before a place that somebody has come to earlier.

        False: the log does not have the last of them with that chain, and this tail stays where it is.
        """
        holding = [segment for segment in segments(self._journal, CONTROL) if segment.base < position.seq]
        here: Position | None = None
        offset = 0
        for line in lines_of(holding[-1], position.seq - 1) if holding else ():
            entry = split(line) if line.endswith(b"\n") else None
            # What the first line is bound to is in another file, or in a frame that is not read again.
            if entry is None or (here is not None and follows(line, here) is None):
                return False
            here = Position(entry.seq + 1, entry.chain)
            offset += len(line)
            if here.seq == position.seq:
                break
        if here != position:
            return False
        self._position, self._base, self._offset = position, holding[-1].base, offset
        return True

    def pass_over(self, written: Written | None) -> None:
        """Go on behind what whoever reads here has written itself, unless somebody else has written before it."""
        if written is not None and written.begun == self._position:
            self._position, self._base, self._offset = written.ended, written.base, written.size

    def grown(self) -> bool:
        """Whether there may be news; a look at two files, to be taken many times a second."""
        # A segment that was sealed has no plain file any more.
        now = _seen(self._folder, "st_mtime_ns"), _seen(self._folder / f"{self._base:016d}{PLAIN}", "st_size")
        if now == self._seen:
            return False
        self._seen = now
        return True

    def news(self) -> Iterator[dict[str, Any]]:
        """The changes among the `lines` that came since.

        Raises:
            ControlError, OSError: as there.
        """
        return (record for record in map(parsed, self.lines()) if record.get("kind") == "change")

    def lines(self) -> Iterator[bytes]:
        """The records that came since. Each is to be taken as it is given out, for it does not come again.

        Raises:
            ControlError: a record is damaged, or one is missing; what comes behind it cannot be relied on.
            OSError: a file cannot be read.
        """
        found = segments(self._journal, CONTROL)
        for number, segment in enumerate(found):
            end = found[number + 1].base if number + 1 < len(found) else None
            if end is None or end > self._position.seq:
                yield from self._read(segment, end)

    def _read(self, segment: Segment, end: int | None) -> Iterator[bytes]:
        if segment.base > self._position.seq:
            raise ControlError(f"{segment.name}: records {self._position.seq} to {segment.base - 1} are missing")
        if segment.base != self._base:
            self._base, self._offset = segment.base, 0
        for line in self._lines(segment):
            if self._position.seq == end:
                return
            if not line.endswith(b"\n") and end is None:
                return  # torn, or just being written
            chain = follows(line, self._position)
            if chain is None:
                raise ControlError(f"{segment.name}: record {self._position.seq} is damaged, or is not there")
            self._position = Position(self._position.seq + 1, chain)
            self._offset += len(line)
            yield line

    def _lines(self, segment: Segment) -> Iterator[bytes]:
        if not segment.plain:
            yield from self._unread(lines_of(segment, self._position.seq))
            return
        with open_file(segment.path(PLAIN)) as file:
            file.seek(self._offset)
            yield from file

    def _unread(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Those of a sealed segment that were not read while it was not."""
        for line in lines:
            entry = split(line)
            if entry is None or entry.seq >= self._position.seq:
                yield line


def _seen(path: Path, what: str) -> int:
    """That of a file; -1: there is none."""
    try:
        seen: int = getattr(os.stat(path), what)  # noqa: PTH116  the quicker of the two
    except FileNotFoundError:
        return -1
    return seen
