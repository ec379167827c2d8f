"""A copy of a journal in a dishonest hand, and which record must be named for what is done to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guard.journal.chain import Position, split
from guard.journal.folder import MANIFEST, PLAIN, SEALED, TOMBSTONE, Segment, logs, segments
from loadtests.specimen import Specimen, counted

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"a dishonest hand's own key, 32 b")


class Expected(NamedTuple):
    """The first problem of `log` must name a record from `first` to `last`; None: any, or none at all."""

    log: str
    first: int | None = None
    last: int | None = None


class Case:
    """One copy of the journal, and the dice."""

    def __init__(self, journal: Path, specimen: Specimen, rng: Random) -> None:
        self.journal = journal
        self.specimen = specimen
        self.rng = rng
        self.log = rng.choice(logs(journal))
        self.segments = segments(journal, self.log)

    def pick(self, *kinds: str) -> Segment:
        """Any segment of the log that has such a file."""
        return self.rng.choice([one for one in self.segments if any(getattr(one, kind) for kind in kinds)])

    def following(self, segment: Segment) -> Segment | None:
        """The segment after one."""
        return next((one for one in self.segments if one.base > segment.base), None)

    def plain(self) -> tuple[Segment, list[bytes], bytes]:
        """A plain segment, its lines that count, and what stands behind these."""
        segment = self.pick("plain")
        lines = counted(segment, self.following(segment))
        return segment, lines, segment.path(PLAIN).read_bytes()[sum(map(len, lines)) :]

    def flip(self, path: Path, begin: int = 0, end: int | None = None) -> int:
        """Change one bit of a file; gives the byte."""
        data = bytearray(path.read_bytes())
        at = self.rng.randrange(begin, len(data) if end is None else end)
        data[at] ^= 1 << self.rng.randrange(8)
        path.write_bytes(data)
        return at

    def exactly(self, seq: int) -> Expected:
        """This record must be named."""
        return Expected(self.log, seq, seq)

    def from_(self, segment: Segment) -> Expected:
        """This segment's first record must be named; or the one after it, where the file before has another record of
        that number, which was written again after a failure: it follows as well as the one that is gone.
        """
        before = max((one for one in self.segments if one.base < segment.base), key=lambda one: one.base, default=None)
        if before is None or not before.plain:
            return self.exactly(segment.base)
        again = len(counted(before, None)) - len(counted(before, segment))
        return Expected(self.log, segment.base, segment.base + again)


Tampering = Callable[[Case], list[Expected]]

KINDS = (PLAIN, SEALED, MANIFEST, TOMBSTONE)
SUFFIXES = dict(zip(("plain", "sealed", "manifest", "tombstone"), KINDS, strict=True))


def put(segment: Segment, lines: list[bytes], rest: bytes) -> None:
    """Write a plain segment anew."""
    segment.path(PLAIN).write_bytes(b"".join(lines) + rest)


def remove(segment: Segment) -> None:
    """Take all of a segment's files away."""
    for kind in KINDS:
        segment.path(kind).unlink(missing_ok=True)


def after(line: bytes) -> Position:
    """Where a log is behind a record."""
    entry = split(line)
    assert entry is not None
    return Position(entry.seq + 1, entry.chain)


def unlinked(line: bytes) -> bytes:
    """A record as it was before it was linked."""
    entry = split(line)
    assert entry is not None
    return b"{" + entry.data.partition(b",")[2] + b"}"
