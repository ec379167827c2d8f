"""Files in blocks of whole lines."""

from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from guard.archive.lines import blocks, line_ends


@given(st.text("ab\n").map(str.encode), st.integers(1, 9))
def test_blocks_are_the_file_cut_where_lines_end(data, size):
    """Together the blocks are the file, and all but the last end in a newline."""
    found = list(blocks(BytesIO(data), size))
    assert b"".join(found) == data
    assert all(block.endswith(b"\n") for block in found[:-1])
    assert all(found)


def test_a_line_too_long_is_not_read_to_its_end():
    """What has no newline for longer than a line can be ends the blocks, so that it is not all in memory."""
    file = BytesIO(b"one\n" + b"x" * 100 + b"\ntwo\n")
    assert list(blocks(file, 4, 10)) == [b"one\n", b"x" * 12]


def test_lines_end_behind_their_newlines():
    """What has no newline is no whole line."""
    assert line_ends(b"") == line_ends(b"abc") == []
    assert line_ends(b"a\n\nbc\nd") == [2, 3, 6]
