"""Counting use against limits that several nodes share: a node borrows from budgets in a store, and spends that.

A cell of the table has what was borrowed for all workers of the node (`leased`, to be spent `until`), and as its TAT
the time at which the whole budget will be back, as last told. A request that finds enough there goes on at once; one
that does not waits for what it needs, and with it comes more for those that follow. A budget that had nothing to give
is not asked again before it has (`shut`). A place among those in progress is a unit that always comes back unused.

While the store does not answer in time it is *away*, and nobody waits for it: the node goes on with its share, the rate
and the burst by the number of nodes. With n nodes each unit takes n times as long to come back, so the TAT as it was
last told is also that of the share: the node has its part of what was left. What it spends so it tells later (`spent`).
"""

from __future__ import annotations

from guard.lending import Lender
from guard.policy.held import Denied, Held, Reserved
from guard.policy.limits import CONCURRENCY, REQUESTS, Amounts, needed
from guard.policy.loans import Loans
from guard.policy.meters import RETRY_SECONDS, TOLERANCE, Meters
from guard.policy.pending import Pending, Request
from guard.policy.places import Place
from guard.policy.presence import Presence
from guard.policy.table import Table
from guard.policy.waiting import Waiting

LOOK_SECONDS = 0.25
SETTLING_SECONDS = 10.0
"""For so long after its lease is over a node that hears no more of the others leaves them the places that they had."""


class Lent(Reserved):
    """Units that were borrowed, and are held for an exchange."""

    __slots__ = ()


class Borrowing(Meters):
    """A worker's counting where nodes share limits.

    Attributes:
        lender: whom it asks.
        presence: whether that one answers in time.
        loans: what is asked and granted.
        found: what became of requests that shared limits hold: `ready`: enough was borrowed; `waited` for the store;
            `local`: the node decided alone; `denied`: over a limit, for all that is known here.
    """

    def __init__(self, lender: Lender, patience: float) -> None:
        super().__init__()
        self.lender = lender
        self.presence = Presence(lender, patience)
        self.loans = Loans(lender, self.presence)
        self.found = self.loans.found
        self._look_at = 0.0

    def share(self, table: Table) -> None:
        """Count in a table from now on; as long as the store says nothing, with as many nodes as when it last did."""
        super().share(table)
        self.loans.table = table
        self.lender.nodes = max(self.lender.nodes, table.nodes)

    def events(self) -> dict[str, int]:
        """What came of sharing so far, counted: of requests, how often the store went away, and what it was asked."""
        return self.found | {"away": self.presence.times} | self.lender.events

    @property
    def seconds(self) -> float:
        """How long the store took to answer last."""
        return self.lender.seconds

    def close(self) -> None:
        """Leave the table to the others; what was borrowed is theirs."""
        self.presence.close()
        self.lender.close()
        self.loans.table = None
        super().close()

    def look(self) -> None:
        """Give back in time what nobody uses, keep what is used, tell what is owed; called several times a second."""
        super().look()
        now = self.now()
        if now < self._look_at or self.presence.away or self.table is None or not self.table.lock():
            return
        self._look_at = now + LOOK_SECONDS
        self.table.nodes = self.lender.nodes
        try:
            wanted = self.loans.tend(now)
            if wanted:
                self.loans.send(wanted)
        finally:
            self.table.unlock()

    def sweep(self, now: float) -> None:
        """Forget also whom nothing is to be told of."""
        super().sweep(now)
        self.loans.forget(now)

    # Decisions.

    def _decide(
        self,
        places: tuple[Place, ...],
        amounts: Amounts,
        now: float,
        held: Held | None,
        *,
        locked: bool,
        reserves: bool,
    ) -> Denied | Held | Waiting:
        if self.table is None:
            return super()._decide(places, amounts, now, held, locked=locked, reserves=reserves)
        if not locked:
            request = Request(places, amounts, held, reserves)
            return self._decide_alone(request, now, Pending(request, self.loans, self._decide_again))
        verdict = self._weigh(places, amounts, now)
        if verdict is None:
            held = held or Held()
            is_local = self._spend(places, amounts, now, held, reserves=reserves)
            self.found["local" if is_local else "ready"] += 1
            return held
        if isinstance(verdict, Denied):
            return self._deny(verdict)
        request = Request(places, amounts, held, reserves)
        return Pending(request, self.loans, self._decide_again).ask(verdict)

    def _decide_again(self, pending: Pending) -> Denied | Held | Waiting:
        """Decide by what there is now."""
        request, now = pending.request, self.now()
        if self.table is None or not self.table.lock():
            return self._decide_alone(request, now, pending)
        try:
            rest = pending.rest
            verdict = self._weigh(rest, request.amounts, now)
            if verdict is None:
                held = request.held or Held()
                for place in pending.paid:
                    held.see(place.limit, self._ahead(place, now))
                self.found["local"] += self._spend(rest, request.amounts, now, held, reserves=request.reserves)
                return held
            if not isinstance(verdict, Denied):
                return pending.ask(verdict)
            self.loans.put_back(pending.take_paid())
            return self._deny(verdict)
        finally:
            self.table.unlock()

    def _decide_alone(self, request: Request, now: float, pending: Pending) -> Denied | Held | Waiting:
        """Decide without the lock; where this could let in too many at once, not before it was waited for."""
        table, places = self.table, pending.rest
        if table is not None and pending.may_try and any(place.limit.kind == CONCURRENCY for place in places):
            return pending.try_later()
        return super()._decide(
            places, request.amounts, now, request.held, locked=table is None, reserves=request.reserves
        )

    def _deny(self, denied: Denied) -> Denied:
        self.found["denied"] += 1
        return denied

    def _weigh(self, places: tuple[Place, ...], amounts: Amounts, now: float) -> Denied | list[Place] | None:
        """Why not, or of what there is too little here; None: all is there."""
        denied: Denied | None = None
        lacking = []
        for place in places:
            if place.cells.names[place.index] != place.name:
                self._find(place, now, locked=True)
            units = needed(place.limit, amounts)
            if place.limit.kind == CONCURRENCY and place.cells.held(place.index) >= place.limit.quota:
                wait = RETRY_SECONDS
            elif self._is_enough(place, units, now):
                continue
            elif self.presence.away or place.cells is not self.table or not units:
                wait = self._wait(place, units * self._parts(place), now)
            elif now < place.cells.shut[place.index] - TOLERANCE:
                wait = max(self._wait(place, units, now), self._shut(place, now))
            else:
                lacking.append(place)
                continue
            if wait > TOLERANCE and (denied is None or wait > denied.retry_after):
                denied = Denied(place.limit, wait)
        return denied or lacking or None

    def _is_enough(self, place: Place, units: float, now: float) -> bool:
        table, index = self.table, place.index
        if table is None or place.cells is not table:
            return False
        return 0.0 < units <= table.leased[index] + TOLERANCE and now < table.until[index]

    def _wait(self, place: Place, units: float, now: float) -> float:
        """Seconds until so many are there, for all that is known here."""
        limit, index = place.limit, place.index
        if limit.kind == CONCURRENCY:
            return RETRY_SECONDS if place.cells.held(index) >= self._most(place, now) else 0.0
        step = limit.interval * units
        ahead = max(place.cells.tat[index] - now, 0.0) + step
        if limit.kind != REQUESTS:
            ahead += place.cells.held(index) * limit.interval * self._parts(place) if self.presence.away else 0.0
        return ahead - max(limit.span, step)

    @staticmethod
    def _shut(place: Place, now: float) -> float:
        return place.cells.shut[place.index] - now if place.limit.interval else RETRY_SECONDS

    def _most(self, place: Place, now: float) -> float:
        """How many may be in progress here at once, if nobody is asked."""
        quota, index = place.limit.quota, place.index
        table = self.table
        if table is None or place.cells is not table:
            return quota
        most, until = max(quota // self.lender.nodes, 1.0), table.until[index]
        return min(most, table.share[index]) if until and now < until + SETTLING_SECONDS else most

    def _parts(self, place: Place) -> int:
        """Among how many a budget is divided as things are now."""
        return self.lender.nodes if self.presence.away and place.cells is self.table else 1

    def _spend(self, places: tuple[Place, ...], amounts: Amounts, now: float, held: Held, *, reserves: bool) -> bool:
        """Take what was found to be there; whether something of it was not borrowed."""
        is_local, wanted = False, []
        for place in places:
            if self._spend_one(place, needed(place.limit, amounts), held, now, reserves=reserves):
                is_local = True
            if self.loans.use(place, now):
                wanted.append(self.loans.want(place, 0.0))
        if wanted:
            self.loans.send(wanted)
        return is_local

    def _spend_one(self, place: Place, units: float, held: Held, now: float, *, reserves: bool) -> bool:
        """Take it of one place; True: without having borrowed it."""
        cells, limit, index = place.cells, place.limit, place.index
        lent = self._is_enough(place, units, now)
        if limit.kind == CONCURRENCY:
            # Whatever becomes of the worker that borrowed it, this one keeps it.
            self.loans.loan(place, now)
            held.running.append(self._take_out(place, units, lent=lent))
            return not lent
        if limit.kind != REQUESTS:
            if reserves:
                held.reserved.append(self._take_out(place, units, lent=lent))
        elif lent:
            cells.leased[index] = max(cells.leased[index] - units, 0.0)
        else:
            self._charge(place, units, now, locked=True)
        held.see(limit, self._ahead(place, now))
        return not lent and (limit.kind == REQUESTS or reserves)

    @staticmethod
    def _ahead(place: Place, now: float) -> float:
        """By how many seconds the time at which the whole burst is back is ahead; what was borrowed is left."""
        cells, index = place.cells, place.index
        return max(cells.tat[index] - now, 0.0) - cells.leased[index] * place.limit.interval

    @staticmethod
    def _take_out(place: Place, units: float, *, lent: bool) -> Reserved:
        """Hold units for an exchange, of those that were borrowed if they are."""
        if not lent:
            return Reserved(place, units)
        leased = place.cells.leased
        leased[place.index] = max(leased[place.index] - units, 0.0)
        return Lent(place, units)

    # What is over.

    def _settle(self, one: Reserved, more: float, now: float, *, locked: bool) -> None:
        if isinstance(one, Lent) and one.cells is not None and locked:
            more -= self._give_back(one, more, now)
        super()._settle(one, more, now, locked=locked)

    @staticmethod
    def _give_back(one: Lent, used: float, now: float) -> float:
        """What was held and not used is there for others; how much of what was used is accounted for."""
        cells, index = one.cells, one.index
        assert cells is not None
        if now < cells.until[index] and not _is_called_back(one.place, now):
            cells.leased[index] += one.units
            covered = min(used, cells.leased[index])
            cells.leased[index] -= covered
            return covered
        # Its lease is over, and all of it counts as spent; or it is a place that somebody else needs more.
        return min(used, one.units)

    def _leave(self, one: Reserved) -> None:
        locked = isinstance(one, Lent) and self._lock()
        try:
            if locked and isinstance(one, Lent):
                self._give_back(one, 0.0, self.now())
            one.let_go()
        finally:
            self._unlock(locked)

    def _charge(self, place: Place, units: float, now: float, *, locked: bool) -> None:
        """Count more, or less, without having borrowed it."""
        table = self.table
        if locked and table is not None and place.cells.names[place.index] != place.name:
            self._find(place, now, locked=True)
        if not locked or place.cells is not table:
            super()._charge(place, units, now, locked=locked)
            return
        index = place.index
        table.tat[index] = max(table.tat[index], now) + units * place.limit.interval * self._parts(place)
        table.spent[index] = max(table.spent[index] + units, 0.0)
        self.loans.loan(place, now)

    def _pay(self, now: float) -> None:
        owed = list(self.owed.values())
        super()._pay(now)
        for one in owed:
            if one.place.cells is self.table and self.table is not None:
                self.table.spent[one.place.index] += max(one.units, 0.0)
                self.loans.loan(one.place, now)


def _is_called_back(place: Place, now: float) -> bool:
    """Whether a place that is free now goes back to the store, and not to the next one here: others need it more."""
    cells, index = place.cells, place.index
    if place.limit.kind != CONCURRENCY or cells.tat[index] <= now:
        return False
    cells.tat[index] -= 1.0
    cells.spent[index] += 1.0
    return True
