"""Snapshots of the measures in force."""

from time import time

import orjson
import pytest

from guard.custody.control import append, append_all, change_record
from guard.custody.measures import State
from guard.custody.snapshot import Snapshots, restore
from guard.custody.tail import Tail
from guard.custody.watch import Watch
from tests.support.sealing import seal_all


def block(number, **more):
    """Somebody is not served."""
    change = {"type": "block", "kind": "account", "value": f"a{number}"}
    return change_record(change, reason="r", actor="a", **more)


def folded(journal):
    """What the whole log comes to."""
    state = State()
    state.take(Tail(journal).news())
    return state


def taken(journal, path, every=10):
    """A snapshot of a log as it is."""
    Snapshots(journal, path, every).step(time())
    return path


def test_a_start_goes_on_from_the_snapshot(tmp_path):
    """Only what came behind it is read, and the state is that of the whole log."""
    path = tmp_path / "snapshot"
    for number in range(0, 60, 20):
        append_all(tmp_path, [block(one) for one in range(number, number + 20)], segment_bytes=5_000)
    append(tmp_path, {"type": "unblock", "kind": "account", "value": "a7"}, reason="r", actor="a")
    taken(tmp_path, path)
    append(tmp_path, {"type": "isolate", "model": "chat"}, reason="r", actor="a", segment_bytes=5_000)
    tail = Tail(tmp_path)
    state = restore(path, tail)
    assert len(state.blocks) == 59
    (record,) = tail.news()
    state.take([record])
    whole = folded(tmp_path)
    assert (state.measures(), state.version, state.last) == (whole.measures(), whole.version, whole.last)
    assert state.offences.told() == whole.offences.told()
    assert state.offences.earlier("account", "a7", time()) == 1
    assert Watch(tmp_path, path).first() == whole.measures()


def test_a_snapshot_is_written_when_there_is_enough_that_is_new(tmp_path):
    """And then again when as much has come again; what is over by then is not in it."""
    path = tmp_path / "snapshot"
    snapshots = Snapshots(tmp_path, path, every=10)
    append_all(tmp_path, [block(one, expires=time() - 1) for one in range(5)])
    snapshots.step(time())
    assert not path.exists()
    append_all(tmp_path, [block(one) for one in range(10, 15)])
    snapshots.step(time())
    first = orjson.loads(path.read_bytes())
    assert (first["seq"], len(first["measures"])) == (11, 5)
    append_all(tmp_path, [block(one) for one in range(20, 29)])
    Snapshots(tmp_path, path, every=10).step(time())
    assert orjson.loads(path.read_bytes()) == first


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"{"),
        lambda path: path.write_bytes(b"{}"),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"seq":21', b'"seq":20', 1)),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"seq":21', b'"seq":99', 1)),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"seq":21', b'"seq":0', 1)),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"measures":[{"change"', b'"measures":[{"chance"')),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_snapshot_that_does_not_fit_is_passed_over(tmp_path, spoil, caplog):
    """The log is read from its beginning, and the log of the program says so."""
    path = tmp_path / "snapshot"
    append_all(tmp_path, [block(one) for one in range(20)])
    spoil(taken(tmp_path, path))
    assert Watch(tmp_path, path).first() == folded(tmp_path).measures()
    assert "is read from its beginning" in caplog.text


def test_one_of_a_later_time_is_passed_over(tmp_path, caplog):
    """What was over by a clock that has gone back since is not in it, and is not over; whoever writes them sees it."""
    path = tmp_path / "snapshot"
    append_all(tmp_path, [block(one, expires=time() + 60) for one in range(20)])
    snapshots = Snapshots(tmp_path, path, every=10)
    snapshots.step(time() + 3_600)
    assert orjson.loads(path.read_bytes())["measures"] == []
    assert len(Watch(tmp_path, path).first().blocks) == 20
    snapshots.step(time())
    assert len(orjson.loads(path.read_bytes())["measures"]) == 20
    assert "the clock has gone back" in caplog.text


def test_it_fits_no_other_log(tmp_path):
    """A log that was begun anew is read from its beginning, even where it has more records."""
    path = tmp_path / "snapshot"
    append_all(tmp_path / "old", [block(one) for one in range(20)])
    taken(tmp_path / "old", path)
    append_all(tmp_path / "new", [block(one) for one in range(100, 130)])
    assert Watch(tmp_path / "new", path).first() == folded(tmp_path / "new").measures()


@pytest.mark.parametrize("sealed_first", [False, True])
def test_it_fits_where_its_segment_was_sealed(tmp_path, sealed_first):
    """Behind a sealed segment the tail goes on as behind a plain one."""
    path = tmp_path / "snapshot"
    for number in range(0, 60, 20):
        append_all(tmp_path, [block(one) for one in range(number, number + 20)], segment_bytes=2_000)
    if sealed_first:
        seal_all(tmp_path, "control", frame_bytes=1_000)
    taken(tmp_path, path)
    append_all(tmp_path, [block(99)], segment_bytes=2_000)
    if not sealed_first:
        seal_all(tmp_path, "control", frame_bytes=1_000)
    tail = Tail(tmp_path)
    state = restore(path, tail)
    assert len(state.blocks) == 60
    state.take(tail.news())
    assert state.measures() == folded(tmp_path).measures()
