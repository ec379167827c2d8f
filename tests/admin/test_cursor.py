"""Cursors."""

import pytest

from guard.admin.cursor import CursorError, read, write


@pytest.mark.parametrize("after", [("ip", "203.0.113.9"), ("é", ""), (7,)])
def test_a_cursor_comes_back(after):
    """As the place that it was written for."""
    assert read("x", write("x", after), *map(type, after)) == after


@pytest.mark.parametrize(
    "text",
    ["", "x", "AAAA", "=", "é", write("y", ("a",)), write("x", ("a", "b")), write("x", (1,)), "W10", "A" * 5_000],
)
def test_what_is_none_of_ours_is_refused(text):
    """Another list's, another shape, nothing at all."""
    with pytest.raises(CursorError):
        read("x", text, str)


def test_a_cursor_has_one_spelling():
    """What decodes to the same is not the same."""
    text = write("x", ("a",))
    with pytest.raises(CursorError):
        read("x", text + "=", str)
