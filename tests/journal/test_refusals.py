"""Budgets of whole records, and the exact counts of what is beyond them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.config import Refusals
from guard.journal import refusals
from guard.journal.refusals import Caller, caller_of
from tests.support.values import exchange, policy

ADDRESS = Caller("192.0.2.1")
KNOWN = Caller(None, "acme", "web")


def kept(bounds: Refusals, asked: list[Any]) -> tuple[list[Any], list[dict[str, Any]]]:
    """What is written down whole, and the records of the rest, when refusals come so."""
    all = refusals.Refusals(bounds)
    whole, counted = [], []
    for one in asked:
        if not all.counted(*one):
            whole.append(one)
        counted += all.due(one[3])
    return whole, counted + all.rest()


def test_a_budget_is_written_down_whole_and_the_rest_is_counted():
    """Three of seven are records; four are one count, with who it was, why, and from when to when."""
    whole, counted = kept(Refusals(each=3), [(ADDRESS, "not_found", 404, 60.0 + n) for n in range(7)])
    assert [at for *_, at in whole] == [60.0, 61.0, 62.0]
    assert counted == [
        {
            "kind": "refusals", "from": 63.0, "to": 66.0, "reason": "not_found", "status": 404, "count": 4,
            "client": {"address": "192.0.2.1", "account": None, "name": None},
        }
    ]  # fmt: skip


def test_each_client_has_a_budget_of_its_own_and_each_minute_a_new_one():
    """One client's flood leaves another's refusals whole, and is whole again for a moment in the next minute."""
    asked = [(who, "client_blocked", 403, at) for at in (0.0, 60.0) for who in (ADDRESS, ADDRESS, KNOWN)]
    whole, counted = kept(Refusals(each=1), asked)
    assert [(who, at) for who, _, _, at in whole] == [(ADDRESS, 0.0), (KNOWN, 0.0), (ADDRESS, 60.0), (KNOWN, 60.0)]
    assert [record["count"] for record in counted] == [1, 1]


def test_what_a_rule_refused_has_another_budget():
    """A flood of cheap refusals does not push out the records of what somebody tried."""
    cheap = [(ADDRESS, "not_found", 404, 0.0)] * 5
    matched = [(ADDRESS, "content_policy_violation", 400, 0.0)] * 5
    whole, counted = kept(Refusals(each=1, matched=4), cheap + matched)
    assert Counter(reason for _, reason, _, _ in whole) == {"not_found": 1, "content_policy_violation": 4}
    assert {record["reason"]: record["count"] for record in counted} == {"not_found": 4, "content_policy_violation": 1}


def test_all_clients_together_have_a_budget():
    """A thousand clients write no more than one bound says, and each is counted."""
    asked = [(Caller(f"192.0.2.{n}"), "not_found", 404, 0.0) for n in range(20)]
    whole, counted = kept(Refusals(all=5), asked)
    assert len(whole) == 5
    assert [record["client"]["address"] for record in counted] == [f"192.0.2.{n}" for n in range(5, 20)]


def test_a_large_body_takes_more_of_the_budget():
    """Bodies of a megabyte use up at once what many small ones have, for each client and for all."""
    asked = [(Caller(f"192.0.2.{n}"), "not_found", 404, 0.0, 1_000_000) for n in (1, 1, 2, 3)]
    whole, counted = kept(Refusals(each=50, all=100), asked)
    assert [who.address for who, *_ in whole] == ["192.0.2.1", "192.0.2.2"]
    assert [record["count"] for record in counted] == [1, 1]


def test_who_cannot_be_told_apart_any_more_is_counted_together(monkeypatch):
    """The tables of callers are bounded: the rest is counted by reason, without a client."""
    monkeypatch.setattr(refusals, "CLIENTS", 3)
    asked = [(Caller(f"192.0.2.{n}"), "not_found", 404, 0.0) for n in range(9) for _ in range(2)]
    whole, counted = kept(Refusals(each=1), asked)
    assert len(whole) == 3
    assert [(record["client"] or {}).get("address") for record in counted] == [
        "192.0.2.0",
        "192.0.2.1",
        "192.0.2.2",
        None,
    ]
    assert [record["count"] for record in counted] == [1, 1, 1, 12]


def test_counts_are_due_an_interval_after_the_first():
    """Nothing is due before, and nothing where nothing was counted; a clock set back makes them due."""
    all = refusals.Refusals(Refusals(each=1, interval=10))
    assert not all.counted(ADDRESS, "not_found", 404, 100.0)
    assert all.due(200.0) == []
    assert all.counted(ADDRESS, "not_found", 404, 101.0)
    assert all.due(110.9) == []
    assert [record["count"] for record in all.due(111.0)] == [1]
    assert all.due(300.0) == []
    assert all.counted(ADDRESS, "not_found", 404, 101.0)
    assert [record["count"] for record in all.due(50.0)] == [1]


ASKED = st.lists(
    st.tuples(
        st.sampled_from([ADDRESS, KNOWN, Caller("2001:db8::/64"), Caller("192.0.2.9")]),
        st.sampled_from(["not_found", "content_policy_violation", "client_disconnected"]),
        st.sampled_from([0, 400, 404]),
        st.floats(0, 400),
        st.integers(0, 50_000),
    ),
    max_size=60,
)
BOUNDS = st.builds(Refusals, each=st.integers(1, 4), matched=st.integers(1, 6), all=st.integers(1, 12))


@given(BOUNDS, ASKED)
def test_none_is_lost_and_none_is_there_twice(bounds, asked):
    """Whole records and counts together are the refusals, for every reason and status, whatever the clock does."""
    whole, counted = kept(bounds, asked)
    found = Counter((reason, status or None) for _, reason, status, *_ in whole)
    for record in counted:
        assert record["count"] > 0
        assert record["from"] <= record["to"]
        found[record["reason"], record["status"]] += record["count"]
    assert found == Counter((reason, status or None) for _, reason, status, *_ in asked)


@pytest.mark.parametrize(
    ("address", "key", "expected"),
    [
        ("192.0.2.7", "", Caller("192.0.2.7")),
        ("192.0.2.7", "nobody's", Caller("192.0.2.7")),
        ("2001:db8::1:2", "", Caller("2001:db8::/64")),
        ("192.0.2.7", "key-of-web", Caller(None, "acme", "web")),
    ],
)
def test_whose_budget_it_is(address, key, expected):
    """A known client is one wherever it comes from; anybody else is an address, whatever key it shows."""
    one = exchange(policy(clients={"web": {"key": "key-of-web", "account": "acme"}}), peer=address)
    if key:
        one.identity = one.policy.clients.identify(key)
    assert caller_of(one) == expected
