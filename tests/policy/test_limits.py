from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from guard import config
from guard.policy.limits import TOLERANCE, Denied, Limits, Meters, parse_limit

ONE = {"client": "app", "account": "acme", "address": "192.0.2.1", "route": "/v1/", "global": ""}


def limits(*entries: Any) -> Any:
    """The limits of these entries of a configuration."""
    return Limits([config.Limit(**entry) for entry in entries])


def ask(meters: Meters, limits: Limits, now: float) -> Any:
    """The verdict on a request."""
    return meters.admit(limits, ONE.get, now)


def admitted(meters: Meters, limits: Limits, now: float, subjects: Mapping[str, str] = ONE) -> bool:
    """Whether a request is let in."""
    return not isinstance(meters.admit(limits, subjects.get, now), Denied)


@pytest.mark.parametrize(
    ("requests", "interval", "window", "quota"),
    [("1/s", 1.0, 1.0, 1), ("10/s", 0.1, 1.0, 10), ("90/min", 60 / 90, 60.0, 90), ("7200/h", 0.5, 3600.0, 7200)],
)
def test_rates(requests, interval, window, quota):
    """A rate is so many requests in a second, a minute or an hour, evenly spaced."""
    limit = parse_limit(config.Limit(per="client", requests=requests, burst=3))
    assert (limit.per, limit.requests, limit.window, limit.quota, limit.burst) == ("client", requests, window, quota, 3)
    assert limit.interval == pytest.approx(interval)


def test_a_limit_on_concurrency_alone_counts_no_requests():
    """Without a rate any number of requests may come, one after the other."""
    bound = limits({"per": "client", "concurrency": 1})
    meters = Meters()
    for _ in range(100):
        meters.release(ask(meters, bound, 5.0))
    assert bound.all[0].interval is None
    assert meters.remaining(bound.all[0], "app", 5.0) == 0


def test_a_burst_and_then_the_rate():
    """At rest a subject has its burst at once, then one request an interval; how long to wait is told."""
    meters, bound = Meters(), limits({"per": "client", "requests": "10/s", "burst": 3})
    assert [admitted(meters, bound, 100.0) for _ in range(5)] == [True, True, True, False, False]
    denied = ask(meters, bound, 100.0)
    assert (denied.what, denied.limit) == ("requests", bound.all[0])
    assert denied.retry_after == pytest.approx(0.1)
    assert not admitted(meters, bound, 100.0 + denied.retry_after * 0.99)
    assert admitted(meters, bound, 100.0 + denied.retry_after)
    assert not admitted(meters, bound, 100.1)
    assert [admitted(meters, bound, 1_000.0) for _ in range(4)] == [True, True, True, False]


def test_remaining_is_what_can_come_at_once():
    """The number told is exactly how many requests are admitted now."""
    meters, bound = Meters(), limits({"per": "client", "requests": "10/s", "burst": 5})
    for now in (10.0, 10.05, 10.2, 10.4, 11.0):
        told = meters.remaining(bound.all[0], "app", now)
        copy = 0
        while admitted(meters, bound, now):
            copy += 1
        assert copy == told


def test_subjects_do_not_share():
    """Each subject has its own burst, each kind of limit its own count."""
    meters = Meters()
    bound = limits({"per": "client", "requests": "1/h"}, {"per": "address", "requests": "1/h", "burst": 2})
    assert admitted(meters, bound, 1.0, ONE)
    assert not admitted(meters, bound, 1.0, ONE)
    assert admitted(meters, bound, 1.0, {**ONE, "client": "other"})
    assert not admitted(meters, bound, 1.0, {**ONE, "client": "third"})
    assert admitted(meters, bound, 1.0, {**ONE, "client": "third", "address": "192.0.2.2"})


def test_a_limit_without_subject_does_not_apply():
    """A limit on accounts says nothing of a caller that has none."""
    meters, bound = Meters(), limits({"per": "account", "requests": "1/h", "concurrency": 1})
    for _ in range(5):
        assert meters.admit(bound, {**ONE, "account": None}.get, 1.0) == ()


@pytest.mark.parametrize("order", [1, -1])
def test_a_denied_request_costs_nothing(order):
    """When one limit denies, none has counted: the others have as much left as before."""
    entries = [
        {"per": "global", "requests": "100/s", "burst": 100, "concurrency": 100},
        {"per": "client", "requests": "1/h"},
    ]
    meters, bound = Meters(), limits(*entries[::order])
    held = ask(meters, bound, 1.0)
    total = next(limit for limit in bound.all if limit.per == "global")
    assert meters.remaining(total, "", 1.0) == 99
    for _ in range(50):
        denied = ask(meters, bound, 1.0)
        assert denied.limit.per == "client"
    assert meters.remaining(total, "", 1.0) == 99
    meters.release(held)
    assert meters._running == {total.key: {}}


def test_the_longest_wait_is_told():
    """With several limits exceeded the one that takes longest says how long."""
    meters = Meters()
    bound = limits(
        {"per": "client", "requests": "1/s"},
        {"per": "global", "requests": "1/h"},
        {"per": "route", "requests": "1/min"},
    )
    assert admitted(meters, bound, 1.0)
    denied = ask(meters, bound, 1.0)
    assert denied.limit.per == "global"
    assert denied.retry_after == pytest.approx(3600.0)


def test_concurrency():
    """So many at once and no more; one that is over makes room for one."""
    meters, bound = Meters(), limits({"per": "client", "concurrency": 2})
    first, _ = ask(meters, bound, 1.0), ask(meters, bound, 1.0)
    denied = ask(meters, bound, 1.0)
    assert (denied.what, denied.retry_after) == ("concurrency", 1.0)
    assert admitted(meters, bound, 1.0, {**ONE, "client": "other"})
    meters.release(first)
    assert admitted(meters, bound, 1.0)
    assert not admitted(meters, bound, 1.0)


def test_the_same_limit_twice_is_one():
    """A limit that is written twice does not count twice."""
    entry = {"per": "client", "requests": "10/s", "burst": 4, "concurrency": 4}
    meters, bound = Meters(), limits(entry, entry)
    assert [admitted(meters, bound, 1.0) for _ in range(5)] == [True] * 4 + [False]


def test_counts_outlive_a_policy():
    """A new policy with the same limit goes on with its counts; what the old one held can still be given back."""
    meters = Meters()
    before = limits({"per": "client", "requests": "1/h", "burst": 2, "concurrency": 2})
    after = limits(
        {"per": "global", "concurrency": 9}, {"per": "client", "requests": "1/h", "burst": 2, "concurrency": 2}
    )
    held = ask(meters, before, 1.0)
    assert admitted(meters, after, 1.0)
    assert not admitted(meters, after, 1.0)
    meters.release(held)
    assert meters._running[after.all[1].key] == {"app": 1}


RATES = st.sampled_from(["1/s", "3/s", "10/s", "60/min", "100/h"])


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


STEPS = st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.1, 0.37, 1.0, 5.0, 60.0, 4_000.0]), max_size=60)


@given(RATES, st.integers(1, 6), STEPS, st.floats(0, 1e7))
def test_gcra_is_a_leaky_bucket(requests, burst, steps, start):
    """Every verdict is that of a plain leaky bucket."""
    bound = limits({"per": "client", "requests": requests, "burst": burst})
    meters, reference = Meters(), Reference(bound.all[0].interval, burst)
    now = reference.at = start
    for step in steps:
        now += step
        before = meters.remaining(bound.all[0], "app", now)
        assert admitted(meters, bound, now) is (before > 0) is reference.admit(now)


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
        subjects = {"client": client, "account": account, "address": address, "global": ""}
        verdicts: list[Any] = [meters.admit(self.BOUND, subjects.get, self.now) for meters in (self.swept, self.kept)]
        if isinstance(verdicts[0], Denied):
            assert verdicts[0].limit is verdicts[1].limit
            assert verdicts[0].retry_after == pytest.approx(verdicts[1].retry_after)
        else:
            assert not isinstance(verdicts[1], Denied)
            names = [(kind, subjects[kind]) for kind in ("client", "account", "global") if subjects[kind] is not None]
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
        for times in self.swept._arrivals.values():
            assert all(arrival > self.now for arrival in times.values())

    @invariant()
    def no_more_at_once_than_allowed(self):
        bounds = {limit.per: limit.concurrency for limit in self.BOUND.all}
        assert all(0 <= count <= bounds[kind] for (kind, _), count in self.running.items())

    @invariant()
    def what_is_counted_is_what_is_open(self):
        counted = sum(sum(running.values()) for running in self.swept._running.values())
        assert counted == sum(self.running.values())
        assert all(count > 0 for running in self.swept._running.values() for count in running.values())


TestMetering = Metering.TestCase
