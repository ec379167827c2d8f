"""Orders where a control process follows the store, and whatever befalls that."""

import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest
from msgspec.structs import replace

from guard.config import Store
from guard.control.desk import Desk, Order, Planned
from guard.control.sharing import Sharing
from guard.custody.control import append, append_all, change_record, changes
from guard.custody.rulings import once, version_of
from guard.proof.node import node_name
from guard.store.errors import StoreError
from guard.store.sqlite.changes import SqliteChanges
from tests.support.admin import config
from tests.support.stores import InFile
from tests.support.valkey import until

BLOCK = Planned({"type": "block", "kind": "ip", "value": "203.0.113.9/24"})
UNBLOCK = Planned({"type": "unblock", "kind": "ip", "value": "203.0.113.0/24"})


@pytest.fixture
def desk(tmp_path):
    """A desk, for a state folder where nothing was ordered yet."""
    return Desk(config(tmp_path))


@contextmanager
def controlled(desk):
    """The desk of a control process."""
    with Sharing(desk.config) as sharing:
        desk.sharing = sharing
        assert sharing.is_even(10)
        yield sharing
    desk.sharing = None


def versions(desk):
    """Those of all changes, each once."""
    return [version_of(one) for one in once(changes(desk.journal))]


def test_versions_are_the_same_with_and_without_a_control_process(desk):
    """What was ordered while there was none keeps its number in the store, and the next one follows."""
    assert [desk.place(Order([BLOCK], "r")).version for _ in range(3)] == [2, 3, 4]
    with controlled(desk) as sharing:
        assert sharing.store.changes.version() == 4
        assert desk.place(Order([BLOCK], "r", if_version=4)).version == 5
        with desk.state() as state:
            assert desk.version(state) == 5
    with desk.state() as state:
        assert desk.version(state) == 5
    assert desk.place(Order([BLOCK], "r", if_version=5)).version == 6
    with controlled(desk) as sharing:
        assert sharing.store.changes.version() == 6
        assert desk.place(Order([UNBLOCK], "r", if_version=6)).version == 7
    assert versions(desk) == [2, 3, 4, 5, 6, 7]


def test_what_is_no_change_is_no_other_version(desk):
    """The log has a hold since; an order for the version before is taken."""
    before = desk.place(Order([BLOCK], "r")).version
    append(desk.journal, {"type": "hold"}, reason="r")
    assert desk.place(Order([UNBLOCK], "r", if_version=before)).version == before + 2


def test_a_store_that_was_taken_away_is_filled_again(desk):
    """With the numbers that there were; what is ordered meanwhile comes behind."""
    with controlled(desk) as sharing:
        for _ in range(3):
            desk.place(Order([BLOCK, Planned({"type": "isolate", "model": "chat"})], "r"))
        for file in desk.folder.glob("store.db*"):
            file.unlink()
        desk.place(Order([UNBLOCK], "r"))
        until(lambda: sharing.store.changes.version() == 8)
    assert versions(desk) == [1, 2, 3, 4, 5, 6, 8]
    with desk.state() as state:
        assert (list(state.blocks), list(state.isolated)) == ([], ["chat"])


def test_a_store_that_is_damaged_keeps_nobody_from_acting(desk):
    """It is set aside, and made anew out of the log."""
    with controlled(desk):
        desk.place(Order([BLOCK], "r"))
    (desk.folder / "store.db").write_bytes(b"something else " * 1_000)
    with Sharing(desk.config) as sharing:
        desk.sharing = sharing
        desk.place(Order([UNBLOCK], "r"))
        with desk.state() as state:
            assert not state.blocks
        until(lambda: sharing.store.changes.version() == 3)
    assert (desk.folder / "store.db-damaged").exists()


def test_while_the_store_is_filled_orders_come_behind(desk, monkeypatch):
    """They are in this machine's log at once, and in the store when that has what was ordered before."""
    append_all(desk.journal, [change_record({**BLOCK.change, "value": f"192.0.2.{n}"}, reason="r") for n in range(200)])
    desk.config = replace(desk.config, store=Store(timeout=0.05))
    filled = threading.Event()
    publish = SqliteChanges.publish
    monkeypatch.setattr(SqliteChanges, "publish", lambda *what: filled.wait(10) and publish(*what))
    with Sharing(desk.config) as sharing:
        desk.sharing = sharing
        assert desk.place(Order([Planned({"type": "unblock", "kind": "ip", "value": "192.0.2.7"})], "r")).version == 202
        with pytest.raises(StoreError, match="it has not taken yet what was ordered before; an order for version 5"):
            desk.place(Order([BLOCK], "r", if_version=5))
        filled.set()
        until(lambda: sharing.version == 202)
        with desk.state() as state:
            assert ("ip", "192.0.2.7") not in state.blocks


def test_what_was_put_aside_comes_before_what_is_ordered_later(desk, monkeypatch):
    """Also where the store takes orders again before it has what it did not take."""
    sent = threading.Event()
    publish = SqliteChanges.publish
    monkeypatch.setattr(SqliteChanges, "publish", lambda *what: sent.wait(10) and publish(*what))
    with controlled(desk) as sharing:
        before = desk.place(Order([Planned({"type": "isolate", "model": "chat"})], "r")).version
        with closing(sqlite3.connect(desk.folder / "store.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            desk.place(Order([BLOCK], "r"))
        with pytest.raises(StoreError, match="it has not taken yet what was ordered before"):
            desk.place(Order([UNBLOCK], "r", if_version=before))
        desk.place(Order([UNBLOCK], "r"))
        sent.set()
        until(lambda: sharing.is_even(0))
    assert [one["change"]["type"] for one in once(changes(desk.journal))][1:3] == ["block", "unblock"]
    with desk.state() as state:
        assert not state.blocks


def test_an_order_that_the_store_lost_before_anybody_had_it_is_not_lost(desk, monkeypatch):
    """It was taken, and the file taken away; what is answered is in this machine's log."""
    with controlled(desk) as sharing:
        desk.place(Order([Planned({"type": "isolate", "model": "chat"})], "r"))
        add = SqliteChanges.add

        def taken_away(*what):
            monkeypatch.undo()
            added = add(*what)
            for file in desk.folder.glob("store.db*"):
                file.unlink()
            desk.place(Order([Planned({"type": "online", "model": "chat"})], "r"))
            return added

        monkeypatch.setattr(SqliteChanges, "add", taken_away)
        desk.place(Order([BLOCK], "r"))
        with desk.state() as state:
            assert (list(state.blocks), list(state.isolated)) == ([("ip", "203.0.113.0/24")], [])
        until(lambda: sharing.is_even(0))
    # The block may have come into the log before the file was taken away, or after that.
    assert sorted(one["change"]["type"] for one in once(changes(desk.journal))) == ["block", "isolate", "online"]


def test_an_order_for_a_store_that_went_back_does_not_come_before_what_that_lost(desk):
    """Somebody has put a backup in its place, and this machine has not seen that yet."""
    home = InFile(desk.folder / "store.db")
    with controlled(desk) as sharing:
        desk.place(Order([Planned({"type": "isolate", "model": "chat"})], "r"))
        saved = home.save()
        desk.place(Order([BLOCK], "r"))
        sharing.store.changes.wait = lambda *_: time.sleep(1.0)
        time.sleep(0.3)
        home.rewind(saved)
        desk.place(Order([UNBLOCK], "r"))
        del sharing.store.changes.wait
        until(lambda: sharing.is_even(0))
        with desk.state() as state:
            assert not state.blocks
    assert [one["change"]["type"] for one in once(changes(desk.journal))] == ["isolate", "block", "unblock"]


def test_what_nobody_tells_of_is_not_in_force(desk):
    """Where no machine is heard of, this one is not either, and it is late."""
    with controlled(desk) as sharing:
        sharing.store.nodes.tell = lambda _: None
        sharing.store.nodes.forget(node_name(desk.folder))
        late = desk.place(Order([BLOCK], "r"), patience=0.05).force.late
        assert [one.log for one in late] == [node_name(desk.folder)]


def test_while_log_and_store_are_compared_the_version_does_not_go_back(desk, monkeypatch):
    """It is the log's until the store's is known; not that of the change that was looked at last."""
    append_all(desk.journal, [change_record(BLOCK.change, reason="r") for _ in range(1_500)])
    halfway, seen = threading.Event(), threading.Event()
    read = SqliteChanges.read

    def slow(self, after, *more):
        if after == 1_001:
            halfway.set()
            assert seen.wait(10)
        return read(self, after, *more)

    monkeypatch.setattr(SqliteChanges, "read", slow)
    with Sharing(desk.config) as sharing:
        desk.sharing = sharing
        assert halfway.wait(10)
        with desk.state() as state:
            assert desk.version(state) == 1_501
        seen.set()
        until(lambda: sharing.version == 1_501)


def test_a_long_order_that_is_given_again_is_told_as_long(desk):
    """Also where it is more than the store gives out at a time."""
    many = [Planned({"type": "block", "kind": "ip", "value": f"192.0.2.{n}"}, reason="x" * 9_000) for n in range(200)]
    with controlled(desk):
        first = desk.place(Order(many, "r", mark="m"), patience=0.0)
        again = desk.placed("m", len(many), patience=0.0)
        assert again is not None
        assert again.version == first.version
        assert [one["id"] for one in again.records] == [one["id"] for one in first.records]
