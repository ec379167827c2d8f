"""Following records: the first that is not the one that comes next is named."""

from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.archive.damage import Damage
from guard.archive.walk import Walk
from guard.journal.chain import BEGINNING, Position, link, split
from guard.journal.folder import Segment
from guard.proof.tree import of_leaves

SEGMENT = Segment("w1", 0, Path("journal/w1"), plain=True)


def records(count, at=BEGINNING):
    """Lines of a log, and where it is behind each."""
    lines, places = [], [at]
    for number in range(count):
        line, at = link(b'{"kind":"mark","at":%d}' % number, at)
        lines.append(line)
        places.append(at)
    return lines, places


LINES, PLACES = records(9)


def walked(lines, **options):
    """A walk over these lines."""
    walk = Walk(SEGMENT, "w1/0.jsonl", BEGINNING.chain, **options)
    walk.take(b"".join(lines))
    return walk


@given(st.lists(st.integers(0, 9), max_size=4), st.lists(st.integers(0, 9), max_size=3))
def test_a_whole_segment_is_followed_however_it_is_cut(cuts, sizes):
    """In blocks of any size, a walk comes to the same place, with the tree as it was at the sizes asked for."""
    walk = Walk(SEGMENT, "w1/0.jsonl", BEGINNING.chain, 9, sizes)
    bounds = [0, *sorted(cuts), 9]
    for begin, end in pairwise(bounds):
        assert walk.take(b"".join(LINES[begin:end]))
    leaves = [place.chain for place in PLACES[1:]]
    assert walk.position == PLACES[-1]
    assert walk.leaves == of_leaves(0, leaves)
    assert walk.at == {size: of_leaves(0, leaves[:size]) for size in sizes}
    assert (walk.size, walk.lines, walk.missing()) == (sum(map(len, LINES)), 9, None)


def test_records_of_the_next_segment_do_not_count():
    """Lines from the end on are not looked at, whatever they are."""
    walk = Walk(SEGMENT, "w1/0.jsonl", BEGINNING.chain, 3)
    assert not walk.take(b"".join(LINES[:3]) + b"anything\n")
    assert (walk.position, walk.size) == (PLACES[3], sum(map(len, LINES[:3])))


def test_an_unfinished_line_is_left():
    """What has no newline is no record yet; if it should be one, it is missing."""
    walk = Walk(SEGMENT, "w1/0.jsonl", BEGINNING.chain, 3)
    assert not walk.take(b"".join(LINES[:2]) + LINES[2][:-1])
    assert walk.position == PLACES[2]
    assert str(walk.missing()) == (
        f"w1/2: w1/0.jsonl, line 3, byte {walk.size}: the file ends, but record 2 should be here"
    )


def test_without_the_chain_before_the_first_record_is_believed():
    """Where the record before is not known, the first one's chain is taken as stated, and the next must follow it."""
    later = Segment("w1", 4, Path("journal/w1"))
    walk = Walk(later, "w1/4.jsonl", None)
    walk.take(b"".join(LINES[4:]))
    assert walk.position == PLACES[9]
    assert walk.leaves == of_leaves(4, [place.chain for place in PLACES[5:]])
    walk = Walk(later, "w1/4.jsonl", None, end=9)
    assert walk.take(LINES[4])
    assert walk.take(b"".join(LINES[5:]))
    assert walk.missing() is None
    with pytest.raises(Damage, match=r"w1/4: .*line 1.*this is record 3"):
        Walk(later, "w1/4.jsonl", None).take(LINES[3])


FLIPPED = LINES[4].replace(b'"at":4', b'"at":5')


@pytest.mark.parametrize(
    ("lines", "seq", "told"),
    [
        ([*LINES[:4], FLIPPED, *LINES[5:]], 4, "its chain is not that of its content"),
        ([*LINES[:4], *LINES[5:]], 4, "record 4 is missing: here is record 5"),
        ([*LINES[:4], *LINES[7:]], 4, "records 4 to 6 are missing: here is record 7"),
        ([*LINES[:4], LINES[5], LINES[4], *LINES[6:]], 4, "here is record 5"),
        ([*LINES[:5], LINES[4], *LINES[5:]], 5, "this is record 4"),
        ([*LINES[:4], b"\n", *LINES[4:]], 4, "this is no record"),
        ([*LINES[:4], LINES[4][:-1] + b" " + LINES[5], *LINES[6:]], 4, "its chain"),
        ([*LINES[:4], LINES[4][:20] + b"\n" + LINES[4][20:], *LINES[5:]], 4, "this is no record"),
        ([link(b"{}", Position(0, sha256().digest()))[0]], 0, "its chain"),
    ],
)
def test_the_first_bad_record_is_named(lines, seq, told):
    """Changed, missing, moved, doubled, joined and broken records are found where they are."""
    with pytest.raises(Damage, match=told) as damage:
        walked(lines)
    problem = damage.value.problem
    assert (problem.log, problem.seq, problem.line) == ("w1", seq, seq + 1)
    assert problem.offset == sum(map(len, LINES[:seq]))


@given(st.integers(0, sum(map(len, LINES)) * 8 - 1))
def test_any_flipped_bit_names_its_record(bit):
    """Whatever bit of whatever record is changed, that record is named; only the last newline is the writer's."""
    whole = b"".join(LINES)
    data = bytearray(whole)
    data[bit // 8] ^= 1 << bit % 8
    seq = whole[: bit // 8].count(b"\n")
    walk = Walk(SEGMENT, "w1/0.jsonl", BEGINNING.chain, 9)
    try:
        walk.take(bytes(data))
        problem = walk.missing()
    except Damage as damage:
        problem = damage.problem
    assert problem is not None
    assert problem.seq == seq


def test_what_is_followed_is_what_split_reads():
    """The quick comparison and `chain.split` agree on what a record is."""
    for line, place in zip(LINES, PLACES[1:], strict=True):
        entry = split(line)
        assert entry is not None
        assert entry.chain == place.chain
