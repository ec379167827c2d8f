from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.lending import Ask
from guard.store.budgets import MOST, UNIT, told
from guard.store.redis.budgets import SCRIPT, arguments
from guard.store.redis.script import Script
from tests.support import valkey
from tests.support.budgets import LIFE, Answer, Node, Open, Store, Told

NODES = ("n1", "n2", "n3")
KEYS = (f"guard:{{test}}:limit:{number:032x}" for number in count())
# The clock is told, as the last two of the arguments.
TOLD_CLOCK = Script(SCRIPT.text.replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}"))


@pytest.fixture(scope="module")
def client():
    """A client of a server of its own."""
    with valkey.server() as server, valkey.asked(server) as client:
        yield client


def ask(client: Any, key: str, told: Told, *, now: int, node: str = "n1", nodes: int = 1) -> list[int]:
    """What the script says at that time."""
    answer: list[int] = client.eval(TOLD_CLOCK.text, 1, key, node, LIFE, nodes, *told, now // UNIT, now % UNIT)
    return answer


def written(client: Any, key: str) -> str:
    """What the script keeps, with the nodes in order."""
    words = client.get(key).split()
    return " ".join([*words[:2], *sorted(" ".join(words[place : place + 6]) for place in range(2, len(words), 6))])


def units(most: int) -> Any:
    """Whole ones, and parts."""
    return st.one_of(st.integers(0, most).map(UNIT.__mul__), st.integers(0, most * UNIT))


BUDGETS = st.tuples(
    st.sampled_from([250.0, 1_000.0, 1e6 / 3, 1e6, 6e7, 3.6e9, 86_400e6, 30 * 86_400e6 / 7]),
    st.one_of(st.integers(1, 8), st.integers(9, 1_000_000)).map(UNIT.__mul__),
)
SLOTS = st.tuples(st.just(0.0), st.integers(1, 50).map(UNIT.__mul__))
TIMES = st.one_of(st.integers(1, 1_000), st.integers(1, 3_000_000), st.integers(1, 10**12))


@st.composite
def asks(draw: Any) -> Any:
    """A budget, and asks of nodes to it, some of them from clocks that are wrong, or with counts that cannot be."""
    interval, burst = draw(st.one_of(BUDGETS, SLOTS))
    most = burst // UNIT + 2
    counts = st.one_of(st.just(0), units(min(most, 40)), units(most))
    one = st.builds(
        Told,
        *(st.just(interval), st.just(burst), counts, counts, counts, counts),
        held=st.one_of(st.just(-1), counts),
        open=counts,
        keeps=st.integers(0, 1),
    )
    steps = st.tuples(TIMES, st.sampled_from(NODES), st.integers(1, 3), one, st.booleans())
    return draw(st.lists(steps, min_size=1, max_size=25))


@settings(max_examples=100)
@given(asks(), st.integers(10**15, 2 * 10**15))
def test_the_script_does_what_is_done_for_a_database(client, steps, now):
    """Every answer and all that is kept are the same in both kinds of store, whatever is asked."""
    key, model = next(KEYS), Store()
    for step, node, nodes, asked, late in steps:
        now += step
        one = asked._replace(at=now - (10**7 if late else 0))
        expected = model.ask(key, one, now=now, node=node, nodes=nodes)
        assert ask(client, key, one, now=now, node=node, nodes=nodes) == list(expected)
        assert (written(client, key) if client.exists(key) else None) == (
            model.written(key) if key in model.budgets else None
        )


class World:
    """Nodes and a store, with commands and answers on their way between them, and what becomes of them by chance.

    `spent` has when how much was: what was needed as the store grants it, what was borrowed as the node spends it.
    """

    def __init__(self, interval: float, burst: int, chance: Random) -> None:
        self.budget = Told(interval, burst)
        self.chance = chance
        self.now = 10**15
        self.store = Store()
        self.spent: list[tuple[int, int]] = []
        self.nodes = {name: Node(name, self.spent) for name in NODES}
        self.commands: list[tuple[Node, Open | None, Told]] = []
        self.answers: list[tuple[Node, Open, Answer]] = []

    def step(self, pace: float) -> None:
        """A while passes, and one thing happens."""
        rest = self.budget.interval * self.budget.burst / UNIT
        chance = self.chance
        self.now += 1 + int(chance.expovariate(1 / pace) if chance.random() < 0.98 else chance.uniform(0, rest))
        deeds = (
            *(self.round, self.ask, self.need, self.reserve),
            *(self.arrive, self.answer, self.lose, self.spend, self.die),
        )
        chance.choices(deeds, (8, 3, 3, 2, 6, 6, 0.3, 14, 0.3))[0](self.nodes[chance.choice(NODES)])

    def units(self, most: int) -> int:
        """So many at most, whole ones or not."""
        units = self.chance.randint(0, most)
        return units if self.chance.random() < 0.2 else units // UNIT * UNIT

    def round(self, node: Node) -> None:
        self.ask(node)
        self.execute(*self.commands.pop())
        self.take(*self.answers.pop())

    def ask(self, node: Node) -> None:
        need = self.units(min(self.budget.burst, 3 * UNIT)) if self.chance.random() < 0.5 else 0
        returned = self.units(node.held) if self.chance.random() < 0.2 else 0
        wish = self.budget._replace(need=need, ahead=self.units(self.budget.burst), returned=returned)
        told = node.ask(wish, self.now)
        self.commands.append((node, node.open, told))

    def need(self, node: Node) -> None:
        need = self.units(min(self.budget.burst, 3 * UNIT))
        self.commands.append((node, None, self.budget._replace(need=need)))

    def reserve(self, node: Node) -> None:
        asked = node.reserve(self.budget._replace(need=self.units(min(self.budget.burst, 3 * UNIT))), self.now)
        self.commands.append((node, asked, asked.told))

    def arrive(self, _: Node) -> None:
        if self.commands:
            self.execute(*self.commands.pop(self.chance.randrange(len(self.commands))))

    def execute(self, node: Node, asked: Open | None, told: Told) -> None:
        answer = self.store.ask("key", told, now=self.now, node=node.name, nodes=self.chance.randint(1, 3))
        if answer.need and not told.keeps:
            self.spent.append((self.now, answer.need))
        if asked is not None:
            self.answers.append((node, asked, answer))

    def answer(self, _: Node) -> None:
        if self.answers:
            self.take(*self.answers.pop(self.chance.randrange(len(self.answers))))

    def take(self, node: Node, asked: Open, answer: Answer) -> None:
        node.take(asked, answer, self.now)

    def lose(self, _node: Node) -> None:
        lost: list[Any]
        for lost in (self.commands, self.answers):
            if lost:
                sender, asked, _ = lost.pop(self.chance.randrange(len(lost)))
                sender.reserving.discard(asked)

    def spend(self, node: Node) -> None:
        units = node.held if self.chance.random() < 0.4 else self.units(self.budget.burst)
        node.spend(min(units, node.held), self.now)

    def die(self, node: Node) -> None:
        self.nodes[node.name] = Node(node.name, self.spent)


@settings(max_examples=500)
@given(BUDGETS, st.integers(0, 2**64).map(Random), st.sampled_from([1e2, 1e4, 1e5, 1e6]))
def test_never_more_than_burst_and_rate(budget, chance, pace):
    """In any span of time all nodes spend no more than the burst and what the rate gives in it, whatever goes wrong."""
    interval, burst = budget
    world = World(interval, burst, chance)
    for _ in range(300):
        world.step(pace)
    assert most_above(world.spent, interval) <= burst + 1


def most_above(spent: list[tuple[int, int]], interval: float) -> float:
    """The most that was spent in any span of time beyond what the rate gives in it."""
    above = most = 0.0
    last = 0
    for at, amount in spent:
        above = max(above - (at - last) / interval * UNIT, 0.0) + amount
        most, last = max(most, above), at
    return most


SECOND_EACH = Told(1e6, 10 * UNIT)
NOW = 10**15


def test_a_burst_and_then_the_rate(client):
    """At rest there is a burst to be had at once, then a unit an interval; how long to wait is told."""
    key = next(KEYS)
    one = SECOND_EACH._replace(need=UNIT)
    answers = [ask(client, key, one, now=NOW) for _ in range(11)]
    assert [need for need, *_ in answers] == [UNIT] * 10 + [0]
    assert answers[0] == [UNIT, 0, UNIT, 0, 9 * UNIT]
    assert answers[-1] == [0, 0, 10 * UNIT, UNIT, 0]
    assert ask(client, key, one, now=NOW + UNIT - 1)[:4] == [0, 0, 9 * UNIT + 1, 10_000]
    assert ask(client, key, one, now=NOW + UNIT)[0] == UNIT


def test_who_is_denied_may_wait_until_some_have_gathered(client):
    """Where the burst is large, the wait is so long that a flood does not ask for every unit."""
    for interval, burst, expected in ((1e3, 1, 1_000), (1e3, 4, 1_000), (1e3, 20, 5_000), (1e3, 400, 10_000)):
        told = Told(interval, burst * UNIT, need=burst * UNIT)
        key = next(KEYS)
        assert ask(client, key, told, now=NOW)[0] == burst * UNIT
        assert ask(client, key, told._replace(need=UNIT), now=NOW)[3] == expected


def test_what_is_lent_is_still_in_the_bucket(client):
    """It fills only up to what is lent, and what was spent of that comes back once it is told."""
    key = next(KEYS)
    ahead = SECOND_EACH._replace(ahead=5 * UNIT, held=0)
    assert ask(client, key, ahead._replace(at=1), now=NOW)[1] == 5 * UNIT
    assert ask(client, key, ahead._replace(at=2, held=5 * UNIT, ahead=0), now=NOW + LIFE // 2)[2] == 5 * UNIT
    told = SECOND_EACH._replace(at=3, held=2 * UNIT, returned=UNIT)
    assert ask(client, key, told, now=NOW + LIFE // 2)[2] == 4 * UNIT
    assert ask(client, key, SECOND_EACH, now=NOW + LIFE)[2] == 3 * UNIT


def test_a_lease_that_ends_counts_as_spent(client):
    """Units that nobody told of come back as all that is spent does: with time."""
    key = next(KEYS)
    ask(client, key, SECOND_EACH._replace(ahead=5 * UNIT, held=0, at=1), now=NOW)
    assert ask(client, key, SECOND_EACH, now=NOW + LIFE - 1)[2] == 5 * UNIT
    assert ask(client, key, SECOND_EACH, now=NOW + LIFE + UNIT)[2] == 4 * UNIT


def test_only_what_there_is_plenty_of_is_lent(client):
    """A node gets its part of half of what is left, whole units of it: of little nothing."""
    key = next(KEYS)
    wish = SECOND_EACH._replace(ahead=10 * UNIT, held=0, at=1)
    assert [ask(client, key, wish, now=NOW, node=node, nodes=2)[1] for node in NODES] == [2 * UNIT, 2 * UNIT, UNIT]
    small = Told(1e6, UNIT, ahead=UNIT, held=0, at=1)
    assert ask(client, next(KEYS), small, now=NOW)[1] == 0


def test_what_was_spent_unasked_is_a_debt_of_a_burst_at_most(client):
    """It is taken from what is left, and leaves less than nothing."""
    key = next(KEYS)
    assert ask(client, key, SECOND_EACH._replace(spent=15 * UNIT), now=NOW)[2] == 15 * UNIT
    answer = ask(client, key, SECOND_EACH._replace(spent=15 * UNIT, need=UNIT), now=NOW)
    assert answer == [0, 0, 20 * UNIT, 11 * UNIT, -10 * UNIT]


def test_what_is_reserved_is_lent_until_it_is_settled(client):
    """Of what was thought to be needed what was used is spent, and the rest comes back at once."""
    key = next(KEYS)
    assert ask(client, key, SECOND_EACH._replace(need=6 * UNIT, keeps=1), now=NOW)[0] == 6 * UNIT
    settled = SECOND_EACH._replace(held=0, returned=5 * UNIT, at=1)
    assert ask(client, key, settled, now=NOW + UNIT)[2] == UNIT


def test_what_was_lent_after_somebody_told_what_is_held_is_held_too(client):
    """An ask that was made before a reservation, and comes after it, does not know of it; the next one does."""
    key = next(KEYS)
    assert ask(client, key, SECOND_EACH._replace(need=4 * UNIT, keeps=1, at=7), now=NOW)[0] == 4 * UNIT
    ask(client, key, SECOND_EACH._replace(held=0, at=5), now=NOW)
    assert ask(client, key, SECOND_EACH._replace(held=4 * UNIT, at=9), now=NOW + UNIT)[2] == 4 * UNIT
    assert ask(client, key, SECOND_EACH._replace(held=0, at=10), now=NOW + UNIT)[2] == 4 * UNIT
    assert ask(client, key, SECOND_EACH, now=NOW + 2 * UNIT)[2] == 3 * UNIT


def test_a_need_of_more_than_the_burst_takes_all_of_it(client):
    """It fits when everything is there, and is a debt then."""
    key = next(KEYS)
    large = SECOND_EACH._replace(need=25 * UNIT)
    assert ask(client, key, SECOND_EACH._replace(need=UNIT), now=NOW)[0] == UNIT
    assert ask(client, key, large, now=NOW)[:4] == [0, 0, UNIT, UNIT]
    assert ask(client, key, large, now=NOW + UNIT)[:4] == [25 * UNIT, 0, 25 * UNIT, 0]


def test_an_ask_that_is_late_says_nothing(client):
    """One that was on its way while a later one came grants nothing and changes nothing."""
    key = next(KEYS)
    ask(client, key, SECOND_EACH._replace(ahead=4 * UNIT, held=0, at=5), now=NOW)
    before = client.get(key)
    late = SECOND_EACH._replace(need=UNIT, ahead=4 * UNIT, spent=UNIT, held=0, at=4)
    assert ask(client, key, late, now=NOW + 1)[:2] == [0, 0]
    assert client.get(key) == before


def test_a_store_that_lost_all_believes_the_nodes(client):
    """What a node still holds is taken from the new bucket: no more than one burst is given twice."""
    key = next(KEYS)
    ask(client, key, SECOND_EACH._replace(ahead=4 * UNIT, held=0, at=1), now=NOW)
    client.delete(key)
    assert ask(client, key, SECOND_EACH._replace(held=4 * UNIT, at=2), now=NOW + 1)[2] == 4 * UNIT


def test_slots_come_back_when_they_are_given_back_or_their_lease_ends(client):
    """They do not come back with time, and are told of until they are."""
    key, slots = next(KEYS), Told(0.0, 3 * UNIT)
    assert [ask(client, key, slots._replace(need=UNIT), now=NOW)[0] for _ in range(4)] == [UNIT] * 3 + [0]
    assert ask(client, key, slots._replace(held=3 * UNIT, at=1), now=NOW + LIFE - 1)[0] == 0
    assert ask(client, key, slots._replace(need=UNIT), now=NOW + 2 * LIFE - 2, node="n2") == [0, 0, 0, 10_000, 0]
    assert ask(client, key, slots._replace(returned=UNIT), now=NOW + 2 * LIFE - 2)[:2] == [0, 0]
    assert ask(client, key, slots._replace(need=UNIT), now=NOW + 2 * LIFE - 2, node="n2")[0] == UNIT
    assert ask(client, key, slots._replace(need=2 * UNIT), now=NOW + 2 * LIFE - 1, node="n2")[0] == 2 * UNIT


def test_who_is_refused_keeps_what_it_holds(client):
    """A lease goes on whenever its node tells what it holds, also if it needs more than there is."""
    key, slots = next(KEYS), Told(0.0, 3 * UNIT)
    assert ask(client, key, slots._replace(need=3 * UNIT, held=0, at=1), now=NOW)[0] == 3 * UNIT
    assert ask(client, key, slots._replace(need=UNIT, held=3 * UNIT, at=2), now=NOW + LIFE - 1)[0] == 0
    assert ask(client, key, slots._replace(need=UNIT), now=NOW + 2 * LIFE - 2, node="n2")[0] == 0
    assert ask(client, key, slots._replace(need=UNIT), now=NOW + 2 * LIFE - 1, node="n2")[0] == UNIT


def test_whoever_has_next_to_none_gets_the_next_slot(client):
    """A node that has less than half of its part and is refused has one kept for it, and the others are told of it."""
    key, slots = next(KEYS), Told(0.0, 8 * UNIT, need=UNIT)
    assert ask(client, key, slots._replace(need=7 * UNIT, held=0, at=1), now=NOW, nodes=2)[0] == 7 * UNIT
    assert [ask(client, key, slots, now=NOW, node="n2", nodes=2)[0] for _ in range(2)] == [UNIT, 0]
    # Three of the seven are more than its part, and one is needed.
    freed = slots._replace(held=6 * UNIT, at=2)
    assert ask(client, key, freed, now=NOW + 1, nodes=2) == [0, 0, UNIT, 10_000, UNIT]
    assert ask(client, key, slots, now=NOW + 2, node="n2", nodes=2) == [UNIT, 0, 0, 0, 0]
    assert ask(client, key, freed._replace(held=5 * UNIT, at=3), now=NOW + 3, nodes=2) == [UNIT, 0, 0, 0, 0]


def test_a_slot_is_not_kept_for_long(client):
    """Who needed it may need it no more."""
    key, slots = next(KEYS), Told(0.0, 2 * UNIT, need=UNIT)
    ask(client, key, slots._replace(need=2 * UNIT, held=0, at=1), now=NOW, nodes=2)
    ask(client, key, slots, now=NOW, node="n2", nodes=2)
    freed = slots._replace(held=UNIT)
    assert ask(client, key, freed._replace(at=2), now=NOW + LIFE - 1, nodes=2)[0] == 0
    assert ask(client, key, freed._replace(at=3), now=NOW + LIFE, nodes=2)[0] == UNIT


def test_of_too_many_slots_those_beyond_its_part_are_asked_back(client):
    """After a node came back that had lost its lease, or when there are fewer than there were."""
    key, slots = next(KEYS), Told(0.0, 4 * UNIT)
    ask(client, key, slots._replace(need=4 * UNIT, held=0, at=1), now=NOW, nodes=2)
    told = slots._replace(held=3 * UNIT, at=1)
    assert ask(client, key, told, now=NOW, node="n2", nodes=2)[2:] == [UNIT, 0, -3 * UNIT]
    assert ask(client, key, slots._replace(held=4 * UNIT, at=2), now=NOW, nodes=2)[2:] == [2 * UNIT, 0, -3 * UNIT]


@pytest.mark.parametrize("quota", [1, 5])
def test_how_many_slots_there_are_may_change(client, quota):
    """Those that are lent are not affected; of more there are more at once, of fewer none until enough are back."""
    key, slots = next(KEYS), Told(0.0, 3 * UNIT)
    assert ask(client, key, slots._replace(need=3 * UNIT, held=0, at=1), now=NOW)[0] == 3 * UNIT
    changed = slots._replace(burst=quota * UNIT)
    assert ask(client, key, changed, now=NOW + 1, node="n2")[4] == (quota - 3) * UNIT
    assert ask(client, key, changed._replace(need=UNIT), now=NOW + 1, node="n2")[0] == (UNIT if quota > 3 else 0)


@pytest.mark.parametrize("step", [-(10**12), -1_000])
def test_a_clock_that_is_set_back(client, step):
    """It gives nothing, takes nothing, and makes no lease longer than one."""
    key = next(KEYS)
    ask(client, key, SECOND_EACH._replace(need=6 * UNIT, ahead=UNIT, held=0, at=1), now=NOW)
    assert ask(client, key, SECOND_EACH._replace(need=UNIT), now=NOW + step)[0] == UNIT
    assert ask(client, key, SECOND_EACH, now=NOW + step + LIFE)[2] == 6 * UNIT


def test_slow_budgets_lose_nothing_to_those_who_ask_often(client):
    """A unit a month comes back in a month, however often somebody asks meanwhile."""
    key, month = next(KEYS), 30 * 86_400 * UNIT
    told = Told(float(month), 2 * UNIT)
    ask(client, key, told._replace(need=2 * UNIT), now=NOW)
    for at in range(0, month, month // 997):
        assert ask(client, key, told._replace(need=UNIT, held=0, at=at + 1), now=NOW + at)[0] == 0
    assert ask(client, key, told._replace(need=UNIT), now=NOW + month - 1)[0] == 0
    assert ask(client, key, told._replace(need=UNIT), now=NOW + month)[0] == UNIT


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (Told(1e6, 10 * UNIT, need=3 * UNIT), 3),
        (Told(86_400e6, 30 * UNIT, need=30 * UNIT), 30 * 86_400),
        (Told(1e3, 10 * UNIT, ahead=UNIT, held=0, at=1), 2),
        (Told(0.0, 10 * UNIT, need=UNIT), 2),
    ],
)
def test_a_budget_is_kept_until_it_is_as_if_it_had_never_been(client, told, seconds):
    """A value lives until the bucket is full and nothing is lent, and a second more; then nobody pays for it."""
    key = next(KEYS)
    ask(client, key, told, now=NOW)
    assert (seconds + 0.9) * 1_000 <= client.pttl(key) <= (seconds + 1) * 1_000


def test_large_numbers_are_whole(client):
    """The largest budget there is counts single millionths."""
    key, told = next(KEYS), Told(0.001, MOST)
    assert ask(client, key, told._replace(need=MOST), now=NOW)[0] == MOST
    assert ask(client, key, told._replace(spent=MOST - 1), now=NOW)[0] == 0
    assert client.get(key) == f"{1 - MOST} {NOW}"


def test_asks_are_told_in_their_order():
    """Behind the node, its lease in microseconds, and how many nodes there are."""
    asks = [Ask("k", 0.5, 20.0, 1.0, 2.5, 0.25, 0.0, 3.0, 7, True, 0.5), Ask("l", 1e-6, 1e12, 1e-6, 0.0, 0.0, 0.0)]
    assert arguments("n", 2.0, 3, asks) == ["n", 2_000_000, 3, *told(asks[0]), *told(asks[1])]
