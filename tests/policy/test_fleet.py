"""Limits that several machines share, told as stories of whole fleets: in good times, and whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from guard import config
from guard.policy.held import Held
from guard.policy.limits import Limit, Limits
from tests.support.budgets import UNIT
from tests.support.crowd import Crowd, Visit, come
from tests.support.fleet import Fleet, Spent, Worker
from tests.support.mishaps import STORM, Mishap, jam, kill, mend, nothing

PATIENT = 5.0
"""Seconds: nobody who waits for so long goes on alone while the store is well."""
HEARD_SECONDS = 2.1
"""Until every node has heard of all others."""
STORM_SECONDS = 8.0
QUIET_SECONDS = 3.2
"""Until the store is asked again, and what was lent to nobody is back."""
OVER_SECONDS = 8.5
"""Until all leases are over, and all cells were swept."""
ROUNDING_SECONDS = 2e-6
"""The store's clock has microseconds: between two of its times there may be one more than there was, or less."""
RECOVERY_SECONDS = 1.0
"""Until a store that is back is asked again: what was spent without it is told then."""


def limits(*entries: Any) -> Limits:
    """The limits of these entries of a configuration."""
    return Limits([config.Limit(**entry) for entry in entries])


def slow(*case: Any) -> Any:
    """A case that is told only when there is time."""
    return pytest.param(*case, marks=pytest.mark.slow)


def started(fleet: Fleet, nodes: str, workers: int) -> list[Worker]:
    """The workers of a new fleet."""
    return [fleet.start(node) for node in nodes for _ in range(workers)]


# Places among those in progress.


class Story(NamedTuple):
    """How many may be inside at once, on which nodes of how many workers, for how many seconds each, and how far the
    store is; with `beside` there is a limit on their rate as well.
    """

    quota: int
    nodes: str
    workers: int
    stay: float
    round_trip: float
    beside: bool

    @property
    def bound(self) -> Limits:
        """Its limits."""
        rate = [{"per": "global", "requests": "100000/s", "burst": 1_000}]
        return limits({"per": "client", "concurrency": self.quota}, *(rate if self.beside else []))


STORIES = [
    Story(1, "ab", 1, 0.05, 0.002, beside=False),
    slow(Story(2, "abc", 2, 0.005, 0.006, beside=True)),
    Story(3, "ab", 2, 0.5, 0.0005, beside=True),
    Story(7, "abc", 1, 0.005, 0.006, beside=False),
    slow(Story(10, "ab", 2, 0.05, 0.002, beside=True)),
    slow(Story(30, "abc", 2, 0.5, 0.002, beside=False)),
]


def name(story: Story) -> str:
    """What a story is called."""
    return f"{story.quota}-on-{story.nodes}"


async def live_through(fleet: Fleet, story: Story, mishaps: Sequence[Mishap]) -> Crowd:
    """Have a crowd come to a fleet, whatever befalls it meanwhile; at last all is well."""
    crowd = Crowd(fleet, story.bound, story.stay)
    workers = started(fleet, story.nodes, story.workers)
    await asyncio.sleep(HEARD_SECONDS)
    end = fleet.now() + STORM_SECONDS
    for worker in workers:
        worker.do(crowd.come_and_go(worker, STORM_SECONDS))
    while (left := end - fleet.now()) > 0.0:
        await asyncio.sleep(min(left, fleet.chance.uniform(0.3, 1.5)))
        await fleet.chance.choice(mishaps)(fleet, crowd, end - fleet.now())
        mend(fleet)
    return crowd


async def assert_all_is_back(fleet: Fleet, story: Story) -> None:
    """After some quiet one node can have all places, and when it has left them nothing is anybody's."""
    await asyncio.sleep(20 * story.stay + QUIET_SECONDS)
    assert fleet.inside == 0
    assert not any(worker.meters.presence.away for worker in fleet.workers)
    worker = fleet.chance.choice(fleet.workers)
    inside = []
    for _ in range(story.quota + 2):
        verdict = await worker.admit(story.bound)
        if isinstance(verdict, Held):
            inside.append(verdict)
        else:
            await asyncio.sleep(0.02)
    assert len(inside) == story.quota
    for held in inside:
        worker.meters.release(held)
    await asyncio.sleep(OVER_SECONDS)
    loans = [loan for budget in fleet.store.budgets.values() for loan in budget.loans.values()]
    assert not any(loan.lent and loan.ends > fleet.now() * UNIT for loan in loans)
    for worker in fleet.workers:
        assert_nothing_is_left(worker)


def assert_nothing_is_left(worker: Worker) -> None:
    """A worker holds nothing, owes nothing and remembers nothing, and neither does its table."""
    table, meters = worker.table, worker.meters
    cells = [index for index, name in enumerate(table.names) if name]
    assert not any(table._counts)
    assert not any(table.leased[index] for index in cells if table.until[index] > table.now())
    assert not any(table.leased[index] < 0.0 for index in cells)
    assert not meters.loans._loans
    assert not meters.owed
    assert not len(meters.spare)


@pytest.mark.parametrize("mishap", [nothing, kill, jam])
@pytest.mark.parametrize("story", STORIES, ids=name)
def test_never_too_many(tmp_path, story, mishap):
    """While the store is well there are never more inside than may be, and after that all places are there."""
    with Fleet(tmp_path, seed=story.quota, round_trip=story.round_trip, patience=PATIENT) as fleet:

        async def tell() -> None:
            crowd = await live_through(fleet, story, [mishap])
            assert 0 < crowd.most <= story.quota
            await assert_all_is_back(fleet, story)

        fleet.run(tell())


@pytest.mark.parametrize("seed", [0, slow(1), slow(2)])
@pytest.mark.parametrize("story", STORIES, ids=name)
def test_after_the_storm(tmp_path, story, seed):
    """Whatever went wrong, when nothing does any more all places are there."""
    with Fleet(tmp_path, seed=seed, round_trip=story.round_trip) as fleet:

        async def tell() -> None:
            await live_through(fleet, story, STORM)
            await assert_all_is_back(fleet, story)

        fleet.run(tell())


@pytest.mark.parametrize(
    ("quota", "rate", "least"),
    [
        (2, 500.0, 0.4),
        (2, 20.0, 0.1),
        (10, 500.0, 0.4),
        (10, 20.0, 0.25),
        slow(10, 5.0, 0.1),
        slow(40, 500.0, 0.4),
        slow(40, 20.0, 0.4),
        slow(40, 5.0, 0.2),
    ],
)
def test_a_hungry_node_and_a_modest_one(tmp_path, quota, rate, least):
    """Both get places: who comes later at least such a part of what it asks for, of its half; and few stay free.

    Who is refused does not come again. The parts are less than any of four dozen seeds gave.
    """
    stay, seconds, wait = 0.1, 5.0, 1.0
    with Fleet(tmp_path, seed=5) as fleet:
        crowd = Crowd(fleet, limits({"per": "client", "concurrency": quota}), stay)

        async def tell() -> None:
            hungry, modest = started(fleet, "ab", 1)
            await asyncio.sleep(HEARD_SECONDS)
            first = hungry.do(crowd.come(hungry, wait + seconds, 500.0))
            await asyncio.sleep(wait)
            await modest.do(crowd.come(modest, seconds, rate))
            await first

        fleet.run(tell())
        assert crowd.most <= quota
        assert crowd.entered["b"] >= least * min(rate, quota / stay / 2) * seconds
        assert crowd.entered.total() >= 0.75 * quota / stay * (wait + seconds)


def test_a_seed_is_a_story(tmp_path):
    """The same happens each time that it is told, whatever else the machine does."""

    def told(folder: Path) -> tuple[Any, ...]:
        story = Story(7, "ab", 2, 0.05, 0.002, beside=True)
        with Fleet(folder, seed=3, round_trip=story.round_trip) as fleet:
            crowd = fleet.run(live_through(fleet, story, [*STORM, kill, jam]))
            return crowd.most, crowd.entered, fleet.asks, fleet.spent, fleet.now()

    assert told(tmp_path / "once") == told(tmp_path / "again")


# Rates, and tokens.


class Spending(NamedTuple):
    """What was spent of a limit, and when, between `since` and `until`."""

    limit: Limit
    spent: list[Spent]
    since: float
    until: float

    @property
    def rate(self) -> float:
        """Units a second."""
        return 1.0 / self.limit.interval

    @property
    def units(self) -> float:
        """All that was spent."""
        return sum(units for _, units in self.spent)

    @property
    def given(self) -> float:
        """What the rate gave in that time."""
        return self.rate * (self.until - self.since)

    @property
    def usable(self) -> float:
        """Which part was spent of all that there was."""
        return self.units / (self.limit.burst + self.given)

    @property
    def peak(self) -> float:
        """How much more than what the rate gave in it was spent in any span of time, at most."""
        level = most = last = 0.0
        for at, units in sorted(self.spent):
            level = max(level - (at - last) * self.rate, 0.0) + units
            most, last = max(most, level), at
        return most

    @property
    def is_exact(self) -> bool:
        """Whether that was never more than a burst."""
        return self.peak <= self.limit.burst + self.rate * ROUNDING_SECONDS

    def part(self, since: float, until: float) -> Spending:
        """What was spent in a part of the time."""
        return Spending(self.limit, [one for one in self.spent if since <= one[0] <= until], since, until)


async def spend(workers: list[Worker], limit: Limit, visit: Visit, rate: float, seconds: float) -> Spending:
    """What visits spend that come at random, so many a second to all workers together."""
    fleet = workers[0].fleet
    await asyncio.sleep(HEARD_SECONDS)
    since, each = fleet.now(), rate / len(workers)
    await asyncio.gather(*[worker.do(come(fleet, worker, visit, seconds, each)) for worker in workers])
    return Spending(limit, fleet.spent_of(limit), since, fleet.now()).part(since, since + seconds)


GIVEN = 1_200
"""Units: those that are lent when a story ends, and not used, are a few of so many."""
RATES = [("600/s", 10), ("100/s", 10), ("600/s", 600)]
FAR = (4, 0.004)
DISTANCES = [slow(1, 0.001), slow(1, 0.004), slow(4, 0.001), FAR]
"""Of how many workers each node is, and seconds to the store and back."""


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize(("workers", "round_trip"), DISTANCES)
@pytest.mark.parametrize(("rate", "burst"), RATES)
def test_rates(tmp_path, rate, burst, workers, round_trip, beside):
    """A rate that is shared is used up, also beside another one, and never exceeded."""
    other = [{"per": "global", "requests": "6000/s", "burst": 6_000}] if beside else []
    bound = limits({"per": "client", "requests": rate, "burst": burst}, *other)
    limit = bound.head[0]
    with Fleet(tmp_path, seed=5, round_trip=round_trip) as fleet:

        async def tell() -> Spending:
            crowd = Crowd(fleet, bound, 0.01)
            return await spend(started(fleet, "ab", workers), limit, crowd.visit, 2 * limit.quota, GIVEN / limit.quota)

        spending = fleet.run(tell())
        assert spending.usable >= 0.985
        assert spending.is_exact


@pytest.mark.parametrize(("workers", "round_trip"), DISTANCES)
@pytest.mark.parametrize("used", [300.0, 3_000.0])
def test_tokens(tmp_path, used, workers, round_trip):
    """Tokens that are reserved and not used are there for others, and no more are used than there are."""
    bound = limits({"per": "client", "tokens": "600000/min"})
    limit = bound.body[0]
    with Fleet(tmp_path, seed=5, round_trip=round_trip) as fleet:

        async def visit(worker: Worker) -> None:
            held = await worker.reserve(bound, 3_000.0)
            if isinstance(held, Held):
                await asyncio.sleep(0.01)
                worker.settle(held, used)

        async def tell() -> Spending:
            return await spend(started(fleet, "ab", workers), limit, visit, 240_000.0 / used, 5.0)

        spending = fleet.run(tell())
        assert spending.usable >= 0.97
        assert spending.is_exact


@pytest.mark.parametrize(
    ("rate", "burst", "trouble"),
    [
        ("100/s", 10, "is_down"),
        slow("100/s", 10, "is_silent"),
        slow("600/s", 10, "is_down"),
        slow("600/s", 10, "is_silent"),
        slow("600/s", 600, "is_down"),
        ("600/s", 600, "is_silent"),
    ],
)
def test_away(tmp_path, rate, burst, trouble):
    """While the store is gone all nodes together go on with about the rate, and when it is back never with more."""
    bound = limits({"per": "client", "requests": rate, "burst": burst})
    limit = bound.head[0]
    with Fleet(tmp_path, seed=5) as fleet:

        async def tell() -> tuple[Spending, Spending]:
            crowd = Crowd(fleet, bound, 0.01)
            workers = started(fleet, "ab", 2)
            spending = asyncio.create_task(spend(workers, limit, crowd.visit, 2 * limit.quota, 5.0))
            await asyncio.sleep(HEARD_SECONDS + 1.0)
            gone = fleet.now()
            setattr(fleet, trouble, True)
            await asyncio.sleep(2.0)
            setattr(fleet, trouble, False)
            back = fleet.now()
            whole = await spending
            return whole.part(gone, back), whole.part(back + RECOVERY_SECONDS, whole.until)

        away, after = fleet.run(tell())
        assert 0.9 * away.given <= away.units <= 1.2 * away.given + burst
        assert after.units >= 0.9 * after.given
        assert after.is_exact
