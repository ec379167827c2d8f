"""What was ordered of what there is not."""

from guard.config import Client, Model, Route, Version
from guard.measures import AddedLimit, Block, Measures
from guard.policy.callers import Callers
from guard.policy.unmet import MOST, unmet
from tests.support.values import config

VERSIONS = {name: Version(url="http://127.0.0.1:9") for name in ("v1", "v2")}
CONFIGURED = config(
    models={"chat": Model(versions=VERSIONS, active="v2"), "other": Model(versions=VERSIONS, active="v1")},
    routes=(Route(path="/v1/", format="openai", model="chat"),),
    clients={"web": Client(key="k", account="acme"), "app": Client(key="l")},
)


def limit(per: str, subject: str | None) -> AddedLimit:
    """Of requests."""
    return AddedLimit(per, subject, "requests", "1/s", None)


def test_what_there_is_is_not_told():
    """Nor what is named by nobody's configuration: addresses, keys, sessions, agents, and each of a kind."""
    blocks = (("client", "web"), ("account", "acme"), ("ip", "192.0.2.1"), ("key", "0" * 16), ("session", "s"))
    whom = (("client", "app"), ("account", "acme"), ("model", "chat"), ("route", "/v1/"), ("address", "192.0.2.1"))
    here = Measures(
        1,
        Callers.of(Block(kind, value, "r") for kind, value in (*blocks, ("agent", "curl/*"))),
        (("chat", "v1"),),
        frozenset({"other"}),
        offline=frozenset({None, "chat"}),
        limits=(*(limit(*one) for one in whom), *(limit(per, None) for per in ("client", "account", "global"))),
    )
    assert unmet(here, CONFIGURED) == []


def test_what_is_gone_is_told():
    """Whoever takes a version, a model, a client or a route out of the configuration hears what no longer holds."""
    gone = Measures(
        1,
        (Block("client", "old", "r"), Block("account", "none", "r")),
        (("chat", "v9"), ("old", "v1")),
        frozenset({"older"}),
        limits=tuple(limit(*one) for one in (("client", "old"), ("route", "/v2/"), ("model", "gone"))),
    )
    assert unmet(gone, CONFIGURED) == [
        "chat is to be answered by v9, as was ordered, and there is no such version now",
        "old is to be answered by v1, as was ordered, and there is no such version now",
        "older is kept from everybody, as was ordered, and there is no such model now",
        "the account none is blocked, as was ordered, and there is no such account now",
        "the client old is blocked, as was ordered, and there is no such client now",
        "requests of the client old are limited, as was ordered, and there is no such client now",
        "requests of the model gone are limited, as was ordered, and there is no such model now",
        "requests of the route /v2/ are limited, as was ordered, and there is no such route now",
    ]


def test_of_many_a_few_are_told():
    """And how many there are beside."""
    many = Measures(1, tuple(Block("client", f"c{number:03}", "r") for number in range(MOST + 5)))
    told = unmet(many, CONFIGURED)
    assert len(told) == MOST + 1
    assert told[-1] == "5 more orders are about what there is not now"
