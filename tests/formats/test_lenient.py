"""Answers that are no strict JSON: what a client can read in them is read here too."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.formats.lenient import read, recoded, scalar


@pytest.mark.parametrize(
    ("body", "documents", "text"),
    [
        (b'{"a":NaN}', 1, False),
        (b'{"a":"\\ud83d"}', 1, False),
        (b'\xef\xbb\xbf{"a":1}', 1, False),
        ('{"a":1}'.encode("utf-16"), 1, False),
        ('{"a":1}'.encode("utf-16-le"), 1, False),
        ('{"a":1}'.encode("utf-32"), 1, False),
        (b'{"a":1}\n{"b":2}\n', 2, True),
        (b'data: {"a":1}\n\ndata: [DONE]\n\n', 1, True),
        (b"just words", 0, True),
        (b"\xff\xfe\x00", 0, True),
        (b"[" * 100_000, 0, True),
        (b"1" * 10_000, 0, True),
    ],
)
def test_what_an_answer_may_be_read_as(body, documents, text):
    """One document if it is one, else its text, and every line that is a document."""
    found = read(body)
    assert len(found.documents) == documents
    assert bool(found.text) is text


@given(st.binary(max_size=200))
def test_no_bytes_break_it(body):
    """Arbitrary bytes are read as something that can be encoded again."""
    assert isinstance(read(body).text.encode(), bytes)


@given(st.text(st.characters(exclude_categories=[]), max_size=50))
def test_halves_of_pairs_become_replacements(text):
    """Pairs become their character, halves U+FFFD, and everything else stays."""
    assert scalar(text).encode().decode() == scalar(text)
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert scalar(text) == text
    assert scalar(json.loads('"\\ud83d\\ude00"')) == "\U0001f600"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a":"é"}'.encode("utf-16"), '{"a":"é"}'.encode()),
        ('{"a":"é"}'.encode("utf-16-le"), '{"a":"é"}'.encode()),
        ('{"a":"é"}'.encode("utf-32-be"), '{"a":"é"}'.encode()),
        (b'{"a":1}', None),
        (b"\x00\x01\x02\x03", None),
        (b"{\x00\x00\xd8", None),
        (b"", None),
        ("words".encode("utf-16"), None),
    ],
)
def test_documents_in_other_encodings_are_found(content, expected):
    """Only what is a document in UTF-16 or UTF-32 is given as UTF-8."""
    assert recoded(content) == expected
