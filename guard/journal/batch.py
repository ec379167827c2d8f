"""The records of one turn of the loop, and who waits for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from guard.journal.chain import BEGINNING, Position, bind, unbind

logger = logging.getLogger("guard.journal")

Action = Callable[[bool], None]


class Batch:
    """Records on their way to the disk.

    Attributes:
        records: as they were made, until they have a place in the log.
        data: the lines that they are then, until they are on disk: if they do not get there they are written again.
        size: how many bytes those are.
        end: where the log is behind them.
        at: when they got their place (monotonic seconds).
        own: it is a mark, which calls for no other mark.
        unwritten: the thread has to write them.
        durable, failed: what those who wait were told, or would be: at most one is true.
    """

    __slots__ = (
        "after_sync", "after_write", "at", "data", "durable", "end", "failed", "own", "records", "size", "unwritten",
    )  # fmt: skip

    def __init__(self, records: Iterable[bytes] = ()) -> None:
        self.records = list(records)
        self.data = b""
        self.size = 0
        self.own = False
        self.unwritten = False
        self.end: Position = BEGINNING
        self.at = 0.0
        self.after_write: list[Action] = []
        self.after_sync: list[Action] = []
        self.durable = False
        self.failed = False

    def bind(self, after: Position) -> None:
        """Take the place in the log behind that position."""
        self.data, self.end = bind(self.records, after)
        self.size = len(self.data)
        self.records = []

    def release(self) -> list[bytes]:
        """Give the records back, wherever they had their place."""
        records = self.records or unbind(self.data)
        self.records = []
        self.data = b""
        return records

    def when_durable(self, action: Action) -> None:
        """Call `action(True)` when the batch is on disk, `action(False)` when it cannot be."""
        if self.durable or self.failed:
            action(self.durable)
        else:
            self.after_sync.append(action)

    def written(self) -> None:
        """The batch is written: a crash of this process does not lose it any more."""
        actions, self.after_write = self.after_write, []
        _run(actions, outcome=True)

    def settle(self, *, durable: bool) -> None:
        """The batch's fate is known; what is said later does not change it."""
        if self.durable or self.failed:
            return
        self.durable = durable
        self.failed = not durable
        actions = [*self.after_write, *self.after_sync]
        self.after_write = []
        self.after_sync = []
        _run(actions, outcome=durable)


def _run(actions: list[Action], *, outcome: bool) -> None:
    """Tell everybody who waits; one that fails does not keep it from the others."""
    for action in actions:
        try:
            action(outcome)
        except Exception:
            logger.exception("what waited for a record met a fault")
