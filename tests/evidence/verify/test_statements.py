"""What is signed about a log, verified."""

import pytest

from guard.evidence.verify.statements import Statements
from guard.journal.folder import MANIFEST, PLAIN, SEALED, TOMBSTONE, segments
from tests.support.sealing import delete, seal_all, sign_checkpoint, signer, write_log


@pytest.fixture
def journal(tmp_path):
    """A deleted segment, a sealed one, and a plain one."""
    write_log(tmp_path, [3, 3, 3])
    seal_all(tmp_path)
    delete(segments(tmp_path, "w1")[0])
    return tmp_path


def told(journal, key="w1"):
    """What is wrong with the statements there are."""
    statements = Statements("w1", [signer(key).verifier])
    for segment in segments(journal, "w1"):
        statements.of(segment)
    return [str(problem) for problem in statements.problems]


def test_whole_statements_have_nothing_wrong(journal):
    """Manifests come with what they say, and are proven."""
    assert told(journal) == []
    statements = Statements("w1", [signer().verifier])
    found = [statements.of(segment) for segment in segments(journal, "w1")]
    assert [(one.manifest is not None, one.proven) for one in found] == [(True, True), (True, True), (False, False)]
    note = sign_checkpoint(journal)
    checkpoint = statements.checkpoint(note)
    assert checkpoint is not None
    assert (checkpoint.size, statements.checkpoint(None), statements.problems) == (12, None, [])
    assert statements.checkpoint(note.replace(b"12", b"13")) is None
    assert "w1/checkpoint: the signature of node-3f2a/w1 is not that" in str(statements.problems[0])


def test_statements_of_others_are_told_and_looked_into(journal):
    """Without a key that is trusted nothing is proven, but the records can still be looked into."""
    assert len(told(journal, "w2")) == 3
    assert "which is no key that is trusted here" in told(journal, "w2")[0]
    statements = Statements("w1", [])
    stated = statements.of(segments(journal, "w1")[1])
    assert stated.manifest is not None
    assert not stated.proven


@pytest.mark.parametrize(
    ("number", "suffix", "reason"),
    [
        (0, MANIFEST, "w1/0: there is a tombstone without a manifest"),
        (0, TOMBSTONE, "w1/0: its records are gone, and no tombstone says why"),
        (1, MANIFEST, "w1/4: there is a sealed file without a manifest"),
        (1, SEALED, "w1/4: its records are gone, and no tombstone says why"),
    ],
)
def test_a_file_that_is_missing_is_told(journal, number, suffix, reason):
    """Each of a segment's files is there, or another says why it is not."""
    segments(journal, "w1")[number].path(suffix).unlink()
    assert told(journal) == [reason]


def test_a_manifest_without_what_it_is_about_is_told(journal):
    """The sealed file is there before the manifest is, so a plain one is not enough."""
    segment = segments(journal, "w1")[1]
    segment.path(SEALED).rename(segment.path(PLAIN))
    assert told(journal) == ["w1/4: there is a manifest, but not the sealed file that it is about"]


def test_statements_of_other_segments_are_told(journal):
    """What was signed for one segment says nothing about another."""
    first, second, _ = segments(journal, "w1")
    manifest, stone = first.path(MANIFEST).read_bytes(), first.path(TOMBSTONE).read_bytes()
    second.path(MANIFEST).write_bytes(manifest)
    second.path(TOMBSTONE).write_bytes(stone)
    assert told(journal) == [
        "w1/4: w1/0000000000000004.manifest: it is the manifest of w1/0",
        "w1/4: w1/0000000000000004.tombstone: it is the tombstone of w1/0",
    ]


def test_a_file_that_cannot_be_read_is_told(journal):
    """A folder, or nothing any more, in the place of a statement is a problem and no fault."""
    segment = segments(journal, "w1")[1]
    segment.path(MANIFEST).unlink()
    statements = Statements("w1", [signer().verifier])
    statements.of(segment)
    segment.path(MANIFEST).mkdir()
    statements.of(segment)
    assert [one.reason for one in statements.problems] == ["it is gone", "it cannot be read (is a directory)"]
