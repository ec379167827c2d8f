import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

import pytest

from guard.lending import Ask, Grants
from guard.policy import presence
from guard.policy.presence import Presence
from tests.support.budgets import Store
from tests.support.lending import Nearby

PATIENCE = 0.05


class Timed(Nearby):
    """It notes when it was asked."""

    def __init__(self) -> None:
        super().__init__(Store())
        self.times: list[float] = []

    def ask(self, asks: Sequence[Ask], then: Callable[[Grants | None], None]) -> None:
        self.times.append(monotonic())
        super().ask(asks, then)


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(presence, "PROBE_SECONDS", 0.005)


async def is_back(of: Presence) -> None:
    """Wait until the store is there again."""
    async with asyncio.timeout(10):
        while of.away:
            await asyncio.sleep(0.002)


async def test_one_that_answers_is_back():
    """It is asked soon after it was lost, and lost once however often that is found."""
    lender = Nearby(Store())
    there = Presence(lender, PATIENCE)
    there.lose()
    there.lose()
    assert (there.away, there.times) == (True, 1)
    await is_back(there)
    there.lose()
    assert there.times == 2
    await is_back(there)


@pytest.mark.parametrize("fault", [{"refuses": True}, {"delay": 3 * PATIENCE}])
async def test_one_that_answers_nothing_or_late_is_not(fault):
    """It is asked again and again, each time after twice as long."""
    lender = Timed()
    for name, value in fault.items():
        setattr(lender, name, value)
    there = Presence(lender, PATIENCE)
    there.lose()
    async with asyncio.timeout(20):
        while len(lender.times) < 5:
            await asyncio.sleep(0.002)
    assert there.away
    assert lender.times[4] - lender.times[3] > lender.times[1] - lender.times[0]
    lender.refuses, lender.delay = False, 0.0
    await is_back(there)


async def test_nobody_asks_at_the_end():
    """It is not asked for any more once it is closed."""
    lender = Timed()
    lender.refuses = True
    there = Presence(lender, PATIENCE)
    there.lose()
    async with asyncio.timeout(10):
        while not lender.times:
            await asyncio.sleep(0.002)
    there.close()
    asked = len(lender.times)
    await asyncio.sleep(0.1)
    assert len(lender.times) == asked
    assert there.away
