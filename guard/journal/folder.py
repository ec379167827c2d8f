"""Where a journal's files are: a folder for each log, and in it the log's segments, named by their first record.

::

    journal/w1/0000000000000000.jsonl          being written, or not sealed yet
    journal/w1/0000000000000512.jsonl.zst      sealed: compressed, with its manifest beside it
    journal/w1/0000000000000512.manifest       stays when the segment's records are deleted, and then has beside it
    journal/w1/0000000000000512.tombstone      who deleted them, when and why
    journal/w1/checkpoint                      what the log was when it was last signed for
    journal/control/0000000000000000.jsonl     what operators did with the journal
    journal/audit/0000000000000000.jsonl       who called the admin API

A log is written by one process at a time: `w1`, `w2`, … by data workers, `control` by whoever acts on the journal,
`audit` by the control process.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from guard.proof.files import sync_folder as sync_folder

MOST_RECORDS = 10**16
"""A log has no more: its segments' names have no more digits."""

PLAIN = ".jsonl"
SEALED = ".jsonl.zst"
MANIFEST = ".manifest"
TOMBSTONE = ".tombstone"
CONTROL = "control"
AUDIT = "audit"
SHARED = (AUDIT, CONTROL)
"""The logs that are no worker's: who holds such a log's lock appends to it, and each record is on disk at once."""

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
"""How a journal's files are opened for reading: nobody waits for a pipe in the place of one."""

CHECKPOINT = "checkpoint"
"""What the file in a log's folder is called that has its newest signed checkpoint."""

_LOG = re.compile(r"w[1-9][0-9]{0,5}|audit|control")
_SEGMENT = re.compile(r"([0-9]{16})(\.jsonl|\.jsonl\.zst|\.manifest|\.tombstone)")


class Segment(NamedTuple):
    """A part of a log. `base` is the number of its first record; which of its files there are was seen when listed."""

    log: str
    base: int
    folder: Path
    plain: bool = False
    sealed: bool = False
    manifest: bool = False
    tombstone: bool = False

    @property
    def name(self) -> str:
        """What people call it: the log and the first record, e.g. ``w1/512``."""
        return f"{self.log}/{self.base}"

    def path(self, suffix: str) -> Path:
        """Where its file of that kind is: `PLAIN`, `SEALED`, `MANIFEST` or `TOMBSTONE`."""
        return self.folder / f"{self.base:016d}{suffix}"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Those of the files there are that have its records."""
        return tuple(suffix for suffix, there in ((PLAIN, self.plain), (SEALED, self.sealed)) if there)

    @property
    def deleted(self) -> bool:
        """Whether its records are gone."""
        return not (self.plain or self.sealed)


def logs(journal: Path) -> list[str]:
    """The names of a journal's logs: the workers' in the order of their numbers, then `audit` and `control`."""
    try:
        names = [entry.name for entry in os.scandir(journal) if entry.is_dir() and _LOG.fullmatch(entry.name)]
    except FileNotFoundError:
        return []
    return sorted(names, key=lambda name: (name in SHARED, len(name), name))


def segments(journal: Path, log: str) -> list[Segment]:
    """A log's segments in the order of their records, deleted ones too."""
    found: dict[int, set[str]] = {}
    try:
        for entry in os.scandir(journal / log):
            if name := _SEGMENT.fullmatch(entry.name):
                found.setdefault(int(name[1]), set()).add(name[2])
    except FileNotFoundError:
        return []
    return [
        Segment(log, base, journal / log, *(kind in kinds for kind in (PLAIN, SEALED, MANIFEST, TOMBSTONE)))
        for base, kinds in sorted(found.items())
    ]


def all_segments(journal: Path) -> Iterator[Segment]:
    """Every segment of every log."""
    for log in logs(journal):
        yield from segments(journal, log)


def open_file(path: Path) -> BinaryIO:
    """Open a file of a journal for reading.

    Raises:
        OSError: it cannot be opened.
    """
    return os.fdopen(open_descriptor(path), "rb")


def open_descriptor(path: Path) -> int:
    """Likewise, as a descriptor.

    Raises:
        OSError: it cannot be opened, or is no file: a device may have no end.
    """
    descriptor = os.open(path, READ)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))
