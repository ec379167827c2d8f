"""A request that waits, and what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from guard import config
from guard.policy.borrowing import Borrowing
from guard.policy.clients import Client
from guard.policy.held import Denied, Held
from guard.policy.limits import CONCURRENCY, REQUESTS, Limits, Who
from guard.policy.pending import Pending
from guard.policy.table import Table
from tests.support.budgets import Store
from tests.support.lending import Nearby

ONE = Who("192.0.2.1", Client("app", "acme"), "/v1/", "chat")
SIMPLE = Limits([config.Limit(per="client", requests="1/h", burst=2)])
PLACES = Limits([config.Limit(per="client", concurrency=2)])
PLACE = Limits([config.Limit(per="global", concurrency=1)])
BOTH = Limits([config.Limit(per="client", requests="1/h", burst=2), config.Limit(per="global", concurrency=2)])


@pytest.fixture
def nodes(tmp_path) -> Iterator[list[Borrowing]]:
    """A worker's meters on each of two nodes."""
    store = Store()
    both = [Borrowing(Nearby(store, name, 2), 0.05) for name in "ab"]
    for number, meters in enumerate(both):
        meters.share(Table(tmp_path / str(number)))
    yield both
    for meters in both:
        meters.close()


@pytest.fixture
def meters(nodes) -> Borrowing:
    """One of them."""
    meters: Borrowing = nodes[0]
    return meters


async def verdict(meters: Borrowing, limits: Limits) -> Any:
    """On a request that had to wait."""
    pending = meters.admit(limits.head, ONE, meters.now())
    assert isinstance(pending, Pending)
    answer = asyncio.get_running_loop().create_future()
    pending.when_known(answer.set_result)
    return await answer


def held(meters: Borrowing) -> float:
    """How much is held in all cells."""
    assert meters.table is not None
    return sum(meters.table.held(index) for index, name in enumerate(meters.table.names) if name)


@pytest.mark.parametrize(("limits", "kept"), [(SIMPLE, 0.0), (PLACES, 1.0), (BOTH, 2.0)])
async def test_what_is_kept_is_held_from_when_it_is_asked_for(meters, limits, kept):
    """One request of one rate is spent in the store; of anything else this node has it until it is used."""
    pending = meters.admit(limits.head, ONE, meters.now())
    assert held(meters) == kept
    assert [ask.keeps for ask in meters.lender.asked] == [kept > 0] * len(limits.head)
    answer = asyncio.get_running_loop().create_future()
    pending.when_known(answer.set_result)
    meters.release(await answer)
    assert held(meters) == 0.0


@pytest.mark.parametrize(("limits", "wait"), [(SIMPLE, 3_600.0), (PLACES, 1.0), (BOTH, 3_600.0)])
async def test_who_is_refused_is_told_when_to_come_again(nodes, limits, wait):
    """Of a rate when it will be there; when one of those in progress ends nobody knows."""
    first, other = nodes
    for _ in range(2):
        assert isinstance(await verdict(other, limits), Held)
    denied = await verdict(first, limits)
    assert isinstance(denied, Denied)
    assert denied.retry_after == pytest.approx(wait, rel=0.01)
    assert held(first) == 0.0


@pytest.mark.parametrize("fault", ["silent", "refuses"])
@pytest.mark.parametrize("limits", [SIMPLE, PLACES, BOTH])
async def test_without_an_answer_it_is_decided_here(meters, limits, fault):
    """After its patience at the latest; what is held then is what it has."""
    setattr(meters.lender, fault, True)
    found = await verdict(meters, limits)
    assert isinstance(found, Held)
    assert meters.presence.away
    assert held(meters) == len(found.running)
    meters.release(found)
    assert held(meters) == 0.0


async def test_what_was_paid_for_who_is_refused_in_the_end_is_there_for_the_next(nodes):
    """One limit gave at once, another had nothing left by then: the first is charged for nobody."""
    first, other = nodes
    limits = Limits([config.Limit(per="client", requests="1/h", burst=2), config.Limit(per="global", concurrency=1)])
    first.release(await verdict(first, limits))
    table = first.table
    [slots] = [place for place in first.places(limits.head, ONE) if place.limit.kind == CONCURRENCY]
    [rate] = [place for place in first.places(limits.head, ONE) if place.limit.kind == REQUESTS]
    assert table is not None
    assert table.leased[slots.index] == 1.0
    first.lender.delay = 0.01
    waiting = asyncio.create_task(verdict(first, limits))
    await asyncio.sleep(0)
    assert [ask.keeps for ask in first.lender.asked][-1] is False
    # Another node gets the one place meanwhile.
    table.leased[slots.index] = 0.0
    [key] = [ask.key for ask in first.lender.asked if not ask.interval]
    del first.lender.store.budgets[key]
    assert isinstance(await verdict(other, PLACE), Held)
    assert isinstance(await waiting, Denied)
    assert table.leased[rate.index] == 1.0
