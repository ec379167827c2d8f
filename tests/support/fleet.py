"""A fleet in virtual time: nodes of several workers, which share limits over wires to a model of the store.

What goes wrong, and how long a word is on its way, is drawn by chance: the seed of that tells the whole story.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest

from guard import config
from guard.lending import Ask
from guard.policy import presence
from guard.policy.borrowing import Borrowing
from guard.policy.clients import Client
from guard.policy.held import Denied, Held
from guard.policy.limits import REQUESTS, Limit, Limits, Who
from guard.policy.pending import Pending
from guard.policy.places import Place
from guard.policy.table import Table
from guard.policy.waiting import Waiting
from guard.store import leases
from guard.store.budgets import SECOND, UNIT, Answer, told
from guard.store.leases import Leases
from tests.support.budgets import Store
from tests.support.virtual import Actor, Loop
from tests.support.wire import Wire

ONE = Who("192.0.2.1", Client("app", "acme"), "/v1/", "chat")
SETTINGS = config.Store(url="redis://192.0.2.9")
LOOK_SECONDS = 0.25
LOOKS_A_SWEEP = 20

Spent = tuple[float, float]
"""When, and how much."""


async def known(verdict: Any) -> Any:
    """A verdict, when it is there."""
    if not isinstance(verdict, Waiting):
        return verdict
    answer = asyncio.get_running_loop().create_future()
    verdict.when_known(answer.set_result)
    return await answer


class _Cells(Table):
    """A node's table, of which the lock is not to be had now and then."""

    fleet: Fleet

    def lock(self) -> bool:
        return not self.fleet.happens(self.fleet.jammed) and super().lock()


class Worker(Actor):
    """A worker of a node; `inside` is how many of its exchanges are in progress."""

    def __init__(self, fleet: Fleet, node: str) -> None:
        super().__init__()
        self.fleet = fleet
        self.node = node
        self.inside = 0
        self.table = _Cells(fleet.folder / node, cells=256, clock=fleet.now, boot=bytes(16))
        self.table.fleet = fleet
        self.meters = self.context.run(self._open)
        self.do(self._live())

    def _open(self) -> Borrowing:
        lender = Leases(Wire(self.fleet, self.node, SETTINGS.timeout), self.node)
        meters = Borrowing(lender, self.fleet.patience)
        meters.share(self.table)
        return meters

    async def _live(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.meters.look()
            looks += 1
            if looks % LOOKS_A_SWEEP == 0:
                self.meters.sweep(self.meters.now())

    async def admit(self, bound: Limits) -> Held | Denied:
        """The verdict on a request; what it spends is noted, unless the store has done so."""
        verdict = self.meters.admit(bound.head, ONE, self.meters.now())
        found: Held | Denied = await known(verdict)
        if isinstance(found, Held):
            paid = verdict.paid if isinstance(verdict, Pending) else ()
            for place in self.meters.places(bound.head, ONE):
                if place.limit.kind == REQUESTS and place not in paid:
                    self.fleet.spend(place, 1.0)
        return found

    async def reserve(self, bound: Limits, tokens: float) -> Held | Denied:
        """The verdict on what a request is thought to need."""
        verdict = self.meters.reserve(bound.body, ONE, (1.0, tokens, 0.0), self.meters.now(), None)
        found: Held | Denied = await known(verdict)
        return found

    def settle(self, held: Held, tokens: float) -> None:
        """It is over, and has used so much."""
        for one in held.reserved:
            self.fleet.spend(one.place, tokens)
        self.meters.settle(held, (1.0, tokens, 0.0), self.meters.now())
        self.meters.release(held)

    def kill(self) -> None:
        """End it at any point: nothing comes to it any more, nothing of it goes on, and its column is anybody's."""
        super().kill()
        self.inside = 0
        fcntl.flock(self.table._lock, fcntl.LOCK_UN)


class Fleet:
    """All of it, and what is wrong with it; a story is told with `run`, and only there time goes on.

    Attributes:
        spent: of each budget's key: when how much of it was spent, by the store or by a node; for a request that was
            let in that is when it was decided, not when its caller heard of it.
        asks: how much the store was asked.
        jammed: how probable it is that a lock is not to be had.
        lost: and that an ask is lost on its way, or an answer.
        is_down: whether the store refuses connections.
        is_silent: whether it says nothing, and does nothing.
        cut: nodes that do not reach it.
    """

    def __init__(self, folder: Path, *, seed: int, round_trip: float = 0.001, patience: float = SETTINGS.wait) -> None:
        """`round_trip` is what one takes on average, half of it always; both are in seconds."""
        self.folder = folder
        self.chance = Random(seed)
        self.round_trip = round_trip
        self.patience = patience
        self.store = Store()
        self.spent: defaultdict[str, list[Spent]] = defaultdict(list)
        self.asks = 0
        self.jammed = self.lost = 0.0
        self.is_down = self.is_silent = False
        self.cut: set[str] = set()
        self._workers: list[Worker] = []
        self._beats: dict[str, float] = {}
        self._runner = asyncio.Runner(loop_factory=Loop)
        self.now = self._runner.get_loop().time

    def __enter__(self) -> Self:
        self._patch = pytest.MonkeyPatch()
        for module in (presence, leases):
            self._patch.setattr(module, "monotonic", self.now)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.revive()
            worker.meters.close()
        self._runner.close()
        self._patch.undo()

    def run(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Tell it to its end; what it returns."""
        return self._runner.run(story)

    def start(self, node: str) -> Worker:
        """One more worker of a node."""
        worker = Worker(self, node)
        self._workers.append(worker)
        return worker

    @property
    def workers(self) -> list[Worker]:
        """Those that are alive."""
        return [worker for worker in self._workers if worker.is_alive]

    @property
    def inside(self) -> int:
        """How many exchanges are in progress."""
        return sum(worker.inside for worker in self._workers)

    def happens(self, probable: float) -> bool:
        """Whether what is so probable is so now."""
        return probable > 0.0 and self.chance.random() < probable

    def way(self) -> float:
        """How many seconds a word needs to the store, or back."""
        return self.round_trip / 4 * (1.0 + self.chance.expovariate(1.0))

    def spend(self, place: Place, units: float) -> None:
        """Note that so much was spent now."""
        self.spent[place.limit.digest(place.subject)].append((self.now(), units))

    def spent_of(self, limit: Limit) -> list[Spent]:
        """When how much of a limit was spent by the caller."""
        return self.spent[limit.digest(ONE.subject(limit.per) or "")]

    def beat(self, node: str, missed: float) -> int:
        """A node is there; how many are."""
        self._beats[node] = now = self.now()
        return sum(now - at < missed for at in self._beats.values())

    def answer(self, node: str, life: float, nodes: int, asks: Sequence[Ask]) -> list[Answer]:
        """What the store does, and says."""
        self.asks += len(asks)
        return [self._answer(ask, node, round(life * SECOND), nodes) for ask in asks]

    def _answer(self, ask: Ask, node: str, life: int, nodes: int) -> Answer:
        now = round(self.now() * SECOND)
        answer = self.store.ask(ask.key, told(ask), now=now, node=node, nodes=nodes, life=life)
        if answer.need and ask.interval and not ask.keeps:
            self.spent[ask.key].append((self.now(), answer.need / UNIT))
        return answer
