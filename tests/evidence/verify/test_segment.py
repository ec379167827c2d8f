"""One segment, verified."""

import msgspec
import pytest

from guard.archive.manifest import manifest_of
from guard.evidence.verify.segment import Task, check
from guard.journal.chain import BEGINNING
from guard.journal.folder import PLAIN, SEALED, segments
from guard.proof.tree import Range
from tests.support.journals import write_segment
from tests.support.sealing import marks, seal_all, write_log


@pytest.fixture
def journal(tmp_path):
    """A log of two segments, of four records each."""
    write_log(tmp_path, [3, 3])
    return tmp_path


def task(journal, number=0, sizes=(), manifest=None):
    """The task that one of its segments is."""
    found = [*segments(journal, "w1"), None]
    before = BEGINNING.chain if number == 0 else None
    return Task(found[number], before, found[number + 1], manifest, sizes)


def sealed(journal, **change):
    """The first segment's task when it is sealed, with a manifest that may say something else."""
    seal_all(journal)
    manifest = manifest_of(segments(journal, "w1")[0])
    return task(journal, manifest=msgspec.structs.replace(manifest, **change))


def test_plain_and_sealed_come_to_the_same(journal):
    """Where the records end, the tree over them, and as it was in between, do not depend on how they are kept."""
    plain = check(task(journal, sizes=(2, 4)))
    assert plain.problem is None
    assert plain.position is not None
    assert plain.position.seq == 4
    assert {size: tree.end for size, tree in plain.at.items()} == {2: 2, 4: 4}
    assert check(sealed(journal)._replace(sizes=(2, 4))) == plain


def test_the_newest_may_be_unfinished(journal):
    """At the end of the file that is written to, half a line is no fault; where a segment follows, it is."""
    for segment in segments(journal, "w1"):
        with segment.path(PLAIN).open("ab") as file:
            file.write(b'{"seq":')
    assert check(task(journal, 1)).problem is None
    assert "7 bytes stand behind the last record" in str(check(task(journal, 0)).problem)


def test_a_file_that_is_gone_is_said_to_be(journal):
    """It may have been sealed, or deleted, a moment ago."""
    gone = task(journal)
    gone.segment.path(PLAIN).unlink()
    assert check(gone).gone
    assert check(gone._replace(segment=gone.segment._replace(folder=journal / "w9"))).gone


def test_a_file_that_cannot_be_read_is_a_problem(journal):
    """A folder in the place of a file is told, not raised."""
    path = segments(journal, "w1")[0].path(PLAIN)
    path.unlink()
    path.mkdir()
    assert str(check(task(journal)).problem) == "w1/0: w1/0000000000000000.jsonl: it cannot be read (is a directory)"


def test_a_segment_says_of_which_log_it_is(tmp_path):
    """The first segments of two logs cannot be taken for one another."""
    write_log(tmp_path, [1], log="w2")
    (tmp_path / "w2").rename(tmp_path / "w1")
    assert "w1/0: w1/0000000000000000.jsonl, line 1, byte 0: this is a segment of the log 'w2'" in str(
        check(task(tmp_path)).problem
    )


@pytest.mark.parametrize("content", [b"", b'{"seq":0,"kin'])
def test_a_segment_without_a_record_is_a_problem(tmp_path, content):
    """A segment has its first record before it has its name, so one without was emptied, also the newest."""
    write_segment(tmp_path, [])
    (segment,) = segments(tmp_path, "w1")
    segment.path(PLAIN).write_bytes(content)
    problem = check(Task(segment, BEGINNING.chain, None, None)).problem
    assert problem is not None
    assert problem.reason == "the file does not begin with a record"


def test_a_segment_begins_with_its_head(tmp_path):
    """A file whose first record says something else was not begun by a writer."""
    after = write_segment(tmp_path, marks(2))
    lines = segments(tmp_path, "w1")[0].path(PLAIN).read_bytes().splitlines(keepends=True)
    (tmp_path / "w1" / f"{1:016d}.jsonl").write_bytes(b"".join(lines[1:]))
    assert after.seq == 3
    assert "should say that it is one" in str(check(task(tmp_path, 1)).problem)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"after": bytes(32)}, "not those that its manifest was signed for"),
        ({"range": (bytes(32),)}, "not those that its manifest was signed for"),
        ({"count": 3, "range": (bytes(32), bytes(32))}, "frame 0 holds others"),
        ({"count": 5, "range": (bytes(32), bytes(32))}, "the file ends, but record 4 should be here"),
        ({"sha256": "00" * 32}, "(SHA-256)"),
        ({"plain": 9}, "frame 0 is damaged: it holds more than"),
    ],
)
def test_a_manifest_that_says_something_else_is_told(journal, change, told):
    """Each number in it is held against the records."""
    wrong = sealed(journal, **change)
    assert wrong.manifest is not None
    frames = [msgspec.structs.replace(frame, plain=wrong.manifest.plain) for frame in wrong.manifest.frames]
    wrong = wrong._replace(manifest=msgspec.structs.replace(wrong.manifest, frames=tuple(frames)))
    assert told in str(check(wrong).problem)


def test_what_was_left_out_is_sealed_too(tmp_path):
    """Bytes that did not count are evidence, and cannot be changed unseen."""
    after = write_segment(tmp_path, marks(3), torn=b"torn")
    write_segment(tmp_path, [], after=after, why="failure")
    whole = sealed(tmp_path)
    assert check(whole).problem is None
    path = whole.segment.path(SEALED)
    path.write_bytes(path.read_bytes().replace(b"torn", b"tarn"))
    assert "(SHA-256)" in str(check(whole).problem)


def test_a_plain_file_beside_a_sealed_one_holds_the_same(journal):
    """For a moment both are there; another plain file, however well it is chained, is told."""
    kept = segments(journal, "w1")[0].path(PLAIN).read_bytes()
    both = sealed(journal)
    both = both._replace(segment=both.segment._replace(plain=True))
    both.segment.path(PLAIN).write_bytes(kept)
    assert check(both).problem is None
    write_segment(journal / "forged", marks(3, start=5))
    both.segment.path(PLAIN).write_bytes((journal / "forged" / "w1" / both.segment.path(PLAIN).name).read_bytes())
    assert "not those in the sealed file beside it" in str(check(both).problem)


def test_an_empty_tree_is_asked_for_too(journal):
    """A checkpoint may be of no records at all."""
    result = check(task(journal, sizes=(0, 4)))
    assert result.at[0] == Range(0, 0)
