"""A log while it is written: batches get their places in it, are written, become durable, or fail.

A batch is written where it is given, on the loop, for as long as that is quick. When the disk does not keep up, or a
segment is being begun, the disk's thread does it, in order. When a file fails it is given up, together with all that
may not be in it; the log then goes on, in the next segment, behind the last record that is known to be on disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import takewhile
from time import monotonic, time
from typing import Any, Protocol

import orjson

from guard import __version__, config
from guard.journal.batch import Batch
from guard.journal.chain import Position, link
from guard.journal.disk import Disk, Opening, Report
from guard.journal.segment import Segment, UnsyncedNameError
from guard.journal.slot import Slot

logger = logging.getLogger("guard.journal")

RETRY_SECONDS = 1.0
MARK_SECONDS = 1.0
# The thread writes what is larger, and all while a sync takes longer: then the kernel may hold writers up.
INLINE_BYTES = 1_048_576
SLOW_SECONDS = 0.05
CLOSE_SECONDS = 20.0
WAIT_SECONDS = 30.0


class Owner(Protocol):
    """Whose log it is, and what it is told."""

    def failed(self, error: OSError, batches: list[Batch]) -> None:
        """The log cannot be written; these are the batches that may not be on disk, in their order."""

    def resumed(self) -> None:
        """The log can be written again."""

    def filled(self, full: bool) -> None:
        """So much waits for the disk that nothing should be begun, or no longer does."""

    def saw(self, free: int) -> None:
        """So many bytes are free on the disk."""


class Log:
    """One log, from a segment of its own on.

    Attributes:
        healthy: the last write and sync went well. While they did not, nothing may be written.
        full: more than `buffer_bytes` wait for the disk.
        durable: behind the last record that is known to be on disk.
        durable_bytes: how much this process has brought there.
    """

    def __init__(
        self,
        slot: Slot,
        settings: config.Journal,
        loop: asyncio.AbstractEventLoop,
        owner: Owner,
        custody: Callable[[], dict[str, Any]],
    ) -> None:
        """Begin a segment, or, if that cannot be, go on trying; `custody` tells what its first record says of who
        writes.
        """
        self.slot = slot
        self.healthy = True
        self.full = False
        self.durable_bytes = 0
        self._settings = settings
        self._loop = loop
        self._owner = owner
        self._custody = custody
        self._early = settings.durability == "interval"
        self._late = settings.durability == "before_forward"
        self._pending: deque[Batch] = deque()
        self._pending_bytes = 0
        self._deferred = 0
        self._opening = False
        self._life = 0
        self._closed = False
        self._reports: deque[Report] = deque()
        self._unmarked = False
        self._marking: asyncio.TimerHandle | None = None
        self._retrying: asyncio.TimerHandle | None = None
        self._ageing: asyncio.TimerHandle | None = None

        recovered = slot.recovered
        self.durable = self._position = recovered.position
        self._torn = recovered.torn
        line, end = link(self._head("crash" if recovered.torn else "start"), recovered.position)
        self._bytes = len(line)
        self._segment: Segment | None = None
        failure: OSError | None = None
        try:
            self._segment = Segment(slot.folder, recovered.position.seq, line)
            self._is_begun(end)
        except UnsyncedNameError as error:
            self._is_begun(end)
            failure = error
        except OSError as error:
            failure = error
        self._position = self.durable
        self._disk = Disk(slot.folder, self._segment, self._reported, settings.interval if self._early else 0.0)
        if failure is not None:
            self._fail(failure)

    # What its owner asks for.

    def write(self, batch: Batch) -> None:
        """Give a batch its place in the log, and have it written: here, if that will not take long."""
        if self._bytes >= self._settings.segment_bytes:
            self._open("rotation")
        if self._ageing is None:
            self._ageing = self._loop.call_later(self._settings.segment_age, self._grow_old)
        batch.bind(self._position)
        batch.at = monotonic()
        self._position = batch.end
        self._bytes += batch.size
        self._pending.append(batch)
        self._pending_bytes += batch.size
        self._fill()
        if self._is_slow(batch.size):
            batch.unwritten = True
            self._deferred += 1
            self._disk.put(batch)
            return
        assert self._segment is not None
        try:
            self._segment.write(batch.data)
        except OSError as error:
            self._fail(error)
            return
        self._is_written(batch)
        self._disk.put(batch)

    def late(self, now: float) -> Iterator[Batch]:
        """What has waited for the disk for so long that nobody should wait on; it is written all the same."""
        return takewhile(lambda batch: batch.at < now - WAIT_SECONDS, self._pending)

    @property
    def waiting_since(self) -> float:
        """Since when (monotonic seconds) the oldest record has waited for the disk; 0.0: none does."""
        return self._pending[0].at if self._pending else 0.0

    def close(self) -> None:
        """Sync everything, and tell who waits; blocks until it is on disk, or that takes too long."""
        self._closed = True
        for timer in (self._retrying, self._marking, self._ageing):
            if timer is not None:
                timer.cancel()
        try:
            segment = self._disk.close(CLOSE_SECONDS)
        except TimeoutError:
            # The thread is still writing, so the log stays locked until the process has ended.
            logger.error("the disk takes too long: %d bytes of the journal may not be on it", self._pending_bytes)
            return
        while self._reports:
            self._take_next()
        if segment is not None:
            if self.healthy:
                # Only now is everything on disk, and nobody is left to hear of a failure to say so.
                with suppress(OSError):
                    segment.write(link(_mark(self._position), self._position)[0])
                    segment.sync()
            segment.close()
        self.slot.close()

    # What becomes of batches.

    def _is_slow(self, size: int) -> bool:
        if self._opening or self._deferred or size > INLINE_BYTES:
            return True
        since = self._disk.syncing_since
        return since > 0 and monotonic() - since > SLOW_SECONDS

    def _is_written(self, batch: Batch) -> None:
        if not self._late:
            batch.written()
        if self._early:
            batch.settle(durable=True)

    def _is_durable(self, batch: Batch) -> None:
        self._pending.popleft()
        self._pending_bytes -= batch.size
        self.durable = batch.end
        self.durable_bytes += batch.size
        self._unmarked = self._unmarked or not batch.own
        batch.data = b""
        batch.settle(durable=True)

    def _fill(self) -> None:
        if self._pending_bytes > self._settings.buffer_bytes // 2:
            self._disk.hurry()
        if not self.full and self._pending_bytes > self._settings.buffer_bytes:
            self.full = True
            self._owner.filled(True)

    def _drain(self) -> None:
        if self.full and self._pending_bytes <= self._settings.buffer_bytes // 2:
            self.full = False
            self._owner.filled(False)

    # What the disk says.

    def _reported(self, report: Report) -> None:
        """Called in the disk's thread."""
        self._reports.append(report)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._take_next)

    def _take_next(self) -> None:
        if self._reports:  # else `close` has taken it
            self._take(self._reports.popleft())

    def _take(self, report: Report) -> None:
        if report.free is not None:
            self._owner.saw(report.free)
        if report.free is not None or report.life != self._life:
            return
        if report.begun is not None:
            self._is_begun(report.begun)
        if report.error is not None:
            self._fail(report.error)
        elif report.opened is not None:
            self._opened(report.opened)
        else:
            for batch in report.written:
                self._deferred -= 1
                self._is_written(batch)
            for batch in report.durable:
                self._is_durable(batch)
            self._drain()
            self._mark_soon()

    # Segments, and a new beginning after a failure.

    def _open(self, after: str) -> None:
        """Have a segment begun behind all that has its place; until it is there, the thread does the writing."""
        base = self._position.seq
        line, self._position = link(self._head(after), self._position)
        self._opening = True
        self._bytes = len(line)
        self._stop_ageing()
        self._disk.put(Opening(base, line, self._position, self._life))

    def _is_begun(self, end: Position) -> None:
        """A segment has its first record on disk, and all that is before it."""
        self.durable = end
        self._torn = 0

    def _grow_old(self) -> None:
        """A segment that has records is not left open for ever, even if no more come."""
        self._ageing = None
        if self.healthy:
            self._open("rotation")

    def _stop_ageing(self) -> None:
        if self._ageing is not None:
            self._ageing.cancel()
            self._ageing = None

    def _opened(self, segment: Segment) -> None:
        self._segment = segment
        self._opening = False
        if not self.healthy and not self._closed:
            self.healthy = True
            logger.warning("the journal is written again, to %s", segment.path)
            self._owner.resumed()

    def _fail(self, error: OSError) -> None:
        self.healthy = False
        self._life += 1
        self._opening = False
        self._deferred = 0
        self._position = self.durable
        pending = list(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        if not self._closed:
            self._retrying = self._loop.call_later(RETRY_SECONDS, self._open, "failure")
        self._owner.failed(error, pending)
        self._drain()

    # Records of its own.

    def _mark_soon(self) -> None:
        if self._unmarked and self._marking is None and not self._closed:
            self._marking = self._loop.call_later(MARK_SECONDS, self._write_mark)

    def _write_mark(self) -> None:
        """Say what is on disk; a mark itself calls for no other."""
        self._marking = None
        self._unmarked = False
        if self.healthy:
            batch = Batch([_mark(self.durable)])
            batch.own = True
            self.write(batch)

    def _head(self, after: str) -> bytes:
        return orjson.dumps(
            {
                "kind": "segment", "at": time(), "log": self.slot.log, "pid": os.getpid(), "software": __version__,
                **self._custody(), "after": after, "torn": self._torn,
            }
        )  # fmt: skip


def _mark(position: Position) -> bytes:
    return orjson.dumps({"kind": "mark", "at": time(), "durable": position.seq - 1})
