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

from guard.archive.damage import Damage
from guard.archive.head import head_of
from guard.archive.manifest import Manifest, manifest_of
from guard.archive.sealed import Sealed
from guard.evidence.record import time_of
from guard.journal.folder import PLAIN, SHARED, Segment, logs, open_descriptor, segments
from guard.proof.note import NoteError

BLOCK_BYTES = 65_536
UNREADABLE = (OSError, NoteError, Damage)
"""What reading a segment can meet."""


class Content(Protocol):
    """The plain bytes of a segment; `size` is how many there were when it was opened."""

    size: int

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` on, up to `stop` or as far as there are any."""

    def cuts(self, size: int) -> list[int]:
        """Places about `size` bytes apart where lines begin; the first is 0, the last the end."""

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
            OSError, NoteError, Damage: they cannot be read.
        """
        content = self.content()
        try:
            yield content
        finally:
            content.close()

    def content(self) -> Content:
        """Likewise, for who closes it himself. While the plain file is there, the sealed one may be unfinished."""
        try:
            return PlainContent(self.segment.path(PLAIN))
        except FileNotFoundError:
            return Sealed(self.segment)


class PlainContent:
    """A file as it is written."""

    def __init__(self, path: Path) -> None:
        self._fd = open_descriptor(path)
        self.size = os.fstat(self._fd).st_size

    def read(self, start: int, stop: int) -> bytes:
        """Read what there is, also beyond the size it had."""
        pieces: list[bytes] = []
        while start < stop and (piece := os.pread(self._fd, stop - start, start)):
            pieces.append(piece)
            start += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def cuts(self, size: int) -> list[int]:
        """Where lines begin, about `size` bytes apart."""
        found = [0]
        while (place := self._line_from(found[-1] + size)) < self.size:
            found.append(place)
        return [*found, self.size]

    def _line_from(self, place: int) -> int:
        """Where the first line begins there or behind it; the end, if none does."""
        place -= 1
        while place < self.size and (block := self.read(place, place + BLOCK_BYTES)):
            if cut := block.find(b"\n") + 1:
                return min(place + cut, self.size)
            place += len(block)
        return self.size

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class Lines(NamedTuple):
    """Whole lines without their newlines, and whether an unfinished one follows."""

    lines: list[bytes]
    torn: bool


def lines(content: Content, start: int, stop: int) -> Lines:
    """The lines that begin between `start`, where one begins, and `stop`."""
    data = content.read(start, stop)
    if data and not data.endswith(b"\n"):
        data += _rest(content, start + len(data))
    found = data.split(b"\n")
    return Lines(found, torn=bool(found.pop()))


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
    return [log for log in logs(journal) if log not in SHARED]


def began(source: Source) -> float | None:
    """When a segment was begun, seconds since the epoch, as its first record says; None: it does not."""
    try:
        found = head_of(source.segment) or {}
    except UNREADABLE:  # who reads it will say so
        return None
    return time_of(found)


def manifest(source: Source) -> Manifest | None:
    """What a sealed segment's manifest says, if there is one that can be read."""
    try:
        return manifest_of(source.segment) if source.segment.manifest else None
    except UNREADABLE:
        return None


def unreadable(source: Source, error: Exception) -> str:
    """Why a segment cannot be read, in a sentence."""
    reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
    reason = reason.removeprefix(f"{source.name}: ")
    return f"{source.name}: it cannot be read ({reason})"
