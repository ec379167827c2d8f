"""What is noted of how far a log was compared."""

import pytest

from guard.control import note
from guard.control.note import FILE, Note


def test_a_note_comes_back(tmp_path):
    """It is what was written, until it is forgotten; forgetting twice is no error."""
    given = Note("word", 3, "link", 7, bytes(32))
    note.write(tmp_path, given)
    assert note.read(tmp_path) == given
    note.forget(tmp_path)
    note.forget(tmp_path)
    assert note.read(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_what_is_none_is_none(tmp_path, content):
    """One that is damaged costs no more than comparing everything."""
    (tmp_path / FILE).write_bytes(content)
    assert note.read(tmp_path) is None
