"""The desk: orders taken, placed and in force."""

import threading
import time

import pytest

from guard.changes import VersionError
from guard.control.desk import Desk, Order, Planned
from guard.control.errors import OrderError
from guard.custody.control import ControlError, changes
from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from tests.support.admin import config

BLOCK = Planned({"type": "block", "kind": "ip", "value": "203.0.113.9/24"})
UNBLOCK = Planned({"type": "unblock", "kind": "ip", "value": "203.0.113.0/24"})


@pytest.fixture
def desk(tmp_path):
    """A desk, for a state folder where nothing was ordered yet."""
    return Desk(config(tmp_path))


def test_an_order_is_placed_as_it_was_checked(desk):
    """In the one spelling, with who, why, for what and until when; members that were not given are not made up."""
    until = time.time() + 60
    placed = desk.place(Order([BLOCK], "why", actor="ann", incident="INC-1", expires=until))
    (record,) = changes(desk.journal)
    assert record["change"] == {"type": "block", "kind": "ip", "value": "203.0.113.0/24"}
    assert (record["actor"], record["reason"], record["incident"], record["expires"]) == ("ann", "why", "INC-1", until)
    assert placed.records[0]["id"] == record["id"]
    assert (placed.version, placed.force.workers) == (2, 0)
    with desk.state() as state:
        assert list(state.blocks) == [("ip", "203.0.113.0/24")]


def test_an_order_waits_until_it_is_in_force(desk, tmp_path):
    """On every worker that runs; one that could not put it in force says why."""
    with claim(desk.journal):
        acknowledge(tmp_path, Running("w1", 1, 0, 1))
        given = Order([Planned({"type": "add-rule", "id": "r", "literal": "x"})], "r")
        later = threading.Timer(0.2, acknowledge, (tmp_path, Running("w1", 1, 2, 3, "it cannot be compiled")))
        later.start()
        force = desk.place(given).force
        later.join()
    assert force.seconds >= 0.1
    assert [one.fault for one in force.late] == ["it cannot be compiled"]


def test_an_order_is_placed_whole_or_not_at_all(desk):
    """The change that is wrong is named; nothing is written down."""
    with pytest.raises(OrderError) as error:
        desk.place(Order([BLOCK, Planned({"type": "isolate", "model": "other"})], "r"))
    assert error.value.where == "changes[1].model"
    assert list(changes(desk.journal)) == []


@pytest.mark.parametrize(
    ("order", "where"),
    [
        (Order([], "r"), "changes"),
        (Order([BLOCK], " "), "reason"),
        (Order([BLOCK], "r", expires=1.0), "expires"),
        (Order([BLOCK], "r", expires=float("inf")), "expires"),
        (Order([BLOCK], "r", expires=float("nan")), "expires"),
    ],
)
def test_an_order_says_what_and_why_and_until_when(desk, order, where):
    """Otherwise it is none."""
    with pytest.raises(OrderError) as error:
        desk.place(order)
    assert error.value.where == where


def test_what_is_not_there_cannot_be_taken_back(desk):
    """Unless it comes with the same order."""
    with pytest.raises(OrderError, match="is not blocked by command") as error:
        desk.place(Order([UNBLOCK], "r"))
    assert error.value.missing
    desk.place(Order([BLOCK, UNBLOCK], "r"))
    desk.place(Order([BLOCK], "r"))
    desk.place(Order([UNBLOCK], "r"))
    with desk.state() as state:
        assert not state.blocks


def test_an_order_for_another_version_is_not_placed(desk):
    """Somebody else was quicker; the version that there is is told."""
    desk.place(Order([BLOCK], "r", if_version=0))
    with pytest.raises(VersionError) as error:
        desk.place(Order([BLOCK], "r", if_version=1))
    assert error.value.version == 2
    desk.place(Order([BLOCK], "r", if_version=2))


def test_a_preview_changes_nothing(desk):
    """It says of each change what it would do, and what is there now."""
    desk.place(Order([BLOCK], "first"))
    found = desk.preview(Order([BLOCK, Planned({"type": "isolate", "model": "chat"})], "r"))
    assert [one["effect"] for one in found] == ["replaces", "adds"]
    assert (found[0]["now"]["reason"], found[1]["now"]) == ("first", None)
    assert len(list(changes(desk.journal))) == 1


def test_what_is_over_is_not_in_force(desk):
    """It ends by itself."""
    desk.place(Order([BLOCK], "r", expires=time.time() + 0.1))
    until = time.monotonic() + 10
    while True:
        with desk.state() as state:
            if not state.blocks:
                return
        assert time.monotonic() < until


def test_a_clock_that_goes_back_brings_back_what_is_not_over(desk, monkeypatch):
    """Orders are held against what is in force by the clock as it is now."""
    now = time.time()
    desk.place(Order([BLOCK], "r", expires=now + 60))
    for later, count in ((0, 1), (3_600, 0), (0, 1)):
        monkeypatch.setattr("guard.control.desk.time", lambda later=later: now + later)
        with desk.state() as state:
            assert len(state.blocks) == count
    assert desk.place(Order([UNBLOCK], "r")).version == 3


def test_a_damaged_log_is_told_each_time(desk):
    """Who asks what is in force is never told a half of it; but somebody can still be blocked."""
    desk.place(Order([BLOCK], "r"))
    path = next((desk.journal / "control").glob("*.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"203.0.113", b"203.0.114"))
    for _ in range(2):
        with pytest.raises(ControlError), desk.state():
            pass
