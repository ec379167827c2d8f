"""Files of checkpoints that were kept elsewhere."""

import pytest

from guard.evidence.verify.outside import outside
from guard.proof.checkpoint import Checkpoint
from guard.proof.note import NoteError
from tests.support.sealing import NODE, signer

ONE = Checkpoint(f"{NODE}/w1", 1, bytes(32)).sign(signer("w1"))
TWO = Checkpoint(f"{NODE}/w2", 2, bytes(32)).sign(signer("w2"))


def test_notes_stand_one_after_the_other():
    """With blank lines between them or without, each is found, with the log that it says it is of."""
    for data in (ONE + TWO, ONE + b"\n" + TWO, b"\n" + ONE + b"\n\n\n" + TWO + b"\n"):
        found = outside("kept", data)
        assert [(one.log, one.note) for one in found] == [("w1", ONE), ("w2", TWO)]
        assert found[1].name == "kept, number 2"
    assert outside("kept", ONE)[0].name == "kept"


def test_a_note_with_more_signatures_is_one():
    """What a witness added belongs to it."""
    both = ONE + TWO.partition(b"\n\n")[2]
    assert [one.note for one in outside("kept", both)] == [both]


@pytest.mark.parametrize("data", [b"", b"\n", b"nonsense\n", ONE + b"more\n", b"\xff\n\n", ONE.partition(b"\n\n")[0]])
def test_anything_else_is_an_error(data):
    """A file that holds something else, or something else too, is told."""
    with pytest.raises(NoteError, match="kept: it holds no checkpoints"):
        outside("kept", data)
