"""Parcels of rules in every kind of store."""

from hashlib import sha256

import pytest

from guard.config import Store
from guard.store import bundles as module
from guard.store.errors import StoreError
from guard.store.opening import opened
from tests.support import stores


@pytest.fixture(params=stores.KINDS)
def home(request, tmp_path):
    """A store of the test's own."""
    with stores.store(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def bundles(home):
    """Those of a fleet."""
    with opened(Store(url=home.url)) as store:
        yield store.bundles


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


def test_fleets_do_not_push_out_each_others(home, bundles, monkeypatch):
    """Another fleet in the same store has its own."""
    monkeypatch.setattr(module, "KEPT", 2)
    bundles.put(*parcel(1))
    with opened(Store(url=home.url, name="other")) as other:
        assert other.bundles.get(parcel(1)[0]) is None
        for number in (2, 3, 4):
            other.bundles.put(*parcel(number))
    assert bundles.get(parcel(1)[0]) is not None


def test_what_is_damaged_is_not_taken_and_mended(home, bundles):
    """Whoever has put it there; who has the right one and offers it again puts that in its place."""
    name, data = parcel(1)
    bundles.put(name, data)
    home.spoil(name)
    with pytest.raises(StoreError, match="are others"):
        bundles.get(name)
    bundles.put(name, data)
    assert bundles.get(name) == data
