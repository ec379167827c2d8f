"""Counting use against limits: rates by GCRA, and how many at once.

GCRA, the generic cell rate algorithm (ITU-T I.371, annex A), keeps one number a subject: the theoretical arrival time
(TAT), at which the whole burst is back. Units may be used while that puts the TAT ahead of the clock by no more than
the burst; who needs more than a burst at once gets it when the whole burst is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from guard.policy.held import Denied, Held, Reserved
from guard.policy.limits import CONCURRENCY, ONE_REQUEST, REQUESTS, Amounts, Limit, Who
from guard.policy.owed import DOUBT_SECONDS, Owed
from guard.policy.places import Cells, Finder, Place, Plans
from guard.policy.spare import Spare
from guard.policy.table import Table
from guard.policy.waiting import Waiting

# Seconds: what adding intervals to the clock of a machine that is up for years may be wrong by.
TOLERANCE = 1e-6
RETRY_SECONDS = 1.0
"""What those are told who are too many at once: nobody knows when one of the others ends."""


class Meters:
    """A worker's counting, in the table that it shares with the others, or alone.

    Attributes:
        table: None: what is used is counted in this process alone.
        now: the clock by which use is counted, in seconds.
        spare: where that is, and what has no room in the table.
        finder: which of them it is.
        owed: by name and index of a cell, what could not be counted yet.
    """

    def __init__(self, table: Table | None = None) -> None:
        self.table: Table | None = None
        self.now: Callable[[], float] = monotonic
        self.spare = Spare()
        self.finder = Finder(self.spare)
        self.owed: dict[tuple[int, int], Owed] = {}
        self._count_in(table)

    def share(self, table: Table) -> None:
        """Count in a table from now on."""
        self._count_in(table)

    def admit(self, limits: Sequence[Limit], who: Who, now: float) -> Denied | Held | Waiting | None:
        """Count a request against every limit that holds its caller, or against none when one of them denies it.

        Of tokens and cost nothing is counted yet; who owes some is denied.

        Args:
            limits: those that the head of a request tells enough for.
            who: who asks.
            now: seconds of `now`.

        Returns:
            What to give to `settle` and `release` when the request is over, or why it is denied (the longest wait);
            None: no limit holds the caller. Where nodes share limits it may have to wait until that is known.
        """
        places = self.places(limits, who)
        return self.count(places, now) if places else None

    def places(self, limits: Sequence[Limit], who: Who) -> tuple[Place, ...]:
        """Where a caller is counted for limits that the head of a request tells enough for; good to be kept."""
        return self._head.places(limits, who)

    def count(self, places: tuple[Place, ...], now: float) -> Denied | Held | Waiting:
        """Count a request at these places, as `admit` does."""
        return self._take(places, ONE_REQUEST, now)

    def reserve(
        self, limits: Sequence[Limit], who: Who, amounts: Amounts, now: float, held: Held | None
    ) -> Denied | Held | Waiting | None:
        """Count what a request is thought to use, and what is counted for its model, likewise; `held` gets more."""
        places = self._body.places(limits, who)
        return self._take(places, amounts, now, held, reserves=True) if places else held

    def settle(self, held: Held, amounts: Amounts, now: float) -> None:
        """What was reserved was used so, or has been so far. If it was more, there may be a debt."""
        locked = self._lock()
        try:
            for one in held.reserved:
                more = amounts[one.place.limit.kind] - one.used
                one.used += more
                self._settle(one, more, now, locked=locked)
        finally:
            self._unlock(locked)

    def overdrawn(self, held: Held, now: float) -> Denied | None:
        """Why an exchange that goes on may use no more, if it may not: more was used than there was."""
        for place in [one.place for one in held.reserved]:
            if place.index >= 0 and place.cells.names[place.index] == place.name:
                wait = place.cells.tat[place.index] - now - place.limit.span
                if wait > TOLERANCE:
                    return Denied(place.limit, wait)
        return None

    def release(self, held: Held) -> None:
        """A request that was let in is over."""
        running, held.running = held.running, []
        reserved, held.reserved = held.reserved, []
        for one in reserved:
            one.let_go()
        for one in running:
            self._leave(one)

    def close(self) -> None:
        """Leave the table to the others."""
        table = self.table
        self._count_in(None)
        if table is not None:
            table.close()

    def events(self) -> dict[str, int]:
        """What came of sharing limits with other nodes, counted; nothing where that is not done."""
        return {}

    @property
    def seconds(self) -> float:
        """How long others took to answer last."""
        return 0.0

    def look(self) -> None:
        """Do what has to be done soon; called several times a second."""
        if self.owed:
            self.pay(self.now())

    def pay(self, now: float) -> None:
        """Count what could not be counted yet."""
        if self.owed and self.table is not None and self.table.lock():
            try:
                self._pay(now)
            finally:
                self.table.unlock()

    def sweep(self, now: float) -> None:
        """Forget what is whole again, and workers that died; called every few seconds."""
        self.spare.sweep(now)
        self.pay(now)
        if self.table is not None:
            self.table.keep_time()
            self.table.bury()
            self.finder.send_back(self.table)

    def _count_in(self, table: Table | None) -> None:
        self.table = table
        self.now = table.now if table is not None else monotonic
        cells = table if table is not None else self.spare
        self._head, self._body = Plans(cells), Plans(cells)

    def _lock(self) -> bool:
        return self.table is None or self.table.lock()

    def _unlock(self, locked: bool) -> None:
        if locked and self.table is not None:
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
    ) -> Denied | Held | Waiting:
        table = self.table
        locked = table is None or table.lock()
        try:
            if self.owed and locked:
                self._pay(now)
            return self._decide(places, amounts, now, held, locked=locked, reserves=reserves)
        finally:
            if locked and table is not None:
                table.unlock()

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
        """Take what is needed, or nothing."""
        denied = self._judge(places, amounts, now, locked=locked)
        if denied is not None:
            return denied
        held = held or Held()
        for place in places:
            limit = place.limit
            if limit.kind == CONCURRENCY:
                held.running.append(Reserved(place, 1.0))
                continue
            if limit.kind != REQUESTS:
                if reserves:
                    held.reserved.append(Reserved(place, amounts[limit.kind]))
            elif locked:
                place.cells.tat[place.index] = place.tat
            else:
                self._owe(place, 1.0, now)
            held.see(limit, place.ahead)
        return held

    def _judge(self, places: tuple[Place, ...], amounts: Amounts, now: float, *, locked: bool) -> Denied | None:
        """Why not, if not; what the TATs will be is noted in the places."""
        denied: Denied | None = None
        for place in places:
            cells, index, limit = place.cells, place.index, place.limit
            if cells.names[index] != place.name:
                cells, index = self._find(place, now, locked=locked)
            if limit.kind == CONCURRENCY:
                most = limit.quota if locked else self._most(place, now)
                if cells.held(index) >= most and denied is None:
                    denied = Denied(limit, RETRY_SECONDS)
                continue
            step = limit.interval * amounts[limit.kind]
            ahead = cells.tat[index] - now
            ahead = ahead + step if ahead > 0.0 else step
            place.tat = now + ahead
            if limit.kind != REQUESTS:
                ahead += cells.held(index) * limit.interval
            elif cells.doubt[index] > now:
                ahead = self._doubted(place, cells, index, step, now)
            place.ahead = ahead
            wait = ahead - (limit.span if step <= limit.span else step)
            if wait > TOLERANCE and (denied is None or wait > denied.retry_after):
                denied = Denied(limit, wait)
        return denied

    def _most(self, place: Place, _now: float) -> float:
        """How many may be in progress at once, for all that is known without the lock."""
        return place.limit.quota

    def _doubted(self, place: Place, cells: Cells, index: int, step: float, now: float) -> float:
        """How far the TAT would be ahead where units are held that were used: by all of them and the next step.

        They are taken as used when the last of them was; what has come back since then has, also for the TAT without
        them, which may so be behind the clock until they are counted.
        """
        used = cells.held(index) * place.limit.interval
        whole = max(max(cells.tat[index], cells.doubt[index] - DOUBT_SECONDS) + used, now) + step
        place.tat = whole - used
        return whole - now

    def _find(self, place: Place, now: float, *, locked: bool) -> tuple[Cells, int]:
        return self.finder.find(place, self.table, now, locked=locked)

    # What is over.

    def _settle(self, one: Reserved, more: float, now: float, *, locked: bool) -> None:
        """So many more of what was reserved were used (or fewer), whatever is left."""
        if more:
            self._charge(one.place, more, now, locked=locked)
        one.let_go()

    def _leave(self, one: Reserved) -> None:
        """It is not in progress any more."""
        one.let_go()

    def _charge(self, place: Place, units: float, now: float, *, locked: bool) -> None:
        """Count more, or less, whatever is left."""
        cells, index = place.cells, place.index
        if cells.names[index] != place.name:
            if units < 0.0:
                return  # nothing is counted any more that it could be taken from
            cells, index = self._find(place, now, locked=locked)
        if locked:
            cells.tat[index] = max(cells.tat[index], now) + units * place.limit.interval
        else:
            self._owe(place, units, now)

    def _owe(self, place: Place, units: float, now: float) -> None:
        """Count later, and hold it until then: everybody sees that at once."""
        owed = self.owed.get((place.name, place.index))
        if owed is None:
            owed = self.owed[place.name, place.index] = Owed(place)
        owed.add(units, now)

    def _pay(self, now: float) -> None:
        """Write down what was counted without the lock."""
        owed, self.owed = self.owed, {}
        for one in owed.values():
            place = one.place
            if self.table is not None and place.cells is self.spare:
                place.cells, place.index = self.table, -1
            if place.cells.names[place.index] != place.name:
                self._find(place, now, locked=True)
            one.count()
