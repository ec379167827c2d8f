"""Each record's chain covers it and all before it."""

from hashlib import sha256

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.journal.chain import BEGINNING, Entry, Position, bind, leaf, link, split, unbind

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["kind", "id", "chain", "seq"]), JSON, min_size=1), max_size=5))
def test_lines_come_apart_as_they_were_put_together(records):
    """Splitting gives number, entry and chain; the line is JSON with the record's members between the two."""
    at = BEGINNING
    for number, record in enumerate(records):
        before = at
        line, at = link(orjson.dumps(record), at)
        entry = split(line)
        assert entry is not None
        assert line.count(b"\n") == 1
        assert entry.seq == number
        assert at == Position(number + 1, entry.chain)
        assert leaf(before.chain, entry.data) == entry.chain
        assert next(iter(orjson.loads(entry.data + b"}"))) == "seq"


@given(st.lists(st.dictionaries(st.sampled_from(["kind", "id", "chain", "seq"]), JSON, min_size=1), max_size=5))
def test_records_come_back_from_their_lines(records):
    """What was bound can be bound again, in another place."""
    made = list(map(orjson.dumps, records))
    assert unbind(bind(made, Position(123, bytes(32)))[0]) == made


def test_the_chain_is_the_leaf_hash_of_rfc_6962():
    """SHA-256 over a zero byte, the chain before, and the entry."""
    line, at = link(b'{"kind":"mark"}', BEGINNING)
    assert at.chain == sha256(bytes(33) + b'{"seq":0,"kind":"mark"').digest()
    assert split(line) == Entry(0, b'{"seq":0,"kind":"mark"', at.chain)


LINE = link(b'{"kind":"mark"}', Position(7, bytes(32)))[0]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}",
        LINE[1:],
        LINE[:-2],
        LINE[:20],
        LINE.replace(b"7", b"07"),
        LINE.replace(b"7", b"-7"),
        LINE.replace(b"7", b"7" * 19),
        LINE.replace(b"=", b"A"),
        LINE.replace(b'="', b'=" '),
        LINE + b"\n",
        bytes(200),
    ],
)
def test_what_is_no_record_is_none(line):
    """A line that is torn, padded or not of this shape is not taken apart, however it looks."""
    assert split(line) is None
