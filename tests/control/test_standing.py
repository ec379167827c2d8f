"""How a node stands: whatever is wrong is told in a sentence."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack

import msgspec
import pytest

from guard.config import Admin, Config, Journal, Store
from guard.control.standing import document, standing
from guard.counts import Counts, Gauges
from guard.custody import control, counts, supervision
from guard.custody.supervision import Supervision
from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from guard.store.nodes import Acknowledged, Node
from guard.store.opening import opened
from tests.support import valkey
from tests.support.values import config


class Place:
    """A state folder in which workers, a keeper and a control process seem to run: their locks are held."""

    def __init__(self, folder, stack, workers=1, **sections):
        self.config: Config = config(
            state=str(folder), data={"workers": workers}, journal={"reserve_bytes": 1}, **sections
        )
        self.folder = folder
        self.stack = stack
        self.journal = folder / "journal"

    def hold(self, lock):
        """Some process has that lock."""
        descriptor = os.open(self.folder / lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.stack.callback(os.close, descriptor)

    def worker(self, log="w1", *, measures=0, fault="", told=None):
        """A worker runs, and has told this of itself."""
        slot = self.stack.enter_context(claim(self.journal))
        assert slot.log == log
        acknowledge(self.folder, Running(log, 77, measures, 1, fault))
        if told is not None:
            counts.save(counts.place(self.folder, log), counts.encode(told))

    @property
    def problems(self):
        return standing(self.config).problems


@pytest.fixture
def node(tmp_path):
    """A node with its keeper, and no worker yet."""
    with ExitStack() as stack:
        made = Place(tmp_path, stack)
        made.hold("keeper.lock")
        made.hold("control.lock")
        yield made


def told(**now):
    """What a worker that is well has counted, but for `now`."""
    return Counts(now=Gauges(at=time.time(), policy=1, **now))


def test_nothing_is_wrong(node):
    """Everybody runs and has the newest."""
    node.worker(told=told())
    (node.folder / "node").write_text("here-1\n")
    found = standing(node.config)
    assert found.problems == found.behind == []
    assert (found.node, found.newest, found.keeper, found.control, found.lost) == ("here-1", 0, True, True, 0)
    assert [worker.running.log for worker in found.workers] == ["w1"]
    assert found.supervisor is None


def test_nobody_runs(node):
    """What was counted and lost before is told all the same."""
    counts.save(counts.place(node.folder, "w3"), counts.encode(Counts(lost=4, lost_at=time.time() - 7)))
    assert node.problems == ["no guard runs here", "w3: 4 records are lost, the last ones 7 seconds ago"]


def test_a_loss_of_last_week_is_counted_and_wrong_no_more(node):
    """It stands in the journal, and in the sum."""
    node.worker(told=Counts(lost=4, lost_at=time.time() - 8 * 86_400))
    found = standing(node.config)
    assert (found.problems, found.lost) == ([], 4)


def test_a_worker_that_is_behind(node):
    """It has other measures in force than the newest, or cannot put them in force."""
    change = {"type": "block", "kind": "ip", "value": "203.0.113.9"}
    version = control.append(node.journal, change, reason="r")["seq"] + 1
    node.worker(measures=version - 1, told=told())
    assert node.problems == [f"w1 is behind: it has measures {version - 1} in force, the newest are {version}"]
    node.worker("w2", measures=version, fault="a rule cannot be compiled")
    found = standing(node.config)
    assert found.problems[1:] == ["w2: a rule cannot be compiled"]
    assert found.behind == ["w1", "w2"]


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        ({"lag": 2.0}, "w1: its loop came 2.0 seconds late within the last minute"),
        ({"healthy": False, "kept": 3}, "w1: the journal cannot be written now; 3 records wait for that"),
        ({"journal_lag": 6.0}, "w1: the oldest record that is not on disk is 6.0 seconds old"),
    ],
)
def test_a_worker_that_is_not_well(node, now, problem):
    """What it tells of itself."""
    node.worker(told=told(**now))
    assert node.problems == [problem]


def test_a_worker_that_has_fallen_silent(node):
    """It may hang, or its state folder's disk."""
    node.worker(told=Counts(now=Gauges(at=time.time() - 30)))
    assert node.problems == ["w1 has told nothing of itself for 30 seconds"]


def test_records_that_nobody_signs_for(node):
    """Those of the last minute are not late yet."""
    node.worker(told=msgspec.structs.replace(told(), records=9, signable=5))
    assert node.problems == ["w1: no checkpoint is signed for 5 records that are more than a minute old"]


def test_processes_that_do_not_run(tmp_path):
    """Fewer workers than there should be, no keeper, and no control process any more."""
    with ExitStack() as stack:
        node = Place(tmp_path, stack, workers=3)
        node.worker(told=told())
        (tmp_path / "control.lock").touch()
        assert node.problems == [
            "1 of 3 workers run",
            "the keeper does not run: nothing is signed, sealed or deleted",
            "the control process does not run: there is no admin API",
        ]
        node.hold("control.lock")
        assert standing(node.config).control is True
        node.config = msgspec.structs.replace(node.config, admin=Admin(listen=None))
        assert standing(node.config).control is None


def test_a_disk_that_gets_full(node):
    """Below the reserve, or soon."""
    node.worker(told=told())
    free = standing(node.config).journal.free
    assert free is not None
    for reserve, word in ((2 * free, "less than the reserve"), (free * 3 // 4, "less than twice the reserve")):
        node.config = msgspec.structs.replace(node.config, journal=Journal(reserve_bytes=reserve))
        [problem] = node.problems
        assert word in problem


def test_a_control_log_that_cannot_be_relied_on(node):
    """Nobody is called behind then."""
    control.append(node.journal, {"type": "online", "model": "chat"}, reason="r")
    [path] = (node.journal / "control").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"chat", b"tach"))
    node.worker(told=told())
    found = standing(node.config)
    assert found.newest is None
    assert found.behind == []
    [problem] = found.problems
    assert problem.startswith("the control log cannot be relied on: control/0: record 1 is damaged")


def test_the_supervisor_is_told_while_it_lives(node):
    """With what it saw."""
    supervision.write(node.folder, Supervision(os.getpid(), deaths=2, hangs=1))
    assert standing(node.config).supervisor == Supervision(os.getpid(), deaths=2, hangs=1)
    supervision.write(node.folder, Supervision(2**22 + 1))
    assert standing(node.config).supervisor is None


def test_the_document_has_all_of_it(node):
    """With sums in the place of what was counted."""
    counted = msgspec.structs.replace(told(running=2), requests={("chat", "v1", "complete"): 3})
    node.worker(told=counted)
    node.worker("w2")
    plain = document(standing(node.config))
    assert plain["measures"] == 0
    assert plain["workers"][0]["requests"] == 3
    assert plain["workers"][0]["now"]["running"] == 2
    assert plain["workers"][1] == {
        "log": "w2", "pid": 77, "measures": 0, "policy": 1, "fault": "", "rules": "", "waits": "",
    }  # fmt: skip
    assert {"node", "supervisor", "keeper", "control", "journal", "behind", "lost", "problems"} < plain.keys()
    assert "checkpoint_age" in plain["journal"]


def test_a_store_that_is_not_there(node):
    """It is told, with the rest."""
    node.worker(told=told())
    node.config = msgspec.structs.replace(node.config, store=Store(url="redis://127.0.0.1:1"))
    [problem] = node.problems
    assert problem.startswith("the store ")
    assert "cannot be reached" in problem


def test_other_nodes_that_are_behind(node):
    """Or could not put something in force."""
    node.worker(told=told())
    with valkey.server() as server:
        store = Store(url=server.connection_url)
        node.config = msgspec.structs.replace(node.config, store=store)
        assert node.problems == []
        with opened(store) as shared:
            shared.nodes.tell(Node("a", 3, (Acknowledged("w1", 7, 3, "a rule"),)))
            shared.nodes.tell(Node("b", 2))
        assert node.problems == [
            "node b is behind: it has not taken the newest of the shared changes",
            "node a, w1: a rule",
        ]
        assert [one["node"] for one in document(standing(node.config))["store"]["nodes"]] == ["a", "b"]
