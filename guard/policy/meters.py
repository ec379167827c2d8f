"""Counting use against limits: rates by GCRA, and how many at once.

GCRA, the generic cell rate algorithm (ITU-T I.371, annex A), keeps one number a subject: the theoretical arrival time
(TAT), at which the whole burst is back. Units may be used while that puts the TAT ahead of the clock by no more than
the burst; who needs more than a burst at once gets it when the whole burst is there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple

from guard.policy.allowance import Standing
from guard.policy.limits import CONCURRENCY, REQUESTS, TOKENS, Limit, Who
from guard.policy.spare import NAMES, Spare
from guard.policy.table import Table
from guard.policy.waiting import Waiting

logger = logging.getLogger("guard")

# Seconds: what adding intervals to the clock of a machine that is up for years may be wrong by.
TOLERANCE = 1e-6
RETRY_SECONDS = 1.0
"""What those are told who are too many at once: nobody knows when one of the others ends."""

REMEMBERED = 16_384
"""Of how many callers the places are kept."""

Cells = Table | Spare

DOUBT_SECONDS = 2.0
"""For how long others count with what could not be counted: nobody who runs is without the lock for that long."""

Amounts = tuple[float, float, float]
"""Units of requests, tokens and cost."""

ONE_REQUEST: Amounts = (1.0, 0.0, 0.0)


class Place:
    """Where a subject's use of one limit is counted: the cell of this name, when last looked at that of `cells` at
    `index` (-1: it was never looked for).
    """

    __slots__ = ("ahead", "cells", "index", "limit", "name", "subject", "tat")

    def __init__(self, limit: Limit, name: int, cells: Cells, subject: str = "") -> None:
        self.limit = limit
        self.subject = subject
        self.name = name
        self.cells = cells
        self.index = name if isinstance(cells, Spare) else -1
        # Within one decision: what the TAT would be, and how far it would be ahead with all that is held.
        self.tat = 0.0
        self.ahead = 0.0


class Denied(NamedTuple):
    """Which limit a request is over, and in how many seconds it would not be."""

    limit: Limit
    retry_after: float


class Reserved:
    """Units that an exchange is thought to need of what is counted at a place, and holds in a cell (None: no more), and
    those that it is known to have used.

    What is held is nobody else's, but counts as used only when it is: so what was not needed is there again at once,
    and what was is counted when it was.
    """

    __slots__ = ("cells", "index", "place", "units", "used")

    def __init__(self, place: Place, units: float) -> None:
        self.place = place
        self.units = units
        self.used = 0.0
        self.cells: Cells | None = place.cells
        self.index = place.index
        place.cells.hold(place.index, units)

    def let_go(self) -> None:
        """Keep nobody any more."""
        if self.cells is not None:
            self.cells.let_go(self.index, self.units)
            self.cells = None


class Owed:
    """Units that were used while somebody else was writing: they are held until they can be counted.

    Counted alone they would make this `tat`; of use by others and these together the TAT is no more than the larger of
    that, and of the others' TAT and the time of all these units.
    """

    __slots__ = ("cells", "held", "index", "place", "tat", "units")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.cells = place.cells
        self.index = place.index
        self.units = 0.0
        self.held = 0.0
        self.tat = 0.0

    def add(self, units: float, now: float) -> None:
        """More was used (or less: what was told before was wrong)."""
        self.units += units
        self.tat = max(self.tat, now) + units * self.place.limit.interval
        if units > 0.0:
            self.held += units
            self.cells.hold(self.index, units)
            self.cells.doubt[self.index] = now + DOUBT_SECONDS

    def let_go(self) -> None:
        """They are counted."""
        self.cells.let_go(self.index, self.held)


class Held:
    """What an exchange has of its limits until it is over.

    Attributes:
        running: the cells in which it is one of those in progress.
        reserved: what it is thought to need of tokens and cost, or has used so far.
        requests: how its caller stood with the tightest limit on requests.
        tokens: and on tokens.
    """

    __slots__ = ("requests", "reserved", "running", "tokens")

    def __init__(self) -> None:
        self.running: list[tuple[Cells, int]] = []
        self.reserved: list[Reserved] = []
        self.requests: Standing | None = None
        self.tokens: Standing | None = None

    def deny(self, denied: Denied) -> None:
        """Note how its caller stands with the limit that it is over."""
        limit, wait = denied
        if limit.kind == REQUESTS:
            self.requests = limit, 0.0, wait
        elif limit.kind == TOKENS:
            self.tokens = limit, 0.0, wait

    def enter(self, place: Place) -> None:
        """Be one of those in progress."""
        place.cells.hold(place.index, 1.0)
        self.running.append((place.cells, place.index))

    def reserve(self, place: Place, units: float) -> None:
        """Have some of what is counted at a place."""
        self.reserved.append(Reserved(place, units))

    def see(self, limit: Limit, ahead: float) -> None:
        """Note how its caller stands with a limit, by how many seconds the TAT is ahead of the clock."""
        left = (limit.span - ahead) / limit.interval
        if limit.kind == REQUESTS:
            if self.requests is None or left < self.requests[1]:
                self.requests = limit, left, ahead
        elif limit.kind == TOKENS and (self.tokens is None or left < self.tokens[1] or limit is self.tokens[0]):
            self.tokens = limit, left, ahead


class Plans:
    """Where callers are counted, for one set of limits at a time."""

    def __init__(self) -> None:
        self.limits: Sequence[Limit] = ()
        self.found: dict[Who, tuple[Place, ...]] = {}

    def clear(self, limits: Sequence[Limit]) -> None:
        """Begin anew."""
        self.limits = limits
        self.found = {}


class Meters:
    """A worker's counting, in the table that it shares with the others, or alone.

    Attributes:
        table: None: what is used is counted in this process alone.
        now: the clock by which use is counted, in seconds.
        spare: where that is, and what has no room in the table.
        strays: the places that had none.
        owed: by name and index of a cell, what could not be counted yet.
    """

    def __init__(self, table: Table | None = None) -> None:
        self.table = table
        self.now: Callable[[], float] = table.now if table is not None else monotonic
        self.spare = Spare()
        self.strays: list[Place] = []
        self.owed: dict[tuple[int, int], Owed] = {}
        self._said_full = False
        self._head = Plans()
        self._body = Plans()

    def share(self, table: Table) -> None:
        """Count in a table from now on."""
        self.table = table
        self.now = table.now
        self._head, self._body = Plans(), Plans()

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
        return self._places(self._head, limits, who)

    def count(self, places: tuple[Place, ...], now: float) -> Denied | Held | Waiting:
        """Count a request at these places, as `admit` does."""
        return self._take(places, ONE_REQUEST, now)

    def reserve(
        self, limits: Sequence[Limit], who: Who, amounts: Amounts, now: float, held: Held | None
    ) -> Denied | Held | Waiting | None:
        """Count what a request is thought to use, and what is counted for its model, likewise; `held` gets more."""
        places = self._places(self._body, limits, who)
        if not places:
            return held
        return self._take(places, amounts, now, held or Held(), reserves=True)

    def settle(self, held: Held, amounts: Amounts, now: float) -> None:
        """What was reserved was used so, or has been so far. If it was more, there may be a debt."""
        locked = self._lock()
        try:
            for one in held.reserved:
                place = one.place
                used = amounts[place.limit.kind]
                if used != one.used:
                    self._charge(place, used - one.used, now, locked=locked)
                    one.used = used
                one.let_go()
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

    @staticmethod
    def release(held: Held) -> None:
        """A request that was let in is over."""
        running, held.running = held.running, []
        reserved, held.reserved = held.reserved, []
        for one in reserved:
            one.let_go()
        for cells, index in running:
            cells.let_go(index, 1.0)

    def close(self) -> None:
        """Leave the table to the others."""
        table, self.table, self.now = self.table, None, monotonic
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
            strays, self.strays = self.strays, []
            for place in strays:
                place.cells, place.index = self.table, -1

    # Where.

    def _places(self, plans: Plans, limits: Sequence[Limit], who: Who) -> tuple[Place, ...]:
        if limits is not plans.limits or len(plans.found) > REMEMBERED:
            plans.clear(limits)
        places = plans.found.get(who)
        if places is None:
            places = plans.found[who] = self._plan(limits, who)
        return places

    def _plan(self, limits: Sequence[Limit], who: Who) -> tuple[Place, ...]:
        """One place for each thing that is counted; of several bounds on the same the smallest."""
        places: dict[tuple[str, str], Place] = {}
        for limit in limits:
            subject = who.subject(limit.per)
            if subject is None or limit.subject not in (None, subject):
                continue
            other = places.get((limit.key, subject))
            if other is None:
                places[limit.key, subject] = self._place(limit, subject)
            elif limit.quota < other.limit.quota:
                other.limit = limit
        return tuple(places.values())

    def _place(self, limit: Limit, subject: str) -> Place:
        what = limit.name(subject)
        if self.table is None:
            return Place(limit, hash(what) % NAMES, self.spare, subject)
        return Place(limit, self.table.name(what), self.table, subject)

    def _find(self, place: Place, now: float, *, locked: bool) -> tuple[Cells, int]:
        """The cell of a place, which it remembers. Without the lock none is taken that nobody has."""
        table = self.table
        if table is None:
            return self.spare, place.name
        index = table.find(place.name, now) if locked else table.seek(place.name)
        if index is None:
            if locked:
                self._say_full()
            self.strays.append(place)
            place.cells, place.index = self.spare, place.name
            return self.spare, place.name
        place.index = index
        counted_here = self.spare.tat.pop(place.name, 0.0) - now if locked else 0.0
        if counted_here > 0.0:
            table.tat[index] = max(table.tat[index], now) + counted_here
        return table, index

    def _say_full(self) -> None:
        if not self._said_full:
            self._said_full = True
            logger.warning("the table of limits is full: each worker holds further callers to their limits by itself")

    # How much.

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
            denied: Denied | None = None
            for place in places:
                cells, index, limit = place.cells, place.index, place.limit
                if cells.names[index] != place.name:
                    cells, index = self._find(place, now, locked=locked)
                if limit.kind == CONCURRENCY:
                    if cells.held(index) >= limit.quota and denied is None:
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
            if denied is not None:
                return denied
            held = held or Held()
            for place in places:
                limit = place.limit
                if limit.kind == CONCURRENCY:
                    held.enter(place)
                    continue
                if limit.kind != REQUESTS:
                    if reserves:
                        held.reserve(place, amounts[limit.kind])
                elif locked:
                    place.cells.tat[place.index] = place.tat
                else:
                    self._owe(place, 1.0, now)
                held.see(limit, place.ahead)
            return held
        finally:
            if locked and table is not None:
                table.unlock()

    def _doubted(self, place: Place, cells: Cells, index: int, step: float, now: float) -> float:
        """How far the TAT would be ahead where units are held that were used: by all of them and the next step.

        They are taken as used when the last of them was; what has come back since then has, also for the TAT without
        them, which may so be behind the clock until they are counted.
        """
        used = cells.held(index) * place.limit.interval
        whole = max(max(cells.tat[index], cells.doubt[index] - DOUBT_SECONDS) + used, now) + step
        place.tat = whole - used
        return whole - now

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
            cells, index = place.cells, place.index
            if cells.names[index] != place.name:
                cells, index = self._find(place, now, locked=True)
            cells.tat[index] = max(cells.tat[index] + one.units * place.limit.interval, one.tat)
            one.let_go()

    def _lock(self) -> bool:
        return self.table is None or self.table.lock()

    def _unlock(self, locked: bool) -> None:
        if locked and self.table is not None:
            self.table.unlock()
