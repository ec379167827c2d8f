"""Following a segment record by record: is each the one that comes next?"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import sha256

from guard.archive.damage import Damage, Problem
from guard.journal.chain import TAIL_BYTES, Position, split
from guard.journal.folder import Segment
from guard.proof.tree import Range


class Walk:
    """A segment's records as far as they were followed.

    Attributes:
        position: where the log is after them.
        leaves: the tree over them.
        size, lines: how much of the (plain) file they take.
        at: the tree as it was at each of the sizes asked for, as far as they were come by.
    """

    def __init__(
        self, segment: Segment, file: str, before: bytes | None, end: int | None = None, sizes: Sequence[int] = ()
    ) -> None:
        """Begin before the first record.

        `file` is what the file is called; `before` the chain of the record before it (None: not known, so the first
        one's chain is believed); records from number `end` on do not count; `sizes` are of the log's tree.
        """
        self.segment = segment
        self.file = file
        self.position = Position(segment.base, before or b"")
        self.leaves = Range(segment.base, segment.base)
        self.size = 0
        self.lines = 0
        self.at: dict[int, Range] = {segment.base: self.leaves} if segment.base in sizes else {}
        self._known = before is not None
        self._end = end
        self._sizes = sorted(size for size in sizes if size > segment.base)

    def take(self, block: bytes) -> bool:
        """Follow a block of lines; False: there was more in it than records that count, or an unfinished line.

        Raises:
            Damage: a record is not the one that comes next.
        """
        *lines, unfinished = block.split(b"\n")
        counted = lines if self._end is None else lines[: self._end - self.position.seq]
        all_count = len(counted) == len(lines)
        if counted and not self._known:
            self._believe(counted.pop(0))
        good = self._follow(counted)
        if good < len(counted):
            raise Damage(self._problem(counted[good]))
        return all_count and not unfinished

    def missing(self) -> Problem | None:
        """What is wrong if there is no more to be read."""
        if self._end is None or self.position.seq >= self._end:
            return None
        seq = self.position.seq
        rest = "" if seq + 1 == self._end else f" and those up to {self._end - 1}"
        return self._place(f"the file ends, but record {seq}{rest} should be here")

    def _follow(self, lines: list[bytes]) -> int:
        """How many of them are the records that come next."""
        seq, chain = self.position
        leaves = []
        for line in lines:
            # This is chain.split, turned round: what must stand there is compared, which is three times as fast.
            digest = sha256(b"\0" + chain + line[:-TAIL_BYTES]).digest()
            tail = b',"chain":"%b"}' % b2a_base64(digest, newline=False)
            if line[-TAIL_BYTES:] != tail or not line.startswith(b'{"seq":%d,' % seq):
                break
            leaves.append(digest)
            chain = digest
            seq += 1
        self._passed(lines[: len(leaves)], leaves)
        return len(leaves)

    def _passed(self, lines: list[bytes], leaves: list[bytes]) -> None:
        if not leaves:
            return
        self.position = Position(self.position.seq + len(leaves), leaves[-1])
        self.size += sum(map(len, lines)) + len(lines)
        self.lines += len(lines)
        while self._sizes and self._sizes[0] <= self.position.seq:
            size = self._sizes.pop(0)
            part = size - self.leaves.end
            self.at[size] = self.leaves = self.leaves.extend(leaves[:part])
            leaves = leaves[part:]
        self.leaves = self.leaves.extend(leaves)

    def _believe(self, line: bytes) -> None:
        entry = split(line)
        if entry is None or entry.seq != self.position.seq:
            raise Damage(self._problem(line))
        self._known = True
        self._passed([line], [entry.chain])

    def _problem(self, line: bytes) -> Problem:
        seq = self.position.seq
        entry = split(line)
        if entry is None:
            return self._place(f"record {seq} should be here, and this is no record")
        if entry.seq > seq:
            missing = f"record {seq} is" if entry.seq == seq + 1 else f"records {seq} to {entry.seq - 1} are"
            return self._place(f"{missing} missing: here is record {entry.seq}")
        if entry.seq < seq:
            return self._place(f"record {seq} should be here, and this is record {entry.seq}")
        return self._place("its chain is not that of its content and the record before it: one of the two was changed")

    def _place(self, reason: str) -> Problem:
        return Problem(self.segment.log, reason, self.position.seq, self.file, self.size, self.lines + 1)
