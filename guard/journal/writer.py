"""Appending records so that what is acknowledged is on disk: one write per loop turn, `fdatasync` in a thread of its
own.

A record's life: `add` puts it into the batch of the current turn; at the turn's end the batch is written, and only
then do the actions that were waiting for the write (sending the request to its model) run; the sync thread makes the
batch durable, and then the actions that were waiting for that (the first byte to the client) run. A file whose write
or sync failed is never written again: what the kernel then holds of it is unknown (Rebello et al., "Can Applications
Recover from fsync Failures?", USENIX ATC 2020). Everything waiting on it fails, and the next batch opens a new file.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from time import monotonic, sleep

logger = logging.getLogger("guard.journal")

RETRY_SECONDS = 1.0
# What nobody waits for is written with the next thing that somebody does, or after this.
LAZY_SECONDS = 0.005
# Group commit: when this many batches came during one sync, the load is high, and gathering a little longer before the
# next costs each of them less than a sync of its own would cost them all.
SIBLINGS = 3
GATHER_SECONDS = 0.001

Action = Callable[[bool], None]


class Batch:
    """The records of one loop turn. `durable`: they are on disk; `failed`: they may not be."""

    __slots__ = ("after_sync", "after_write", "durable", "failed", "lines")

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.after_write: list[Action] = []
        self.after_sync: list[Action] = []
        self.durable = False
        self.failed = False

    def when_durable(self, action: Action) -> None:
        """Call `action(True)` when the batch is on disk, `action(False)` when it cannot be."""
        if self.durable or self.failed:
            action(self.durable)
        else:
            self.after_sync.append(action)

    def settle(self, *, durable: bool) -> None:
        """The batch's fate is known; what is said later does not change it."""
        if self.durable or self.failed:
            return
        self.durable = durable
        self.failed = not durable
        actions, self.after_sync = self.after_sync, []
        _run(actions, outcome=durable)


class Segment:
    """One journal file being written, and the thread that syncs it."""

    def __init__(self, path: Path, settled: Callable[[Segment, list[Batch], OSError | None], None]) -> None:
        """Make the file; `settled` is called in the thread, with batches and what went wrong with them."""
        self.path = path
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _sync_folder(path.parent)
        except OSError:
            os.close(self.fd)
            raise
        self._settled = settled
        self._unsynced: SimpleQueue[Batch | None] = SimpleQueue()
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=self._sync, name=f"sync {path.name}", daemon=True)
        self._thread.start()

    def write(self, batch: Batch) -> None:
        """Write a batch and hand it to the sync thread.

        Raises:
            OSError: not all of it could be written.
        """
        data = batch.lines[0] if len(batch.lines) == 1 else b"".join(batch.lines)
        batch.lines = []
        written = os.write(self.fd, data)
        while written < len(data):
            written += os.write(self.fd, data[written:])
        self._unsynced.put(batch)

    def close(self) -> None:
        """Sync what is written, then close the file; returns when that is done."""
        self._unsynced.put(None)
        self._thread.join()

    def abandon(self, error: OSError) -> None:
        """Give the file up: what is not on disk yet fails with `error`, and no further sync is tried."""
        self._failed = error
        self._unsynced.put(None)

    def _sync(self) -> None:
        batches: list[Batch] = []
        while self._gather(batches):
            try:
                if self._failed is None:
                    os.fdatasync(self.fd)
            except OSError as error:
                self._failed = error
            self._settled(self, batches, self._failed)
            batches = []
        os.close(self.fd)

    def _gather(self, batches: list[Batch]) -> bool:
        """Wait for batches to sync, and take all there are; False when there will be none."""
        batch = self._unsynced.get()
        if self._unsynced.qsize() >= SIBLINGS:
            sleep(GATHER_SECONDS)
        while batch is not None:
            batches.append(batch)
            if self._unsynced.empty():
                return True
            batch = self._unsynced.get()
        # The end mark is the last thing in the queue: it is put back for the next turn if there is work in this one.
        if batches:
            self._unsynced.put(None)
        return bool(batches)


class Journal:
    """A worker's journal: a folder of JSON-lines files, one for each start, that only grow.

    Attributes:
        healthy: the last write and sync went well.
        turn_began: when (monotonic seconds) the first record of this turn of the loop came; 0.0: none has.
    """

    def __init__(self, folder: Path, worker: str, loop: asyncio.AbstractEventLoop) -> None:
        """Open the folder, made if need be.

        Raises:
            OSError: the folder or the first file cannot be written.
        """
        self.folder = folder
        self.worker = worker
        self.loop = loop
        self.healthy = True
        self.turn_began = 0.0
        self._retry_at = 0.0
        self._files = 0
        self._batch = Batch()
        self._scheduled = False
        self._lazy: asyncio.TimerHandle | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._segment: Segment | None = self._open()

    def add(self, line: bytes, then: Action) -> Batch:
        """Take one record (a line with its newline); `then(True)` runs when it is written, `then(False)` when it
        cannot be.
        """
        batch = self._batch
        batch.lines.append(line)
        batch.after_write.append(then)
        if not self._scheduled:
            self._scheduled = True
            self.turn_began = monotonic()
            self.loop.call_soon(self._flush)
        return batch

    def add_lazily(self, line: bytes) -> None:
        """Take one record that nobody waits for."""
        self._batch.lines.append(line)
        if not self._scheduled and self._lazy is None:
            self._lazy = self.loop.call_later(LAZY_SECONDS, self._flush)

    def ready(self) -> bool:
        """Whether a record would be written now; after a failure a new file is tried once a second."""
        return self.healthy or monotonic() >= self._retry_at

    def close(self) -> None:
        """Write and sync everything; blocks until it is on disk."""
        self._flush()
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _flush(self) -> None:
        self._scheduled = False
        self.turn_began = 0.0
        if self._lazy is not None:
            self._lazy.cancel()
            self._lazy = None
        batch, self._batch = self._batch, Batch()
        if not batch.lines:
            return
        if self.ready():
            try:
                if self._segment is None:
                    self._segment = self._open()
                self._segment.write(batch)
            except OSError as error:
                self._fail(error)
                batch.settle(durable=False)
        else:
            batch.settle(durable=False)
        actions, batch.after_write = batch.after_write, []
        _run(actions, outcome=not batch.failed)

    def _open(self) -> Segment:
        self._files += 1
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        segment = Segment(self.folder / f"{stamp}-{self.worker}-{self._files}.jsonl", self._synced)
        self.healthy = True
        return segment

    def _synced(self, segment: Segment, batches: list[Batch], error: OSError | None) -> None:
        try:
            self.loop.call_soon_threadsafe(self._settle, segment, batches, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _settle(self, segment: Segment, batches: list[Batch], error: OSError | None) -> None:
        if error is not None and segment is self._segment:
            self._fail(error)
        for batch in batches:
            batch.settle(durable=error is None)

    def _fail(self, error: OSError) -> None:
        logger.error("the journal cannot be written, requests are refused until it can: %s", error)
        self.healthy = False
        self._retry_at = monotonic() + RETRY_SECONDS
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.abandon(error)


def _run(actions: list[Action], *, outcome: bool) -> None:
    """Tell everybody who waits; one that fails does not keep it from the others."""
    for action in actions:
        try:
            action(outcome)
        except Exception:
            logger.exception("what waited for a record met a fault")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
