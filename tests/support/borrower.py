"""A node in a process of its own that spends what it can of one budget, for tests that several share it.

python -m tests.support.borrower URL NAME RATE BURST SECONDS

It says that it is ready, and when it is told a line it asks without pause for so long. Then it prints the times (of the
machine's monotonic clock) at which it had spent a unit, in JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import monotonic, monotonic_ns

from guard.config import Store
from guard.lending import Ask, Grants
from guard.store.leases import Leases
from guard.store.opening import budgets_of

KEY = "0123456789abcdef" * 2
PAUSE_SECONDS = 0.0005


class Borrower:
    """One budget's cell: what it holds until when, and when there is no use in asking."""

    def __init__(self, lender: Leases, rate: float, burst: float) -> None:
        self.lender = lender
        self.ask = Ask(KEY, 1 / rate, burst, 0.0, min(burst / 4, rate / 20), 0.0, 0.0)
        self.held = self.until = self.shut = 0.0
        self.is_open = False
        self.spent: list[float] = []

    def spend(self) -> None:
        """Spend a unit of what is held, and ask for more when little is left, or none."""
        now = monotonic()
        if now >= self.until:
            self.held = 0.0
        if self.held >= 1.0:
            self.held -= 1.0
            self.spent.append(now)
        if self.held < self.ask.ahead / 2 and not self.is_open and now >= self.shut:
            self.is_open = True
            need = 0.0 if self.held else 1.0
            self.lender.ask([self.ask._replace(need=need, held=self.held, at=monotonic_ns())], self.take)

    def take(self, grants: Grants | None) -> None:
        """An answer has come."""
        self.is_open = False
        if grants is not None:
            (grant,), now = grants, monotonic()
            if now >= self.until:
                self.held = 0.0
            if grant.units > grant.ahead:
                self.spent.append(now)
            self.held += grant.ahead
            self.until, self.shut = now + grant.lasts, now + grant.wait


async def main(url: str, name: str, rate: float, burst: float, seconds: float) -> None:
    """Spend."""
    lender = Leases(budgets_of(Store(url=url)), name)
    borrower = Borrower(lender, rate, burst)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    end = monotonic() + seconds
    while monotonic() < end:
        borrower.spend()
        await asyncio.sleep(PAUSE_SECONDS)
    await lender.closed()
    print(json.dumps(borrower.spent))


if __name__ == "__main__":
    url, name, *numbers = sys.argv[1:]
    asyncio.run(main(url, name, *map(float, numbers)))
