"""A worker's journal: it takes records, and tells when they are written and when they are on disk.

A record's life: `add` puts it into the batch of the current turn of the loop. At the turn's end the batch is written,
all of it in one call (several wait for those of one turn more), and then the actions that wait for that run (sending
the request to its model). The disk's thread makes it durable, and then the actions that wait for that run (the first
byte to the client).

While nothing can be written, everybody who waits is told so, or, if the configuration says that evidence may be
missing, told that all is well. What could not be written is kept as far as there is room for it, and written when it
can be; what there was no room for is counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic, time
from typing import Any

import orjson

from guard import config
from guard.journal.batch import Action, Batch
from guard.journal.disk import free_bytes
from guard.journal.log import Log
from guard.journal.slot import Slot
from guard.journal.space import Space

logger = logging.getLogger("guard.journal")

# What nobody waits for is written with the next thing that somebody does, or after this.
LAZY_SECONDS = 0.005


class Journal:
    """What one worker writes.

    Attributes:
        log: where it writes.
        lost: records that could not be written nor kept; the log is told when it can be.
        lost_ever: the same, since the beginning, whether it is told or not.
        turn_began: when (monotonic seconds) the first record of this turn of the loop came; 0.0: none has.
        on_full, on_room: called when so much waits for the disk that nothing should be begun, and when that is over.
    """

    def __init__(
        self, slot: Slot, settings: config.Journal, loop: asyncio.AbstractEventLoop, custody: dict[str, Any]
    ) -> None:
        """Go on with a log; `custody` says in it who writes: node, configuration, rules, policy.

        Raises:
            OSError: its folder is gone.
        """
        self.settings = settings
        self.loop = loop
        self.lost = self.lost_ever = 0
        self.turn_began = 0.0
        self.on_full: Callable[[], None] = _nobody
        self.on_room: Callable[[], None] = _nobody
        self._custody = custody
        self._passes = settings.on_failure == "pass"
        self._space = Space(settings.reserve_bytes, settings.on_failure)
        self._space.saw(free_bytes(slot.folder))
        self._batch = Batch()
        self._kept = Batch()
        self._kept_since = 0.0
        self._scheduled = False
        self._lazy: asyncio.TimerHandle | None = None
        self._failing = False
        self._closed = False
        self.log = Log(slot, settings, loop, self, lambda: self._custody)

    # What the worker asks for.

    def add(self, record: bytes, then: Action) -> Batch:
        """Take one record; `then(True)` runs when it is written, `then(False)` when it cannot be."""
        batch = self._batch
        batch.records.append(record)
        batch.after_write.append(then)
        if not self._scheduled:
            self._scheduled = True
            self.turn_began = monotonic()
            self.loop.call_soon(self._end_turn)
        return batch

    def add_lazily(self, record: bytes) -> None:
        """Take one record that nobody waits for."""
        self._batch.records.append(record)
        if not self._scheduled and self._lazy is None:
            self._lazy = self.loop.call_later(LAZY_SECONDS, self._flush)

    def ready(self) -> bool:
        """Whether a request that begins now will be written down, or may go on without."""
        return self.writing or self._passes

    @property
    def writing(self) -> bool:
        """Whether what begins now is written down."""
        return self.log.healthy and not self._space.short

    @property
    def full(self) -> bool:
        """Whether so much waits for the disk that nothing should be added that can wait."""
        return self.log.full

    @property
    def shedding(self) -> bool:
        """Whether what models say should not be written, to save room."""
        return self._space.shedding

    @property
    def node(self) -> str:
        """The name of the node whose journal it is."""
        return str(self._custody["node"])

    @property
    def kept(self) -> int:
        """How many records wait until something can be written again."""
        return len(self._kept.records)

    def lag(self, now: float) -> float:
        """How old the oldest record is that is not on disk, in seconds; `now` is monotonic."""
        since = self._kept_since if self._kept.records else self.log.waiting_since
        return now - since if since else 0.0

    def describe(self, custody: dict[str, Any]) -> None:
        """Another policy is in force: say so in the log."""
        self._custody = custody
        self.add_lazily(orjson.dumps({"kind": "policy", "at": time(), **custody}))

    def sweep(self, now: float) -> None:
        """Tell who has waited too long for a disk that hangs; `now` is monotonic seconds."""
        for batch in list(self.log.late(now)):
            batch.settle(durable=self._passes)

    def close(self) -> None:
        """Write and sync everything; blocks until it is on disk, or that takes too long. What comes later is lost."""
        if self._closed:
            return
        self._flush()
        self._closed = True
        self.log.close()
        self.lost_ever += len(self._kept.records)
        if lost := self.lost + len(self._kept.records):
            logger.error("%d records could not be written, and are lost", lost)

    # At the end of a turn.

    def _end_turn(self) -> None:
        """Write; but where several came at once there are more by now, and a write costs as much as some of them."""
        if len(self._batch.after_write) > 1:
            self.turn_began = monotonic()
            self.loop.call_soon(self._flush)
        else:
            self._flush()

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
        if self.log.healthy and not self._space.short and not self._closed:
            self._write_kept()
        if self._closed or not self.log.healthy or (self._space.short and self._passes):
            self._turn_away(batch)
        else:
            self.log.write(batch)

    def _turn_away(self, batch: Batch) -> None:
        """Keep what cannot be written now for later, as far as there is room for it."""
        kept = self._kept
        if not kept.records:
            self._kept_since = batch.at or monotonic()
        for record in batch.release():
            if kept.size + len(record) <= self.settings.buffer_bytes:
                kept.records.append(record)
                kept.size += len(record)
            else:
                self.lost += 1
                self.lost_ever += 1
        batch.settle(durable=self._passes)

    def _write_kept(self) -> None:
        kept, self._kept = self._kept, Batch()
        if self.lost:
            logger.error("%d records could not be written, and are lost", self.lost)
            # First, so that there is room for it again if this write fails too.
            kept.records.insert(0, orjson.dumps({"kind": "lost", "at": time(), "records": self.lost}))
            self.lost = 0
        if kept.records:
            self.log.write(kept)

    # What the log tells.

    def failed(self, error: OSError, batches: list[Batch]) -> None:
        """Keep what may not be on disk, and tell everybody who waits for it."""
        if not self._failing:
            then = "goes on without" if self._passes else "is refused"
            logger.error("the journal cannot be written, what comes %s until it can: %s", then, error)
        self._failing = True
        for batch in batches:
            self._turn_away(batch)

    def resumed(self) -> None:
        """Write what was kept."""
        self._failing = False
        self._write_kept()

    def filled(self, full: bool) -> None:
        """Pass it on."""
        (self.on_full if full else self.on_room)()

    def saw(self, free: int) -> None:
        """Draw the conclusions."""
        self._space.saw(free)


def _nobody() -> None:
    """Nobody asks about room."""
