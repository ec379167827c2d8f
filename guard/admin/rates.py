"""How often somebody may call, and fail: a bucket for each, of a bounded number of them."""

from __future__ import annotations

from collections import OrderedDict
from math import ceil

MOST = 4_096
"""So many are told apart; the one that was seen longest ago is forgotten, which is as good as full again soon."""


class Rates:
    """So many a second, and a burst, for each name. Times are monotonic seconds; nothing here looks at a clock."""

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1 / rate
        self._burst = burst
        # By name, when the bucket is full again.
        self._full: OrderedDict[str, float] = OrderedDict()

    def wait(self, name: str, now: float) -> int:
        """Take one: 0, or in how many whole seconds there will be one."""
        full = max(self._full.get(name, now), now) + self._interval
        over = full - now - self._burst * self._interval
        if over > 0:
            return max(ceil(over), 1)
        self._full[name] = full
        self._full.move_to_end(name)
        if len(self._full) > MOST:
            self._full.popitem(last=False)
        return 0
