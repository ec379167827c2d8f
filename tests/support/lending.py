"""A lender in this process: the budgets of `tests.support.budgets`, at a distance that the test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from guard.lending import Ask, Grant, Grants
from guard.store.budgets import SECOND, grants, told
from tests.support.budgets import LIFE, Store


class Nearby:
    """One worker's; those with the same `store` share, workers of a node have the same `node`.

    Attributes:
        nodes: as many as the test says.
        delay: seconds that an answer takes.
        silent: nothing is answered, nor comes to the store.
        refuses: everything is answered with nothing.
        asked: all asks so far.
    """

    def __init__(self, store: Store, node: str = "n1", nodes: int = 1) -> None:
        self.store = store
        self.node = node
        self.nodes = nodes
        self.delay = 0.0
        self.silent = False
        self.refuses = False
        self.events: dict[str, int] = {}
        self.seconds = 0.0
        self.asked: list[Ask] = []
        self.is_closed = False

    def ask(self, asks: Sequence[Ask], then: Callable[[Grants | None], None]) -> None:
        self.asked += asks
        if not self.silent:
            asyncio.get_running_loop().call_later(self.delay, self._answer, asks, then)

    def close(self) -> None:
        self.is_closed = True

    def _answer(self, asks: Sequence[Ask], then: Callable[[Grants | None], None]) -> None:
        then(None if self.refuses else [self._grant(ask) for ask in asks])

    def _grant(self, ask: Ask) -> Grant:
        now = round(monotonic() * SECOND)
        answer = self.store.ask(ask.key, told(ask), now=now, node=self.node, nodes=self.nodes)
        return next(grants([answer], LIFE / SECOND))
