"""What workers have counted, in a small file for each log in the state folder, so that no counter ever goes back.

A worker goes on from what whoever wrote its log before has left. The file is replaced about once a second; a worker
that is killed takes what it counted since with it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from guard.counts import Counts, Histogram
from guard.custody.workers import FOLDER

SUFFIX = ".counts"


def place(state: Path, log: str) -> Path:
    """Where the counts of that log are."""
    return state / FOLDER / f"{log}{SUFFIX}"


def encode(counts: Counts) -> bytes:
    """Counts as they are now."""
    return msgspec.msgpack.encode(counts)


def save(path: Path, encoded: bytes) -> None:
    """Put them in the place of those that may be there. Not synced: what counts is that the file is whole.

    Raises:
        OSError: they cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    draft.write_bytes(encoded)
    draft.replace(path)


def restored(path: Path) -> Counts:
    """What to go on from: the counters that are there; a histogram whose bounds were others begins anew."""
    counts = read(path) or Counts()
    fresh = Counts()
    for name in Counts.__struct_fields__:
        ours, theirs = getattr(fresh, name), getattr(counts, name)
        if isinstance(ours, Histogram) and (ours.bounds, len(ours.counts)) != (theirs.bounds, len(theirs.counts)):
            setattr(counts, name, ours)
    counts.now, counts.signable = fresh.now, 0
    return counts


def read(path: Path) -> Counts | None:
    """The counts in a file; None: there is none that can be read."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Counts)
    except (OSError, msgspec.DecodeError):
        return None


def every(state: Path) -> dict[str, Counts]:
    """The counts of all logs that ever had a worker, by log."""
    found = {path.stem: read(path) for path in sorted((state / FOLDER).glob(f"*{SUFFIX}"))}
    return {log: counts for log, counts in found.items() if counts is not None}
