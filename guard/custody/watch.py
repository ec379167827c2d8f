"""A worker's eye on the control log: the measures as they come, and the word that they are in force."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from time import sleep, time

from guard.custody.control import ControlError
from guard.custody.measures import State
from guard.custody.snapshot import anew, restore
from guard.custody.tail import Tail
from guard.measures import Measures

PIECE = 1_000
"""Records that are taken at one look, and the rest of the last one's order; and measures that end."""

TURN = 64
"""Records that are taken before others get a turn."""

_TIME = re.compile(rb'"at":[^,}]*')
"""The same for all records of an order."""

logger = logging.getLogger("guard.control")


class Watch:
    """Looks when it is asked to. What cannot be read changes nothing: the measures known so far stay in force.

    Attributes:
        more: the last look has left something for another one.
    """

    def __init__(self, journal: Path, snapshot: Path | None = None) -> None:
        self._journal = journal
        self._tail = Tail(journal)
        self.state = restore(snapshot, self._tail) if snapshot is not None else State()
        self.more = False
        self._ahead: list[bytes] = []
        self._trouble = ""

    def first(self) -> Measures:
        """The measures in force now, whatever was told before."""
        if self._tail.grown():
            self._read(None)
        self.state.drop_expired(time())
        return self.state.measures()

    def news(self) -> Measures | None:
        """The measures now in force, if they are others than at the last look; quick where nothing has changed."""
        return self.look() if self.due() else None

    def due(self) -> bool:
        """Whether there may be news; quick, and to be followed by a look if there may be."""
        now = time()
        return self.more or self._tail.grown() or now >= self.state.next_expiry or self.state.forgot_too_much(now)

    def look(self) -> Measures | None:
        """The measures now in force, if they are others than at the last look.

        Where there is very much, it is a part of that: what is ordered meanwhile has not to wait until a hundred
        thousand blocks are over, and whoever is beside this thread gets a turn.
        """
        now = time()
        if self.state.forgot_too_much(now):
            self._begin_anew()
            return self.first()
        changed = self._read(PIECE)
        if now >= self.state.next_expiry:
            self.state.drop_expired(now, PIECE)
            self.more = self.more or now >= self.state.next_expiry
            changed = True
        return self.state.measures() if changed else None

    def _begin_anew(self) -> None:
        try:
            self._tail, self.state = anew(self._journal)
            self._ahead = []
        except (ControlError, OSError) as error:
            logger.error("it cannot be read: %s", error)
            self.state.forgotten = 0.0

    def _read(self, most: int | None) -> bool:
        before, trouble = self.state.version, ""
        try:
            self.state.read(_in_turns(self._piece(most)))
        except (ControlError, OSError) as error:
            trouble = str(error)
            if trouble != self._trouble:
                logger.error("measures cannot be read, those known so far stay in force: %s", error)
        self._trouble = trouble
        self.more = bool(self._ahead)
        return self.state.version != before

    def _piece(self, most: int | None) -> Iterator[bytes]:
        """About so many records: an order that is begun is taken whole, for its changes come into force together."""
        lines, self._ahead = chain(self._ahead, self._tail.lines()), []
        order: bytes | None = None
        for number, line in enumerate(lines):
            found = _TIME.search(line)
            before, order = order, found and found[0]
            if most is not None and number >= most and order != before:
                self._ahead = [line]
                return
            yield line


def _in_turns(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The same, and now and then a moment for the loop that answers requests beside this thread."""
    for number, line in enumerate(lines):
        if number % TURN == 0:
            sleep(0)
        yield line
