"""Parcels of rules in a real Valkey."""

from hashlib import sha256

import pytest

from guard.config import Store
from guard.store import bundles as module
from guard.store.redis.bundles import RedisBundles
from guard.store.redis.connection import Connection
from tests.support import valkey


@pytest.fixture(scope="module")
def server():
    """A server for all tests of this file."""
    with valkey.server() as found:
        yield found


@pytest.fixture
def bundles(server):
    """Those of an empty store."""
    with valkey.asked(server) as client:
        client.flushall()
    with Connection(Store(url=server.connection_url)) as connection:
        yield RedisBundles(connection)


def parcel(number):
    """Some bytes, and their name."""
    data = b"\0\xff parcel %d" % number
    return sha256(data).hexdigest(), data


def test_those_are_kept_also_when_the_clock_goes_back(bundles, server, monkeypatch):
    """What was offered before had a later time by then."""
    monkeypatch.setattr(module, "KEPT", 3)
    for number in (1, 2, 3):
        bundles.put(*parcel(number))
    with valkey.asked(server) as client:
        for number in (1, 2, 3):
            client.zincrby("guard:{guard}:bundles:order", 3_600, parcel(number)[0])
    for number in (4, 2, 5):
        bundles.put(*parcel(number))
    assert [number for number in range(1, 6) if bundles.get(parcel(number)[0])] == [2, 4, 5]
