"""A whole journal, verified: also while it is being written."""

import shutil
import threading
from time import time

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.evidence.verify import outside, verify
from guard.journal.chain import link
from guard.journal.folder import PLAIN, Segment, segments
from tests.support.journals import write_segment
from tests.support.sealing import delete, marks, seal_all, sign_checkpoint, signer, write_log

KEYS = [signer("control").verifier]


@pytest.fixture
def journal(tmp_path):
    """Three logs with a deleted, a sealed and two plain segments each, and their checkpoints."""
    for log in ("w1", "w2", "control"):
        after = write_log(tmp_path, [3, 3, 3], log=log)
        seal_all(tmp_path, log)
        delete(segments(tmp_path, log)[0])
        write_log(tmp_path, [3], log=log, after=after)
        sign_checkpoint(tmp_path, log)
    return tmp_path


def told(journal, **options):
    """What is wrong with a journal, a line each."""
    return [str(problem) for problem in verify(journal, KEYS, **options).problems]


def test_a_whole_journal_is_sound(journal):
    """All logs are told; any log's key stands for all of the node's."""
    report = verify(journal, KEYS)
    assert report.sound
    assert [(log.log, log.records, log.deleted, log.sealed) for log in report.logs] == [
        ("w1", 12, 4, 1),
        ("w2", 12, 4, 1),
        ("control", 12, 4, 1),
    ]


def test_processes_come_to_the_same(journal):
    """Shared out over processes, the result is the same, and how far it is is told up to the end."""
    path = segments(journal, "w2")[3].path(PLAIN)
    path.write_bytes(path.read_bytes().replace(b'"at":1014', b'"at":1015'))
    seen = []
    shared = verify(journal, KEYS, progress=lambda done, total: seen.append((done, total)), processes=2)
    assert shared == verify(journal, KEYS, processes=1)
    assert [one.seq for one in shared.problems] == [15]
    assert len(seen) == 9
    assert seen[-1][0] == seen[-1][1] > 0


def test_journals_that_went_through_trouble_are_sound(tmp_path):
    """Torn bytes after a crash, and records that were written again after a failure, are no damage."""
    after = write_segment(tmp_path, marks(3), torn=b'{"seq":4,"kind"')
    head = {"kind": "segment", "at": time(), "log": "w1", "after": "crash", "torn": 15}
    line, after = link(orjson.dumps(head), after)
    failed = tmp_path / "w1" / f"{after.seq - 1:016d}.jsonl"
    superseded, _ = link(b'{"kind":"mark","at":1.0}', after)
    failed.write_bytes(line + superseded + b'{"seq":6,')
    write_segment(tmp_path, marks(2), after=after, why="failure", torn=b"half")
    assert verify(tmp_path, []).sound
    seal_all(tmp_path)
    sign_checkpoint(tmp_path)
    report = verify(tmp_path, KEYS)
    assert report.problems == ()
    assert report.logs[0].records == 8


def test_an_empty_journal_is_sound_and_none_is_an_error(tmp_path):
    """There is nothing in it that could be wrong; a folder that is not there is another matter."""
    assert verify(tmp_path, []).sound
    with pytest.raises(FileNotFoundError, match="none"):
        verify(tmp_path / "none", [])


@pytest.mark.parametrize(
    ("log", "lock", "reason"),
    [
        ("w1", None, "w1/0: the whole log is missing; later ones are there"),
        ("w2", "w2.lock", "w2/0: the whole log is missing; its lock file is there"),
        ("control", None, "control/0: the whole log is missing; a checkpoint of it is in kept, number 3"),
    ],
)
def test_a_log_that_is_missing_is_told(journal, log, lock, reason):
    """Others, its lock file, or a checkpoint that was kept elsewhere know of it."""
    notes = b"".join((journal / name / "checkpoint").read_bytes() for name in ("w1", "w2", "control"))
    shutil.rmtree(journal / log)
    if lock is not None:
        (journal / lock).touch()
    kept = outside("kept", notes) if log == "control" else []
    assert told(journal, kept=kept) == [reason]


def test_a_log_without_a_checkpoint_is_told_where_others_have_theirs(tmp_path):
    """Unless it has just begun, it had one too; in a journal where nothing is signed there are none."""
    write_log(tmp_path, [3], log="w1")
    write_log(tmp_path, [3], log="w2")
    assert told(tmp_path) == []
    sign_checkpoint(tmp_path, "w2")
    assert told(tmp_path) == ["w1: w1: the log has no checkpoint, although the journal is one that is signed"]
    shutil.rmtree(tmp_path / "w1")
    write_segment(tmp_path, [], log="w1", at=time())
    assert told(tmp_path) == []


def test_swapped_files_of_two_logs_are_told(journal):
    """The same records under another log's name are not that log's."""
    one, other = (segments(journal, log)[3].path(PLAIN) for log in ("w1", "w2"))
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    assert [line[:5] for line in told(journal)] == ["w1/12", "w2/12"]


class Writer(threading.Thread):
    """Writes, rotates, signs, seals and deletes, as fast as it can."""

    def __init__(self, journal):
        super().__init__()
        self.journal = journal
        self.ended = threading.Event()
        self.turns = 0

    def run(self):
        after = write_segment(self.journal, [])
        while not self.ended.is_set():
            path = segments(self.journal, "w1")[-1].path(PLAIN)
            with path.open("ab", buffering=0) as file:
                for record in marks(9, 2_000):
                    line, after = link(orjson.dumps(record), after)
                    file.write(line[:700])
                    file.write(line[700:])
            after = write_segment(self.journal, [], after=after, why="rotation")
            sign_checkpoint(self.journal)
            seal_all(self.journal)
            finished = [segment for segment in segments(self.journal, "w1") if not segment.deleted]
            if len(finished) > 3:
                delete(finished[0])
            self.turns += 1


def test_a_live_journal_is_sound(tmp_path):
    """Records that come, segments that are begun, sealed and deleted meanwhile are no fault."""
    writer = Writer(tmp_path)
    writer.start()
    try:
        while not segments(tmp_path, "w1"):
            pass
        while writer.is_alive() and writer.turns < 12:
            assert told(tmp_path) == []
    finally:
        writer.ended.set()
        writer.join()
    assert writer.turns >= 12
    report = verify(tmp_path, KEYS)
    assert report.sound
    assert report.logs[0].deleted > 0


def test_files_that_keep_vanishing_are_told(journal, monkeypatch):
    """A listing that is never true ends in a problem, and not in looking for ever."""
    monkeypatch.setattr("guard.evidence.verify.journal.PAUSE_SECONDS", 0.0)
    ghost = Segment("w1", 16, journal / "w1", plain=True)
    real = segments
    monkeypatch.setattr(
        "guard.evidence.verify.log.segments",
        lambda folder, log: [*real(folder, log), *([ghost] if log == "w1" else [])],
    )
    assert told(journal) == ["w1: the log's files change faster than they can be read; verify it again"]


def test_a_checkpoint_that_is_no_file_is_told(journal):
    """What cannot be read is a problem of its log, and the others are verified all the same."""
    (journal / "w1" / "checkpoint").unlink()
    (journal / "w1" / "checkpoint").mkdir()
    assert told(journal) == ["w1: w1/checkpoint: it is no signed note: expected a text, a blank line and signatures"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_whatever_is_in_the_files_is_told_and_raises_nothing(journal, data):
    """Files of anything at all, cut, doubled or mixed with others, end in problems and in no fault."""
    path = data.draw(st.sampled_from(sorted(path for path in journal.rglob("*") if path.is_file())))
    kept = path.read_bytes()
    other = data.draw(st.sampled_from(sorted(path for path in journal.rglob("*") if path.is_file()))).read_bytes()
    at = data.draw(st.integers(0, len(kept)))
    made = data.draw(st.sampled_from([kept[:at], kept[at:], kept[:at] + other, other + kept, b"\n" * at])) + data.draw(
        st.binary(max_size=20)
    )
    path.write_bytes(made)
    try:
        assert made == kept or told(journal) or path.suffix == ".jsonl"
    finally:
        path.write_bytes(kept)


def test_files_of_an_earlier_guard_are_noted(journal):
    """Nothing proves them; that is said, and is no problem of the logs."""
    (journal / "20250101T000000Z-1.jsonl").write_text("{}\n")
    report = verify(journal, KEYS)
    assert report.sound
    assert report.notes == (f"1 files in {journal} are of an earlier guard, and nothing shows whether they are whole",)
