"""What was used while somebody else was writing, and could not be counted yet."""

from __future__ import annotations

from guard.policy.places import Place

DOUBT_SECONDS = 2.0
"""For how long others count with what could not be counted: nobody who runs is without the lock for that long."""


class Owed:
    """Units that were used at a place, and are held until they can be counted.

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

    def count(self) -> None:
        """Count them where their place is now; the lock is had."""
        place = self.place
        tat = place.cells.tat
        tat[place.index] = max(tat[place.index] + self.units * place.limit.interval, self.tat)
        self.cells.let_go(self.index, self.held)
