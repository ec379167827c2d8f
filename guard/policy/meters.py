"""Counting use against limits: rates by GCRA, and how many at once.

GCRA, the generic cell rate algorithm (ITU-T I.371, annex A), keeps one number a subject: the theoretical arrival time
(TAT), at which the whole burst is back. Units may be used while that puts the TAT ahead of the clock by no more than
the burst; who needs more than a burst at once gets it when the whole burst is there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from guard.policy.allowance import Standing
from guard.policy.limits import CONCURRENCY, REQUESTS, TOKENS, Limit, Who
from guard.policy.spare import NAMES, Spare
from guard.policy.table import Table

logger = logging.getLogger("guard")

# Seconds: what adding intervals to the clock of a machine that is up for years may be wrong by.
TOLERANCE = 1e-6
RETRY_SECONDS = 1.0
"""What those are told who are too many at once: nobody knows when one of the others ends."""

REMEMBERED = 16_384
"""Of how many callers the places are kept."""

Cells = Table | Spare

Amounts = tuple[float, float, float]
"""Units of requests, tokens and cost."""

ONE_REQUEST: Amounts = (1.0, 0.0, 0.0)


class Place:
    """Where a subject's use of one limit is counted: the cell of this name, when last looked at that of `cells` at
    `index` (-1: it was never looked for).
    """

    __slots__ = ("ahead", "cells", "index", "limit", "name")

    def __init__(self, limit: Limit, name: int, cells: Cells) -> None:
        self.limit = limit
        self.name = name
        self.cells = cells
        self.index = name if isinstance(cells, Spare) else -1
        self.ahead = 0.0  # within one decision: of how many seconds the TAT would be ahead of the clock


class Denied(NamedTuple):
    """Which limit a request is over, and in how many seconds it would not be."""

    limit: Limit
    retry_after: float


class Reserved:
    """Units that an exchange is thought to need of what is counted at a place, and holds in a cell (None: in none), and
    those that it is known to have used.

    What is held is nobody else's, but counts as used only when it is: so what was not needed is there again at once,
    and what was is counted when it was.
    """

    __slots__ = ("cells", "index", "place", "units", "used")

    def __init__(self, place: Place, units: float) -> None:
        self.place = place
        self.units = units
        self.used = 0.0
        self.cells: Cells | None = None
        self.index = 0

    def hold(self) -> None:
        """Keep the others from using them."""
        self.cells, self.index = self.place.cells, self.place.index
        self.cells.hold(self.index, self.units)

    def let_go(self) -> None:
        """Keep nobody any more."""
        if self.cells is not None:
            self.cells.let_go(self.index, self.units)
            self.cells = None


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

    def reserve(self, place: Place, units: float, *, locked: bool) -> None:
        """Have some of what is counted at a place."""
        one = Reserved(place, units)
        self.reserved.append(one)
        if locked and units:
            one.hold()

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
        spare: where that is, and what has no room in the table.
        strays: the places that had none.
        owed: by cell, the seconds that could not be written into the table yet, for somebody else was writing.
    """

    def __init__(self, table: Table | None = None) -> None:
        self.table = table
        self.spare = Spare()
        self.strays: list[Place] = []
        self.owed: dict[int, tuple[Place, float]] = {}
        self._said_full = False
        self._head = Plans()
        self._body = Plans()

    def now(self) -> float:
        """Seconds of the clock by which use is counted."""
        return self.table.now() if self.table is not None else monotonic()

    def share(self, table: Table) -> None:
        """Count in a table from now on."""
        self.table = table
        self._head, self._body = Plans(), Plans()

    def admit(self, limits: Sequence[Limit], who: Who, now: float) -> Denied | Held | None:
        """Count a request against every limit that holds its caller, or against none when one of them denies it.

        Of tokens and cost nothing is counted yet; who owes some is denied.

        Args:
            limits: those that the head of a request tells enough for.
            who: who asks.
            now: seconds of `now`.

        Returns:
            What to give to `settle` and `release` when the request is over, or why it is denied (the longest wait);
            None: no limit holds the caller.
        """
        places = self._places(self._head, limits, who)
        return self._take(places, ONE_REQUEST, now) if places else None

    def reserve(
        self, limits: Sequence[Limit], who: Who, amounts: Amounts, now: float, held: Held | None
    ) -> Denied | Held | None:
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
                    self._charge(place, (used - one.used) * place.limit.interval, now, locked=locked)
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
        table, self.table = self.table, None
        if table is not None:
            table.close()

    def sweep(self, now: float) -> None:
        """Forget what is whole again, and workers that died; called every few seconds."""
        self.spare.sweep(now)
        if self.table is not None:
            self.table.keep_time()
            self.table.bury()
            if self.owed and self.table.lock():
                self._pay(now)
                self.table.unlock()
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
        what = f"{limit.key}\0{subject}"
        if self.table is None:
            return Place(limit, hash(what) % NAMES, self.spare)
        return Place(limit, self.table.name(what), self.table)

    def _find(self, place: Place, now: float, *, locked: bool) -> tuple[Cells, int]:
        """The cell of a place, which it remembers; without the lock, what would be one."""
        if not locked or self.table is None:
            return self.spare, place.name
        index = self.table.find(place.name, now)
        if index is None:
            self._stray(place)
            return self.spare, place.name
        place.index = index
        counted_here = self.spare.tat.pop(place.name, 0.0) - now
        if counted_here > 0.0:
            self.table.tat[index] = max(self.table.tat[index], now) + counted_here
        return self.table, index

    def _stray(self, place: Place) -> None:
        """There is no room: count here until the next sweep, when it is tried again."""
        place.cells, place.index = self.spare, place.name
        self.strays.append(place)
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
    ) -> Denied | Held:
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
                if limit.kind != REQUESTS:
                    ahead += cells.held(index) * limit.interval
                if self.owed:
                    ahead += self._owes(place)
                place.ahead = ahead
                span = limit.span
                wait = ahead - (span if step <= span else step)
                if wait > TOLERANCE and (denied is None or wait > denied.retry_after):
                    denied = Denied(limit, wait)
            if denied is not None:
                return denied
            held = held or Held()
            for place in places:
                limit = place.limit
                if limit.kind == REQUESTS:
                    if locked:
                        place.cells.tat[place.index] = now + place.ahead
                    else:
                        self._owe(place, limit.interval)
                elif limit.kind == CONCURRENCY:
                    # Without the lock the cell may become another's just now, in which it would count for ever.
                    if locked:
                        held.enter(place)
                    continue
                elif reserves:
                    held.reserve(place, amounts[limit.kind], locked=locked)
                held.see(limit, place.ahead)
            return held
        finally:
            if locked and table is not None:
                table.unlock()

    def _charge(self, place: Place, seconds: float, now: float, *, locked: bool) -> None:
        """Count more, or less, whatever is left."""
        if not locked:
            self._owe(place, seconds)
            return
        cells, index = place.cells, place.index
        if index < 0 or cells.names[index] != place.name:
            if seconds < 0.0:
                return  # nothing is counted any more that it could be taken from
            cells, index = self._find(place, now, locked=locked)
        cells.tat[index] = max(cells.tat[index], now) + seconds

    def _owe(self, place: Place, seconds: float) -> None:
        self.owed[place.name] = place, self.owed.get(place.name, (place, 0.0))[1] + seconds

    def _owes(self, place: Place) -> float:
        return self.owed[place.name][1] if place.name in self.owed else 0.0

    def _pay(self, now: float) -> None:
        """Write down what was counted without the lock."""
        owed, self.owed = self.owed, {}
        for place, seconds in owed.values():
            self._charge(place, seconds, now, locked=True)

    def _lock(self) -> bool:
        return self.table is None or self.table.lock()

    def _unlock(self, locked: bool) -> None:
        if locked and self.table is not None:
            self.table.unlock()
