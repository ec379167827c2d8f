"""How often whom was blocked lately, so that whoever comes back is blocked for longer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

DAY = 86_400.0
MEMORY = 30 * DAY
"""Seconds for which a block is remembered: it counts if the next one of the same caller comes within them."""

LONGEST = 30 * DAY
"""Seconds up to which a block is made longer."""

MOST = 65_536
"""How many callers are remembered; of more, those that were not blocked for the longest time are forgotten."""


class Offence(NamedTuple):
    """Of one caller: how many blocks came within `MEMORY` of one another, and when the last one did."""

    kind: str
    value: str
    times: int
    last_at: float


class Offences:
    """A fold over blocks, by caller. A network counts for itself, whatever is in it."""

    def __init__(self, told: Iterable[Offence] = ()) -> None:
        self._by_caller = OrderedDict(((one.kind, one.value), (one.times, one.last_at)) for one in told)

    def add(self, kind: str, value: str, at: float) -> None:
        """That caller was blocked then."""
        self._by_caller[kind, value] = self.earlier(kind, value, at) + 1, at
        self._by_caller.move_to_end((kind, value))
        if len(self._by_caller) > MOST:
            self._by_caller.popitem(last=False)

    def earlier(self, kind: str, value: str, now: float) -> int:
        """How many blocks of that caller count when there is another one now."""
        times, last_at = self._by_caller.get((kind, value), (0, 0.0))
        return times if now - last_at <= MEMORY else 0

    def told(self) -> list[Offence]:
        """All that is remembered."""
        return [Offence(kind, value, *rest) for (kind, value), rest in self._by_caller.items()]


def escalated(lasts: float, earlier: int) -> float:
    """How long (seconds) a block lasts that was ordered for so long: twice that for each earlier one, up to `LONGEST`;
    never less than it was ordered for.
    """
    return max(lasts, min(lasts * 2.0 ** min(earlier, 64), LONGEST))
