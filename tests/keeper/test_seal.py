"""Sealing what is finished."""

import os
from time import time

from guard.journal.folder import segments
from guard.keeper.seal import Sealer
from tests.support.growing import Growing
from tests.support.keeping import Keeping


def finished(keeping, count=2, log="w1"):
    """A log with so many finished segments, and one that is not."""
    log = Growing(keeping.journal, log)
    for _ in range(count):
        log.prompts(5)
        log.begin()
    return log


def kinds(keeping, log="w1"):
    """Which files each segment has."""
    return [
        (one.base, "".join(name[0] for name in ("plain", "sealed", "manifest") if getattr(one, name)))
        for one in segments(keeping.journal, log)
    ]


def test_finished_segments_are_sealed(tmp_path, caplog):
    """All but the last segment of each log are sealed, which the log tells."""
    caplog.set_level("INFO", "guard.keeper")
    keeping = Keeping(tmp_path)
    finished(keeping)
    finished(keeping, 1, "w2")
    keeping.seal()
    assert kinds(keeping) == [(0, "sm"), (6, "sm"), (12, "p")]
    assert kinds(keeping, "w2") == [(0, "sm"), (6, "p")]
    assert [record.message.split(":")[0] for record in caplog.records] == ["sealed w1/0", "sealed w1/6", "sealed w2/0"]


def test_nothing_is_sealed_before_it_is_signed_for(tmp_path):
    """A segment waits until a checkpoint covers all of it."""
    keeping = Keeping(tmp_path)
    log = finished(keeping, 0)
    log.prompts(5)
    log.mark()
    keeping.notary.step()
    log.begin()
    Sealer(keeping.orders, keeping.standing).step()
    assert kinds(keeping) == [(0, "p"), (7, "p")]
    keeping.seal()
    assert kinds(keeping) == [(0, "sm"), (7, "p")]


def test_a_segment_stays_plain_for_collectors(tmp_path):
    """With `seal_after` a finished segment is sealed only so long after its last record."""
    keeping = Keeping(tmp_path, seal_after=100.0)
    log = finished(keeping, 1)
    keeping.seal()
    assert kinds(keeping) == [(0, "p"), (6, "p")]
    path, then = keeping.journal / "w1" / f"{0:016d}.jsonl", time() - 101
    os.utime(path, (then, then))
    keeping.seal()
    assert kinds(keeping) == [(0, "sm"), (6, "p")]
    assert log.position.seq == 7


def test_a_damaged_segment_is_told_once_and_left(tmp_path, caplog):
    """The first bad record is named; the file stays as it is, and is sealed when it was put right."""
    keeping = Keeping(tmp_path)
    log = finished(keeping)
    finished(keeping, 1, "w2")
    path = keeping.journal / "w1" / f"{6:016d}.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"id":"w1-8"', b'"id":"w1-9"'))
    sealer = keeping.seal()
    sealer.step()
    assert kinds(keeping) == [(0, "sm"), (6, "p"), (12, "p")]
    assert kinds(keeping, "w2") == [(0, "sm"), (6, "p")]
    assert path.read_bytes() != whole
    (record,) = caplog.records
    assert record.message.startswith("sealing w1/6: w1/8: ")
    assert "left as it is" in record.message
    path.write_bytes(whole)
    sealer.step()
    assert kinds(keeping) == [(0, "sm"), (6, "sm"), (12, "p")]
    assert log.position.seq == 13


def test_records_that_were_replaced_meanwhile_are_told(tmp_path, caplog):
    """A segment written anew, rightly chained, with other records than checkpoints were signed for is told of."""
    keeping = Keeping(tmp_path)
    log = finished(keeping, 0)
    log.prompts(5, at=1_000.0)
    log.mark()
    keeping.notary.step()
    log.path.unlink()
    forged = finished(keeping, 0)
    forged.prompts(5, at=2_000.0)
    forged.mark()
    log.begin()
    keeping.seal()
    assert "w1/0: its records are others than those that checkpoints were signed for" in caplog.text
    assert keeping.checkpoint().size == 7
