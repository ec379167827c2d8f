"""The thread between a journal and its disk: it syncs, begins segments, and writes whatever the loop should not.

What it is given it takes in order. A file whose write or sync has failed is never written or synced again: all that
comes for it is said to have failed, until the journal asks for a new segment.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import NamedTuple

from guard.journal.batch import Batch
from guard.journal.chain import Position
from guard.journal.segment import Segment, UnsyncedNameError

# Group commit: when this many batches came during one sync, the load is high, and gathering a little longer before the
# next costs each of them less than a sync of its own would cost them all.
SIBLINGS = 3
GATHER_SECONDS = 0.001
LOOK_SECONDS = 1.0


class Opening(NamedTuple):
    """The wish for a new segment: the number and the line of its first record, and where the log is behind that.

    `life` counts up whenever the journal has given a file up: with it, the new segment is a new beginning.
    """

    base: int
    head: bytes
    end: Position
    life: int


class Report(NamedTuple):
    """What became of some of what the disk was given in that life of the journal, or how many bytes are free.

    `begun`: the log is on disk up to there, for a segment has its first record there; also one that failed just then.
    """

    life: int
    written: tuple[Batch, ...] = ()
    durable: tuple[Batch, ...] = ()
    opened: Segment | None = None
    begun: Position | None = None
    error: OSError | None = None
    free: int | None = None


class Disk:
    """One log's way to the disk.

    Attributes:
        syncing_since: when (monotonic seconds) the sync began that goes on; 0.0: none does.
    """

    def __init__(
        self, folder: Path, segment: Segment | None, report: Callable[[Report], None], interval: float
    ) -> None:
        """With `segment` as the first (None: that failed); `report` is called in the thread; `interval` seconds are
        between syncs.
        """
        self.folder = folder
        self.syncing_since = 0.0
        self._segment = segment
        self._life = 0
        self._failed = segment is None
        self._report = report
        self._interval = interval
        self._hurry = threading.Event()
        self._work: SimpleQueue[Batch | Opening | None] = SimpleQueue()
        self._look_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"journal {folder.name}", daemon=True)
        self._thread.start()

    def put(self, work: Batch | Opening) -> None:
        """Have a batch written, if it is not yet, and synced; or a segment begun."""
        self._work.put(work)
        if isinstance(work, Opening) or work.unwritten:
            self.hurry()

    def hurry(self) -> None:
        """Do not wait for the interval to be over: somebody waits for what is to be done."""
        self._hurry.set()

    def close(self, patience: float) -> Segment | None:
        """Do all that is left; returns, when it is done, the file that all is in, or None after a failure.

        Raises:
            TimeoutError: it takes longer than so many seconds; the thread is still at it.
        """
        self._work.put(None)
        self.hurry()
        self._thread.join(patience)
        if self._thread.is_alive():
            raise TimeoutError
        return None if self._failed else self._segment

    def _run(self) -> None:
        open_ended = True
        while open_ended:
            works = self._gather()
            open_ended = works[-1:] != [None]
            batches: list[Batch] = []
            for work in works:
                if isinstance(work, Batch):
                    batches.append(work)
                elif work is not None:
                    self._commit(batches)
                    batches = []
                    self._open(work)
            self._commit(batches)
            self._look()

    def _gather(self) -> list[Batch | Opening | None]:
        """Wait for work, and take all there is; nothing comes for a while: none."""
        try:
            works = [self._work.get(timeout=LOOK_SECONDS)]
        except Empty:
            return []
        if self._interval and works != [None]:
            self._hurry.wait(self._interval)
            self._hurry.clear()
        elif self._work.qsize() >= SIBLINGS:
            sleep(GATHER_SECONDS)
        while works[-1] is not None and not self._work.empty():
            works.append(self._work.get())
        return works

    def _commit(self, batches: list[Batch]) -> None:
        """Write what is not written yet, then sync it all."""
        segment = self._segment
        if not batches or self._failed or segment is None:
            return
        try:
            unwritten = tuple(batch for batch in batches if batch.unwritten)
            for batch in unwritten:
                segment.write(batch.data)
            if unwritten:
                self._report(Report(self._life, written=unwritten))
            self.syncing_since = monotonic()
            segment.sync()
        except OSError as error:
            self._fail(error)
        else:
            self._report(Report(self._life, durable=tuple(batches)))
        finally:
            self.syncing_since = 0.0

    def _open(self, opening: Opening) -> None:
        """Begin a segment, once all is on disk that the one before it has."""
        if self._failed and opening.life == self._life:
            return
        self._life = opening.life
        self._failed = False
        # Nobody but this thread closes a file: the loop writes to it for as long as it does not know of a failure, and
        # by now it does.
        before, self._segment = self._segment, None
        try:
            if before is not None:
                before.close()
            self._segment = Segment(self.folder, opening.base, opening.head)
        except OSError as error:
            self._fail(error, begun=opening.end if isinstance(error, UnsyncedNameError) else None)
        else:
            self._report(Report(self._life, opened=self._segment, begun=opening.end))

    def _fail(self, error: OSError, begun: Position | None = None) -> None:
        self._failed = True
        self._report(Report(self._life, error=error, begun=begun))

    def _look(self) -> None:
        """See once a second how much room is left, and whether the file is still there."""
        now = monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        segment = self._segment
        if segment is not None and not self._failed and segment.deleted():
            self._fail(FileNotFoundError(errno.ENOENT, "somebody has deleted it", str(segment.path)))
        with suppress(OSError):  # a folder that does not tell cannot be watched, but perhaps written
            self._report(Report(self._life, free=free_bytes(self.folder)))


def free_bytes(folder: Path) -> int:
    """How many bytes may still be written to a folder's disk.

    Raises:
        OSError: it does not tell.
    """
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
