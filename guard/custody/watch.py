"""A worker's eye on the control log: the measures as they come, and the word that they are in force."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from time import sleep, time
from typing import Any

from guard.custody.control import ControlError
from guard.custody.measures import State
from guard.custody.snapshot import restore
from guard.custody.tail import Tail
from guard.measures import Measures

TURN = 64
"""Changes that are taken before others get a turn."""

logger = logging.getLogger("guard.control")

Records = Iterator[dict[str, Any]]


class Watch:
    """Looks when it is asked to. What cannot be read changes nothing: the measures known so far stay in force."""

    def __init__(self, journal: Path, snapshot: Path | None = None) -> None:
        self._tail = Tail(journal)
        self.state = restore(snapshot, self._tail) if snapshot is not None else State()
        self._trouble = ""

    def first(self) -> Measures:
        """The measures in force now, whatever was told before."""
        return self.news() or self.state.measures()

    def news(self) -> Measures | None:
        """The measures now in force, if they are others than at the last look; quick where nothing has changed."""
        return self.look() if self.due() else None

    def due(self) -> bool:
        """Whether there may be news; quick, and to be followed by a look if there may be."""
        return self._tail.grown() or time() >= self.state.next_expiry

    def look(self) -> Measures | None:
        """The measures now in force, if they are others than at the last look. Many at once take their time."""
        changed = self._read()
        now = time()
        if now >= self.state.next_expiry:
            self.state.drop_expired(now)
            changed = True
        return self.state.measures() if changed else None

    def _read(self) -> bool:
        before, trouble = self.state.version, ""
        try:
            self.state.take(_in_turns(self._tail.news()))
        except (ControlError, OSError) as error:
            trouble = str(error)
            if trouble != self._trouble:
                logger.error("measures cannot be read, those known so far stay in force: %s", error)
        self._trouble = trouble
        return self.state.version != before


def _in_turns(records: Records) -> Records:
    """The same, and now and then a moment for the loop that answers requests beside this thread."""
    for number, record in enumerate(records):
        if number % TURN == 0:
            sleep(0)
        yield record
