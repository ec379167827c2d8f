from typing import Any

import pytest

from guard.measures import AddedLimit
from guard.policy.held import Denied
from guard.policy.limits import added_limit
from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.limit import limit, over
from tests.support.values import exchange, policy

CLIENTS = {
    "app": {"key": "app-key", "account": "acme"},
    "pal": {"key": "pal-key", "account": "acme"},
    "lone": {"key": "lone-key"},
}


def bounded(*limits: dict[str, Any]):
    """A policy with these limits, three clients and two routes."""
    routes = [{"path": path, "format": "openai", "model": "chat"} for path in ("/v1/chat", "/v1/")]
    return policy(clients=CLIENTS, limits=list(limits), routes=routes)


def ask(policy, meters: Meters, key: str | None = None, address: str = "192.0.2.1", target: str = "/v1/x"):
    """Let a caller through the stage; the exchange, or the refusal."""
    one = exchange(policy, target, peer=address)
    if key is not None:
        one.identity = policy.clients.identify(key)
    try:
        limit(one, meters)
    except Refusal as refusal:
        return refusal
    return one


A, B = {"address": "192.0.2.1"}, {"address": "192.0.2.2"}


@pytest.mark.parametrize(
    ("per", "one", "other", "shared"),
    [
        ("client", {"key": "app-key", **A}, {"key": "app-key", **B}, True),
        ("client", {"key": "app-key", **A}, {"key": "pal-key", **A}, False),
        ("client", {"key": "app-key", **A}, A, False),
        ("client", A, B, False),
        ("client", {"key": "strange-1", **A}, {"key": "strange-2", **A}, True),
        ("client", {"key": "strange-1", **A}, A, True),
        ("account", {"key": "app-key", **A}, {"key": "pal-key", **B}, True),
        ("address", {"key": "app-key", **A}, {"key": "pal-key", **A}, True),
        ("address", {"key": "app-key", **A}, {"key": "app-key", **B}, False),
        ("route", {"target": "/v1/chat/completions", **A}, {"target": "/v1/chat", **B}, True),
        ("route", {"target": "/v1/chat/completions", **A}, {"target": "/v1/models", **A}, False),
        ("global", {"key": "app-key", **A}, {"target": "/v1/chat", **B}, True),
    ],
)
def test_who_shares_a_limit(per, one, other, shared):
    """A limit counts together what it is `per`; callers without a known key are told apart by address only."""
    rules, meters = bounded({"per": per, "requests": "1/h"}), Meters()
    assert not isinstance(ask(rules, meters, **one), Refusal)
    assert isinstance(ask(rules, meters, **other), Refusal) is shared


@pytest.mark.parametrize("caller", [{}, {"key": "strange-key"}, {"key": "lone-key"}])
def test_a_limit_on_accounts_is_for_those_who_have_one(caller):
    """A caller without account is not held by it."""
    rules, meters = bounded({"per": "account", "requests": "1/h"}), Meters()
    for _ in range(3):
        assert not isinstance(ask(rules, meters, **caller), Refusal)


def test_what_a_refusal_says():
    """Over its rate a caller gets 429, which limit it was, and when to come back; the numbers are on every answer."""
    rules, meters = bounded({"per": "client", "requests": "2/min", "burst": 3}), Meters()
    for _ in range(3):
        ask(rules, meters)
    refusal = ask(rules, meters)
    assert (refusal.status, refusal.code, refusal.close) == (429, "rate_limit_exceeded", False)
    assert refusal.message == "over the limit of 2/min for each client; try again in 30 s"
    assert dict(refusal.headers) == {b"retry-after": b"30"}


def test_retry_after_is_never_nothing():
    """A wait of less than a second is told as one: zero would mean at once."""
    rules, meters = bounded({"per": "global", "requests": "50/s"}), Meters()
    ask(rules, meters)
    assert dict(ask(rules, meters).headers)[b"retry-after"] == b"1"


def test_concurrency_is_held_and_given_back():
    """What an exchange holds is kept with it; with it given back another may come."""
    rules, meters = bounded({"per": "client", "concurrency": 1}, {"per": "global", "concurrency": 5}), Meters()
    first = ask(rules, meters)
    refusal = ask(rules, meters)
    assert (refusal.status, refusal.message) == (429, "over the limit of 1 at once for each client; try again in 1 s")
    assert dict(refusal.headers) == {b"retry-after": b"1"}
    assert len(first.held.running) == 2
    meters.release(first.held)
    assert not isinstance(ask(rules, meters), Refusal)


def test_a_refused_exchange_holds_nothing():
    """There is nothing to give back for what was not let in."""
    rules, meters = bounded({"per": "global", "concurrency": 5}, {"per": "client", "requests": "1/h"}), Meters()
    ask(rules, meters)
    one = exchange(rules)
    with pytest.raises(Refusal):
        limit(one, meters)
    assert one.held.running == []


def test_without_limits_nothing_is_counted():
    """No limits, no state."""
    meters = Meters()
    assert ask(bounded(), meters).held is None
    assert len(meters.spare) == 0


def test_how_a_caller_stands_is_noted():
    """For the headers of the answer: with the tightest limit on requests, and with that which denied."""
    rules = bounded(
        {"per": "client", "requests": "2/min", "burst": 3}, {"per": "global", "requests": "1/s", "burst": 9}
    )
    one, meters = exchange(rules), Meters()
    limit(one, meters)
    assert one.held.requests[0].per == "client"
    assert one.held.requests[1:] == (pytest.approx(2), pytest.approx(30))
    limit(exchange(rules), meters)
    limit(exchange(rules), meters)
    refused = exchange(rules)
    with pytest.raises(Refusal):
        limit(refused, meters)
    assert refused.held.requests[0].per == "client"
    assert refused.held.requests[1:] == (0, pytest.approx(30, abs=1))


def test_a_limit_for_one_says_so():
    """What was set for one account alone is told to it as such."""
    refusal = over(exchange(bounded()), Denied(added_limit(AddedLimit("account", "acme", "cost", "20/d", None)), 2_000))
    assert refusal.message == "over the limit of 20/d of cost for this account; try again in 2000 s"
