"""What may befall a fleet: each goes on for a while, or until all is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.crowd import Crowd
from tests.support.fleet import Fleet

Mishap = Callable[[Fleet, Crowd, float], Coroutine[Any, Any, None]]
"""It is told for how many seconds the crowd will still come."""


async def nothing(_fleet: Fleet, _crowd: Crowd, _left: float) -> None:
    """All is well."""


async def kill(fleet: Fleet, crowd: Crowd, left: float) -> None:
    """A worker is killed, and another one takes its place."""
    worker = fleet.chance.choice(fleet.workers)
    worker.kill()
    new = fleet.start(worker.node)
    new.do(crowd.come_and_go(new, left))


async def jam(fleet: Fleet, _crowd: Crowd, _left: float) -> None:
    """Locks are not to be had now and then."""
    fleet.jammed = fleet.chance.choice((0.02, 0.2))
    await asyncio.sleep(fleet.chance.uniform(0.3, 1.5))


async def refuse(fleet: Fleet, _crowd: Crowd, _left: float) -> None:
    """The store is gone."""
    fleet.is_down = True
    await asyncio.sleep(fleet.chance.uniform(0.05, 3.0))


async def hang(fleet: Fleet, _crowd: Crowd, _left: float) -> None:
    """The store says nothing."""
    fleet.is_silent = True
    await asyncio.sleep(fleet.chance.uniform(0.05, 3.0))


async def wipe(fleet: Fleet, _crowd: Crowd, _left: float) -> None:
    """The store has forgotten all."""
    fleet.store.budgets.clear()


async def lose(fleet: Fleet, _crowd: Crowd, _left: float) -> None:
    """Asks are lost, and answers."""
    fleet.lost = 0.02
    await asyncio.sleep(fleet.chance.uniform(0.1, 3.0))


async def freeze(fleet: Fleet, _crowd: Crowd, _left: float) -> None:
    """A node does nothing."""
    node = fleet.chance.choice(fleet.workers).node
    frozen = [worker for worker in fleet.workers if worker.node == node]
    for worker in frozen:
        worker.freeze()
    await asyncio.sleep(fleet.chance.uniform(0.1, 3.0))
    for worker in frozen:
        worker.thaw()


async def cut(fleet: Fleet, _crowd: Crowd, _left: float) -> None:
    """A node is cut off from the store."""
    fleet.cut = {fleet.chance.choice(fleet.workers).node}
    await asyncio.sleep(fleet.chance.uniform(0.1, 4.0))


STORM: tuple[Mishap, ...] = (nothing, refuse, hang, wipe, lose, freeze, cut)


def mend(fleet: Fleet) -> None:
    """All is well again."""
    fleet.jammed = fleet.lost = 0.0
    fleet.is_down = fleet.is_silent = False
    fleet.cut = set()
