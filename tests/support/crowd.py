"""Callers of a fleet, who come at random."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from guard.policy.held import Held
from guard.policy.limits import Limits
from tests.support.fleet import Fleet, Worker

Visit = Callable[[Worker], Coroutine[Any, Any, None]]
PACES = (0.5, 20.0, 100.0)
"""How many a second come to a worker, in turn."""


async def come(fleet: Fleet, worker: Worker, visit: Visit, seconds: float, rate: float) -> None:
    """They come to a worker, so many a second."""
    end = fleet.now() + seconds
    while fleet.now() < end:
        worker.do(visit(worker))
        await asyncio.sleep(fleet.chance.expovariate(rate))


class Crowd:
    """Callers who are let in by these limits, and stay for so many seconds on average.

    Attributes:
        most: how many of them were inside at once.
        entered: how many of them each node let in.
    """

    def __init__(self, fleet: Fleet, bound: Limits, stay: float) -> None:
        self.fleet = fleet
        self.bound = bound
        self.stay = stay
        self.most = 0
        self.entered: Counter[str] = Counter()

    async def come(self, worker: Worker, seconds: float, rate: float) -> None:
        """They come to a worker, so many a second."""
        await come(self.fleet, worker, self.visit, seconds, rate)

    async def come_and_go(self, worker: Worker, seconds: float) -> None:
        """They come to a worker, now many and now few."""
        chance, end = self.fleet.chance, self.fleet.now() + seconds
        while (left := end - self.fleet.now()) > 0.0:
            await self.come(worker, min(left, chance.uniform(0.2, 2.0)), chance.choice(PACES))

    async def visit(self, worker: Worker) -> None:
        """One of them."""
        held = await worker.admit(self.bound)
        if not isinstance(held, Held):
            return
        worker.inside += 1
        self.most = max(self.most, self.fleet.inside)
        self.entered[worker.node] += 1
        await asyncio.sleep(self.fleet.chance.expovariate(1.0 / self.stay))
        worker.inside -= 1
        worker.meters.release(held)
