"""A request that waits for what is lacking, and is decided by what then is there; not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from guard.lending import Grants
from guard.policy.held import Denied, Held, Reserved
from guard.policy.limits import CONCURRENCY, Amounts, needed
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

    @property
    def is_simple(self) -> bool:
        """Whether what is needed is spent at once, and nothing else is: then there is nothing to be kept for it."""
        return not self.reserves and len(self.places) == 1 and self.places[0].limit.kind != CONCURRENCY


class Pending(Waiting):
    """One that waits.

    Attributes:
        request: what it is about.
    """

    __slots__ = ("_decide", "_due", "_kept", "_lacking", "_loans", "_timer", "_tries", "_was_late", "request")

    def __init__(
        self, request: Request, loans: Loans, decide: Callable[[Pending], Denied | Held | Waiting]
    ) -> None:  # fmt: skip
        """`decide` is asked again when there is an answer, or none in time."""
        super().__init__()
        self.request = request
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
        request, keeps = self.request, not self.request.is_simple
        wanted = [self._loans.want(place, needed(place.limit, request.amounts), keeps=keeps) for place in lacking]
        if keeps:
            # It counts as held by this node until there is an answer, or nobody waits for one.
            self._kept = [Reserved(place, needed(place.limit, request.amounts)) for place in lacking]
        self._loans.send(wanted, self)
        return self

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
            self._end(max(refused, key=lambda denied: denied.retry_after))
        elif self.request.is_simple:
            # What was needed is spent, and there is nothing else to be had.
            self._end(self._spent())
        else:
            self._end(self._decide(self))

    def _spent(self) -> Held:
        (place,), held = self.request.places, self.request.held or Held()
        held.see(place.limit, max(place.cells.tat[place.index] - self._loans.now(), 0.0))
        return held

    def _late(self) -> None:
        """The time is up. If it was this worker that was late, the answer may be there, and is read first."""
        loop = asyncio.get_running_loop()
        late = loop.time() - self._due
        if late > LATE_SECONDS and not self._was_late:
            self._was_late = True
            self._timer = loop.call_later(min(late, self._loans.presence.patience), self._late)
        elif self.verdict is None:
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
