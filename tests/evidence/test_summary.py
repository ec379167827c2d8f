"""Counting exchanges."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence import summary
from guard.evidence.joining import join
from guard.evidence.shape import check
from guard.evidence.summary import GROUPS, OTHERS, Durations, Summary, caller
from tests.evidence.made import outcome, refused
from tests.support.journals import exchange


def made(*exchanges, by=None):
    """Their summary."""
    found = Summary(by)
    for one in exchanges:
        found.add(one)
    return found


WHOLE = join(exchange("a", 3_600.0))
REFUSED = join([refused("b", 7_300, reason="why", findings=[{"rule": "r"}, {"rule": "r"}])])
BARE = join([outcome("c", response={}, end=None)])


def test_numbers():
    """Ends, reasons, callers, rules, tokens and durations are counted; what is not known is a dash."""
    told = made(WHOLE, WHOLE, REFUSED, BARE).told()
    assert (told["exchanges"], told["from"], told["to"]) == (4, 3_600, 7_300)
    assert told["end"] == {"complete": 2, "refused": 1, "open": 1}
    assert told["reason"] == {"-": 3, "why": 1}
    assert told["status"] == {"200": 3, "-": 1}
    assert told["client"] == {"203.0.113.5": 2, "-": 2}
    assert told["rule"] == {"r": 1}
    assert told["tokens"] == {"input_tokens": 2, "output_tokens": 2, "total_tokens": 4}
    assert told["timings"]["total_us"]["max"] == 2_000
    assert "by" not in told


def test_pieces_add_up():
    """Summaries of pieces are together the summary of all."""
    whole = made(WHOLE, REFUSED, BARE, by="hour")
    whole.refusals(REFUSED, 3)
    parts = made(by="hour")
    counted = made()
    counted.refusals(REFUSED, 3)
    parts.update(counted)
    for one in (WHOLE, REFUSED, BARE):
        parts.update(made(one, by="hour"))
    assert parts.told() == whole.told()


def test_groups_of_time_come_in_order_and_others_by_number():
    """Hours follow each other; of anything else the most frequent is the first."""
    hours = made(REFUSED, WHOLE, WHOLE, by="hour").told()["by"]
    assert [(group["group"], group["exchanges"]) for group in hours] == [
        ("1970-01-01T01:00Z", 2),
        ("1970-01-01T02:00Z", 1),
    ]
    ends = made(REFUSED, WHOLE, WHOLE, by="end").told()["by"]
    assert [(group["group"], group["exchanges"]) for group in ends] == [("complete", 2), ("refused", 1)]


@pytest.mark.parametrize("by", GROUPS)
def test_every_group_takes_every_exchange(by):
    """Nothing that an exchange may lack upsets a grouping."""
    for one in (WHOLE, REFUSED, BARE):
        check(one)
        assert GROUPS[by](one)


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_percentiles_are_within_one_percent(values):
    """A percentile is the value of that rank, at most 1 % less; the most is exact."""
    durations = Durations()
    for value in values:
        durations.add(value)
    told = durations.told()
    assert told is not None
    ordered = sorted(values)
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        exact = ordered[math.ceil(share * len(ordered)) - 1]
        assert exact * 0.99 <= told[name] <= exact
    assert told["max"] == ordered[-1]


def test_no_durations_have_no_percentiles():
    """Where nothing was measured nothing is told; what is no duration is taken as one."""
    durations = Durations()
    assert durations.told() is None
    durations.add(-5)
    durations.add(1e300)
    assert durations.told() == {"p50": 0, "p90": 2**53, "p99": 2**53, "max": 2**53}


def test_endless_values_are_bounded(monkeypatch):
    """Of very many values the rarest are counted together, and none is lost."""
    monkeypatch.setattr(summary, "KEPT", 3)
    found = made(by="address")
    for number in range(20):
        client = {"address": f"192.0.2.{number}" if number % 2 else "192.0.2.1"}
        found.update(made({**WHOLE, "client": client}, by="address"))
    counts = found.counts["address"]
    assert counts["192.0.2.1"] == 11
    assert counts[OTHERS] > 0
    assert counts.total() == 20
    assert sum(group["exchanges"] for group in found.told()["by"]) == 20


def test_callers():
    """A client is called by the best name there is."""
    client = {"address": "::1", "key": "00ff", "account": "acme", "name": "web"}
    names = []
    for name in ("name", "account", "key", "address"):
        names.append(caller({"client": dict(client)}))
        del client[name]
    assert [*names, caller({"client": client}), caller({"client": None})] == ["web", "acme", "00ff", "::1", "-", "-"]
