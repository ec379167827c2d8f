"""Limits that nodes share, with a lender in this process: its budgets are those that the script is held to."""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import ExitStack, contextmanager
from random import Random
from time import monotonic
from typing import Any

import pytest

from guard import config
from guard.policy.borrowing import Borrowing
from guard.policy.clients import Client
from guard.policy.held import Denied, Held
from guard.policy.limits import Limits, Who
from guard.policy.meters import TOLERANCE
from guard.policy.table import Table
from guard.policy.waiting import Waiting
from tests.support.budgets import Store
from tests.support.lending import Nearby

ONE = Who("192.0.2.1", Client("app", "acme"), "/v1/", "chat")
WAIT_SECONDS = 0.025
SLOW = {"per": "client", "requests": "1/h", "burst": 40}


def limits(*entries: Any) -> Limits:
    """The limits of these entries of a configuration."""
    return Limits([config.Limit(**entry) for entry in entries])


@contextmanager
def worker(folder, lender, patience=WAIT_SECONDS):
    """A worker's meters, in the table of its node."""
    meters = Borrowing(lender, patience)
    meters.share(Table(folder))
    try:
        yield meters
    finally:
        meters.close()


async def known(verdict: Any) -> Any:
    """A verdict, when it is there."""
    if not isinstance(verdict, Waiting):
        return verdict
    answer = asyncio.get_running_loop().create_future()
    verdict.when_known(answer.set_result)
    return await answer


async def ask(meters: Borrowing, bound: Limits, who: Who = ONE) -> Any:
    """The verdict on a request."""
    return await known(meters.admit(bound.head, who, meters.now()))


async def admitted(meters: Borrowing, bound: Limits, count: int) -> int:
    """How many of so many requests, one after the other, are let in."""
    return sum([isinstance(await ask(meters, bound), Held) for _ in range(count)])


async def until(wanted: Any) -> None:
    """Wait for a condition."""
    end = monotonic() + 20
    while not wanted():
        assert monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.005)


async def test_all_nodes_together_have_the_burst(tmp_path):
    """Two nodes of two workers each give out what one would, to the last unit."""
    store, bound = Store(), limits(SLOW)
    with (
        worker(tmp_path / "a", Nearby(store, "a", 2)) as one,
        worker(tmp_path / "a", Nearby(store, "a", 2)) as two,
        worker(tmp_path / "b", Nearby(store, "b", 2)) as three,
        worker(tmp_path / "b", Nearby(store, "b", 2)) as four,
    ):
        count = sum([await admitted(meters, bound, 5) for meters in (one, two, three, four) * 4])
        assert count == 40
        denied = await ask(one, bound)
        assert isinstance(denied, Denied)
        assert 3_000 < denied.retry_after <= 3_600


async def test_hardly_anybody_waits_on_a_hot_key(tmp_path):
    """The more is used the more is borrowed ahead of need, and the store is asked seldom."""
    lender, bound = Nearby(Store()), limits({"per": "client", "requests": "100000/s", "burst": 100_000})
    lender.delay = 0.001
    with worker(tmp_path, lender) as meters:
        for _ in range(300):
            assert await admitted(meters, bound, 10) == 10
            await asyncio.sleep(0.0005)
        assert meters.found["ready"] > 2_900
        assert meters.found["waited"] == 3_000 - meters.found["ready"] < 100
        assert len(lender.asked) < 150


async def test_who_is_over_the_limit_is_told_here(tmp_path):
    """A flood that is refused costs the store no ask while it has nothing to give."""
    lender, bound = Nearby(Store()), limits({"per": "client", "requests": "1/h"})
    with worker(tmp_path, lender) as meters:
        assert await admitted(meters, bound, 200) == 1
        assert len(lender.asked) <= 3
        assert meters.found["denied"] == 199


async def test_a_moment_before_there_is_some_the_store_is_asked(tmp_path):
    """Nobody goes on without having borrowed because the time until then is too short to be waited for."""
    lender, bound = Nearby(Store()), limits({"per": "client", "requests": "600/s", "burst": 10})
    with worker(tmp_path, lender) as meters:
        assert await admitted(meters, bound, 1) == 1
        place, now = meters.places(bound.head, ONE)[0], meters.now()
        place.cells.leased[place.index] = 0.0
        place.cells.shut[place.index] = now + TOLERANCE / 2
        assert isinstance(await known(meters.admit(bound.head, ONE, now)), Held)
        assert (meters.found["waited"], meters.found["local"]) == (2, 0)


async def test_what_is_not_used_goes_back(tmp_path):
    """Before a lease ends its units are in the budget again, for other nodes."""
    store, bound = Store(), limits(SLOW)
    with worker(tmp_path / "a", Nearby(store, "a")) as one, worker(tmp_path / "b", Nearby(store, "b")) as other:
        assert await admitted(one, bound, 5) == 5

        def is_back() -> bool:
            one.look()
            budget = next(iter(store.budgets.values()))
            return budget.lent == 0 and budget.left >= 35_000_000

        await until(is_back)
        assert await admitted(other, bound, 50) == 35


async def test_a_store_that_says_nothing_keeps_nobody_for_long(tmp_path):
    """One request waits 25 ms, and then the node goes on with its share; nobody else waits."""
    lender, bound = Nearby(Store(), nodes=2), limits(SLOW)
    lender.silent = True
    with worker(tmp_path, lender) as meters:
        began = monotonic()
        assert await admitted(meters, bound, 1) == 1
        assert monotonic() - began >= WAIT_SECONDS
        assert meters.presence.away
        began = monotonic()
        assert await admitted(meters, bound, 60) == 19
        assert monotonic() - began < 0.5
        assert (meters.found["waited"], meters.found["local"]) == (1, 20)


async def test_a_share_goes_on_from_what_was_left(tmp_path):
    """A node that is left alone has its part of what there was when it last heard."""
    lender, bound = Nearby(Store(), nodes=2), limits(SLOW)
    with worker(tmp_path, lender) as meters:
        assert await admitted(meters, bound, 30) == 30
        meters.look()
        await asyncio.sleep(0.01)
        lender.silent = True
        ahead = meters.table.leased[meters.table.names.tolist().index(next(filter(None, meters.table.names)))]
        assert await admitted(meters, bound, 40) in range(int(ahead) + 2, int(ahead) + 7)


@pytest.mark.parametrize("refuses", [True, False])
async def test_what_was_spent_alone_is_told_when_the_store_is_back(tmp_path, refuses):
    """The budget is short of it then, and all is as exact as before."""
    store, bound = Store(), limits(SLOW)
    lender = Nearby(store, "a", 2)
    with worker(tmp_path / "a", lender) as meters, worker(tmp_path / "b", Nearby(store, "b", 2)) as other:
        lender.refuses, lender.silent = refuses, not refuses
        assert await admitted(meters, bound, 10) == 10
        lender.refuses = lender.silent = False

        def is_told() -> bool:
            meters.look()
            return not meters.presence.away and sum(meters.table.spent) == 0

        await until(is_told)
        assert await admitted(other, bound, 60) == 30
        assert meters.presence.times == 1


async def test_a_slow_store_is_away(tmp_path):
    """Answers that take longer than anybody waits do not bring it back; quick ones do."""
    lender, bound = Nearby(Store()), limits({"per": "client", "requests": "1000/s", "burst": 1_000})
    lender.delay = 0.2
    with worker(tmp_path, lender) as meters:
        assert await admitted(meters, bound, 1) == 1
        await asyncio.sleep(0.6)
        assert meters.presence.away
        began = monotonic()
        assert await admitted(meters, bound, 100) == 100
        assert monotonic() - began < 0.2
        lender.delay = 0.001
        await until(lambda: not meters.presence.away)
        assert meters.presence.times == 1


async def test_a_request_that_one_limit_denies_costs_no_other(tmp_path):
    """What was borrowed for it is there for the next."""
    store = Store()
    bound = limits({"per": "global", "requests": "1/h", "burst": 10}, {"per": "client", "requests": "1/h", "burst": 3})
    with worker(tmp_path / "a", Nearby(store, "a")) as one, worker(tmp_path / "b", Nearby(store, "b")) as other:
        assert await admitted(one, bound, 20) + await admitted(other, bound, 20) == 3
        rest = [ONE._replace(client=Client(f"app{number}", "acme")) for number in range(20)]
        let_in = [isinstance(await ask(meters, bound, who), Held) for meters in (one, other) for who in rest]
        assert sum(let_in) == 7


async def test_tokens_are_reserved_and_what_was_not_used_is_there_again(tmp_path):
    """Of what a request was thought to use, what it did not comes back at once; more than that is a debt."""
    store, bound = Store(), limits({"per": "client", "tokens": "1000/d"})
    with worker(tmp_path / "a", Nearby(store, "a")) as one, worker(tmp_path / "b", Nearby(store, "b")) as other:

        async def use(meters, tokens):
            return await known(meters.reserve(bound.body, ONE, (1.0, tokens, 0.0), meters.now(), None))

        held = await use(one, 800.0)
        assert isinstance(await use(other, 300.0), Denied)
        one.settle(held, (1.0, 100.0, 0.0), one.now())
        one.release(held)
        assert isinstance(await use(one, 700.0), Held)

        def is_told() -> bool:
            one.look()
            return next(iter(store.budgets.values())).lent <= 700_000_000

        await until(is_told)
        other.table.shut[:] = other.table.shut.__class__(bytes(8 * len(other.table.shut))).cast("d")
        assert isinstance(await use(other, 150.0), Held)


TEN = {"per": "client", "concurrency": 10}


async def entered(meters: Borrowing, bound: Limits, count: int) -> list[Held]:
    """Those of so many requests that are let in, and stay."""
    verdicts = [await ask(meters, bound) for _ in range(count)]
    return [verdict for verdict in verdicts if isinstance(verdict, Held)]


async def test_all_nodes_together_have_so_many_at_once(tmp_path):
    """Two nodes of two workers each let in what one would; whoever ends makes room for another."""
    store, bound = Store(), limits(TEN)
    with (
        worker(tmp_path / "a", Nearby(store, "a", 2)) as one,
        worker(tmp_path / "a", Nearby(store, "a", 2)) as two,
        worker(tmp_path / "b", Nearby(store, "b", 2)) as three,
    ):
        inside = {meters: await entered(meters, bound, 4) for meters in (one, two, three)}
        assert sum(map(len, inside.values())) == 10
        denied = await ask(three, bound)
        assert isinstance(denied, Denied)
        assert denied.retry_after == 1.0
        two.release(inside[two].pop())
        assert len(await entered(one, bound, 3)) == 1


async def test_places_that_nobody_needs_go_to_other_nodes(tmp_path):
    """Not only when their lease ends."""
    store, bound = Store(), limits(TEN)
    with worker(tmp_path / "a", Nearby(store, "a", 2)) as one, worker(tmp_path / "b", Nearby(store, "b", 2)) as other:
        for held in await entered(one, bound, 10):
            one.release(held)
        inside: list[Held] = []

        async def fill() -> None:
            while len(inside) < 10:
                one.look()
                inside.extend(await entered(other, bound, 10))
                await asyncio.sleep(0.02)

        await asyncio.wait_for(fill(), 5)
        assert len(inside) == 10
        assert not await entered(one, bound, 1)


@pytest.mark.slow
async def test_places_are_kept_for_as_long_as_they_are_needed(tmp_path):
    """A lease is told of again before it ends, by whichever worker is there, and without a worker it ends."""
    store, bound = Store(), limits(TEN)
    with worker(tmp_path / "b", Nearby(store, "b", 2)) as other:
        with worker(tmp_path / "a", Nearby(store, "a", 2)) as one:
            assert len(await entered(one, bound, 10)) == 10
            end = monotonic() + 3.0
            while monotonic() < end:
                one.look()
                assert not await entered(other, bound, 1)
                await asyncio.sleep(0.05)
        began = monotonic()
        while not await entered(other, bound, 1):
            assert monotonic() - began < 3.0
            await asyncio.sleep(0.02)
        assert monotonic() - began > 0.5


@pytest.mark.parametrize("seed", range(2))
async def test_never_too_many_at_once_whatever_happens(tmp_path, seed):
    """Workers of two nodes come and go at random, with a store that is now and then slow; all places are used."""
    chance, store, bound = Random(seed), Store(), limits(TEN)
    inside, most, busy = 0, 0, [0, 0]
    end = monotonic() + 1.5
    lenders = [Nearby(store, node, 2) for node in "aabb"]

    async def caller(meters: Borrowing) -> None:
        nonlocal inside, most
        while monotonic() < end:
            verdict = await ask(meters, bound)
            if isinstance(verdict, Held):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(chance.choice([0.0, 0.002, 0.02]))
                inside -= 1
                meters.release(verdict)
            else:
                await asyncio.sleep(0.002)

    async def life(many: list[Borrowing]) -> None:
        while monotonic() < end:
            for meters, lender in zip(many, lenders, strict=True):
                meters.look()
                lender.delay = chance.choice([0.0, 0.001, 0.005])
            busy[0] += inside
            busy[1] += 1
            await asyncio.sleep(0.003)

    with ExitStack() as stack:
        many = [stack.enter_context(worker(tmp_path / lender.node, lender, 5.0)) for lender in lenders]
        await asyncio.gather(life(many), *(caller(meters) for meters in many for _ in range(6)))
        assert most <= 10
        assert busy[0] / busy[1] > 7
        assert not any(meters.presence.times for meters in many)


async def test_no_node_is_left_without_a_place_for_ever(tmp_path):
    """One that always needs all of them gives some to another, up to half of that one's part."""
    store, bound = Store(), limits(TEN)
    with worker(tmp_path / "a", Nearby(store, "a", 2)) as one, worker(tmp_path / "b", Nearby(store, "b", 2)) as other:
        inside, inside_other = await entered(one, bound, 10), list[Held]()
        assert len(inside) == 10

        async def share() -> None:
            while len(inside_other) < 2:
                one.look()
                inside_other.extend(await entered(other, bound, 1))
                one.release(inside.pop(0))
                inside.extend(await entered(one, bound, 2))
                await asyncio.sleep(0.02)

        await asyncio.wait_for(share(), 10)
        assert len(inside) + len(inside_other) <= 10


async def test_too_many_at_once_are_fewer_soon(tmp_path):
    """Of two nodes that have all places each, as when one was not heard of for a while, both give some back."""
    store, bound = Store(), limits(TEN)
    with worker(tmp_path / "a", Nearby(store, "a", 2)) as one, worker(tmp_path / "b", Nearby(store, "b", 2)) as other:
        inside = {one: await entered(one, bound, 10)}
        store.budgets.clear()
        inside[other] = await entered(other, bound, 10)

        async def settle() -> None:
            while sum(map(len, inside.values())) > 10:
                for meters, many in inside.items():
                    meters.look()
                    meters.release(many.pop(0))
                    many.extend(await entered(meters, bound, 2))
                await asyncio.sleep(0.02)

        await asyncio.wait_for(settle(), 10)


async def test_a_place_is_worth_waiting_for_the_lock(tmp_path):
    """Without it a node might let in more than it has borrowed; when it is not to be had at all it goes on."""
    store, bound = Store(), limits({"per": "client", "concurrency": 4})
    with worker(tmp_path / "a", Nearby(store, "a", 2)) as one, worker(tmp_path / "b", Nearby(store, "b", 2)) as other:
        inside = await entered(one, bound, 2)
        assert len(await entered(other, bound, 3)) == 2
        fd, lock = os.open(tmp_path / "a" / "table", os.O_RDWR), fcntl.LOCK_EX
        fcntl.flock(fd, lock)
        asyncio.get_running_loop().call_later(0.004, fcntl.flock, fd, fcntl.LOCK_UN)
        assert not await entered(one, bound, 1)
        one.release(inside.pop())
        fcntl.flock(fd, lock)
        assert len(await entered(one, bound, 1)) == 1
        os.close(fd)


async def test_a_node_that_is_left_alone_has_its_share_of_the_places(tmp_path):
    """It leaves the others what they had for a while, and goes on with its part of all of them."""
    store, bound = Store(), limits(TEN)
    lenders = [Nearby(store, node, 2) for node in "abc"]
    with (
        worker(tmp_path / "a", lenders[0]) as many,
        worker(tmp_path / "b", lenders[1]) as few,
        worker(tmp_path / "c", lenders[2]) as new,
    ):
        inside = await entered(many, bound, 8)
        inside_few = await entered(few, bound, 4)
        assert (len(inside), len(inside_few)) == (8, 2)
        for lender in lenders:
            lender.silent = True
        assert not await entered(many, bound, 1)
        assert many.presence.away
        few.release(inside_few[0])
        assert len(await entered(few, bound, 3)) == 1
        assert len(await entered(new, bound, 8)) == 5
        for held in inside[:5]:
            many.release(held)
        assert len(await entered(many, bound, 9)) == 5


async def test_places_taken_alone_are_told_when_the_store_is_back(tmp_path):
    """They count for the others then, and come back when they are free."""
    store, bound = Store(), limits(TEN)
    lender = Nearby(store, "a", 2)
    with worker(tmp_path / "a", lender) as one, worker(tmp_path / "b", Nearby(store, "b", 2)) as other:
        lender.silent = True
        inside = await entered(one, bound, 10)
        assert len(inside) == 5
        lender.silent = False

        def is_told() -> bool:
            one.look()
            lent = [budget.lent for budget in store.budgets.values()]
            return not one.presence.away and lent == [5_000_000]

        await until(is_told)
        assert len(await entered(other, bound, 10)) == 5
        for held in inside:
            one.release(held)

        inside = []

        async def fill() -> None:
            while len(inside) < 5:
                inside.extend(await entered(other, bound, 10))
                await asyncio.sleep(0.02)

        await asyncio.wait_for(fill(), 5)


async def test_how_many_nodes_there_are_is_known_after_a_start(tmp_path):
    """One that is started while the store is away has the share that it had."""
    bound, lender = limits(TEN), Nearby(Store(), "a", 5)
    with worker(tmp_path, lender) as meters:
        meters.look()
    lender = Nearby(Store(), "a")
    lender.silent = True
    with worker(tmp_path, lender) as meters:
        assert len(await entered(meters, bound, 10)) == 2


async def test_a_request_whose_caller_left_while_it_waited(tmp_path):
    """Only the last who asked for a verdict is told, and what was granted counts."""
    lender, bound = Nearby(Store()), limits(SLOW)
    with worker(tmp_path, lender) as meters:
        waiting = meters.admit(bound.head, ONE, meters.now())
        told = []
        waiting.when_known(lambda _: told.append("first"))
        waiting.when_known(lambda _: told.append("last"))
        await until(lambda: told)
        assert told == ["last"]
