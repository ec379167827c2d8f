"""Reading records in order, through all that becomes of their segments."""

import pytest

from guard.journal.chain import split
from guard.keeper.cursor import Cursor, CursorError, Place
from tests.support.growing import Growing
from tests.support.keeping import Keeping

MUCH = 1 << 30


def numbers(lines):
    """Which records they are, as they themselves say."""
    found = [split(line.data) for line in lines]
    assert [entry and entry.seq for entry in found] == [line.seq for line in lines]
    return [line.seq for line in lines]


def test_records_come_in_batches_up_to_a_number(tmp_path):
    """No more than was asked for, in number and in size, and never beyond what is on disk."""
    log = Growing(tmp_path)
    log.prompts(9)
    cursor = Cursor(tmp_path, "w1")
    assert numbers(cursor.read(8, 3, MUCH)) == [0, 1, 2]
    assert numbers(cursor.read(8, 100, 1)) == [3]
    assert numbers(cursor.read(8, 100, MUCH)) == [4, 5, 6, 7]
    assert cursor.read(8, 100, MUCH) == []
    log.begin()
    log.prompts(2)
    assert numbers(cursor.read(12, 100, MUCH)) == [8, 9, 10, 11]


def test_what_was_written_again_is_read_once(tmp_path):
    """What stands in a failed file beyond the next segment's first record is passed over, torn bytes too."""
    log = Growing(tmp_path)
    log.prompts(5)
    log.raw(b"\0\0")
    log.begin("failure", place=log.at(4))
    log.prompts(2)
    assert numbers(Cursor(tmp_path, "w1").read(7, 100, MUCH)) == list(range(7))


@pytest.mark.parametrize("start", [0, 3, 7, 8, 11, 14])
@pytest.mark.parametrize("hint", [None, Place(0, 0), Place(7, 1), Place(7, 10_000), Place(99, 5)])
def test_reading_begins_anywhere(tmp_path, start, hint):
    """From whatever record on and with whatever hint, in plain and sealed segments, deleted ones passed over."""
    keeping = Keeping(tmp_path)
    log = Growing(keeping.journal)
    for _ in range(2):
        log.prompts(6)
        log.begin()
    log.prompts(3)
    assert numbers(Cursor(keeping.journal, "w1", start, hint).read(18, 100, MUCH)) == list(range(start, 18))
    keeping.seal()
    assert numbers(Cursor(keeping.journal, "w1", start, hint).read(18, 100, MUCH)) == list(range(start, 18))
    (keeping.journal / "w1" / f"{0:016d}.jsonl.zst").unlink()
    cursor = Cursor(keeping.journal, "w1", start, hint)
    assert numbers(cursor.read(18, 100, MUCH)) == list(range(max(start, 7), 18))


def test_a_segment_may_be_sealed_or_deleted_meanwhile(tmp_path):
    """Whoever reads a segment goes on with it, whatever happens to its file."""
    keeping = Keeping(tmp_path)
    log = Growing(keeping.journal)
    log.prompts(6)
    log.begin()
    log.prompts(6)
    log.begin()
    cursor = Cursor(keeping.journal, "w1")
    assert numbers(cursor.read(14, 3, MUCH)) == [0, 1, 2]
    keeping.seal()
    assert numbers(cursor.read(14, 6, MUCH)) == [3, 4, 5, 6, 7, 8]
    (keeping.journal / "w1" / f"{7:016d}.jsonl.zst").unlink()
    assert numbers(cursor.read(14, 100, MUCH)) in ([], [9, 10, 11, 12, 13])


@pytest.mark.parametrize("harm", [b"", b"\0" * 30 + b"\n"])
def test_a_record_that_is_not_there_is_told(tmp_path, harm):
    """The error names the segment and the record; trying again finds it when it was put back."""
    log = Growing(tmp_path)
    log.prompts(5)
    whole = log.path.read_bytes()
    lines = whole.splitlines(keepends=True)
    log.path.write_bytes(b"".join([*lines[:3], harm, *lines[4:]]))
    cursor = Cursor(tmp_path, "w1")
    with pytest.raises(CursorError, match="w1/0: record 3 is not where it should be"):
        cursor.read(6, 100, MUCH)
    log.path.write_bytes(whole)
    assert numbers(cursor.read(6, 100, MUCH)) == [3, 4, 5]


def test_a_damaged_sealed_segment_is_told(tmp_path):
    """What is wrong with a sealed file is said."""
    keeping = Keeping(tmp_path)
    log = Growing(keeping.journal)
    log.prompts(5)
    log.begin()
    keeping.seal()
    path = keeping.journal / "w1" / f"{0:016d}.jsonl.zst"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CursorError, match="w1/0: record 0 is not where it should be"):
        Cursor(keeping.journal, "w1").read(6, 100, MUCH)


def test_a_log_without_segments_has_no_records(tmp_path):
    """Its folder is there before its first segment is."""
    (tmp_path / "w1").mkdir()
    assert Cursor(tmp_path, "w1").read(0, 1, MUCH) == []
