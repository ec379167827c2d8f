"""Where use is counted: which cell has what a caller has used of a limit."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from guard.policy.limits import Limit, Who
from guard.policy.spare import NAMES, Spare
from guard.policy.table import Table

logger = logging.getLogger("guard")

REMEMBERED = 16_384
"""Of how many callers the places are kept."""

Cells = Table | Spare


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


class Plans:
    """Where callers are counted, for one set of limits at a time; places are good to be kept."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._limits: Sequence[Limit] = ()
        self._found: dict[Who, tuple[Place, ...]] = {}

    def places(self, limits: Sequence[Limit], who: Who) -> tuple[Place, ...]:
        """One for each thing that is counted for this caller; of several bounds on the same the smallest."""
        if limits is not self._limits or len(self._found) > REMEMBERED:
            self._limits, self._found = limits, {}
        places = self._found.get(who)
        if places is None:
            places = self._found[who] = self._plan(limits, who)
        return places

    def _plan(self, limits: Sequence[Limit], who: Who) -> tuple[Place, ...]:
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
        what, cells = limit.name(subject), self._cells
        return Place(limit, cells.name(what) if isinstance(cells, Table) else hash(what) % NAMES, cells, subject)


class Finder:
    """Finds the cells of places in a table, and in the process's own where there is no room in it.

    Attributes:
        spare: the process's own cells.
        strays: the places that are counted there though there is a table.
    """

    def __init__(self, spare: Spare) -> None:
        self.spare = spare
        self.strays: list[Place] = []
        self._said_full = False

    def find(self, place: Place, table: Table | None, now: float, *, locked: bool) -> tuple[Cells, int]:
        """The cell of a place, which it remembers. Without the lock none is taken that nobody has."""
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

    def send_back(self, table: Table) -> None:
        """Have the strays look for room in the table again."""
        strays, self.strays = self.strays, []
        for place in strays:
            place.cells, place.index = table, -1

    def _say_full(self) -> None:
        if not self._said_full:
            self._said_full = True
            logger.warning("the table of limits is full: each worker holds further callers to their limits by itself")
