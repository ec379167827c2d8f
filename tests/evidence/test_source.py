"""Segments as readers see them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence.source import Lines, PlainContent, began, lines, readable_logs, sources
from tests.support.journals import Log, write_segment


@given(
    st.lists(st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"")), max_size=20),
    st.integers(1, 40),
    st.booleans(),
)
def test_every_line_is_in_one_piece(tmp_path_factory, content, size, torn):
    """However a file is cut, each whole line comes exactly once, at its place."""
    path = tmp_path_factory.mktemp("source") / "file"
    data = b"".join(line + b"\n" for line in content) + b"torn" * torn
    path.write_bytes(data)
    opened = PlainContent(path)
    cuts = opened.cuts(size)
    found = []
    for start, stop in pairwise(cuts):
        pieces = lines(opened, start, stop).lines
        assert data[start:].startswith(b"".join(piece + b"\n" for piece in pieces))
        found += pieces
    opened.close()
    assert found == content


def test_unfinished_line_is_told(tmp_path):
    """Bytes behind the last newline are no line, but it is said that there are some."""
    (tmp_path / "file").write_bytes(b"a\nbc")
    opened = PlainContent(tmp_path / "file")
    assert lines(opened, 0, 4) == Lines([b"a"], torn=True)
    assert lines(opened, 2, 4) == Lines([], torn=True)
    assert lines(opened, 4, 9) == Lines([], torn=False)
    opened.close()


@pytest.fixture
def log(tmp_path):
    """A log of three segments."""
    log = Log(tmp_path)
    log.add()
    log.rotate(at=2_000)
    log.rotate(at=3_000)
    return log


@pytest.mark.usefixtures("log")
def test_segments_end_where_the_next_begins(tmp_path):
    """Records at or beyond the next segment's first do not count; the last segment has no end yet."""
    found = sources(tmp_path, "w1")
    assert [(source.name, source.number, source.end) for source in found] == [
        ("w1/0", 0, 1), ("w1/1", 1, 2), ("w1/2", 2, None),
    ]  # fmt: skip
    assert [found[0].counts(0), found[0].counts(1), found[2].counts(10**9)] == [True, False, True]


def test_segments_say_when_they_were_begun(tmp_path, log):
    """The time is that of the first record; a file that does not begin with one, or is gone, has none."""
    assert [began(source) for source in sources(tmp_path, "w1")] == [1_000, 2_000, 3_000]
    found = sources(tmp_path, "w1")
    log.path.write_bytes(b'{"seq":2,"kind":"prompt","id":"x","at":7}\n')
    found[0].segment.path(".jsonl").unlink()
    assert [began(source) for source in found] == [None, 2_000, None]


@pytest.mark.usefixtures("log")
def test_deleted_segments_are_no_sources(tmp_path):
    """A segment of which only the manifest is left is passed over; the others keep their places and ends."""
    first = sources(tmp_path, "w1")[1].segment
    first.path(".jsonl").rename(first.path(".manifest"))
    assert [(source.number, source.end) for source in sources(tmp_path, "w1")] == [(0, 1), (2, None)]


def test_readable_logs(tmp_path):
    """Those of the workers."""
    for name in ("w2", "w10", "control"):
        write_segment(tmp_path, [], log=name)
    assert readable_logs(tmp_path) == ["w2", "w10"]
    assert readable_logs(tmp_path / "nowhere") == []
