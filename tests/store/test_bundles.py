"""Parcels of rules in a real Valkey."""

from hashlib import sha256

import pytest

from guard.config import Store
from guard.store import bundles as module
from guard.store.bundles import Bundles
from guard.store.connection import Connection
from guard.store.errors import StoreError
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
        yield Bundles(connection)


def parcel(number):
    """Some bytes, and their name."""
    data = b"\0\xff parcel %d" % number
    return sha256(data).hexdigest(), data


def test_what_is_offered_is_there(bundles):
    """Byte for byte, by its hash; a second time changes nothing."""
    name, data = parcel(1)
    assert bundles.get(name) is None
    for _ in range(2):
        bundles.put(name, data)
        assert bundles.get(name) == data


def test_those_that_were_offered_last_are_kept(bundles, monkeypatch):
    """Also when they were offered before."""
    monkeypatch.setattr(module, "KEPT", 3)
    for number in (1, 2, 3, 1, 4):
        bundles.put(*parcel(number))
    assert [number for number in range(1, 5) if bundles.get(parcel(number)[0])] == [1, 3, 4]


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


def test_what_is_damaged_is_not_taken_and_mended(bundles, server):
    """Whoever has put it there; who has the right one and offers it again puts that in its place."""
    name, data = parcel(1)
    bundles.put(name, data)
    with valkey.asked(server) as client:
        client.hset("guard:{guard}:bundles", name, "damaged")
    with pytest.raises(StoreError, match="are others"):
        bundles.get(name)
    bundles.put(name, data)
    assert bundles.get(name) == data
