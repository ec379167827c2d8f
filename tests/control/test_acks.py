"""What is in force on a machine, told to a real store."""

from contextlib import ExitStack

import pytest

from guard.config import Store
from guard.control import acks as module
from guard.control.acks import AWAITING_SECONDS, IDLE_SECONDS, Acks, Marks
from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from guard.proof.node import node_name
from guard.store.nodes import Acknowledged
from guard.store.opening import opened
from tests.support import valkey


def test_marks_tell_a_version_by_the_records_there_are():
    """Who has the records that a version came with has that version, and those before it."""
    marks = Marks()
    for mark in ((3, 1), (3, 2), (7, 5)):
        marks.put(*mark)
    assert [marks.version_of(records) for records in (0, 2, 3, 6, 7, 99)] == [0, 0, 2, 2, 5, 5]
    assert marks.version == 5
    marks.put(0, 0)
    assert (marks.version_of(99), marks.version) == (0, 0)


def test_marks_say_when_they_move():
    """What is told again is no news."""
    marks = Marks()
    marks.put(3, 1)
    assert marks.moved.is_set()
    marks.moved.clear()
    marks.put(3, 1)
    assert not marks.moved.is_set()


def test_marks_are_not_kept_for_ever():
    """Workers are never far behind."""
    marks = Marks()
    for number in range(1, 3_000):
        marks.put(number, number)
    assert marks.version_of(10) == 0
    assert marks.version_of(2_500) == 2_500


@pytest.fixture
def nodes():
    """The machines in a store of the test's own."""
    with valkey.server() as server, opened(Store(url=server.connection_url)) as store:
        yield store.nodes


def test_each_worker_is_told_as_it_follows(tmp_path, nodes):
    """While one is behind it is looked at often; who has left is not told any more."""
    journal = tmp_path / "journal"
    marks = Marks()
    acks = Acks(nodes, marks, tmp_path, journal)
    with ExitStack() as stack:
        slots = [stack.enter_context(claim(journal)) for _ in range(2)]
        acknowledge(tmp_path, Running("w1", 11, 3, 3))
        acknowledge(tmp_path, Running("w2", 12, 2, 2, "a rule"))
        marks.put(3, 1)
        assert acks.step() == AWAITING_SECONDS
        (told,) = nodes.alive()
        assert (told.node, told.version) == (node_name(tmp_path), 1)
        assert told.workers == (Acknowledged("w1", 11, 1), Acknowledged("w2", 12, 0, "a rule"))
        acknowledge(tmp_path, Running("w2", 12, 3, 3))
        assert acks.step() == IDLE_SECONDS
        assert [one.version for one in nodes.alive()[0].workers] == [1, 1]
        slots[0].close()
        acks.step()
        assert [one.log for one in nodes.alive()[0].workers] == ["w2"]
    acks.finish()
    assert nodes.alive() == []


def test_a_worker_that_never_follows_is_not_looked_at_for_ever(tmp_path, nodes, monkeypatch):
    """After a while it is waited for at leisure."""
    journal = tmp_path / "journal"
    marks = Marks()
    acks = Acks(nodes, marks, tmp_path, journal)
    with claim(journal):
        acknowledge(tmp_path, Running("w1", 11, 3, 3))
        marks.put(9, 1)
        assert acks.step() == AWAITING_SECONDS
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
        assert acks.step() == IDLE_SECONDS


def test_the_same_is_told_once_in_a_while(tmp_path, nodes, monkeypatch):
    """A machine of which nothing new is to be said says that it is there."""
    acks = Acks(nodes, Marks(), tmp_path, tmp_path / "journal")
    acks.step()
    first = nodes.alive()[0].at
    acks.step()
    assert nodes.alive()[0].at == first
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.0)
    acks.step()
    assert nodes.alive()[0].at > first
