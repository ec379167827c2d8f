"""Statements of two lines."""

import msgspec
import pytest

from guard.archive.statement import compose, parse, read
from guard.proof.note import MAX_BYTES, NoteError


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    word: str


def test_a_statement_comes_back(tmp_path):
    """What was composed parses; a file is read no further than a note can go."""
    assert parse(compose("a/v1", Said("yes")), "a/v1", Said) == Said("yes")
    (tmp_path / "file").write_bytes(bytes(MAX_BYTES + 9))
    assert len(read(tmp_path / "file")) == MAX_BYTES + 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "begins with ''"),
        ("b/v1\n{}\n", "begins with 'b/v1'"),
        ("a/v1\n", "one line"),
        ("a/v1\n{}", "one line"),
        ("a/v1\n{}\n\n", "one line"),
        ("a/v1\n{\n", "no a/v1: "),
        ('a/v1\n{"word":1}\n', "Expected `str`"),
        ('a/v1\n{"word":"yes","more":1}\n', "unknown field"),
    ],
)
def test_what_is_no_statement_is_refused(text, told):
    """Another form, more lines, no JSON, other fields: an error with a reason."""
    with pytest.raises(NoteError, match=told):
        parse(text, "a/v1", Said)
