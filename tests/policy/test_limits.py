import msgspec
import pytest

from guard import config
from guard.measures import AddedLimit
from guard.policy.clients import Client
from guard.policy.limits import CONCURRENCY, COST, REQUESTS, TOKENS, Limits, Who, added_limit, parse_limit

WHO = Who("192.0.2.1", Client("app", "acme"), "/v1/", "chat")


@pytest.mark.parametrize(
    ("requests", "interval", "window", "quota"),
    [
        ("1/s", 1.0, 1.0, 1), ("10/s", 0.1, 1.0, 10), ("90/min", 60 / 90, 60.0, 90), ("7200/h", 0.5, 3600.0, 7200),
        ("24/d", 3600.0, 86400.0, 24), ("30/month", 86400.0, 2592000.0, 30),
    ],
)  # fmt: skip
def test_rates(requests, interval, window, quota):
    """A rate is so many requests in a second, a minute, an hour, a day or thirty days, evenly spaced."""
    [limit] = parse_limit(config.Limit(per="client", requests=requests, burst=3))
    assert (limit.per, limit.kind, limit.amount, limit.window) == ("client", REQUESTS, requests, window)
    assert (limit.quota, limit.burst) == (quota, 3)
    assert limit.interval == pytest.approx(interval)
    assert limit.span == pytest.approx(3 * interval)


@pytest.mark.parametrize("amount", ["0/s", "1/week", "1.5/s", "1", "-1/s", "1/s ", ""])
def test_what_is_no_rate(amount):
    """Requests and tokens are counted in whole numbers, in units of time that are known."""
    for kind in ("requests", "tokens"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"per": "client", kind: amount}, config.Limit)


@pytest.mark.parametrize(("amount", "right"), [("0.5/d", True), ("50/month", True), ("0/d", False), ("0.0/d", False)])
def test_a_cost_may_have_fractions(amount, right):
    """Money comes in parts of its unit, and no money at all is no limit."""
    if right:
        assert msgspec.convert({"per": "client", "cost": amount}, config.Limit).cost == amount
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"per": "client", "cost": amount}, config.Limit)


def test_an_entry_is_a_limit_for_each_thing_that_it_bounds():
    """Tokens and cost may be used up at once at rest, as much as the whole window gives; a burst is of requests."""
    entry = config.Limit(
        per="account", requests="10/s", burst=5, tokens="60000/min", cost="0.5/d", concurrency=8
    )  # fmt: skip
    found = {limit.kind: limit for limit in parse_limit(entry)}
    assert found[REQUESTS].burst == 5
    assert (found[TOKENS].burst, found[TOKENS].interval, found[TOKENS].span) == (60000, 0.001, 60)
    assert (found[COST].burst, found[COST].span) == (0.5, 86400)
    assert (found[CONCURRENCY].quota, found[CONCURRENCY].interval) == (8, 0)
    assert [limit.bound for limit in found.values()] == ["10/s", "60000/min tokens", "0.5/d of cost", "8 at once"]


def test_the_same_limit_twice_is_one():
    """A limit that is written twice does not count twice."""
    entry = config.Limit(per="client", requests="10/s", burst=4, concurrency=4)
    assert len(Limits([entry, entry]).all) == 2


@pytest.mark.parametrize(
    ("added", "key"),
    [
        (AddedLimit("client", None, "requests", "10/s", 4), "client 0 10/s burst 4"),
        (AddedLimit("client", "app", "requests", "10/s", None), "client 0 10/s burst 1"),
        (AddedLimit("model", "chat", "tokens", "100/s", None), "model 1 100/s burst 100"),
        (AddedLimit("global", None, "concurrency", "3", None), "global 3"),
    ],
)
def test_limits_by_command(added, key):
    """One that was set by command is read like one of the configuration, and may be for one subject alone."""
    limit = added_limit(added)
    assert (limit.key, limit.subject) == (key, added.subject)
    assert limit.whom == {"client": "each client", "global": "all together", "model": "this model"}[limit.per].replace(
        "each", "each" if limit.subject is None else "this"
    )


def test_an_address_is_its_household():
    """An IPv6 address that a limit is set for stands for all of its /64, as those of callers do."""
    limit = added_limit(AddedLimit("address", "2001:db8::1", "requests", "1/s", None))
    assert limit.subject == WHO._replace(address="2001:db8::2:3").subject("address")


def test_which_limits_are_for_when():
    """The head tells of all but the model; tokens, cost and what is for a model come when the prompt is known."""
    limits = Limits(
        [config.Limit(per="client", requests="1/s", tokens="5/s"), config.Limit(per="model", requests="1/s")],
        [AddedLimit("account", None, "cost", "1/d", None), AddedLimit("route", None, "concurrency", "1", None)],
    )
    assert [(limit.per, limit.kind) for limit in limits.head] == [
        ("client", REQUESTS), ("client", TOKENS), ("account", COST), ("route", CONCURRENCY),
    ]  # fmt: skip
    assert [(limit.per, limit.kind) for limit in limits.body] == [
        ("client", TOKENS), ("model", REQUESTS), ("account", COST),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "per", "subject"),
    [
        (WHO, "client", "app"),
        (WHO._replace(client=None), "client", "@192.0.2.1"),
        (WHO, "account", "acme"),
        (WHO._replace(client=Client("app", None)), "account", None),
        (WHO._replace(client=None), "account", None),
        (WHO, "address", "192.0.2.1"),
        (WHO._replace(address="2001:db8::1"), "address", "2001:db8::/64"),
        (WHO, "route", "/v1/"),
        (WHO, "model", "chat"),
        (WHO._replace(model=None), "model", None),
        (WHO, "global", ""),
    ],
)
def test_subjects(who, per, subject):
    """Whom a limit holds; a caller without a known key is held by its address, which is nobody's name."""
    assert who.subject(per) == subject


def test_a_digest_is_the_same_everywhere():
    """Nodes that share a budget know it by the same name, which tells nobody whose it is."""
    limit = added_limit(AddedLimit("client", None, "requests", "10/s", 4))
    assert len(limit.digest("app")) == 32
    assert limit.digest("app") == limit._replace(subject="app").digest("app") != limit.digest("pal")
