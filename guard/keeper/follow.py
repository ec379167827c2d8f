"""Following a log as it grows: the tree of the records that are known to be on disk, without keeping the records.

What a record's number and chain must be is checked when its segment is sealed. Here each record is taken as a leaf with
the chain that it states; it counts once a `mark` behind it, or the head of a later segment, says that it is on disk.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import zip_longest
from pathlib import Path
from time import monotonic
from typing import BinaryIO, NamedTuple

from guard.archive.lines import LINE_BYTES, line_ends
from guard.custody.control import locked
from guard.journal.folder import PLAIN, SHARED, Segment, open_file
from guard.keeper.leaves import find
from guard.keeper.listing import Listing
from guard.proof.tree import Range, merge

# Between two blocks whoever waits for the core gets it: else who is woken may wait for all of this process's turn, some
# milliseconds, whatever its niceness.
BLOCK_BYTES = 65_536
BEHIND_BYTES = 16_777_216
"""With more than that to read it takes its turns whole: on a core that is always busy it would get ever less."""

PATIENCE = 1.0
"""Seconds: other logs wait meanwhile."""

Summary = Callable[[Segment], Range]
"""Tells the leaves of a segment that is sealed, from its manifest."""


class FollowError(Exception):
    """A log cannot be followed any further; the message says from where on, and why."""


class Place(NamedTuple):
    """Where in which file record number `seq` begins."""

    base: int
    offset: int
    seq: int


class Anchor(NamedTuple):
    """What was signed before, and what a log must still come to at that size."""

    size: int
    root: bytes


class Follower:
    """One log, as far as it has been read.

    Attributes:
        durable: the leaves of the records that are known to be on disk.
        place: from where on it would have to be read again to go on from there: not far before the end of those.
        behind: there was more to read than it had the time for.
        waiting: why it goes no further although there is more, or None.
        trees: the leaves before each segment that was followed from its beginning, by its first record's number.
    """

    def __init__(self, journal: Path, log: str, summary: Summary, anchor: Anchor | None = None) -> None:
        """`anchor`: a signed checkpoint of this log, which it is held against when it is read from the beginning."""
        self.log = log
        self.durable = Range(0, 0)
        self.place = Place(0, 0, 0)
        self.behind = False
        self.waiting: str | None = None
        self.trees: dict[int, Range] = {0: self.durable}
        self._journal = journal
        self._listing = Listing(journal, log)
        self._summary = summary
        self._anchor = anchor
        self._forged: str | None = None
        self._until: float | None = None
        # What was read beyond `durable`: its leaves, the places at which it was read, and where it goes on.
        self._leaves: list[bytes] = []
        self._places: deque[Place] = deque()
        self._here = self.place

    def resume(self, durable: Range, place: Place) -> None:
        """Go on from where an earlier one was, whose `durable` is known to be right."""
        self.durable, self.place, self._here, self._anchor = durable, place, place, None

    def advance(self, seconds: float | None = None) -> bool:
        """Read what has come, for not much longer than so many seconds; whether a segment was left for the next.

        Raises:
            FollowError: records are missing or damaged, or are others than those that a checkpoint was signed for.
            OSError: a file cannot be read.
        """
        if self._forged is not None:
            raise FollowError(self._forged)
        turned, self.behind = False, False
        self._until = None if seconds is None else monotonic() + seconds
        found = [segment for segment in self._listing.segments() if segment.base >= self.place.base]
        if not found and self._here != Place(0, 0, 0):
            raise FollowError(f"its segment {self.place.base} is not there, and none after it")
        for segment, following in zip_longest(found, found[1:]):
            if segment.base != self.place.base:
                raise FollowError(f"its segment {self.place.base} is not there, not even a manifest of it")
            self._read(segment, following)
            if self.behind:
                return turned
            if following is not None:
                self._turn(segment, following)
                turned = True
        signed = self.durable.end if self._anchor is None else self._anchor.size
        if self._here.seq < signed:
            raise FollowError(f"its checkpoint was signed for {signed} records, and it has only {self._here.seq}")
        return turned

    def _read(self, segment: Segment, following: Segment | None) -> None:
        limit = None if following is None else following.base
        if not segment.plain:
            self._summarised(segment)
            return
        with open_file(segment.path(PLAIN)) as file, self._steady(file):
            self._lines(file, segment, limit)
            if self.log in SHARED and self._here.seq > self.durable.end:
                os.fdatasync(file.fileno())
                self._commit(self._here.seq)

    def _steady(self, file: BinaryIO) -> AbstractContextManager[None]:
        """Whoever holds such a log's lock writes to it: without that lock, what is new may not be on disk yet.
        Nobody is made to wait for the lock when nothing is.
        """
        if self.log not in SHARED or (
            os.fstat(file.fileno()).st_size == self._here.offset and self._here.seq == self.durable.end
        ):
            return nullcontext()
        return locked(self._journal, PATIENCE, self.log)

    def _lines(self, file: BinaryIO, segment: Segment, limit: int | None) -> None:
        """Read all that is there now, and not what comes meanwhile: there would be no end to it."""
        path, size = segment.path(PLAIN), os.fstat(file.fileno()).st_size
        if size < self._here.offset:
            raise FollowError(f"{path}: it had {self._here.offset} bytes, and has only {size}")
        self.waiting = None
        length = BLOCK_BYTES
        while self._here.offset < size and (limit is None or self._here.seq < limit):
            block = os.pread(file.fileno(), length, self._here.offset)
            ends = line_ends(block)
            if ends and not self._take(block, ends if limit is None else ends[: limit - self._here.seq]):
                self.waiting = f"{path}: where record {self._here.seq} should be there is none"
                return
            if self._until is not None and monotonic() >= self._until:
                self.behind = True
                return
            if not ends and (len(block) < length or length >= LINE_BYTES):
                return
            length = BLOCK_BYTES if ends else length * 2
            if size - self._here.offset < BEHIND_BYTES:
                os.sched_yield()

    def _take(self, block: bytes, ends: list[int]) -> bool:
        """Take up the records in these lines of a block; False: there are other lines among them."""
        found = find(block, ends, self._here.seq)
        if count := len(found.leaves):
            base, offset, seq = self._here
            self._leaves += found.leaves[max(self.durable.end - seq, 0) :]
            self._places.append(self._here)
            self._here = Place(base, offset + ends[count - 1], seq + count)
            self._commit(found.durable)
        return count == len(ends)

    def _summarised(self, segment: Segment) -> None:
        leaves = self._summary(segment)
        if leaves.begin != segment.base or self._here.seq != segment.base:
            raise FollowError(f"{segment.name}: its manifest is that of records from {leaves.begin} on")
        if self._anchor is not None and self._anchor.size <= leaves.end:
            # What is sealed was signed for, and later: whoever has the key vouches for all that came before.
            self._anchor = None
        self.durable = merge(self.durable, leaves)
        self._here = self._here._replace(seq=leaves.end)

    def _turn(self, segment: Segment, following: Segment) -> None:
        """Leave a segment: the head of the next one says that all before it is on disk."""
        if self._here.seq < following.base:
            raise FollowError(
                f"{segment.path(PLAIN)}: records {self._here.seq} to {following.base - 1} are missing or damaged;"
                f" there can be no checkpoint of {self.log} beyond them"
            )
        if self.durable.end > following.base:
            raise FollowError(
                f"{segment.path(PLAIN)}: record {self.durable.end - 1} was on disk, and yet the next segment begins"
                f" with record {following.base}"
            )
        self._commit(following.base)
        self._leaves.clear()  # what is left over was written again, in the next segment
        self._places.clear()
        self.place = self._here = Place(following.base, 0, following.base)
        self.trees[following.base] = self.durable

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
            del self._leaves[:count]
        while self._places and self._places[0].seq <= end:
            self.place = self._places.popleft()
