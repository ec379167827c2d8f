"""Use that is counted in this process alone: where there is no table to share, or no room in it."""

from __future__ import annotations

from collections import defaultdict

NAMES = 2**64
LEAST = 1e-9
"""Units: less is what sums of fractions are wrong by."""


class Spare:
    """Cells of one process, as many as it takes; they are like those of a `Table`, and a cell's index is its name."""

    def __init__(self) -> None:
        self.names = range(NAMES)
        self.tat: defaultdict[int, float] = defaultdict(float)
        self.leased: defaultdict[int, float] = defaultdict(float)
        self.until: defaultdict[int, float] = defaultdict(float)
        self.spent: defaultdict[int, float] = defaultdict(float)
        self.asked: defaultdict[int, float] = defaultdict(float)
        self.shut: defaultdict[int, float] = defaultdict(float)
        self.doubt: defaultdict[int, float] = defaultdict(float)
        self.share: defaultdict[int, float] = defaultdict(float)
        self.open: defaultdict[int, float] = defaultdict(float)
        self._numbers = (
            *(self.tat, self.leased, self.until, self.spent, self.asked, self.shut),
            *(self.doubt, self.open, self.share),
        )
        self.counts: defaultdict[int, float] = defaultdict(float)

    def __len__(self) -> int:
        return len(self.tat.keys() | self.counts.keys())

    def held(self, index: int) -> float:
        """What exchanges hold that are not over."""
        return self.counts.get(index, 0.0)

    def hold(self, index: int, units: float) -> None:
        """One holds more."""
        self.counts[index] += units

    def let_go(self, index: int, units: float) -> None:
        """One holds it no more."""
        self.counts[index] -= units
        if self.counts[index] < LEAST:
            del self.counts[index]

    def sweep(self, now: float) -> None:
        """Forget what is whole again, so that memory follows the callers of the moment, not of all time."""
        for index in [index for index, tat in self.tat.items() if tat <= now and not self._borrows(index, now)]:
            for numbers in self._numbers:
                numbers.pop(index, None)

    def _borrows(self, index: int, now: float) -> bool:
        return self.until.get(index, 0.0) > now or self.spent.get(index, 0.0) > 0.0
