"""Asking a worker's lender, and waiting for what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from guard.config import Store
from guard.lending import Ask
from guard.store.leases import Leases
from guard.store.opening import budgets_of


@asynccontextmanager
async def leases(url: str, node: str = "n1", **more: Any) -> AsyncIterator[Leases]:
    """The lender of a worker, whose connection is closed at the end."""
    found = Leases(budgets_of(Store(url=url, **more)), node)
    try:
        yield found
    finally:
        await found.closed()


def asking(lender: Leases, *asks: Ask) -> asyncio.Future[Any]:
    """What will have been answered: grants, or None."""
    answer = asyncio.get_running_loop().create_future()
    lender.ask(asks, answer.set_result)
    return answer


async def until(wanted: Callable[[], object]) -> None:
    """Wait for a condition."""
    end = monotonic() + 20
    while not wanted():
        assert monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.005)
