"""A snapshot of the measures in force, so that a start need not read all that was ever decided.

It is a short cut and no evidence: it counts only where the control log has the record that it ends with, and what it
holds was read from that log. Without one, or with one that does not fit, everything is read.
"""

from __future__ import annotations

import logging
from pathlib import Path
from time import time

import msgspec

from guard.custody.control import ControlError
from guard.custody.measures import STEP_SECONDS, Measure, State
from guard.custody.offences import Offence, Offences
from guard.custody.tail import Tail
from guard.journal.chain import Position
from guard.proof.files import replace

FILE = "measures.json"
EVERY = 1_000
"""Records of the control log between two snapshots."""

logger = logging.getLogger("guard.control")


class Snapshot(msgspec.Struct, frozen=True):
    """The measures in force before record `seq`; `chain` is that of the one before. `shared`, `last`: see `State`."""

    seq: int
    chain: bytes
    shared: int
    measures: list[Measure]
    offences: list[Offence] = []
    forgotten: float = 0.0
    last: int = 0


def restore(path: Path, tail: Tail) -> State:
    """The state that a snapshot has, with the tail behind it; an empty one, with the tail at the beginning, if there is
    none that fits.
    """
    state = State()
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Snapshot)
        fits = found.forgotten <= time() + STEP_SECONDS and tail.resume(Position(found.seq, found.chain))
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.MsgspecError, ControlError) as error:
        logger.warning("%s cannot be used, and the control log is read from its beginning: %s", path, error)
        return State()
    if not fits:
        logger.warning("%s is not of this control log, or of a later time; that is read from its beginning", path)
        return State()
    for measure in found.measures:
        state.put(measure)
    state.version, state.shared, state.forgotten = found.seq, found.shared, found.forgotten
    state.last = found.last or found.seq
    state.offences = Offences(found.offences)
    return state


def anew(journal: Path) -> tuple[Tail, State]:
    """The state again, for who has forgotten what is not over yet, as the clock has gone back; and the tail behind it.

    Raises:
        ControlError: the log cannot be relied on.
        OSError: it cannot be read.
    """
    logger.warning("the clock has gone back, and the control log is read from its beginning, for what is not over yet")
    tail, state = Tail(journal), State()
    state.read(tail.lines())
    return tail, state


class Snapshots:
    """Follows the control log, and writes a snapshot when enough has come to it."""

    def __init__(self, journal: Path, path: Path, every: int = EVERY) -> None:
        self._journal = journal
        self._path = path
        self._every = every
        self._tail = Tail(journal)
        self.state = restore(path, self._tail)
        self._written = self.state.version

    def step(self, now: float) -> None:
        """Read what is new; `now` (seconds since the epoch) says what is over.

        Raises:
            ControlError: the log cannot be relied on.
            OSError: it cannot be read, or the snapshot not be written.
        """
        if self.state.forgot_too_much(now):
            self._tail, self.state = anew(self._journal)
            self._written = -self._every
        elif not self._tail.grown():
            return
        self.state.read(self._tail.lines())
        if self._tail.position.seq - self._written >= self._every:
            self.state.drop_expired(now)
            self._write()

    def _write(self) -> None:
        seq, chain = self._tail.position
        state = self.state
        found = list(state.in_force())
        offences = state.offences.told()
        snapshot = Snapshot(seq, chain, state.shared, found, offences, state.forgotten, state.last)
        replace(self._path, msgspec.json.encode(snapshot))
        self._written = seq
