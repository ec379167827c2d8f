"""Rules that are pushed on one machine are on the others, through every kind of store."""

import pytest

from guard.config import Config, Store
from guard.control.order import place
from guard.control.parcels import named
from guard.custody.bundles import Shelf
from guard.custody.control import change_record
from guard.ruleset.parcel import digest, pack
from guard.store.errors import StoreError
from tests.control.machines import Machine
from tests.support import stores

PARCEL = pack({"10.yaml": b"[]"})
NAME = digest(PARCEL)
PUSH = {"type": "push-rules", "bundle": NAME}
BLOCK = {"type": "block", "kind": "account", "value": "acme"}


@pytest.fixture(params=stores.KINDS)
def home(request, tmp_path):
    """An empty store."""
    with stores.store(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def pair(home, tmp_path):
    """Two machines that share it; the first has the rules."""
    found = [Machine(tmp_path / name, Store(url=home.url)) for name in ("first", "second")]
    Shelf(found[0].state).put(NAME, PARCEL)
    return found


def shelf(machine):
    """What a machine has of them."""
    return Shelf(machine.state).get(NAME)


def test_changes_name_rules():
    """Pushes do, whatever else there is."""
    assert named([{"change": PUSH}, {"change": {**PUSH, "bundle": None}}, {"change": BLOCK}, {}]) == [NAME]


def test_rules_come_with_the_change_that_names_them(pair):
    """Whether it went into the store, or into the machine's own log first."""
    first, second = pair
    first.order(PUSH)
    first.step()
    second.step()
    assert shelf(second) == PARCEL
    assert second.records()[-1]["change"] == PUSH


def test_an_order_takes_them_to_the_store(pair, home):
    """Before the change is there."""
    first, second = pair
    config = Config(models={}, routes=(), state=str(first.state), store=Store(url=home.url))
    assert place(config, [change_record(PUSH, reason="r", actor="a")]).where == "store"
    second.step()
    assert shelf(second) == PARCEL


def test_no_change_waits_for_rules(pair, monkeypatch):
    """Where they cannot be had, what comes behind them is in the log all the same; they come when they can."""
    first, second = pair

    def broken(*_):
        raise StoreError("too large")

    with monkeypatch.context() as patch:
        patch.setattr(first.store.bundles, "put", broken)
        first.order(PUSH)
        first.order(BLOCK)
        assert first.step()
        assert second.step()
    assert [record["change"] for record in second.records()] == [PUSH, BLOCK]
    assert shelf(second) is None
    first.step()
    second.step()
    assert shelf(second) == PARCEL


def test_false_rules_are_told_of_and_not_taken(pair, home, caplog):
    """What comes behind them is in the log all the same, and the right ones are taken as soon as they are there."""
    first, second = pair
    first.order(PUSH)
    first.step()
    home.spoil(NAME)
    first.order(BLOCK)
    assert first.step()
    assert second.step()
    assert [record["change"] for record in second.records()] == [PUSH, BLOCK]
    assert shelf(second) is None
    assert f"what it has as the rules {NAME[:12]} are others" in caplog.text
    first.restart(noted=True)
    first.step()
    second.step()
    assert shelf(second) == PARCEL


def test_who_starts_again_sees_to_them(pair, monkeypatch):
    """Also to those of which the change was exchanged before."""
    first, second = pair
    with monkeypatch.context() as patch:
        patch.setattr(first.store.bundles, "put", lambda *_: None)
        first.order(PUSH)
        for machine in (first, second):
            machine.step()
            machine.restart(noted=True)
    assert shelf(second) is None
    first.step()
    second.step()
    assert shelf(second) == PARCEL
