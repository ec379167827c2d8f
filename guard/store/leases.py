"""A worker's asks to the budgets that nodes share: all of a moment in one round trip, on one connection of its own.

A command is never given up in the middle: whoever asked may go on without the answer, and it is read all the same. One
that fails has its connection closed with it, and is never repeated: the store may have run it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import NamedTuple, TypeVar

from guard.lending import Ask, Grants
from guard.store.budgets import Budgets, grants
from guard.store.errors import StoreError

logger = logging.getLogger("guard")

LIFE_SECONDS = 2.0
"""How long a node may keep what it has borrowed, if it asks for no more."""
BEAT_SECONDS = 1.0
MISSED_SECONDS = 10.0
"""A node that was not heard of for so long shares no more."""
ROUND_ASKS = 128
"""How many asks make one round trip: what the store does in one step keeps all others waiting."""
STALE_SECONDS = 0.25
"""What could not even be sent for so long has no use any more: whoever asked went on without an answer."""

Then = Callable[[Grants | None], None]
Answered = TypeVar("Answered")


class _Asked(NamedTuple):
    asks: Sequence[Ask]
    then: Then
    at: float


class Leases:
    """The lender (`guard.lending.Lender`) of one worker, for the loop it is made on.

    Attributes:
        nodes: how many nodes share the budgets, as last heard.
        events: what the store was asked: `asks`, in so many `rounds`; `refused`: needs for which too little was there;
            `unanswered`: asks without an answer, or never sent; `errors`: round trips that failed.
        seconds: how long the last round trip that was answered took.
    """

    def __init__(self, budgets: Budgets, node: str) -> None:
        """`node` is the same for all workers of a node, and another for every node."""
        self.nodes = 1
        self.events = dict.fromkeys(("asks", "rounds", "refused", "unanswered", "errors"), 0)
        self.seconds = 0.0
        self._node = node
        self._budgets = budgets
        self._waiting: deque[_Asked] = deque()
        self._woken = asyncio.Event()
        self._beat_at = 0.0
        self._fault = ""
        self._is_closed = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def ask(self, asks: Sequence[Ask], then: Then) -> None:
        """Ask, and go on. `then` is called once, later, on the loop: with a grant for each, or None for no answer."""
        if self._is_closed:
            asyncio.get_running_loop().call_soon(then, None)
            return
        self._waiting.append(_Asked(asks, then, monotonic()))
        self._woken.set()

    def close(self) -> None:
        """Ask for nothing more; what is open has no answer."""
        self._is_closed = True
        self._task.cancel()

    async def closed(self) -> None:
        """Close it, and wait until its connection is."""
        self.close()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        """Ask and answer in turn, for as long as the worker lives."""
        loop = asyncio.get_running_loop()
        round_: list[_Asked] = []
        try:
            # The library may swallow that it is cancelled (asyncio.wait_for does in Python 3.11).
            while not self._is_closed:
                round_ = self._next_round()
                if round_:
                    await self._exchange(round_)
                if monotonic() >= self._beat_at:
                    await self._beat()
                    self._beat_at = monotonic() + BEAT_SECONDS
                if not self._waiting and not self._is_closed:
                    self._woken.clear()
                    # A loop's timer may fire a little early; then the rest is waited for too.
                    timer = loop.call_later(max(self._beat_at - monotonic(), 0.0), self._woken.set)
                    await self._woken.wait()
                    timer.cancel()
        finally:
            self._answer_none(round_)
            self._give_up()
            await self._budgets.close()

    def _next_round(self) -> list[_Asked]:
        """Those whose turn it is; what has waited for too long is answered."""
        now, found, count = monotonic(), list[_Asked](), 0
        while self._waiting and count < ROUND_ASKS:
            asked = self._waiting.popleft()
            if now - asked.at > STALE_SECONDS:
                self._answer_none([asked])
            else:
                found.append(asked)
                count += len(asked.asks)
        return found

    async def _exchange(self, round_: list[_Asked]) -> None:
        """Send and answer them."""
        asks = [ask for asked in round_ for ask in asked.asks]
        sent = monotonic()
        answers = await self._try(self._budgets.ask(self._node, LIFE_SECONDS, self.nodes, asks))
        self.events["rounds"] += 1
        self.events["asks"] += len(asks)
        if answers is None:
            self._answer_none(round_)
            self._give_up()
            return
        self.seconds = monotonic() - sent
        found = grants(answers, max(LIFE_SECONDS - self.seconds, 0.0))
        for asked in round_:
            granted = [next(found) for _ in asked.asks]
            self.events["refused"] += sum(grant.wait > 0 for grant in granted)
            _tell(asked.then, granted)
        round_.clear()

    async def _beat(self) -> None:
        """Say that this node is there, and hear how many are."""
        count = await self._try(self._budgets.beat(self._node, MISSED_SECONDS))
        if count is not None:
            self.nodes = max(count, 1)

    async def _try(self, asked: Awaitable[Answered]) -> Answered | None:
        """What the store answers; None: nothing."""
        try:
            answer = await asked
        except StoreError as error:
            self.events["errors"] += 1
            if self._fault != str(error):
                self._fault = str(error)
                logger.warning("%s; until it does each node has its share of what is limited", error)
            # It may be another server that answers next.
            await self._budgets.close()
            return None
        if self._fault:
            self._fault = ""
            logger.info("the store %s: it answers, and what is limited is shared again", self._budgets.address)
        return answer

    def _give_up(self) -> None:
        """Nobody shall wait behind those that had no answer."""
        self._answer_none(self._waiting)

    def _answer_none(self, round_: deque[_Asked] | list[_Asked]) -> None:
        asked = list(round_)
        round_.clear()
        for one in asked:
            self.events["unanswered"] += len(one.asks)
            _tell(one.then, None)


def _tell(then: Then, granted: Grants | None) -> None:
    try:
        then(granted)
    except Exception:
        logger.exception("what the store answered met a fault in the guard")
