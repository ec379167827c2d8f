"""What a journal's files tell of it."""

import os
import shutil
import time
from pathlib import Path

from guard.control.health import LogHealth, health_of
from guard.journal.folder import CHECKPOINT
from guard.proof.checkpoint import Checkpoint
from guard.proof.keys import signer
from tests.support.journals import exchange, write_segment


def sign(state: Path, log: str, size: int) -> None:
    """Put a checkpoint there."""
    note = Checkpoint(f"node/{log}", size, bytes(32)).sign(signer(state, "node", log))
    (state / "journal" / log / CHECKPOINT).write_bytes(note)


def test_nothing_is_there_yet(tmp_path):
    """A folder that is not there has no room and no age, and is no error."""
    found = health_of(tmp_path / "nowhere")
    assert (found.free, found.logs, found.checkpoint_age, found.bytes) == (None, {}, None, 0)


def test_segments_are_counted_by_what_they_are(tmp_path):
    """The last of a log is open, those before it wait to be sealed; sealed ones and deleted ones are told apart."""
    journal = tmp_path / "journal"
    end = write_segment(journal, exchange("a"))
    first = journal / "w1" / f"{0:016d}.jsonl"
    os.utime(first, (1_000.0, 1_000.0))
    middle = write_segment(journal, exchange("b"), after=end)
    write_segment(journal, [], after=middle)
    write_segment(journal, [], log="w2")
    found = health_of(journal)
    assert found.segments == {"open": 2, "finished": 2, "sealed": 0, "deleted": 0}
    assert found.unsealed_since == 1_000.0
    assert found.bytes == sum(path.stat().st_size for path in journal.rglob("*.jsonl"))
    assert found.free is not None
    assert 0 < found.free < shutil.disk_usage(journal).total
    first.rename(first.with_suffix(".jsonl.zst"))
    (journal / "w1" / f"{end.seq:016d}.jsonl").rename(journal / "w1" / f"{end.seq:016d}.tombstone")
    found = health_of(journal)
    assert found.segments == {"open": 2, "finished": 0, "sealed": 1, "deleted": 1}
    assert found.unsealed_since is None


def test_checkpoints_tell_how_much_is_signed_for(tmp_path):
    """By log; the age is that of the newest, and what is no checkpoint signs for nothing."""
    journal = tmp_path / "journal"
    for log in ("w1", "w2", "w3"):
        write_segment(journal, [], log=log)
    sign(tmp_path, "w1", 12)
    sign(tmp_path, "w2", 7)
    (journal / "w3" / CHECKPOINT).write_text("no note")
    now = time.time()
    os.utime(journal / "w1" / CHECKPOINT, (now - 100, now - 100))
    os.utime(journal / "w2" / CHECKPOINT, (now - 40, now - 40))
    found = health_of(journal)
    assert {log: one.signed for log, one in found.logs.items()} == {"w1": 12, "w2": 7, "w3": 0}
    assert found.logs["w3"] == LogHealth(0, 0.0)
    assert found.checkpoint_age is not None
    assert 40 <= found.checkpoint_age < 60
