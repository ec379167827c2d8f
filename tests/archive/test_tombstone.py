"""Tombstones."""

import msgspec
import pytest

from guard.archive.statement import read
from guard.archive.tombstone import Tombstone, opened
from guard.journal.folder import MANIFEST, segments
from guard.proof.note import NoteError
from tests.support.sealing import seal_all, signer, write_log


@pytest.fixture
def notes(tmp_path):
    """The manifests of two segments."""
    write_log(tmp_path, [3, 3, 1])
    seal_all(tmp_path)
    return [read(segment.path(MANIFEST)) for segment in segments(tmp_path, "w1")[:2]]


def test_a_tombstone_is_that_of_its_manifest(notes):
    """It comes back as it was signed, and fits the one manifest that it was made over."""
    made = Tombstone.over(notes[0], at=2_000.0, actor="ada", reason="90 days")
    found = opened(made.sign(signer()), [signer().verifier])
    assert found == made
    found.check(notes[0])
    with pytest.raises(NoteError, match="4 records from w1/0 on"):
        found.check(notes[1])
    with pytest.raises(NoteError, match="another manifest"):
        msgspec.structs.replace(found, manifest="00" * 32).check(notes[0])


def test_a_tombstone_of_another_log_is_refused(notes):
    """The log's own key signs, and no other."""
    made = Tombstone.over(notes[0], at=2_000.0, actor="ada", reason="90 days")
    with pytest.raises(NoteError, match="tombstone of w1, signed by node-3f2a/w2"):
        opened(made.sign(signer("w2")), [signer("w2").verifier])
    with pytest.raises(NoteError, match="no guard/tombstone/v1"):
        opened(notes[0], [signer().verifier])
