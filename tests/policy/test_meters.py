from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from guard import config
from guard.measures import AddedLimit
from guard.policy.clients import Client
from guard.policy.held import Denied, Held
from guard.policy.limits import CONCURRENCY, COST, REQUESTS, TOKENS, Limits, Who
from guard.policy.meters import TOLERANCE, Meters

ONE = Who("192.0.2.1", Client("app", "acme"), "/v1/", "chat")
OTHER = ONE._replace(client=Client("other", "acme"))


def limits(*entries: Any, added: Any = ()) -> Limits:
    """The limits of these entries of a configuration, and those set by command."""
    return Limits([config.Limit(**entry) for entry in entries], added)


def ask(meters: Meters, limits: Limits, now: float, who: Who = ONE) -> Any:
    """The verdict on a request."""
    return meters.admit(limits.head, who, now)


def admitted(meters: Meters, limits: Limits, now: float, who: Who = ONE) -> bool:
    """Whether a request is let in."""
    return not isinstance(ask(meters, limits, now, who), Denied)


def use(meters: Meters, limits: Limits, now: float, tokens: float, cost: float = 0.0, held: Any = None) -> Any:
    """The verdict on what a request is thought to use."""
    return meters.reserve(limits.body, ONE, (1.0, tokens, cost), now, held)


def left(meters: Meters, limits: Limits, now: float) -> int:
    """How many tokens are left, by trying."""
    low, high = 0, 1_000
    while low < high:
        middle = (low + high + 1) // 2
        verdict = use(meters, limits, now, middle)
        if isinstance(verdict, Denied):
            high = middle - 1
        else:
            meters.release(verdict)
            low = middle
    return low


def test_a_limit_on_concurrency_alone_counts_no_requests():
    """Without a rate any number of requests may come, one after the other."""
    bound, meters = limits({"per": "client", "concurrency": 1}), Meters()
    for _ in range(100):
        held = ask(meters, bound, 5.0)
        assert (held.requests, held.tokens) == (None, None)
        meters.release(held)


def test_a_burst_and_then_the_rate():
    """At rest a subject has its burst at once, then one request an interval; how long to wait is told."""
    meters, bound = Meters(), limits({"per": "client", "requests": "10/s", "burst": 3})
    assert [admitted(meters, bound, 100.0) for _ in range(5)] == [True, True, True, False, False]
    denied = ask(meters, bound, 100.0)
    assert denied.limit == bound.all[0]
    assert denied.retry_after == pytest.approx(0.1)
    assert not admitted(meters, bound, 100.0 + denied.retry_after * 0.99)
    assert admitted(meters, bound, 100.0 + denied.retry_after)
    assert not admitted(meters, bound, 100.1)
    assert [admitted(meters, bound, 1_000.0) for _ in range(4)] == [True, True, True, False]


def test_what_is_left_is_what_can_come_at_once():
    """The number told with an admitted request is exactly how many more are admitted now."""
    meters, bound = Meters(), limits({"per": "client", "requests": "10/s", "burst": 5})
    for now in (10.0, 10.15, 10.4, 11.0):
        told = int(ask(meters, bound, now).requests[1] + TOLERANCE)
        more = 0
        while admitted(meters, bound, now):
            more += 1
        assert more == told


def test_subjects_do_not_share():
    """Each subject has its own burst, each kind of limit its own count."""
    meters = Meters()
    bound = limits({"per": "client", "requests": "1/h"}, {"per": "address", "requests": "1/h", "burst": 2})
    assert admitted(meters, bound, 1.0, ONE)
    assert not admitted(meters, bound, 1.0, ONE)
    assert admitted(meters, bound, 1.0, OTHER)
    third = ONE._replace(client=Client("third", None))
    assert not admitted(meters, bound, 1.0, third)
    assert admitted(meters, bound, 1.0, third._replace(address="192.0.2.2"))


def test_a_limit_without_subject_does_not_apply():
    """A limit on accounts says nothing of a caller that has none."""
    meters, bound = Meters(), limits({"per": "account", "requests": "1/h", "concurrency": 1})
    for _ in range(5):
        assert ask(meters, bound, 1.0, ONE._replace(client=None)) is None


def test_a_limit_for_one_subject_holds_nobody_else():
    """A limit that was set for one client is only that client's."""
    meters, bound = Meters(), limits(added=[AddedLimit("client", "app", "requests", "1/h", None)])
    assert [admitted(meters, bound, 1.0) for _ in range(2)] == [True, False]
    assert [admitted(meters, bound, 1.0, OTHER) for _ in range(5)] == [True] * 5


@pytest.mark.parametrize("order", [1, -1])
def test_the_tightest_wins(order):
    """Of a limit of the configuration and one set by command on the same, neither loosens the other."""
    rates = ["1/h", "100/h"][::order]
    bound = limits(
        {"per": "client", "requests": rates[0], "burst": 3 if order > 0 else 50, "concurrency": 5},
        added=[AddedLimit("client", None, "requests", rates[1], 50 if order > 0 else 3),
               AddedLimit("client", "app", "concurrency", "2", None)],
    )  # fmt: skip
    meters = Meters()
    assert [admitted(meters, bound, 1.0) for _ in range(3)] == [True, True, False]
    assert ask(meters, bound, 1.0).limit.kind == CONCURRENCY
    assert [admitted(meters, bound, 1.0, OTHER) for _ in range(4)] == [True] * 3 + [False]
    assert ask(meters, bound, 1.0, OTHER).limit.amount == "1/h"


@pytest.mark.parametrize("order", [1, -1])
def test_a_denied_request_costs_nothing(order):
    """When one limit denies, none has counted: the others have as much left as before."""
    entries = [
        {"per": "global", "requests": "100/s", "burst": 100, "concurrency": 100},
        {"per": "client", "requests": "1/h"},
    ]
    meters, bound = Meters(), limits(*entries[::order])
    held = ask(meters, bound, 1.0)
    for _ in range(50):
        assert ask(meters, bound, 1.0).limit.per == "client"
    assert sum(meters.spare.counts.values()) == 1
    assert sorted(meters.spare.tat.values()) == [pytest.approx(1.01), pytest.approx(3601.0)]
    meters.release(held)
    assert not meters.spare.counts


def test_the_longest_wait_is_told():
    """With several limits exceeded the one that takes longest says how long."""
    meters = Meters()
    bound = limits(
        {"per": "client", "requests": "1/s"}, {"per": "global", "requests": "1/h"},
        {"per": "route", "requests": "1/min"},
    )  # fmt: skip
    assert admitted(meters, bound, 1.0)
    denied = ask(meters, bound, 1.0)
    assert denied.limit.per == "global"
    assert denied.retry_after == pytest.approx(3600.0)


def test_concurrency():
    """So many at once and no more; one that is over makes room for one."""
    meters, bound = Meters(), limits({"per": "client", "concurrency": 2})
    first, _ = ask(meters, bound, 1.0), ask(meters, bound, 1.0)
    denied = ask(meters, bound, 1.0)
    assert (denied.limit.kind, denied.retry_after) == (CONCURRENCY, 1.0)
    assert admitted(meters, bound, 1.0, OTHER)
    meters.release(first)
    meters.release(first)
    assert admitted(meters, bound, 1.0)
    assert not admitted(meters, bound, 1.0)


def test_counts_outlive_a_policy():
    """A new policy with the same limit goes on with its counts; what the old one held can still be given back."""
    meters = Meters()
    entry = {"per": "client", "requests": "1/h", "burst": 2, "concurrency": 2}
    before, after = limits(entry), limits({"per": "global", "concurrency": 9}, entry)
    held = ask(meters, before, 1.0)
    assert admitted(meters, after, 1.0)
    assert not admitted(meters, after, 1.0)
    meters.release(held)
    assert sorted(meters.spare.counts.values()) == [1, 1]


def test_another_bound_on_concurrency_counts_those_that_are_there():
    """Who is in progress when the bound is lowered counts against the lower one."""
    meters = Meters()
    before, after = limits({"per": "client", "concurrency": 3}), limits({"per": "client", "concurrency": 2})
    held = [ask(meters, before, 1.0) for _ in range(2)]
    assert not admitted(meters, after, 1.0)
    meters.release(held[0])
    assert admitted(meters, after, 1.0)


# Tokens and cost.


def test_tokens_are_reserved_and_settled():
    """What was thought to be needed is taken at once, and what was not is there again when that is known."""
    meters, bound = Meters(), limits({"per": "client", "tokens": "1000/min"})
    held = use(meters, bound, 5.0, 800)
    assert held.tokens[1] == pytest.approx(200)
    denied = use(meters, bound, 5.0, 300)
    assert (denied.limit.kind, denied.retry_after) == (TOKENS, pytest.approx(6.0))
    meters.settle(held, (1.0, 100.0, 0.0), 5.0)
    assert left(meters, bound, 5.0) == 900
    meters.settle(held, (1.0, 100.0, 0.0), 5.0)
    assert left(meters, bound, 5.0) == 900


def test_more_than_was_reserved_is_a_debt():
    """An answer that was longer than thought is paid off before anything else is let in, at the head already."""
    meters, bound = Meters(), limits({"per": "client", "tokens": "1000/min"})
    held = use(meters, bound, 5.0, 10)
    meters.settle(held, (1.0, 3_000.0, 0.0), 6.0)
    denied = ask(meters, bound, 6.0)
    assert (denied.limit.kind, denied.retry_after) == (TOKENS, pytest.approx(119, abs=1.1))
    overdrawn = meters.overdrawn(held, 6.0)
    assert overdrawn is not None
    assert overdrawn.retry_after == pytest.approx(119, abs=1.1)
    assert admitted(meters, bound, 126.1)
    assert left(meters, bound, 6.0 + 180.0) == 1000


def test_who_asks_for_more_than_there_ever_is_waits_for_all_of_it():
    """A bound of the client's above the whole burst does not lock it out: it is let in when nothing is used."""
    meters, bound = Meters(), limits({"per": "client", "tokens": "1000/min"})
    held = use(meters, bound, 5.0, 128_000)
    assert isinstance(held, Held)
    meters.settle(held, (1.0, 60.0, 0.0), 6.0)
    denied = use(meters, bound, 6.0, 128_000)
    assert denied.retry_after == pytest.approx(2.6, abs=1.1)
    assert isinstance(use(meters, bound, 6.0 + denied.retry_after, 128_000), Held)


def test_settling_is_for_tokens_and_cost_only():
    """Requests were made, whatever they used; cost is in fractions."""
    meters = Meters()
    bound = limits({"per": "model", "requests": "10/h", "burst": 10, "tokens": "1000/h", "cost": "2.5/d"})
    held = use(meters, bound, 1.0, 10, 0.75)
    assert [(one.place.limit.kind, one.units) for one in held.reserved] == [(TOKENS, 10), (COST, 0.75)]
    denied = use(meters, bound, 1.0, 0, 2.0)
    assert (denied.limit.kind, denied.retry_after) == (COST, pytest.approx(86400 / 2.5 * 0.25))
    meters.settle(held, (1.0, 0.0, 0.25), 1.0)
    assert isinstance(use(meters, bound, 1.0, 0, 2.0), Held)
    assert held.requests[0].kind == REQUESTS


def test_a_whole_bucket_stays_whole_when_something_is_given_back():
    """What comes back late comes to nothing more than a burst."""
    meters, bound = Meters(), limits({"per": "client", "tokens": "1000/min"})
    held = use(meters, bound, 5.0, 900)
    meters.settle(held, (1.0, 0.0, 0.0), 500.0)
    assert left(meters, bound, 500.0) == 1000


# Against plain words.

RATES = st.sampled_from(["1/s", "3/s", "10/s", "60/min", "100/h"])
STEPS = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.1, 0.37, 1.0, 5.0, 60.0, 4_000.0]), max_size=60)


class Reference:
    """A leaky bucket, in plain words: what is in it drains at the rate, and a request has to fit."""

    def __init__(self, interval: float, burst: int) -> None:
        self.interval, self.burst = interval, burst
        self.level, self.at = 0.0, 0.0

    def admit(self, now: float) -> bool:
        self.level = max(self.level - (now - self.at) / self.interval, 0.0)
        self.at = now
        if self.level + 1 > self.burst + TOLERANCE / self.interval:
            return False
        self.level += 1
        return True


@given(RATES, st.integers(1, 6), STEPS, st.floats(0, 1e7))
def test_gcra_is_a_leaky_bucket(requests, burst, steps, start):
    """Every verdict is that of a plain leaky bucket."""
    bound = limits({"per": "client", "requests": requests, "burst": burst})
    meters, reference = Meters(), Reference(bound.all[0].interval, burst)
    now = reference.at = start
    for step in steps:
        now += step
        assert admitted(meters, bound, now) is reference.admit(now)


@given(RATES, st.integers(1, 6), STEPS)
def test_never_more_than_burst_and_rate(requests, burst, steps):
    """In any span of time no more is admitted than the burst and what the rate gives in that time."""
    bound = limits({"per": "client", "requests": requests, "burst": burst})
    meters, now, times = Meters(), 1_000.0, []
    for step in steps:
        now += step
        if admitted(meters, bound, now):
            times.append(now)
    interval = bound.all[0].interval
    for first, begin in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + (times[last] - begin + TOLERANCE) / interval


@given(RATES, st.integers(1, 4), STEPS)
def test_a_patient_client_is_never_denied_twice(requests, burst, steps):
    """A request that waits as long as it was told is admitted."""
    bound = limits({"per": "client", "requests": requests, "burst": burst})
    meters, now = Meters(), 1_000.0
    for step in steps:
        now += step
        verdict = ask(meters, bound, now)
        if isinstance(verdict, Denied):
            now += verdict.retry_after
            assert admitted(meters, bound, now)


class Metering(RuleBasedStateMachine):
    """Two meters under the same requests, of which one is swept at any time, beside a count of what is in progress."""

    BOUND = limits(
        {"per": "client", "requests": "5/s", "burst": 3, "concurrency": 2},
        {"per": "address", "requests": "60/min", "burst": 4},
        {"per": "account", "requests": "2/s", "burst": 2, "concurrency": 3},
        {"per": "global", "concurrency": 4},
    )

    def __init__(self) -> None:
        super().__init__()
        self.swept, self.kept = Meters(), Meters()
        self.now = 50.0
        self.open: list[Any] = []
        self.running: Counter[tuple[str, str]] = Counter()

    @rule(
        client=st.sampled_from("ab"), account=st.sampled_from(["x", None]), address=st.sampled_from("12"),
        step=st.sampled_from([0.0, 0.0, 0.05, 0.3, 2.0]),
    )  # fmt: skip
    def request(self, client, account, address, step):
        self.now += step
        who = Who(address, Client(client, account), "/", None)
        verdicts = [ask(meters, self.BOUND, self.now, who) for meters in (self.swept, self.kept)]
        if isinstance(verdicts[0], Denied):
            assert verdicts[0].limit == verdicts[1].limit
            assert verdicts[0].retry_after == pytest.approx(verdicts[1].retry_after)
        else:
            assert not isinstance(verdicts[1], Denied)
            held = [(kind, who.subject(kind)) for kind in ("client", "account", "global")]
            names = [(kind, subject) for kind, subject in held if subject is not None]
            self.running.update(names)
            self.open.append((*verdicts, names))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data):
        swept, kept, names = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.swept.release(swept)
        self.kept.release(kept)
        self.running.subtract(names)

    @rule()
    def sweep(self):
        self.swept.sweep(self.now)
        assert all(arrival > self.now for arrival in self.swept.spare.tat.values())

    @invariant()
    def no_more_at_once_than_allowed(self):
        bounds = {limit.per: limit.quota for limit in self.BOUND.all if limit.kind == CONCURRENCY}
        assert all(0 <= count <= bounds[kind] for (kind, _), count in self.running.items())

    @invariant()
    def what_is_counted_is_what_is_open(self):
        counts = self.swept.spare.counts
        assert sum(counts.values()) == sum(self.running.values())
        assert all(count > 0 for count in counts.values())


TestMetering = Metering.TestCase
