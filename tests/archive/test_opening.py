"""The lines of segments, plain and sealed."""

import pytest

from guard.archive.damage import Damage
from guard.archive.opening import segment_lines
from guard.journal.folder import segments
from tests.support.sealing import seal_all, write_log


def test_plain_and_sealed_are_the_same(tmp_path):
    """A sealed segment gives the lines that it had before."""
    write_log(tmp_path, [5, 5])
    first = segments(tmp_path, "w1")[0]
    plain = list(segment_lines(first))
    assert b"".join(plain) == first.path(".jsonl").read_bytes()
    assert list(segment_lines(first, 0, len(plain[0]))) == plain[1:]
    seal_all(tmp_path)
    assert list(segment_lines(first)) == plain


def test_damage_is_told(tmp_path):
    """A sealed file that was altered is damage."""
    write_log(tmp_path, [5, 5])
    seal_all(tmp_path)
    first = segments(tmp_path, "w1")[0]
    first.path(".jsonl.zst").write_bytes(b"\0" * 8)
    with pytest.raises(Damage):
        list(segment_lines(first))


def test_deleted_records_are_no_file(tmp_path):
    """Where there is neither file the caller is told so."""
    write_log(tmp_path, [5, 5])
    seal_all(tmp_path)
    first = segments(tmp_path, "w1")[0]
    first.path(".jsonl.zst").unlink()
    with pytest.raises(FileNotFoundError):
        list(segment_lines(first))
