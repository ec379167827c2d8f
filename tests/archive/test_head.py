"""Segments' first records."""

import pytest

from guard.archive.head import head_of, parse_head, stray
from guard.journal.folder import Segment, segments
from tests.support.sealing import seal_all, write_log


def test_the_head_is_read_plain_and_sealed(tmp_path):
    """The first record of a segment is found wherever the records are; deleted ones have none."""
    write_log(tmp_path, [2, 2])
    seal_all(tmp_path)
    sealed, plain = segments(tmp_path, "w1")
    for segment in (sealed, plain):
        assert (head_of(segment) or {})["seq"] == segment.base
    assert head_of(Segment("w1", 0, tmp_path / "w1", manifest=True)) is None


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"kind":"mark"}', b"\xff"])
def test_what_is_no_head_is_none(line):
    """Anything else is no head, and no fault."""
    assert parse_head(line) is None


@pytest.mark.parametrize(
    ("size", "head", "told"),
    [
        (0, None, None),
        (5, {"after": "failure", "torn": 0}, None),
        (5, {"after": "crash", "torn": 5}, None),
        (5, {"after": "crash", "torn": 4}, "tells of 4"),
        (5, {"after": "rotation", "torn": 0}, "tells of none"),
        (5, {}, "tells of none"),
        (5, None, "tells of none"),
    ],
)
def test_bytes_behind_the_records_need_a_reason(size, head, told):
    """After a failure anything may be there; after a crash what the next writer found; else nothing."""
    reason = stray(size, head)
    assert reason is None if told is None else told in str(reason)
