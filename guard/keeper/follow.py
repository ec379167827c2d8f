"""Following a log as it grows: the tree of the records that are known to be on disk, without keeping the records.

What a record's chain must be is checked when its segment is sealed. Here each record is taken as a leaf with the chain
that it states; a record counts once a `mark` behind it, or the head of a later segment, says that it is on disk.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from guard.archive.lines import LINE_BYTES
from guard.custody.control import locked
from guard.journal.chain import split
from guard.journal.folder import CONTROL, PLAIN, Segment, open_file
from guard.keeper.listing import Listing
from guard.proof.tree import Range, merge

MARK = b'"kind":"mark"'
HEAD_BYTES = 64
PATIENCE = 1.0
"""Seconds: other logs wait meanwhile."""

Summary = Callable[[Segment], Range]
"""Tells the leaves of a segment that is sealed, from its manifest."""


class FollowError(Exception):
    """A log cannot be followed any further; the message says from where on, and why."""


class Place(NamedTuple):
    """Where in which file a record begins."""

    base: int
    offset: int


class Anchor(NamedTuple):
    """What was signed before, and what a log must still come to at that size."""

    size: int
    root: bytes


class Follower:
    """One log, as far as it has been read.

    Attributes:
        durable: the leaves of the records that are known to be on disk.
        place: where the record behind those begins.
        waiting: why it goes no further although there is more, or None.
        trees: the leaves before each segment that was followed from its beginning, by its first record's number.
    """

    def __init__(self, journal: Path, log: str, summary: Summary, anchor: Anchor | None = None) -> None:
        """`anchor`: a signed checkpoint of this log, which it is held against when it is read from the beginning."""
        self.log = log
        self.durable = Range(0, 0)
        self.place = Place(0, 0)
        self.waiting: str | None = None
        self.trees: dict[int, Range] = {0: self.durable}
        self._journal = journal
        self._listing = Listing(journal, log)
        self._summary = summary
        self._anchor = anchor
        self._forged: str | None = None
        self._leaves: list[bytes] = []
        self._ends = array("Q")

    def resume(self, durable: Range, place: Place) -> None:
        """Go on from where an earlier one was, whose `durable` is known to be right."""
        self.durable, self.place, self._anchor = durable, place, None

    def advance(self) -> bool:
        """Read what has come; whether a segment was left behind for the next.

        Raises:
            FollowError: records are missing or damaged, or are others than those that a checkpoint was signed for.
            OSError: a file cannot be read.
        """
        if self._forged is not None:
            raise FollowError(self._forged)
        turned = False
        found = [segment for segment in self._listing.segments() if segment.base >= self.place.base]
        for segment, following in zip_longest(found, found[1:]):
            if segment.base != self.place.base:
                raise FollowError(f"its segment {self.place.base} is not there, not even a manifest of it")
            self._read(segment, following)
            if following is not None:
                self._turn(segment, following)
                turned = True
        if self._anchor is not None and self._next < self._anchor.size:
            raise FollowError(
                f"its checkpoint was signed for {self._anchor.size} records, and it has only {self._next}"
            )
        return turned

    def _read(self, segment: Segment, following: Segment | None) -> None:
        limit = None if following is None else following.base
        if not segment.plain:
            self._summarised(segment)
            return
        # Whoever holds the control log's lock writes to it: without that lock, what is there may not be on disk yet.
        held = locked(self._journal, PATIENCE) if self.log == CONTROL else nullcontext()
        with held, open_file(segment.path(PLAIN)) as file:
            self._lines(file, segment, limit)
            if self.log == CONTROL:
                os.fdatasync(file.fileno())
                self._commit(self._next)

    def _lines(self, file: BinaryIO, segment: Segment, limit: int | None) -> None:
        offset = self._ends[-1] if self._ends else self.place.offset
        if (size := os.fstat(file.fileno()).st_size) < offset:
            raise FollowError(f"{segment.path(PLAIN)}: it had {offset} bytes, and has only {size}")
        file.seek(offset)
        self.waiting = None
        for line in iter(partial(file.readline, LINE_BYTES), b""):
            if self._next == limit:
                return
            offset += len(line)
            if not self._take(line, offset):
                if line.endswith(b"\n"):
                    self.waiting = f"{segment.path(PLAIN)}: where record {self._next} should be there is none"
                return

    def _take(self, line: bytes, end: int) -> bool:
        entry = split(line) if line.endswith(b"\n") else None
        if entry is None or entry.seq != self._next:
            return False
        self._leaves.append(entry.chain)
        self._ends.append(end)
        if MARK in line[:HEAD_BYTES]:
            self._commit(min(_marked(line) + 1, entry.seq))
        return True

    def _summarised(self, segment: Segment) -> None:
        leaves = self._summary(segment)
        if leaves.begin != segment.base or self._next != segment.base:
            raise FollowError(f"{segment.name}: its manifest is that of records from {leaves.begin} on")
        if self._anchor is not None and self._anchor.size <= leaves.end:
            # What is sealed was signed for, and later: whoever has the key vouches for all that came before.
            self._anchor = None
        self.durable = merge(self.durable, leaves)

    def _turn(self, segment: Segment, following: Segment) -> None:
        """Leave a segment: the head of the next one says that all before it is on disk."""
        if self._next < following.base:
            raise FollowError(
                f"{segment.path(PLAIN)}: records {self._next} to {following.base - 1} are missing or damaged;"
                f" there can be no checkpoint of {self.log} beyond them"
            )
        if self.durable.end > following.base:
            raise FollowError(
                f"{segment.path(PLAIN)}: record {self.durable.end - 1} was on disk, and yet the next segment begins"
                f" with record {following.base}"
            )
        self._commit(following.base)
        del self._leaves[:], self._ends[:]  # what is left over was written again, in the next segment
        self.place = Place(following.base, 0)
        self.trees[following.base] = self.durable

    @property
    def _next(self) -> int:
        """The number of the record to come."""
        return self.durable.end + len(self._leaves)

    def _commit(self, end: int) -> None:
        """Records before number `end` are on disk."""
        if self._anchor is not None and self.durable.end < self._anchor.size <= end:
            anchor, self._anchor = self._anchor, None
            self._move(anchor.size)
            if self.durable.root() != anchor.root:
                self._forged = f"its first {anchor.size} records are not those that its checkpoint was signed for"
                raise FollowError(self._forged)
        self._move(end)

    def _move(self, end: int) -> None:
        count = end - self.durable.end
        if count > 0:
            self.durable = self.durable.extend(self._leaves[:count])
            self.place = Place(self.place.base, self._ends[count - 1])
            del self._leaves[:count], self._ends[:count]


def _marked(line: bytes) -> int:
    """The last record that a mark says is on disk."""
    try:
        durable = orjson.loads(line).get("durable")
    except orjson.JSONDecodeError:
        return -1
    return durable if isinstance(durable, int) else -1
