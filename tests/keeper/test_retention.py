"""Deleting by age and size, with tombstones, and never what is held or not shipped."""

import os
import signal
from hashlib import sha256
from time import time

import pytest

from guard.archive.tombstone import opened
from guard.config import RedisSink, Ship
from guard.config import Retention as Rules
from guard.custody.control import ControlError, append, changes
from guard.evidence.verify import verify
from guard.journal.folder import segments
from guard.keeper.retention import Retention
from guard.proof.keys import known_keys, signer
from guard.proof.node import node_name
from tests.support.growing import Growing
from tests.support.keeping import Keeping


def sealed(tmp_path, ends, log="w1", **journal):
    """A log with a sealed segment for each of these times, at which its last record was made."""
    keeping = Keeping(tmp_path, **journal)
    growing = Growing(keeping.journal, log)
    for end in ends:
        growing.prompts(4, at=end)
        growing.begin(at=end)
    keeping.seal()
    return keeping


def left(keeping, log="w1"):
    """The segments whose records are there."""
    return [segment.base for segment in segments(keeping.journal, log) if not segment.deleted]


def retain(keeping, now=10_000.0):
    """One step of a new keeper's retention, at that time."""
    Retention(keeping.orders, keeping.standing, lambda: now).step()


def told(keeping):
    """The deletions that the control log tells of."""
    return [record["change"] for record in changes(keeping.journal) if record["change"]["type"] == "delete"]


def test_without_a_rule_everything_is_kept(tmp_path):
    """By default nothing is ever deleted."""
    keeping = sealed(tmp_path, [1_000.0, 2_000.0])
    retain(keeping, 1e12)
    assert left(keeping) == [0, 5, 10]


def test_what_is_old_goes_and_leaves_a_tombstone(tmp_path):
    """Segments whose last record is older go; a signed tombstone and a change in the control log say so."""
    keeping = sealed(tmp_path, [1_000.0, 2_000.0, 9_000.0], retention=Rules(age=5_000.0))
    manifest = keeping.journal / "w1" / f"{0:016d}.manifest"
    retain(keeping)
    assert left(keeping) == [10, 15]
    verifier = signer(tmp_path, node_name(tmp_path), "w1").verifier
    stone = opened((keeping.journal / "w1" / f"{0:016d}.tombstone").read_bytes(), [verifier])
    assert (stone.log, stone.base, stone.count, stone.at, stone.actor) == ("w1", 0, 5, 10_000.0, "guard keeper")
    assert stone.manifest == sha256(manifest.read_bytes()).hexdigest()
    assert stone.reason == "its last record is older than 5000 seconds"
    first, second = told(keeping)
    assert first == {"type": "delete", "log": "w1", "base": 0, "count": 5, "from": 1_000.0, "to": 1_000.0}
    assert second["base"] == 5


def test_what_is_left_still_verifies(tmp_path):
    """A journal whose oldest segments were deleted is sound, control log and checkpoints included."""
    keeping = sealed(tmp_path, [1_000.0, 2_000.0, 9_000.0], retention=Rules(age=5_000.0))
    retain(keeping)
    keeping.notary.step(finish=True)
    found = verify(keeping.journal, known_keys(tmp_path))
    assert (found.sound, found.problems) == (True, ())
    (keeping.journal / "w1" / f"{0:016d}.tombstone").unlink()
    assert not verify(keeping.journal, known_keys(tmp_path)).sound


def test_what_is_too_much_goes_the_oldest_first(tmp_path):
    """The oldest segments of all logs go until the rest is small enough."""
    keeping = sealed(tmp_path, [1_000.0, 3_000.0, 5_000.0])
    sealed(tmp_path, [2_000.0, 4_000.0], "w2")
    sizes = [path.stat().st_size for path in keeping.journal.glob("w*/*.zst")]
    plain = sum(path.stat().st_size for path in keeping.journal.glob("w*/*.jsonl"))
    keeping = Keeping(tmp_path, retention=Rules(bytes=plain + sum(sizes) - 2 * min(sizes)))
    retain(keeping)
    assert (left(keeping), left(keeping, "w2")) == ([5, 10, 15], [5, 10])


def test_what_is_held_stays(tmp_path):
    """A hold by time or log keeps what it covers, and others go; when it is released that goes too."""
    keeping = sealed(tmp_path, [1_000.0, 2_000.0, 3_000.0], retention=Rules(age=1.0))
    append(keeping.journal, {"type": "hold", "since": 1_500.0, "until": 2_500.0}, reason="r", incident="I")
    append(keeping.journal, {"type": "hold", "log": "w2"}, reason="r", incident="J")
    retention = Retention(keeping.orders, keeping.standing, lambda: 10_000.0)
    retention.step()
    # The third begins when the second ends.
    assert left(keeping) == [5, 10, 15]
    append(keeping.journal, {"type": "release"}, reason="r", incident="I")
    retention.step()
    assert left(keeping) == [15]


def test_size_does_not_reach_what_is_held(tmp_path):
    """However much there is, what a hold covers stays, and what it does not goes."""
    keeping = sealed(tmp_path, [1_000.0, 2_000.0, 3_000.0], retention=Rules(bytes=1))
    append(keeping.journal, {"type": "hold", "since": 2_500.0}, reason="r", incident="I")
    retain(keeping)
    assert left(keeping) == [10, 15]
    append(keeping.journal, {"type": "release"}, reason="r", incident="I")
    append(keeping.journal, {"type": "hold", "until": 500.0}, reason="r", incident="I")
    retain(keeping)
    assert left(keeping) == [15]


def test_room_that_holds_take_is_told_once(tmp_path, caplog):
    """What is kept beyond the size is told when it begins, and when it is over."""
    caplog.set_level("INFO")
    keeping = sealed(tmp_path, [1_000.0, 2_000.0], retention=Rules(bytes=1))
    append(keeping.journal, {"type": "hold", "until": 1_500.0}, reason="r", incident="I")
    retention = Retention(keeping.orders, keeping.standing, lambda: 10_000.0)
    retention.step()
    retention.step()
    append(keeping.journal, {"type": "release"}, reason="r", incident="I")
    retention.step()
    assert [line for line in caplog.messages if line.startswith("retention")] == [
        "retention: the journal takes more than 1 bytes, for some of it is held, or not shipped yet",
        "retention: it goes on",
    ]


def test_a_control_log_that_was_altered_stops_all_deletion(tmp_path):
    """Where a hold may have been taken away, nothing is deleted."""
    keeping = sealed(tmp_path, [1_000.0], retention=Rules(age=1.0))
    append(keeping.journal, {"type": "hold"}, reason="r", incident="I")
    (path,) = (keeping.journal / "control").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"hold"', b'"held"'))
    with pytest.raises(ControlError):
        retain(keeping)
    assert left(keeping) == [0, 5]


def test_a_control_log_that_was_cut_back_stops_all_deletion(tmp_path):
    """Where changes that were signed for are missing, a hold may be among them: nothing is deleted."""
    keeping = sealed(tmp_path, [1_000.0], retention=Rules(age=1.0))
    append(keeping.journal, {"type": "export"}, reason="r")
    append(keeping.journal, {"type": "hold"}, reason="r", incident="I")
    keeping.notary.step()
    (path,) = (keeping.journal / "control").glob("*.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(ControlError, match="signed for 3 records, and it has only 2"):
        retain(keeping)
    assert left(keeping) == [0, 5]


def test_what_was_not_shipped_stays(tmp_path):
    """With a sink configured, records go only once it has them."""
    ship = Ship(redis=RedisSink(url="redis://nowhere"))
    keeping = sealed(tmp_path, [1_000.0, 2_000.0], retention=Rules(age=1.0), ship=ship)
    for shipped, bases in ((0, [0, 5, 10]), (4, [0, 5, 10]), (5, [5, 10]), (12, [10])):
        keeping.standing.shipped["w1"] = shipped
        retain(keeping)
        assert left(keeping) == bases


@pytest.mark.parametrize("step", ["replace", "sync_folder", "append"])
def test_a_crash_at_any_step_is_made_good(tmp_path, step):
    """Killed before the tombstone, between it and the end, or before the control log: the next keeper finishes it."""
    keeping = sealed(tmp_path, [1_000.0], retention=Rules(age=1.0))
    pid = os.fork()
    if pid == 0:
        import guard.keeper.retention as module

        setattr(module, step, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
        retain(keeping)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    for _ in range(2):
        retain(keeping)
    assert left(keeping) == [5]
    assert (keeping.journal / "w1" / f"{0:016d}.tombstone").exists()
    assert [one["base"] for one in told(keeping)] == [0]


def test_a_deletion_that_had_begun_waits_for_a_hold(tmp_path):
    """A hold that came between a tombstone and a crash keeps the records that are still there."""
    keeping = sealed(tmp_path, [1_000.0], retention=Rules(age=1.0))
    records = keeping.journal / "w1" / f"{0:016d}.jsonl.zst"
    content = records.read_bytes()
    retain(keeping)
    records.write_bytes(content)
    append(keeping.journal, {"type": "hold"}, reason="r", incident="I")
    retain(keeping)
    assert left(keeping) == [0, 5]
    append(keeping.journal, {"type": "release"}, reason="r", incident="I")
    retain(keeping)
    assert left(keeping) == [5]
    assert len(told(keeping)) == 1


def test_the_clock_is_the_systems(tmp_path):
    """Without another clock ages count from now."""
    keeping = sealed(tmp_path, [time()], retention=Rules(age=3_600.0))
    keeping = Keeping(tmp_path, retention=Rules(age=3_600.0))
    Retention(keeping.orders, keeping.standing).step()
    assert left(keeping) == [0, 5]
