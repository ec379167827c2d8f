"""Reading a log's records one after the other, whatever their segments have become: plain, sealed, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from guard.archive.damage import Damage
from guard.archive.opening import segment_lines
from guard.journal.chain import split
from guard.journal.folder import Segment
from guard.keeper.listing import Listing
from guard.proof.note import NoteError


class CursorError(Exception):
    """A record that should be there cannot be read; the message says which, and where."""


class Place(NamedTuple):
    """Where in which file a record begins."""

    base: int
    offset: int


class Line(NamedTuple):
    """A record as it stands in its segment, without the newline."""

    seq: int
    data: bytes


class Cursor:
    """A place in a log that moves on as its records are read.

    Attributes:
        seq: the number of the record to come.
        place: where that is in the plain file, as far as is known: a hint for who goes on later.
    """

    def __init__(self, journal: Path, log: str, seq: int = 0, hint: Place | None = None) -> None:
        self.log = log
        self.seq = seq
        self.place = hint or Place(-1, 0)
        self._listing = Listing(journal, log)
        self._lines: Iterator[bytes] | None = None

    def read(self, end: int, count: int, size: int) -> list[Line]:
        """Records before number `end`: `count` of them, or fewer if they have `size` bytes; [] when there are no more.

        Records that were deleted are passed over.

        Raises:
            CursorError: a record that should be there is not.
            OSError: a file cannot be read.
        """
        found: list[Line] = []
        segments = self._listing.segments()
        for segment, following in zip_longest(segments, segments[1:]):
            limit = end if following is None else min(end, following.base)
            while self.seq < limit and len(found) < count and size > 0:
                if segment.deleted:
                    self.seq = limit
                    break
                line = self._line(segment)
                found.append(line)
                size -= len(line.data)
        return found

    def _line(self, segment: Segment) -> Line:
        """The record to come, from its segment."""
        try:
            if self._lines is None or self.place.base != segment.base:
                self._open(segment, self.place.offset if self.place.base == segment.base else 0)
            data = self._find()
            if data is None:  # the hint was none
                self._open(segment, 0)
                data = self._find()
        except (Damage, NoteError) as error:
            raise self._lost(segment, f" ({error})") from error
        if data is None:
            raise self._lost(segment, "")
        self.seq += 1
        return Line(self.seq - 1, data[:-1])

    def _open(self, segment: Segment, offset: int) -> None:
        self.place = Place(segment.base, offset)
        self._lines = segment_lines(segment, self.seq, offset)

    def _find(self) -> bytes | None:
        """Read up to the record to come; None: there is something else before it, or nothing."""
        assert self._lines is not None
        for data in self._lines:
            self.place = Place(self.place.base, self.place.offset + len(data))
            entry = split(data) if data.endswith(b"\n") else None
            if entry is None or entry.seq > self.seq:
                return None
            if entry.seq == self.seq:
                return data
        return None

    def _lost(self, segment: Segment, why: str) -> CursorError:
        self._lines = None
        return CursorError(f"{segment.name}: record {self.seq} is not where it should be{why}")
