"""Reading the journal: whole, one exchange, or the newest.

Reading never changes anything, and goes on past what it cannot read: a line torn by a crash is told to `note` and left
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Any

from guard.archive.manifest import unverified
from guard.archive.statement import read
from guard.evidence.filters import Filters
from guard.evidence.note import Note, log
from guard.evidence.record import began_as
from guard.evidence.scan import Progress, Scan
from guard.journal.folder import MANIFEST, SHARED, all_segments
from guard.proof.note import NoteError

TAIL_CHUNK_BYTES = 262_144


class Objects:
    """Gathers exchanges as they are."""

    def __init__(self) -> None:
        self._found: list[dict[str, Any]] = []

    def add(self, exchange: dict[str, Any]) -> None:
        """Keep one."""
        self._found.append(exchange)

    def take(self) -> list[dict[str, Any]]:
        """Those kept."""
        return self._found


class Newest:
    """The `limit` exchanges that began last, of those it is given; those without a time count as the oldest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[float, int, Any]] = []
        self._count = 0

    def put(self, at: float | None, item: Any) -> None:
        """Take one, and let the oldest go if there is no room."""
        self._count += 1
        entry = (at if at is not None else -1.0, self._count, item)
        if len(self._heap) < self._limit:
            heappush(self._heap, entry)
        elif self._limit:
            heappushpop(self._heap, entry)

    def enough(self, before: float) -> bool:
        """Whether none that began before that time would be kept."""
        return len(self._heap) == self._limit and (not self._limit or self._heap[0][0] > before)

    def items(self) -> list[Any]:
        """What is kept, by time."""
        return [item for _, _, item in sorted(self._heap, key=lambda entry: entry[:2])]


def exchanges(journal: Path, note: Note = log, filters: Filters | None = None) -> Iterator[dict[str, Any]]:
    """All exchanges that are wanted, each as soon as it is whole; those without an outcome come at the end."""
    scan = Scan(journal, filters or Filters(), Objects, note=note, processes=1)
    for found in scan.run():
        yield from found


def find(journal: Path, id: str, note: Note = log, progress: Progress | None = None) -> dict[str, Any] | None:
    """The exchange with this id, or None. It is looked for where its id says first, and then everywhere."""
    wanted = Filters(id=(id,))
    found = next((one for made in Scan(journal, wanted, Objects, note=note).run() for one in made), None)
    if found is None and began_as(id) is not None:
        everywhere = Scan(journal, wanted, Objects, note=note, progress=progress, trust_ids=False)
        found = next((one for made in everywhere.run() for one in made), None)
    return found


def deleted(journal: Path, id: str) -> list[str]:
    """The segments whose records were deleted and are of the time that is in the id: it may have been in them."""
    at = began_as(id)
    if at is None:
        return []
    found = []
    for segment in all_segments(journal):
        if not segment.deleted or segment.log in SHARED:
            continue
        with suppress(OSError, NoteError):
            said = unverified(read(segment.path(MANIFEST)))
            if said.since is not None and said.to is not None and said.since - 1 <= at <= said.to + 1:
                found.append(segment.name)
    return found


def tail(journal: Path, n: int, note: Note = log) -> list[dict[str, Any]]:
    """The `n` exchanges that began last, in that order; reads from the logs' ends, and no further than it must."""
    newest = Newest(n)
    if n <= 0:
        return []
    scan = Scan(
        journal,
        Filters(),
        Objects,
        note=note,
        newest_first=True,
        enough=newest.enough,
        chunk=TAIL_CHUNK_BYTES,
        processes=1,
    )
    for found in scan.run():
        for exchange in found:
            newest.put(exchange["at"], exchange)
    return newest.items()
