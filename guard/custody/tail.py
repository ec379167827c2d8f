"""The control log as it grows: each change once, in order, held against its chain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guard.custody.control import ControlError, follows, lines_of, parsed
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
        self._seen: tuple[int, int] | None = None

    def grown(self) -> bool:
        """Whether there may be news; a look at two files, to be taken many times a second."""
        try:
            now = (
                self._folder.stat().st_mtime_ns,
                os.stat(self._folder / f"{self._base:016d}{PLAIN}").st_size,  # noqa: PTH116  the quicker of the two
            )
        except FileNotFoundError:
            now = None
        if now == self._seen:
            return False
        self._seen = now
        return True

    def news(self) -> list[dict[str, Any]]:
        """The changes that came since.

        Raises:
            ControlError: a record is damaged, or one is missing; what comes behind it cannot be relied on.
            OSError: a file cannot be read.
        """
        found = segments(self._journal, CONTROL)
        records: list[dict[str, Any]] = []
        for number, segment in enumerate(found):
            end = found[number + 1].base if number + 1 < len(found) else None
            if end is None or end > self._position.seq:
                records += self._read(segment, end)
        return records

    def _read(self, segment: Segment, end: int | None) -> Iterator[dict[str, Any]]:
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
            record = parsed(line)
            if record.get("kind") == "change":
                yield record

    def _lines(self, segment: Segment) -> Iterator[bytes]:
        if not segment.plain:
            yield from self._unread(lines_of(segment))
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
