"""A request that waits for what is lacking, and is decided by what then is there; not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from guard.lending import Grants
from guard.policy.held import Denied, Held, Reserved
from guard.policy.limits import REQUESTS, Amounts, needed
from guard.policy.loans import RETRY_LOCK_SECONDS, Loans
from guard.policy.meters import RETRY_SECONDS, TOLERANCE
from guard.policy.places import Place
from guard.policy.waiting import Waiting

LATE_SECONDS = 0.005
"""A timer that is later than this was kept by the worker itself, not by the store."""
LOCK_TRIES = 10
"""How often the lock is waited for, a millisecond each time, where without it there might be too many at once."""


class Request(NamedTuple):
    """What is needed at which places, and what is had already; with `reserves` it is kept until the request is over."""

    places: tuple[Place, ...]
    amounts: Amounts
    held: Held | None
    reserves: bool


class Pending(Waiting):
    """One that waits.

    Attributes:
        request: what it is about.
        paid: where what is needed was spent already, by the store.
    """

    __slots__ = ("_decide", "_due", "_kept", "_lacking", "_loans", "_timer", "_tries", "_was_late", "paid", "request")

    def __init__(
        self, request: Request, loans: Loans, decide: Callable[[Pending], Denied | Held | Waiting]
    ) -> None:  # fmt: skip
        """`decide` is asked again when there is an answer, or none in time."""
        super().__init__()
        self.request = request
        self.paid: tuple[Place, ...] = ()
        self._loans = loans
        self._decide = decide
        self._kept: list[Reserved] = []
        self._lacking: Sequence[Place] = ()
        self._due = 0.0
        self._tries = 0
        self._was_late = False
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, lacking: Sequence[Place]) -> Pending:
        """Ask for what is lacking; with the lock."""
        self._loans.found["waited"] += 1
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + self._loans.presence.patience
            self._timer = loop.call_at(self._due, self._late)
        self._lacking = lacking
        amounts, keeps = self.request.amounts, not self._pays
        wanted = [self._loans.want(place, needed(place.limit, amounts), keeps=keeps) for place in lacking]
        if keeps:
            # It counts as held by this node until there is an answer, or nobody waits for one.
            self._kept = [Reserved(place, needed(place.limit, amounts)) for place in lacking]
        self._loans.send(wanted, self)
        return self

    @property
    def rest(self) -> tuple[Place, ...]:
        """Where it is still to be taken."""
        return tuple(place for place in self.request.places if place not in self.paid)

    def take_paid(self) -> list[tuple[Place, float]]:
        """Where how much was spent; it is told once."""
        paid, self.paid = self.paid, ()
        return [(place, needed(place.limit, self.request.amounts)) for place in paid]

    @property
    def _pays(self) -> bool:
        """Whether the store may spend what is lacking at once: it is not given back, and nothing else is lacking."""
        return len(self._lacking) == 1 and self._lacking[0].limit.kind == REQUESTS

    @property
    def may_try(self) -> bool:
        """Whether it may wait for the lock, once more."""
        return self._tries < LOCK_TRIES

    def try_later(self) -> Pending:
        """Decide soon: somebody else is writing."""
        self._tries += 1
        asyncio.get_running_loop().call_later(RETRY_LOCK_SECONDS, self._try)
        return self

    def _try(self) -> None:
        if self.verdict is None:
            self._end(self._decide(self))

    def answered(self, grants: Grants | None) -> None:
        """The store has answered, or cannot."""
        self._let_go()
        if self.verdict is not None:
            return
        if grants is None:
            self._end(self._decide(self))
            return
        refused = [
            Denied(place.limit, grant.wait if place.limit.interval else RETRY_SECONDS)
            for place, grant in zip(self._lacking, grants, strict=True)
            if grant.units - grant.ahead < needed(place.limit, self.request.amounts) - TOLERANCE
        ]
        if refused:
            self._loans.found["denied"] += 1
            self._put_back()
            self._end(max(refused, key=lambda denied: denied.retry_after))
            return
        if self._pays:
            self.paid += tuple(self._lacking)
        self._end(self._decide(self))

    def _put_back(self) -> None:
        table = self._loans.table
        if self.paid and table is not None and table.lock():
            self._loans.put_back(self.take_paid())
            table.unlock()

    def _late(self) -> None:
        """The time is up. If it was this worker that was late, the answer may be there, and is read first."""
        loop = asyncio.get_running_loop()
        late = loop.time() - self._due
        if late > LATE_SECONDS and not self._was_late:
            self._was_late = True
            self._timer = loop.call_later(min(late, self._loans.presence.patience), self._late)
        elif self.verdict is None:
            self._loans.withdraw(self._kept)
            self._let_go()
            self._loans.presence.lose()
            self._end(self._decide(self))

    def _let_go(self) -> None:
        kept, self._kept = self._kept, []
        for one in kept:
            one.let_go()

    def _end(self, verdict: Denied | Held | Waiting) -> None:
        """There it is, unless it is to wait for something else: while the store is away nothing is lacking."""
        if isinstance(verdict, Waiting):
            return
        if self._timer is not None:
            self._timer.cancel()
        self.settle(verdict)
