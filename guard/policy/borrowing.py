"""Counting use against limits that several nodes share: a node borrows from budgets in a store, and spends that.

A cell of the table has what was borrowed for all workers of the node (`leased`, to be spent `until`), and as its TAT
the time at which the whole budget will be back, as last told. A request that finds enough there goes on at once; one
that does not waits for what it needs, and with it comes more for those that follow. A budget that had nothing to give
is not asked again before it has (`shut`).

While the store does not answer in time it is *away*, and nobody waits for it: the node goes on with its share, the rate
and the burst by the number of nodes. With n nodes each unit takes n times as long to come back, so the TAT as it was
last told is also that of the share: the node has its part of what was left. What it spends so it tells later (`spent`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from math import floor
from time import monotonic

from guard.lending import Ask, Grant, Grants, Lender
from guard.policy.limits import CONCURRENCY, REQUESTS
from guard.policy.meters import RETRY_SECONDS, TOLERANCE, Amounts, Cells, Denied, Held, Meters, Place, Reserved
from guard.policy.table import Table
from guard.policy.waiting import Waiting

logger = logging.getLogger("guard")

LATE_SECONDS = 0.005
"""A timer that is later than this was kept by the worker itself, not by the store."""
PROBE_SECONDS = 0.05
PROBES_SECONDS = 1.0
"""A store that is away is asked for first soon, then half as often each time, and at last every second."""
CLAIM_SECONDS = 1.0
"""For so long one worker of a node asks for a cell, unless it has an answer before: then it is dead, or as good."""
AHEAD_SECONDS = 0.25
"""No more is borrowed ahead than what the rate gives in this time."""
RECENT_SECONDS = 0.5
ENDING_SECONDS = 1.0
LOOK_SECONDS = 0.25
RETRY_LOCK_SECONDS = 0.001


class Loan:
    """What this worker knows of a cell that it has asked for: how much it would have ahead, and when it was used."""

    __slots__ = ("asked_at", "place", "used_at", "wish")

    def __init__(self, place: Place, now: float) -> None:
        self.place = place
        self.wish = 0.0
        self.asked_at = now
        self.used_at = now


class Lent(Reserved):
    """Units that were borrowed, and are held for an exchange."""

    __slots__ = ()


class Borrowing(Meters):
    """A worker's counting where nodes share limits; how many are at once each node counts for itself.

    Attributes:
        lender: whom it asks.
        patience: seconds that a request waits for the store; what takes longer to answer is not back.
        away: whether the store does not answer in time.
        found: what became of requests that shared limits hold: `ready`: enough was borrowed; `waited` for the store;
            `local`: the node decided alone; `denied`: over a limit, for all that is known here; and how often the
            store went `away`.
    """

    def __init__(self, lender: Lender, patience: float) -> None:
        super().__init__()
        self.lender = lender
        self.patience = patience
        self.away = False
        self.found = dict.fromkeys(("ready", "waited", "local", "denied", "away"), 0)
        self._loans: dict[int, Loan] = {}
        self._look_at = 0.0

    def events(self) -> dict[str, int]:
        """What came of sharing so far, counted: of requests, and of what the store was asked."""
        return self.found | self.lender.events

    @property
    def seconds(self) -> float:
        """How long the store took to answer last."""
        return self.lender.seconds

    def close(self) -> None:
        """Leave the table to the others; what was borrowed is theirs."""
        self.lender.close()
        super().close()

    def look(self) -> None:
        """Give back in time what nobody uses, keep what is used, tell what is owed; called several times a second."""
        super().look()
        now = self.now()
        if now < self._look_at or self.away or self.table is None or not self.table.lock():
            return
        self._look_at = now + LOOK_SECONDS
        try:
            told = [
                (loan.place, ask) for loan in list(self._loans.values()) if (ask := self._tend(self.table, loan, now))
            ]
            if told:
                self._send([place for place, _ in told], [ask for _, ask in told], None)
        finally:
            self.table.unlock()

    # Decisions.

    def _take(
        self,
        places: tuple[Place, ...],
        amounts: Amounts,
        now: float,
        held: Held | None = None,
        *,
        reserves: bool = False,
        again: _Request | None = None,
    ) -> Denied | Held | Waiting:
        if self.table is None or not self.table.lock():
            return super()._take(places, amounts, now, held, reserves=reserves)
        try:
            if self.owed:
                self._pay(now)
            verdict = self._judge(places, amounts, now)
            if verdict is None:
                return self._spend(places, amounts, now, held or Held(), reserves=reserves)
            if isinstance(verdict, list):
                request = again or _Request(self, places, amounts, held, reserves=reserves)
                return request.ask(verdict)
        finally:
            self.table.unlock()
        self.found["denied"] += 1
        return verdict

    def _judge(self, places: tuple[Place, ...], amounts: Amounts, now: float) -> Denied | list[Place] | None:
        """Why not, or of what there is too little here; None: all is there."""
        denied: Denied | None = None
        lacking = []
        for place in places:
            cells, index, limit = place.cells, place.index, place.limit
            if cells.names[index] != place.name:
                cells, index = self._find(place, now, locked=True)
            if limit.kind == CONCURRENCY:
                wait = RETRY_SECONDS if cells.held(index) >= limit.quota else 0.0
            elif self._is_enough(place, amounts[limit.kind], now):
                continue
            elif self.away or cells is not self.table or not amounts[limit.kind]:
                wait = self._wait(place, amounts[limit.kind] * self._parts(place), now)
            elif now < cells.shut[index]:
                wait = max(self._wait(place, amounts[limit.kind], now), cells.shut[index] - now)
            else:
                lacking.append(place)
                continue
            if wait > TOLERANCE and (denied is None or wait > denied.retry_after):
                denied = Denied(limit, wait)
        return denied or lacking or None

    def _is_enough(self, place: Place, units: float, now: float) -> bool:
        cells, index = place.cells, place.index
        return 0.0 < units <= cells.leased[index] + TOLERANCE and now < cells.until[index]

    def _wait(self, place: Place, units: float, now: float) -> float:
        """Seconds until so many are there, by the TAT that is known."""
        limit, index = place.limit, place.index
        step = limit.interval * units
        ahead = max(place.cells.tat[index] - now, 0.0) + step
        if limit.kind != REQUESTS:
            ahead += place.cells.held(index) * limit.interval * self._parts(place) if self.away else 0.0
        return ahead - max(limit.span, step)

    def _parts(self, place: Place) -> int:
        """Among how many a budget is divided as things are now."""
        return self.lender.nodes if self.away and place.cells is self.table else 1

    def _spend(self, places: tuple[Place, ...], amounts: Amounts, now: float, held: Held, *, reserves: bool) -> Held:
        """Take what was found to be there."""
        is_local = False
        wanted = []
        for place in places:
            cells, index, limit = place.cells, place.index, place.limit
            if limit.kind == CONCURRENCY:
                held.enter(place)
                continue
            units = amounts[limit.kind]
            if limit.kind != REQUESTS and not reserves:
                pass
            elif self._is_enough(place, units, now):
                cells.leased[index] = max(cells.leased[index] - units, 0.0)
                if limit.kind != REQUESTS:
                    held.reserved.append(Lent(place, units))
                if self._wants_more(place, now):
                    wanted.append(place)
            elif limit.kind != REQUESTS:
                is_local = True
                held.reserve(place, units)
            else:
                is_local = True
                self._charge(place, units, now, locked=True)
            held.see(limit, max(cells.tat[index] - now, 0.0) - cells.leased[index] * limit.interval)
        self.found["local"] += is_local
        self.found["ready"] += not is_local
        if wanted:
            asks = [self._claim(place, 0.0) for place in wanted]
            self._send(wanted, asks, None)
        return held

    def _charge(self, place: Place, units: float, now: float, *, locked: bool) -> None:
        """Count more, or less, without having borrowed it."""
        table = self.table
        if not locked or table is None:
            super()._charge(place, units, now, locked=locked)
            return
        if place.cells.names[place.index] != place.name:
            self._find(place, now, locked=True)
        if place.cells is not table:
            super()._charge(place, units, now, locked=True)
            return
        index = place.index
        table.tat[index] = max(table.tat[index], now) + units * place.limit.interval * self._parts(place)
        table.spent[index] = max(table.spent[index] + units, 0.0)
        self._loan(place, now)

    def _pay(self, now: float) -> None:
        owed = list(self.owed.values())
        super()._pay(now)
        for one in owed:
            if one.place.cells is self.table and self.table is not None:
                self.table.spent[one.place.index] += max(one.units, 0.0)
                self._loan(one.place, now)

    def settle(self, held: Held, amounts: Amounts, now: float) -> None:
        """What was reserved was used so, or has been so far: what was not is there again."""
        locked = self._lock()
        try:
            for one in held.reserved:
                more = amounts[one.place.limit.kind] - one.used
                one.used += more
                if isinstance(one, Lent) and one.cells is not None and locked:
                    more -= self._give_back(one, more, now)
                one.let_go()
                if more:
                    self._charge(one.place, more, now, locked=locked)
        finally:
            self._unlock(locked)

    def _give_back(self, one: Lent, used: float, now: float) -> float:
        """What was held and not used is there for others; how much of what was used is accounted for."""
        cells, index = one.cells, one.index
        assert cells is not None
        if now < cells.until[index]:
            cells.leased[index] += one.units
            covered = min(used, cells.leased[index])
            cells.leased[index] -= covered
            return covered
        # Its lease is over: all of it counts as spent.
        return min(used, one.units)

    # Asking.

    def _loan(self, place: Place, now: float) -> Loan:
        loan = self._loans.get(place.name)
        if loan is None:
            loan = self._loans[place.name] = Loan(place, now - CLAIM_SECONDS)
        return loan

    def _wants_more(self, place: Place, now: float) -> bool:
        """Whether it is time to ask ahead of need; nobody asks yet, and there is some use in it."""
        loan = self._loans.get(place.name)
        if loan is None:
            return False
        loan.used_at = now
        table, index = place.cells, place.index
        free = now - table.asked[index] > CLAIM_SECONDS
        return free and table.leased[index] < loan.wish / 2 and now >= table.shut[index] and not self.away

    def _claim(self, place: Place, need: float, *, keeps: bool = False) -> Ask:
        """The ask for a place: if nobody of this node asks for it now, with what is held of it, and for more."""
        table, index, limit = self.table, place.index, place.limit
        assert table is not None
        # Later than that of any ask before: the lock was had by somebody else since the request came.
        now = table.now()
        ask = Ask(limit.digest(place.subject), limit.interval, limit.burst, need, 0.0, 0.0, 0.0, keeps=keeps)
        if now - table.asked[index] <= CLAIM_SECONDS:
            return ask._replace(at=int(now * 1e9)) if keeps else ask
        loan = self._loan(place, now)
        most = min(limit.burst / (4 * self.lender.nodes), AHEAD_SECONDS / limit.interval)
        most = floor(most) if limit.kind == REQUESTS else most
        hot = now - loan.asked_at < RECENT_SECONDS
        loan.wish = min(max(2 * loan.wish, 1.0), most) if hot else min(loan.wish, most)
        loan.asked_at = now
        table.asked[index] = now
        # What is asked for now to be kept, or reserved, is among what all workers hold.
        leased = table.held(index) + (table.leased[index] if now < table.until[index] else 0.0)
        missing = max(table.tat[index] - now, 0.0) / (limit.interval * self.lender.nodes)
        debt = min(table.spent[index], missing, limit.burst)
        return ask._replace(ahead=loan.wish, spent=debt, held=leased, at=int(now * 1e9))

    def _tend(self, table: Table, loan: Loan, now: float) -> Ask | None:
        """What there is to say of a cell; one of which there is nothing more to say is forgotten."""
        place = loan.place
        index = place.index
        if place.cells is not table or table.names[index] != place.name:
            del self._loans[place.name]
            return None
        lent = table.leased[index] if now < table.until[index] else 0.0
        reserved = table.held(index) if place.limit.kind != REQUESTS else 0.0
        if now - table.asked[index] <= CLAIM_SECONDS:
            return None
        ending = table.until[index] - now < ENDING_SECONDS
        if table.spent[index] > 0.0 or (ending and reserved > 0.0) or (ending and lent and self._is_used(loan, now)):
            return self._claim(place, 0.0)
        if ending and lent:
            table.leased[index] = 0.0
            loan.wish /= 4
            return self._claim(place, 0.0)._replace(ahead=0.0, returned=lent)
        if not lent and not reserved and now - loan.asked_at > CLAIM_SECONDS:
            del self._loans[place.name]
        return None

    @staticmethod
    def _is_used(loan: Loan, now: float) -> bool:
        return now - loan.used_at < RECENT_SECONDS

    def _send(self, places: Sequence[Place], asks: Sequence[Ask], request: _Request | None) -> None:
        spent = [place.cells.spent[place.index] for place in places]

        def then(grants: Grants | None) -> None:
            if self.table is not None and not self.table.lock():
                asyncio.get_running_loop().call_later(RETRY_LOCK_SECONDS, then, grants)
                return
            self._answered(places, asks, grants, spent, request)
            if grants is None:
                self._go_away()
            if request is not None:
                request.answered(asks, grants)

        self.lender.ask(asks, then)

    def _answered(
        self,
        places: Sequence[Place],
        asks: Sequence[Ask],
        grants: Grants | None,
        spent: Sequence[float],
        request: _Request | None,
    ) -> None:
        """Put into the cells what an answer says; the lock is had."""
        table = self.table
        if table is None:
            return
        now = self.now()
        try:
            for position, (place, ask) in enumerate(zip(places, asks, strict=True)):
                if place.cells is table and table.names[place.index] == place.name:
                    grant = grants[position] if grants is not None else None
                    self._put(table, place, ask, grant, spent[position], now, request)
        finally:
            table.unlock()

    def _put(
        self, table: Table, place: Place, ask: Ask, grant: Grant | None, spent: float, now: float,
        request: _Request | None,
    ) -> None:  # fmt: skip
        index = place.index
        is_mine = ask.held is not None and int(table.asked[index] * 1e9) == ask.at
        if is_mine:
            table.asked[index] = 0.0
        if grant is None:
            if is_mine:
                table.leased[index] += ask.returned
            return
        if ask.held is not None:
            table.spent[index] = max(table.spent[index] - spent, 0.0)
        need = grant.units - grant.ahead
        got = grant.ahead if is_mine else 0.0
        if need and ask.keeps:
            got += need
        elif need and request is not None and request.verdict is not None:
            # It has gone on without: that is paid for now.
            table.spent[index] = max(table.spent[index] - need, 0.0)
        if now >= table.until[index]:
            table.leased[index] = 0.0
        table.leased[index] += got
        if is_mine or got:
            table.until[index] = max(table.until[index], now + grant.lasts)
        if not self.away:
            table.tat[index] = now + grant.full
        if grant.wait:
            table.shut[index] = now + min(grant.wait, 1.0)

    # Away.

    def _go_away(self) -> None:
        """Nobody waits for the store any more, until it answers in time."""
        if not self.away:
            self.away = True
            self.found["away"] += 1
            self._probe_later(PROBE_SECONDS)

    def _probe_later(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._probe, seconds)

    def _probe(self, waited: float) -> None:
        sent = monotonic()

        def then(grants: Grants | None) -> None:
            if grants is None or monotonic() - sent > self.patience:
                self._probe_later(min(2 * waited, PROBES_SECONDS))
            else:
                self.away = False
                self._look_at = 0.0

        if self.table is not None:
            self.lender.ask([], then)


class _Request(Waiting):
    """A request that waits for what is lacking, and is decided by what then is there; not for long."""

    __slots__ = (
        "_amounts",
        "_borrowing",
        "_due",
        "_held",
        "_kept",
        "_lacking",
        "_places",
        "_reserves",
        "_timer",
        "_was_late",
    )

    def __init__(
        self, borrowing: Borrowing, places: tuple[Place, ...], amounts: Amounts, held: Held | None, *, reserves: bool
    ) -> None:
        super().__init__()
        self._borrowing = borrowing
        self._places = places
        self._amounts = amounts
        self._held = held
        self._reserves = reserves
        self._kept: list[tuple[Cells, int, float]] = []
        self._lacking: list[Place] = []
        self._due = 0.0
        self._was_late = False
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, lacking: list[Place]) -> Waiting:
        """Ask for what is lacking; with the lock."""
        borrowing = self._borrowing
        borrowing.found["waited"] += 1
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._due = loop.time() + borrowing.patience
            self._timer = loop.call_at(self._due, self._late)
        self._lacking = lacking
        keeps = self._reserves or len(self._places) > 1
        asks = [borrowing._claim(place, self._amounts[place.limit.kind], keeps=keeps) for place in lacking]
        if keeps:
            self._hold(lacking)
        borrowing._send(lacking, asks, self)
        return self

    def _hold(self, places: list[Place]) -> None:
        """Have it counted as held by this node until there is an answer, or nobody waits for one."""
        for place in places:
            units = self._amounts[place.limit.kind]
            place.cells.hold(place.index, units)
            self._kept.append((place.cells, place.index, units))

    def _let_go(self) -> None:
        kept, self._kept = self._kept, []
        for cells, index, units in kept:
            cells.let_go(index, units)

    def answered(self, asks: Sequence[Ask], grants: Grants | None) -> None:
        """The store has answered, or cannot."""
        self._let_go()
        if self.verdict is not None:
            return
        borrowing = self._borrowing
        now = borrowing.now()
        if grants is None:
            self._decide()
            return
        refused = [
            Denied(place.limit, grant.wait)
            for place, grant, ask in zip(self._lacking, grants, asks, strict=True)
            if grant.units - grant.ahead < ask.need - TOLERANCE
        ]
        if refused:
            borrowing.found["denied"] += 1
            self._end(max(refused, key=lambda denied: denied.retry_after))
        elif asks[0].keeps:
            self._decide()
        else:
            # What was needed is spent, and there is nothing else to be had.
            (place,) = self._places
            held = self._held or Held()
            held.see(place.limit, max(place.cells.tat[place.index] - now, 0.0))
            self._end(held)

    def _decide(self) -> None:
        """Decide by what there is now; while the store is away nothing is lacking."""
        borrowing = self._borrowing
        now = borrowing.now()
        verdict = borrowing._take(self._places, self._amounts, now, self._held, reserves=self._reserves, again=self)
        if not isinstance(verdict, Waiting):
            self._end(verdict)

    def _late(self) -> None:
        """The time is up. If it was this worker that was late, the answer may be there, and is read first."""
        loop = asyncio.get_running_loop()
        late = loop.time() - self._due
        if late > LATE_SECONDS and not self._was_late:
            self._was_late = True
            self._timer = loop.call_later(min(late, self._borrowing.patience), self._late)
        elif self.verdict is None:
            self._let_go()
            self._borrowing._go_away()
            self._decide()

    def _end(self, verdict: Denied | Held) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.settle(verdict)
