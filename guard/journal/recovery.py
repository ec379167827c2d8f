"""Where a log goes on after its writer ended, however it ended.

All that anybody was told is on disk, and records reach the disk in their order as far as anybody was told; so a log is
whole up to the first record that is not, and what stands behind that nobody was told of. It is left in its file and
counted as torn. Only a record that a later one says was on disk cannot be torn: that is damage, for `guard log verify`
to name, and nothing behind it may be given up.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from guard.journal.chain import BEGINNING, TAIL_BYTES, Entry, Position, leaf, split
from guard.journal.folder import MOST_RECORDS, PLAIN, Segment, open_file, segments

logger = logging.getLogger("guard.journal")

PIECE_BYTES = 1_048_576
LINE_BYTES = 1_073_741_824
RECORD = b'{"seq":'


class UnfitError(Exception):
    """A log cannot be gone on with; the message names the file and says why."""


class Recovered(NamedTuple):
    """Where a log goes on, and how many bytes its last segment has behind that."""

    position: Position
    torn: int


class _Prefix(NamedTuple):
    """The records of a file that follow one another without a fault: where they end, in the log and in the file."""

    position: Position
    size: int


def recover(journal: Path, log: str, *, synced: bool = False) -> Recovered:
    """Find the end of a log, and make what is there durable.

    `synced`: each of its records was on disk before the next was written, so that a whole record says of those before
    it what elsewhere a mark says.

    Raises:
        UnfitError: its last segment does not begin with a record, or there is no number for another.
        OSError: it cannot be read or synced.
    """
    found = segments(journal, log)
    if not found:
        return Recovered(BEGINNING, 0)
    last = found[-1]
    if not last.plain:
        raise UnfitError(f"{last.folder}: the segment {last.base} is sealed, and none follows it")
    with open_file(last.path(PLAIN)) as file:
        recovered = _end(file, last, synced=synced)
        os.fdatasync(file.fileno())
    if recovered.position.seq >= MOST_RECORDS:
        raise UnfitError(f"{last.path(PLAIN)}: a log has no record {recovered.position.seq}")
    return recovered


def _end(file: BinaryIO, segment: Segment, *, synced: bool) -> Recovered:
    size = os.fstat(file.fileno()).st_size
    whole = _prefix(file, segment)
    if whole is None:
        raise UnfitError(f"{segment.path(PLAIN)}: it does not begin with the record {segment.base}")
    if whole.size == size:
        return Recovered(whole.position, 0)
    file.seek(whole.size)
    further = _beyond(file, whole, synced=synced)
    if further is None:
        return Recovered(whole.position, size - whole.size)
    logger.error("%s: the record %d is damaged; `guard log verify` tells more", segment.path(PLAIN), whole.position.seq)
    return Recovered(further.position, size - further.size)


def _prefix(file: BinaryIO, segment: Segment) -> _Prefix | None:
    """The records from the file's beginning on; None: there is not even one.

    What the first one states as its chain is taken as it is, for the record before it is in another file.
    """
    whole = None
    for line in _lines(file):
        entry = split(line) if line.endswith(b"\n") else None
        if whole is None:
            if entry is None or entry.seq != segment.base:
                return None
            whole = _Prefix(Position(entry.seq + 1, entry.chain), len(line))
        elif entry is not None and _follows(entry, whole.position):
            whole = _Prefix(Position(entry.seq + 1, entry.chain), whole.size + len(line))
        else:
            break
    return whole


def _follows(entry: Entry, position: Position) -> bool:
    return entry.seq == position.seq and leaf(position.chain, entry.data) == entry.chain


def _beyond(file: BinaryIO, whole: _Prefix, *, synced: bool) -> _Prefix | None:
    """The last record behind a fault, if one there says that the faulty one was on disk."""
    size, last, damaged = whole.size, None, synced
    for line in _lines(file):
        size += len(line)
        entry = split(line) if line.endswith(b"\n") else None
        # A number that is too large for what is before it was made up.
        most = whole.position.seq + (size - whole.size) // TAIL_BYTES
        if entry is not None and whole.position.seq <= entry.seq < most:
            last = _Prefix(Position(entry.seq + 1, entry.chain), size)
            damaged = damaged or _durable(line) >= whole.position.seq
    return last if damaged else None


def _durable(line: bytes) -> int:
    """The last record that a line says is on disk; -1: it says nothing of that."""
    if b'"kind":"mark"' not in line[:64]:
        return -1
    try:
        durable = orjson.loads(line).get("durable")
    except orjson.JSONDecodeError:
        return -1
    return durable if isinstance(durable, int) else -1


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """A file's lines; what does not begin as a record may come in pieces, for it may be as long as the disk."""
    while piece := file.readline(PIECE_BYTES):
        if len(piece) == PIECE_BYTES and piece.startswith(RECORD):
            piece += file.readline(LINE_BYTES)
        yield piece
