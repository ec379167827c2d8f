"""Lines of the journal before they are parsed."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence.record import KINDS, Head, began_as, head, may_start, starts, time_of


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"seq":7,"kind":"prompt","id":"a-1","at":1}', Head(7, "prompt", "a-1")),
        (b'{"seq":0,"kind":"mark","at":1}', Head(0, "mark", "")),
        (b'{"kind":"part","seq":3,"id":"x"}', Head(3, "part", "x")),
        (b'{"seq":1,"kind":"part","id":"\\u00e4"}', Head(1, "part", "ä")),
        (b'{"seq":1,"kind":"part","at":1,"id":"x"}', Head(1, "part", "x")),
        (b'{"seq":1,"kind":"part"}', None),
        (b'{"seq":1,"kind":7}', None),
        (b'{"seq":1.5,"kind":"part","id":"x"}', None),
        (b'{"seq":true,"kind":"part","id":"x"}', None),
        (b"[]", None),
        (b"", None),
        (b"\x00\x00", None),
    ],
)
def test_head(line, expected):
    """The number, kind and id of a line are found however it is written; what has none is no record."""
    assert head(line) == expected


@given(st.binary())
def test_nothing_upsets_it(line):
    """Any bytes have a head or none."""
    assert head(line) is None or isinstance(head(line), Head)


@given(st.text(), st.sampled_from(sorted(KINDS)))
def test_head_is_what_a_parser_finds(id_, kind):
    """Lines as the journal writes them have the head that parsing them gives."""
    try:
        line = orjson.dumps({"seq": 5, "kind": kind, "id": id_, "at": 1})
    except TypeError:  # lone surrogates are never written
        return
    assert head(line) == (Head(5, kind, id_) if id_ else None)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"kind": "prompt"}, True),
        ({"kind": "outcome", "request": {}}, True),
        ({"kind": "outcome", "output": ['"request":']}, False),
        ({"kind": "part"}, False),
    ],
)
def test_beginning(record, expected):
    """A prompt begins an exchange, and an outcome that says what was asked; a text that looks so does not."""
    assert starts(record) is expected
    assert may_start(orjson.dumps(record), record["kind"]) is expected


@pytest.mark.parametrize(
    ("id_", "expected"),
    [("1a2097daac3-1b107cde-1", 0x1A2097DAAC3 / 1000), ("id-1", None), ("1a2097daac3-x-1", None), ("", None)],
)
def test_ids_have_their_time(id_, expected):
    """An id that the guard gave says when the exchange began."""
    assert began_as(id_) == expected


@pytest.mark.parametrize(("at", "expected"), [(1, 1.0), (1.5, 1.5), (True, None), ("1", None), (None, None)])
def test_times(at, expected):
    """Only a number is a time."""
    assert time_of({"at": at}) == expected
