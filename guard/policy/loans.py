"""What a worker asks of the store for the cells of its node, and puts into them.

Of a cell one worker at a time tells what the node holds (it *claims* it, and `asked` has since when); others may ask
for what their requests need meanwhile. A unit that was borrowed is either `leased`, or held for somebody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import floor
from typing import NamedTuple, Protocol

from guard.lending import Ask, Grant, Grants, Lender
from guard.policy.held import Reserved
from guard.policy.limits import CONCURRENCY, REQUESTS, Limit
from guard.policy.places import Place
from guard.policy.presence import Presence
from guard.policy.table import Table

CLAIM_SECONDS = 0.6
"""For so long one worker of a node asks for a cell, unless it has an answer before: then it is dead, or as good."""
AHEAD_SECONDS = 0.25
"""No more is borrowed ahead than what the rate gives in this time."""
RECENT_SECONDS = 0.5
ENDING_SECONDS = 1.0
LONGEST_SHUT_SECONDS = 1.0
RETRY_LOCK_SECONDS = 0.001

WHOLE = (REQUESTS, CONCURRENCY)
"""Kinds of which there are no parts of a unit."""


class Asker(Protocol):
    """Whoever waits for an answer; `verdict` is there when it waits no more."""

    @property
    def verdict(self) -> object | None:
        """None: it waits."""

    def answered(self, grants: Grants | None) -> None:
        """What was granted is in the cells, or there is no answer."""


class Loan:
    """What this worker knows of a cell that it has asked for: how much it would have ahead, and when it was used."""

    __slots__ = ("asked_at", "place", "used_at", "wish")

    def __init__(self, place: Place, now: float) -> None:
        self.place = place
        self.wish = 0.0
        self.asked_at = now
        self.used_at = now

    def is_used(self, now: float) -> bool:
        """Whether it was of late."""
        return now - self.used_at < RECENT_SECONDS


class Wanted(NamedTuple):
    """An ask for a place, and what its cell had as spent and not told."""

    place: Place
    ask: Ask
    spent: float


class Loans:
    """Those of a worker; all but `send` and `withdraw` want the lock of the table to be had.

    Attributes:
        lender: who is asked.
        presence: whether it answers.
        table: the cells; None: there are none any more.
        found: what became of requests that shared limits hold, counted.
    """

    def __init__(self, lender: Lender, presence: Presence) -> None:
        self.lender = lender
        self.presence = presence
        self.table: Table | None = None
        self.found = dict.fromkeys(("ready", "waited", "local", "denied"), 0)
        self._loans: dict[int, Loan] = {}

    def loan(self, place: Place, now: float) -> Loan:
        """What is known of this place's cell, which is looked after from now on."""
        loan = self._loans.get(place.name)
        if loan is None:
            loan = self._loans[place.name] = Loan(place, now - CLAIM_SECONDS)
        # How many may be in progress may have been changed since.
        loan.place = place
        return loan

    def use(self, place: Place, now: float) -> bool:
        """It is used; whether it is time to ask ahead of need: nobody asks yet, and there is some use in it."""
        loan = self._loans.get(place.name)
        if loan is None or place.cells is not self.table:
            return False
        loan.used_at = now
        table, index = place.cells, place.index
        is_free = now - table.asked[index] > CLAIM_SECONDS
        return is_free and table.leased[index] < loan.wish / 2 and now >= table.shut[index] and not self.presence.away

    def want(self, place: Place, need: float, *, keeps: bool = False) -> Wanted:
        """The ask for what is needed, and for more: if nobody of this node claims the cell now."""
        table, index = place.cells, place.index
        # Later than that of any ask before: the lock was had by somebody else since the request came.
        now = self.now()
        spent = table.spent[index]
        if now - table.asked[index] <= CLAIM_SECONDS:
            ask = _nothing(place)._replace(at=int(now * 1e9) if keeps else 0)
        else:
            ask = self._claim(place, now)._replace(ahead=self._ahead(place, now))
        if keeps:
            table.open[index] += need
        return Wanted(place, ask._replace(need=need, keeps=keeps), spent)

    def tend(self, now: float) -> list[Wanted]:
        """What is to be told: what nobody uses goes back in time, what is used is kept, what is owed is paid."""
        found = (self._tend(loan, now) for loan in list(self._loans.values()))
        return [wanted for wanted in found if wanted is not None]

    def forget(self, now: float) -> None:
        """Forget the cells of which there is nothing to tell, also while nobody hears of any."""
        self._loans = {name: loan for name, loan in self._loans.items() if not self._is_over(loan, now)}

    def send(self, wanted: Sequence[Wanted], asker: Asker | None = None) -> None:
        """Ask the store, and put what it grants into the cells."""

        def then(grants: Grants | None) -> None:
            if self.table is not None and not self.table.lock():
                asyncio.get_running_loop().call_later(RETRY_LOCK_SECONDS, then, grants)
                return
            self._put_all(wanted, grants, asker)
            if grants is None:
                self.presence.lose()
            if asker is not None:
                asker.answered(grants)

        self.lender.ask([one.ask for one in wanted], then)

    def put_back(self, units: Sequence[tuple[Place, float]]) -> None:
        """What the store has spent for a request that is denied is there for the next."""
        for place, count in units:
            place.cells.leased[place.index] += count

    def withdraw(self, kept: Sequence[Reserved]) -> None:
        """Nobody waits any more for what was asked for to be kept; if the lock is not to be had the next claim sees."""
        table = self.table
        if kept and table is not None and table.lock():
            for one in kept:
                table.open[one.index] = max(table.open[one.index] - one.units, 0.0)
            table.unlock()

    def now(self) -> float:
        """The time by which use is counted."""
        return self.table.now() if self.table is not None else 0.0

    # Asking.

    def _claim(self, place: Place, now: float, *, returned: float = 0.0) -> Ask:
        """Tell what is held of a cell but for what is `returned`, and what was spent without being borrowed."""
        table, index, limit = place.cells, place.index, place.limit
        table.asked[index] = now
        table.leased[index] -= returned
        # What is asked for now to be kept, or reserved, is among what all workers hold.
        held = table.held(index)
        # Whoever has died asked for nothing.
        table.open[index] = asked = min(table.open[index], held)
        held += table.leased[index] if now < table.until[index] else 0.0
        debt = 0.0
        if limit.interval:
            missing = max(table.tat[index] - now, 0.0) / (limit.interval * self.lender.nodes)
            debt = min(table.spent[index], missing, limit.burst)
        return _nothing(place)._replace(spent=debt, returned=returned, held=held, open=asked, at=int(now * 1e9))

    def _ahead(self, place: Place, now: float) -> float:
        """How much to ask for ahead of need; of places among those in progress, which no rate uses up, what lacks."""
        wish = self._wish(place, now)
        if place.limit.kind != CONCURRENCY:
            return wish
        return max(float(floor(wish - place.cells.leased[place.index])), 0.0)

    def _wish(self, place: Place, now: float) -> float:
        """How much to have ahead of need: twice as much each time, while it is asked for often."""
        loan = self.loan(place, now)
        most = _most_ahead(place.limit, self.lender.nodes)
        is_hot = now - loan.asked_at < RECENT_SECONDS
        loan.wish = min(max(2 * loan.wish, 1.0), most) if is_hot else min(loan.wish, most)
        loan.asked_at = now
        return loan.wish

    def _tend(self, loan: Loan, now: float) -> Wanted | None:
        """What there is to say of a cell; one of which there is nothing more to say is forgotten."""
        place = loan.place
        table, index, kind = place.cells, place.index, place.limit.kind
        if self._is_over(loan, now):
            del self._loans[place.name]
            return None
        if now - table.asked[index] <= CLAIM_SECONDS:
            return None
        lent = table.leased[index] if now < table.until[index] else 0.0
        held = table.held(index) if kind != REQUESTS else 0.0
        is_ending = table.until[index] - now < ENDING_SECONDS
        if kind == CONCURRENCY and now < table.tat[index]:
            loan.wish = 0.0  # others need them more
        if kind == CONCURRENCY and lent >= loan.wish + 1.0:
            return self._give_back(loan, float(floor(lent - loan.wish)), now)
        is_used = loan.is_used(now)
        if table.spent[index] > 0.0 or (is_ending and held > 0.0) or (is_ending and lent and is_used):
            wanted = self.want(place, 0.0)
            # Who has not used it of late may not know the newest limit.
            return wanted if is_used else wanted._replace(ask=wanted.ask._replace(ahead=0.0))
        if is_ending and lent:
            loan.wish /= 4
            return self._give_back(loan, lent, now)
        return None

    def _is_over(self, loan: Loan, now: float) -> bool:
        """Whether the cell is another's, or there will be nothing to say of it."""
        place = loan.place
        table, index = place.cells, place.index
        if table is not self.table or table.names[index] != place.name:
            return True
        is_asked = now - max(table.asked[index], loan.asked_at) <= CLAIM_SECONDS
        is_lent = table.leased[index] > 0.0 and now < table.until[index]
        # What was spent, and has come back, is no debt.
        is_owed = table.spent[index] > 0.0 and now < max(table.tat[index], table.until[index])
        return not (is_asked or is_lent or is_owed or table.held(index) > 0.0)

    def _give_back(self, loan: Loan, units: float, now: float) -> Wanted:
        place = loan.place
        loan.asked_at = now
        spent = place.cells.spent[place.index]
        return Wanted(place, self._claim(place, now, returned=units), spent)

    # Answers.

    def _put_all(self, wanted: Sequence[Wanted], grants: Grants | None, asker: Asker | None) -> None:
        table = self.table
        if table is None:
            return
        now = table.now()
        is_late = asker is not None and asker.verdict is not None
        try:
            for position, one in enumerate(wanted):
                if one.place.cells is table and table.names[one.place.index] == one.place.name:
                    self._put(table, one, grants[position] if grants is not None else None, now, is_late=is_late)
        finally:
            table.unlock()

    def _put(self, table: Table, wanted: Wanted, grant: Grant | None, now: float, *, is_late: bool) -> None:
        """Put into a cell what an answer says."""
        place, ask, spent = wanted
        index = place.index
        if ask.keeps and not is_late:
            table.open[index] = max(table.open[index] - ask.need, 0.0)
        is_claim = ask.held is not None and int(table.asked[index] * 1e9) == ask.at
        if is_claim:
            table.asked[index] = 0.0
        if grant is None:
            # What was returned may have come to the store: it is nobody's here.
            return
        if ask.held is not None:
            table.spent[index] = max(table.spent[index] - spent, 0.0)
        need, got = grant.units - grant.ahead, grant.ahead if is_claim else 0.0
        if need and is_late:
            # Whoever needed it has gone on without: that is paid for now.
            table.spent[index] = max(table.spent[index] - need, 0.0)
        elif ask.keeps:
            got += need
        if now >= table.until[index]:
            table.leased[index] = 0.0
        table.leased[index] += got
        if is_claim or got:
            table.until[index] = max(table.until[index], now + grant.lasts)
        if not self.presence.away:
            table.tat[index] = now + grant.full
        if grant.wait:
            table.shut[index] = now + min(grant.wait, LONGEST_SHUT_SECONDS)
        if is_claim and place.limit.kind == CONCURRENCY:
            self._note_share(table, wanted, grant, now)

    def _note_share(self, table: Table, wanted: Wanted, grant: Grant, now: float) -> None:
        """Of places among those in progress: how many the node could have if it heard no more of the others."""
        place, ask, _ = wanted
        share = (ask.held or 0.0) + grant.units + floor(grant.left / self.lender.nodes)
        table.share[place.index] = max(share, 0.0)
        if grant.ahead < ask.ahead:
            # What is not there is not asked for again with every request: there is no rate that brings it.
            loan = self.loan(place, now)
            loan.wish = max(loan.wish - (ask.ahead - grant.ahead), 0.0)


def _nothing(place: Place) -> Ask:
    limit = place.limit
    return Ask(limit.digest(place.subject), limit.interval, limit.burst, 0.0, 0.0, 0.0, 0.0)


def _most_ahead(limit: Limit, nodes: int) -> float:
    most = limit.burst / (4 * nodes)
    if limit.interval:
        most = min(most, AHEAD_SECONDS / limit.interval)
    return floor(most) if limit.kind in WHOLE else most
