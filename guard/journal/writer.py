"""Appending records so that what is acknowledged is on disk: one write a turn of the loop, `fdatasync` in a thread.

A record's life: `add` puts it into the batch of the current turn. At the turn's end the batch gets its place in the
log and is written; then the actions that wait for the write run (sending the request to its model). The thread makes
it durable, and then the actions that wait for that run (the first byte to the client). When the disk does not keep up,
or a segment is being begun, the thread does the writing too, so that the loop never waits for the disk.

When a file fails, it is given up, and everybody who waits is told. The records that may not be on disk are kept and
written again at the beginning of the next segment, which is tried once a second.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, time
from typing import Any

import orjson

from guard import __version__, config
from guard.journal.batch import Action, Batch
from guard.journal.chain import Position, bind, link, unbind
from guard.journal.disk import Disk, Opening, Report, free_bytes
from guard.journal.segment import Segment
from guard.journal.slot import Slot
from guard.journal.space import Space

logger = logging.getLogger("guard.journal")

RETRY_SECONDS = 1.0
MARK_SECONDS = 1.0
# What nobody waits for is written with the next thing that somebody does, or after this.
LAZY_SECONDS = 0.005
# The thread writes what is larger, and all while a sync takes longer: then the kernel may hold writers up.
INLINE_BYTES = 1_048_576
SLOW_SECONDS = 0.05


class Journal:
    """What one worker writes: a log, in segments.

    Attributes:
        healthy: the last write and sync went well.
        full: so much waits for the disk that nothing should be begun. `on_full` is called when that is so, `on_room`
            when it is over.
        lost: records that could not be written; the log is told when it can be.
        turn_began: when (monotonic seconds) the first record of this turn of the loop came; 0.0: none has.
    """

    def __init__(
        self, slot: Slot, settings: config.Journal, loop: asyncio.AbstractEventLoop, custody: dict[str, Any]
    ) -> None:
        """Begin a segment; `custody` says in it who writes: node, configuration, rules, policy.

        Raises:
            OSError: it cannot be written.
        """
        self.slot = slot
        self.settings = settings
        self.loop = loop
        self.healthy = True
        self.full = False
        self.lost = 0
        self.turn_began = 0.0
        self.on_full: Callable[[], None] = _nobody
        self.on_room: Callable[[], None] = _nobody
        self._custody = custody
        self._folder = slot.folder
        self._space = Space(settings.reserve_bytes, settings.on_failure)
        self._space.saw(free_bytes(self._folder))
        self._batch = Batch()
        self._scheduled = False
        self._lazy: asyncio.TimerHandle | None = None
        self._retrying: asyncio.TimerHandle | None = None
        self._marking: asyncio.TimerHandle | None = None
        self._pending: deque[Batch] = deque()
        self._pending_bytes = 0
        self._deferred = 0
        self._opening = False
        self._kept = Batch()
        self._life = 0
        self._closed = False
        self._unmarked = 0  # records on disk since the last mark
        self._marks = 0  # in the batch to come
        self._early = settings.durability == "interval"
        self._late = settings.durability == "before_forward"

        recovered = slot.recovered
        after = "crash" if recovered.torn else "start"
        head, self._position = link(self._head(after, torn=recovered.torn), recovered.position)
        self._durable = self._position
        self._segment = Segment(self._folder, recovered.position.seq, head)
        self._began_at = monotonic()
        self._bytes = len(head)
        self._disk = Disk(self._folder, self._segment, self._reported, settings.interval if self._early else 0.0)

    # What the worker asks for.

    def add(self, record: bytes, then: Action) -> Batch:
        """Take one record; `then(True)` runs when it is written, `then(False)` when it cannot be."""
        batch = self._batch
        batch.records.append(record)
        batch.after_write.append(then)
        if not self._scheduled:
            self._scheduled = True
            self.turn_began = monotonic()
            self.loop.call_soon(self._flush)
        return batch

    def add_lazily(self, record: bytes) -> None:
        """Take one record that nobody waits for."""
        self._batch.records.append(record)
        if not self._scheduled and self._lazy is None:
            self._lazy = self.loop.call_later(LAZY_SECONDS, self._flush)

    def ready(self) -> bool:
        """Whether a request that begins now will be written down, or may go on without."""
        return self.writing or self.settings.on_failure == "pass"

    @property
    def writing(self) -> bool:
        """Whether records are written now."""
        return self.healthy and not self._space.short

    @property
    def shedding(self) -> bool:
        """Whether what models say should not be written, to save room."""
        return self._space.shedding

    def describe(self, custody: dict[str, Any]) -> None:
        """Another policy is in force: say so in the log."""
        self._custody = custody
        self.add_lazily(orjson.dumps({"kind": "policy", "at": time(), **custody}))

    def close(self) -> None:
        """Write and sync everything; blocks until it is on disk."""
        if self._closed:
            return
        self._closed = True
        self._flush()
        segment = self._disk.close()
        if segment is not None and self.healthy:
            # Only now is everything on disk, and nobody is left to hear of a failure to say so.
            with suppress(OSError):
                segment.write(link(self._mark_record(self._position), self._position)[0])
                segment.sync()
        if segment is not None:
            segment.close()
        for timer in (self._retrying, self._marking):
            if timer is not None:
                timer.cancel()
        self.slot.close()

    # At the end of a turn.

    def _flush(self) -> None:
        self._scheduled = False
        self.turn_began = 0.0
        if self._lazy is not None:
            self._lazy.cancel()
            self._lazy = None
        batch = self._batch
        if not batch.records:
            return
        self._batch = Batch()
        if not self.healthy or (self._space.short and self._passes):
            self._turn_away(batch)
            return
        if (self._kept.records or self.lost) and not self._space.short:
            self._write_kept()
        if self._bytes >= self.settings.segment_bytes or monotonic() - self._began_at >= self.settings.segment_age:
            self._open("rotation")
        self._write(batch)

    def _write(self, batch: Batch) -> None:
        """Give a batch its place in the log, and have it written: here, if that will not take long."""
        batch.count, self._marks = len(batch.records) - self._marks, 0
        batch.data, batch.end = data, self._position = bind(batch.records, self._position)
        batch.size = len(data)
        batch.records = []
        self._bytes += len(data)
        self._pending.append(batch)
        self._pending_bytes += len(data)
        if self._is_slow(len(data)):
            batch.unwritten = True
            self._deferred += 1
            self._disk.put(batch)
            self._fill()
            return
        try:
            self._segment.write(data)
        except OSError as error:
            self._fail(error)
            return
        self._disk.put(batch)
        self._is_written(batch)

    def _fill(self) -> None:
        if not self.full and self._pending_bytes > self.settings.buffer_bytes:
            self.full = True
            self.on_full()

    def _drain(self) -> None:
        if self.full and self._pending_bytes <= self.settings.buffer_bytes // 2:
            self.full = False
            self.on_room()

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

    # What the disk says.

    def _reported(self, report: Report) -> None:
        try:
            self.loop.call_soon_threadsafe(self._take, report)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _take(self, report: Report) -> None:
        if report.free is not None:
            self._space.saw(report.free)
        elif report.life != self._life:
            return
        elif report.error is not None:
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

    def _is_durable(self, batch: Batch) -> None:
        self._pending.popleft()
        self._pending_bytes -= batch.size
        self._durable = batch.end
        self._unmarked += batch.count
        batch.data = b""
        batch.settle(durable=True)

    def _mark_soon(self) -> None:
        if self._unmarked > 0 and self._marking is None:
            self._marking = self.loop.call_later(MARK_SECONDS, self._mark)

    def _mark(self) -> None:
        self._marking = None
        self._unmarked = 0
        self._marks = 1
        self.add_lazily(self._mark_record(self._durable))

    # Segments.

    def _open(self, after: str) -> None:
        """Have a segment begun behind all that has its place; until it is there, the thread does the writing."""
        base = self._position.seq
        head, self._position = link(self._head(after), self._position)
        self._opening = True
        self._bytes = 0
        self._began_at = monotonic()
        self._disk.put(Opening(base, head, self._life))

    def _opened(self, segment: Segment) -> None:
        self._segment = segment
        self._opening = False
        if self.healthy:
            return
        self.healthy = True
        self._durable = self._position
        logger.warning("the journal is written again, to %s", segment.path)
        self._write_kept()

    def _fail(self, error: OSError) -> None:
        """Give the file up: keep what may not be in it, tell everybody who waits, and try again in a while."""
        if self.healthy:
            then = "goes on without" if self._passes else "is refused"
            logger.error("the journal cannot be written, what comes %s until it can: %s", then, error)
        self.healthy = False
        self._life += 1
        self._opening = False
        self._deferred = 0
        self._position = self._durable
        pending = list(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        self._retrying = self.loop.call_later(RETRY_SECONDS, self._open, "failure")
        for batch in pending:
            self._turn_away(batch)
        self._drain()

    def _turn_away(self, batch: Batch) -> None:
        """Keep what cannot be written now for later, as far as there is room for it."""
        kept = self._kept
        for record in batch.records or unbind(batch.data):
            if kept.size + len(record) <= self.settings.buffer_bytes:
                kept.records.append(record)
                kept.size += len(record)
            else:
                self.lost += 1
        batch.records = []
        batch.data = b""
        batch.settle(durable=self._passes)

    def _write_kept(self) -> None:
        kept, self._kept = self._kept, Batch()
        if self.lost:
            kept.records.append(orjson.dumps({"kind": "lost", "at": time(), "records": self.lost}))
            logger.error("%d records could not be written, and are lost", self.lost)
            self.lost = 0
        if kept.records:
            self._write(kept)

    # Records of the journal's own.

    @property
    def _passes(self) -> bool:
        return self.settings.on_failure == "pass"

    def _head(self, after: str, *, torn: int = 0) -> bytes:
        return orjson.dumps(
            {
                "kind": "segment", "at": time(), "log": self.slot.log, "pid": os.getpid(), "software": __version__,
                **self._custody, "after": after, "torn": torn,
            }
        )  # fmt: skip

    @staticmethod
    def _mark_record(position: Position) -> bytes:
        return orjson.dumps({"kind": "mark", "at": time(), "durable": position.seq - 1})


def _nobody() -> None:
    """Nobody asks about room."""
