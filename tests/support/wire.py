"""A wire between a worker and the store of a fleet in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Any

from guard.lending import Ask
from guard.store.budgets import Answer, Budgets
from guard.store.errors import StoreError

if TYPE_CHECKING:
    from tests.support.fleet import Fleet


class Wire(Budgets):
    """The store's budgets, at the end of a wire: each way takes its time."""

    address = "the wire"

    def __init__(self, fleet: Fleet, node: str, timeout: float) -> None:
        self.fleet = fleet
        self.node = node
        self.timeout = timeout

    async def ask(self, node: str, life: float, nodes: int, asks: Sequence[Ask]) -> Sequence[Answer]:
        """What the store answers, if it does so in time."""
        found: Sequence[Answer] = await self._carry(lambda: self.fleet.answer(node, life, nodes, asks))
        return found

    async def beat(self, node: str, missed: float) -> int:
        """Likewise."""
        found: int = await self._carry(lambda: self.fleet.beat(node, missed))
        return found

    async def close(self) -> None:
        """There is nothing to be closed."""

    async def _carry(self, work: Callable[[], Any]) -> Any:
        fleet, loop = self.fleet, asyncio.get_running_loop()
        answer = loop.create_future()
        if fleet.is_down:
            await asyncio.sleep(fleet.way())
            raise StoreError("refused")

        def arrive() -> None:
            if fleet.is_silent or self.node in fleet.cut or fleet.happens(fleet.lost):
                return
            found = work()
            if not fleet.happens(fleet.lost):
                loop.call_later(fleet.way(), come_back, found, context=Context())

        def come_back(found: Any) -> None:
            if not answer.done():
                answer.set_result(found)

        # What is on its way is nobody's: it arrives though who sent it is frozen, or dead.
        loop.call_later(fleet.way(), arrive, context=Context())
        try:
            async with asyncio.timeout(self.timeout):
                return await answer
        except TimeoutError:
            raise StoreError("too slow") from None
