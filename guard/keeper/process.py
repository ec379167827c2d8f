"""The keeper's process: its beginning, what it runs, and its end.

It ends when its standard input does, which is when `guard serve` says so or is gone; signals do not end it, for those
that are sent to all of a group or a service come while there are still records to sign for.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, time

from guard.custody.control import ControlError
from guard.custody.snapshot import FILE, Snapshots
from guard.faults import Faults
from guard.keeper.notary import Notary
from guard.keeper.orders import Orders, decode
from guard.keeper.retention import Retention
from guard.keeper.seal import Sealer
from guard.keeper.shipping import Shipper, faults
from guard.keeper.standing import Standing
from guard.keeper.task import Task
from guard.keeper.witness import Witness, witnesses
from guard.proof.files import try_lock

STEP_SECONDS = 1.0
SHORTEST_STEP_SECONDS = 0.01
FINISH_SECONDS = 3.0
# Not more: an attack that keeps every core busy must not keep the journal from being signed, sealed and made smaller.
NICENESS = 10

logger = logging.getLogger("guard.keeper")


def main() -> None:
    """Read the orders and keep the journal until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("guard").setLevel(logging.INFO)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    try:
        Keeper(decode(line)).run()
    except OSError as error:
        logger.error("the keeper cannot go on: %s", error)
        sys.exit(1)


class Keeper:
    """All that is done to a journal beside writing it."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._pause = max(min(STEP_SECONDS, orders.journal.checkpoint_interval), SHORTEST_STEP_SECONDS)
        self._standing = Standing()
        self._faults = Faults(logger)
        self._tasks: list[Task] = []
        self._witnesses: list[Witness] = []

    def run(self) -> None:
        """Work until standard input ends, then finish."""
        with self._alone() as alone:
            if alone:
                self._keep()

    def _keep(self) -> None:
        notary = None
        behind = ended = False
        while not ended:
            notary = notary or self._begin()
            if notary is not None:
                behind = self._step(notary)
            ended = _ended(0.0 if behind else self._pause)
        if notary is not None:
            self._step(notary, finish=True)
        until = monotonic() + FINISH_SECONDS
        for task in self._tasks:
            task.finish()
        for task in self._tasks:
            if not task.join(until):
                logger.warning("%s: not finished", task.name)

    def _begin(self) -> Notary | None:
        """Take up the work, once the key can be used."""
        try:
            notary = Notary(self._orders, self._standing, self._publish)
        except (OSError, ValueError) as error:
            self._faults.tell("the keeper", str(error))
            return None
        self._faults.over("the keeper")
        self._witnesses = witnesses(self._orders.journal.witnesses)
        self._tasks = [witness.task for witness in self._witnesses]
        self._tasks += [Task(*work) for work in self._works()]
        return notary

    def _works(self) -> Iterator[tuple[str, Callable[[], None], float, tuple[type[Exception], ...]]]:
        given, standing = self._orders, self._standing
        snapshots = Snapshots(given.folder, Path(given.state) / FILE)
        yield "snapshots", lambda: snapshots.step(time()), self._pause, (ControlError, OSError, ValueError)
        yield "sealing", Sealer(given, standing).step, self._pause, (OSError, ValueError)
        sink = given.journal.ship.redis
        if sink.url is not None:
            shipper = Shipper(Path(given.state), given.folder, sink, given.notes, standing)
            yield "shipping", shipper.step, self._pause, faults()
        yield "retention", Retention(given, standing).step, self._pause, (ControlError, OSError, ValueError)

    def _step(self, notary: Notary, *, finish: bool = False) -> bool:
        """Whether the next should follow at once."""
        try:
            behind = notary.step(finish=finish)
        except Exception as error:
            self._faults.tell("checkpoints", f"a fault in the guard, {type(error).__name__}: {error}")
            return False
        self._faults.over("checkpoints")
        return behind

    def _publish(self, log: str, note: bytes) -> None:
        for witness in self._witnesses:
            witness.take(log, note)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Wait until no other keeper works on this state; False: standard input has ended before that."""
        descriptor = os.open(f"{self._orders.state}/keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            free = try_lock(descriptor)
            if not free:
                logger.info("another keeper works on %s; this one waits for its end", self._orders.state)
            while not free and not _ended(self._pause):
                free = try_lock(descriptor)
            yield free
        finally:
            os.close(descriptor)


def _ended(within: float) -> bool:
    """Whether standard input ends within so many seconds."""
    return bool(select.select([0], [], [], within)[0]) and not os.read(0, 1)
