"""The leaves in a block of lines."""

from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as st

from guard.archive.damage import Damage
from guard.archive.lines import line_ends
from guard.archive.walk import Walk
from guard.journal.chain import BEGINNING, Position, bind
from guard.journal.folder import Segment
from guard.keeper.leaves import at_once, find, one_by_one

FIRST = 8
AFTER = Position(FIRST, BEGINNING.chain)


def block(*records):
    """Lines of a log from record `FIRST` on; a number stands for a mark that says that this one is on disk."""
    made = ({"kind": "mark", "at": 1.0, "durable": one} if isinstance(one, int) else one for one in records)
    return bind(map(orjson.dumps, made), AFTER)[0]


PROMPT = {"kind": "prompt", "id": "a", "text": 'x","kind":"mark","durable":99'}
WHOLE = block(PROMPT, 8, PROMPT, PROMPT, PROMPT)


def found(data):
    """What is found in a block that may end anywhere."""
    return find(data, line_ends(data), FIRST)


def test_a_whole_block_is_taken_at_once():
    """Its leaves are the chains that it states."""
    ends = line_ends(WHOLE)
    leaves = at_once(WHOLE, ends, FIRST)
    assert leaves == one_by_one(WHOLE, ends, FIRST)
    assert leaves is not None
    assert len(leaves) == 5


def test_the_most_that_a_mark_says_counts():
    """Marks count records before them alone, and only what a mark says in its own members."""
    assert found(WHOLE).durable == 9
    assert found(block(PROMPT, PROMPT, 8, 99, 8, PROMPT)).durable == 11
    assert found(block(PROMPT, PROMPT)).durable == 0
    assert (
        found(block({"kind": "mark", "durable": "9"}, {"kind": "mark"}, {"kind": "marks", "durable": 9})).durable == 0
    )


def test_a_mark_behind_damage_says_nothing():
    """Behind the first line that is not the record to come nothing is found."""
    lines = block(PROMPT, PROMPT, 8, 9).splitlines(keepends=True)
    assert found(b"".join([*lines[:1], *lines[2:]])) == ([*found(lines[0]).leaves], 0)


damages = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, len(WHOLE) * 8 - 1), st.just(0)),
    st.tuples(st.just("cut"), st.integers(0, len(WHOLE)), st.integers(0, 400)),
    st.tuples(st.just("put"), st.integers(0, len(WHOLE)), st.sampled_from([b"\n", b"\0", b'"}\n', WHOLE[:90]])),
    st.tuples(st.just("drop"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("double"), st.integers(0, 4), st.integers(0, 4)),
)


def damaged(data, what, where, more):
    """A block with one damage."""
    lines = data.splitlines(keepends=True) or [b""]
    if what == "flip" and where // 8 < len(data):
        return data[: where // 8] + bytes([data[where // 8] ^ 1 << where % 8]) + data[where // 8 + 1 :]
    if what == "cut":
        return data[:where] + data[where + more :]
    if what == "put":
        return data[:where] + more + data[where:]
    if what == "drop":
        return b"".join(lines[:where] + lines[where + 1 :])
    if what == "double":
        return b"".join([*lines[:where], *lines[more : more + 1], *lines[where:]])
    return data


@given(st.lists(st.integers(0, 12) | st.just(PROMPT), max_size=6), st.lists(damages, max_size=3))
def test_both_ways_agree_or_sealing_finds_it(records, harm):
    """What is taken at once is what is taken one by one; where it is more, the chain shows it when it is sealed."""
    data = block(*records)
    for one in harm:
        data = damaged(data, *one)
    ends = line_ends(data)
    quick, slow = at_once(data, ends, FIRST), one_by_one(data, ends, FIRST)
    if quick is None:
        assert found(data).leaves == slow
    elif quick != slow:
        walk = Walk(Segment("w1", FIRST, Path("w1"), plain=True), "w1/8.jsonl", AFTER.chain)
        try:
            walk.take(data)
        except Damage:
            return
        raise AssertionError(data)
