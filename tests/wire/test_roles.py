"""What stands behind the wire has all that connections call."""

from __future__ import annotations

import pytest

from guard.proxy.probe import Probe
from guard.proxy.proxy import Proxy
from guard.proxy.relay import Relay
from guard.proxy.upgrade import Upgrade
from guard.wire.roles import Handler, Receiver, Service, Tunnel, Upgrader


@pytest.mark.parametrize(
    ("actor", "role"),
    [(Probe, Handler), (Relay, Handler), (Relay, Receiver), (Upgrade, Tunnel), (Upgrade, Upgrader), (Proxy, Service)],
)
def test_actors_play_their_roles(actor, role):
    """Each call of a role is a method, or a property, of who plays it."""
    calls = {name for base in role.__mro__ for name in vars(base) if not name.startswith("_")}
    assert calls
    assert [name for name in calls if not hasattr(actor, name)] == []
