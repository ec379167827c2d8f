"""Where lines come from: the segments of a log that can be read, plain or sealed, and the bytes in them.

A sealed segment has the same bytes as before, so that a place in it (an offset into the plain bytes) still is the same
place when it is sealed while somebody reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from guard.evidence.record import parsed, time_of
from guard.journal.folder import CONTROL, PLAIN, Segment, logs, segments

BLOCK_BYTES = 65_536


class Content(Protocol):
    """The plain bytes of a segment; `size` is how many there were when it was opened."""

    size: int

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` on, up to `stop` or as far as there are any."""

    def cuts(self, size: int) -> list[int]:
        """Places about `size` bytes apart, the first 0 and the last the end, where reading well begins."""

    def close(self) -> None:
        """Let the file go."""


class Source(NamedTuple):
    """A segment that can be read, the `number`-th of its log.

    Records numbered `end` (the next one's base; None: there is none yet) or higher do not count.
    """

    segment: Segment
    number: int
    end: int | None

    @property
    def log(self) -> str:
        """The log that it is a part of."""
        return self.segment.log

    @property
    def name(self) -> str:
        """What people call it."""
        return self.segment.name

    @property
    def base(self) -> int:
        """The number of its first record."""
        return self.segment.base

    def counts(self, seq: int) -> bool:
        """Whether a record with this number is one of the segment's."""
        return self.end is None or seq < self.end

    @contextmanager
    def open(self) -> Iterator[Content]:
        """Its bytes, wherever they are by now.

        Raises:
            FileNotFoundError: they are gone since it was listed.
            OSError: they cannot be read.
        """
        content = self.content()
        try:
            yield content
        finally:
            content.close()

    def content(self) -> Content:
        """Likewise, for who closes it himself."""
        return PlainContent(self.segment.path(PLAIN))


class PlainContent:
    """A file as it is written."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size

    def read(self, start: int, stop: int) -> bytes:
        """Read what there is, also beyond the size it had."""
        pieces: list[bytes] = []
        while start < stop and (piece := os.pread(self._fd, stop - start, start)):
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def cuts(self, size: int) -> list[int]:
        """Anywhere: a line belongs to where it begins."""
        return [*range(0, self.size, size), self.size]

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class Lines(NamedTuple):
    """Whole lines without their newlines; where the first begins; whether an unfinished one follows."""

    start: int
    lines: list[bytes]
    torn: bool


def lines(content: Content, start: int, stop: int) -> Lines:
    """The lines that begin between `start` and `stop`."""
    first = max(start - 1, 0)
    data = content.read(first, stop)
    begin = data.find(b"\n") + 1 if start else 0
    if (start and not begin) or first + begin >= stop:
        return Lines(stop, [], torn=False)
    if not data.endswith(b"\n"):
        data += _rest(content, first + len(data))
    found = data[begin:].split(b"\n")
    return Lines(first + begin, found, torn=bool(found.pop()))


def _rest(content: Content, start: int) -> bytes:
    """What stands from there up to the line's end, or to where there is no more."""
    pieces: list[bytes] = []
    while piece := content.read(start, start + BLOCK_BYTES):
        cut = piece.find(b"\n") + 1
        pieces.append(piece[:cut] if cut else piece)
        if cut:
            break
        start += len(piece)
    return b"".join(pieces)


def sources(journal: Path, log: str) -> list[Source]:
    """What can be read of a log, in the order of its records."""
    found = segments(journal, log)
    ends = [*(segment.base for segment in found[1:]), None]
    return [
        Source(segment, number, end)
        for number, (segment, end) in enumerate(zip(found, ends, strict=True))
        if not segment.deleted
    ]


def readable_logs(journal: Path) -> list[str]:
    """The logs that have exchanges."""
    return [log for log in logs(journal) if log != CONTROL]


def began(source: Source) -> float | None:
    """When a segment was begun, seconds since the epoch, as its first record says; None: it does not."""
    try:
        with source.open() as content:
            found = lines(content, 0, 1).lines
    except OSError:  # who reads it will say so
        return None
    record = (parsed(found[0]) if found else None) or {}
    return time_of(record) if record.get("kind") == "segment" else None
