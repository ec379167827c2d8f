from typing import Any

import pytest

from guard.measures import Block, Measures
from guard.policy.clients import Clients
from guard.policy.policy import build, with_measures
from guard.ruleset.bundle import load
from guard.wire.address import parse_address
from tests.support.values import SALT, config


def test_a_policy_is_what_the_configuration_says():
    """Every part of the configuration that decides about requests is in the policy."""
    rules = load(None)
    policy: Any = build(
        config(
            identify={"trusted_proxies": ["10.0.0.0/8"], "unknown": "refuse"},
            clients={"app": {"key": "app-key", "account": "acme"}},
            blocks=[{"account": "acme"}, {"key": "bad-key"}],
            limits=[{"per": "client", "requests": "1/s"}],
        ),
        rules,
        SALT,
        7,
    )
    app = policy.clients.identify("app-key")
    assert (policy.version, policy.wire_version) == (7, b"7")
    assert policy.trusted_proxies.find(parse_address("10.1.2.3")) == "10.0.0.0/8"
    assert policy.require_known
    assert app.client == ("app", "acme")
    assert policy.blocks.find("192.0.2.1", app) == ("account acme", False)
    assert policy.blocks.find("192.0.2.1", policy.clients.identify("bad-key")).what.startswith("key ")
    assert [limit.per for limit in policy.limits.all] == ["client"]
    assert [route.path for route in policy.routes.under("/v1/x")] == ["/v1/"]
    assert policy.rules is rules


def test_the_least_configuration_refuses_nobody():
    """Without clients, blocks and limits anybody may ask, and no proxy is trusted."""
    policy = build(config(), load(None), SALT)
    assert policy.version == 1
    assert not policy.trusted_proxies
    assert not policy.require_known
    assert policy.limits.all == ()
    assert policy.blocks.find("192.0.2.1", policy.clients.identify("x")) is None


def test_a_policy_does_not_change():
    """A request uses the policy it started with: nothing can be set on one."""
    policy: Any = build(config(), load(None), SALT)
    with pytest.raises(AttributeError):
        policy.version = 2
    assert policy._replace(version=2).clients is policy.clients
    assert isinstance(policy.clients, Clients)


def test_measures_change_what_they_are_about():
    """Blocks are others, routes only where a model was touched, and all else is the same."""
    settings = config(blocks=[{"ip": "203.0.113.7"}])
    policy = build(settings, load(None), SALT)
    blocked = with_measures(policy, settings, Measures(3, (Block("ip", "198.51.100.9", "r"),)), 4, policy.rules)
    assert (blocked.version, blocked.wire_version, blocked.measures.version) == (4, b"4", 3)
    assert blocked.blocks.find("198.51.100.9", blocked.clients.identify("x")) == ("address 198.51.100.9", False)
    assert blocked.blocks.find("203.0.113.7", blocked.clients.identify("x")) == ("address 203.0.113.7", False)
    assert blocked.routes is policy.routes
    isolated = with_measures(blocked, settings, Measures(5, isolated=frozenset(settings.models)), 6, policy.rules)
    assert all(model.isolated for model in isolated.routes.models.values())
    assert not any(model.isolated for model in policy.routes.models.values())
    assert isolated.clients is policy.clients
