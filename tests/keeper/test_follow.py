"""Following a log that grows."""

import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.custody.control import append, locked
from guard.keeper.follow import Anchor, Follower, FollowError
from guard.proof.tree import Range, of_leaves
from tests.support.growing import Growing


def none_sealed(segment):
    """For logs in which nothing is sealed."""
    raise AssertionError(segment)


def follower(journal, log="w1", **more):
    """One that begins at the beginning."""
    return Follower(journal, log, none_sealed, **more)


def tree(log, size):
    """The tree of a log's first records."""
    return of_leaves(0, log.chains[:size])


def test_only_what_a_mark_says_is_durable_counts(tmp_path):
    """Records behind the last mark wait; a mark counts those up to its number, and never itself."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(4)
    assert not follow.advance()
    assert follow.durable == Range(0, 0)
    log.mark(2)
    follow.advance()
    assert follow.durable == tree(log, 3)
    log.mark()
    follow.advance()
    assert follow.durable == tree(log, 6)


@pytest.mark.parametrize("durable", [-1, 2**63 - 1, "7", None, 99])
def test_a_mark_counts_no_more_than_is_before_it(tmp_path, durable):
    """Whatever a mark says, no record counts that does not stand before it."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(2)
    log.add({"kind": "mark", "at": 1.0, "durable": durable})
    follow.advance()
    assert follow.durable == tree(log, 3 if isinstance(durable, int) and durable > 0 else 0)


def test_a_later_segment_makes_all_before_it_count(tmp_path):
    """The head of a segment says that what came before is on disk; the turn is told."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(5)
    log.begin()
    assert follow.advance()
    assert follow.durable == tree(log, 6)
    assert follow.place == (6, 0, 6)


def test_what_was_written_again_counts_once(tmp_path):
    """After a failure the next segment begins before the end of the file: its records count, and not those."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(5)
    log.mark(3)
    follow.advance()
    log.begin("failure", place=log.at(4))
    log.prompts(1)
    log.mark()
    follow.advance()
    assert follow.durable == tree(log, 6)


@pytest.mark.parametrize("torn", [b'{"seq":3,"kind":"pro', b"\0" * 50, b"\0\n\0\n", b'{"seq":9}\n'])
def test_torn_bytes_wait_for_the_next_segment(tmp_path, torn):
    """What is no record at the end of the file holds nothing up once the next segment is there."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(2)
    log.raw(torn)
    follow.advance()
    assert (follow.waiting is not None) == torn.endswith(b"\n")
    log.begin("crash", torn=len(torn))
    follow.advance()
    assert (follow.waiting, follow.durable) == (None, tree(log, 3))


def test_an_unfinished_line_is_read_when_it_is_whole(tmp_path):
    """A write that is seen half is no fault."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(1)
    log.mark()
    whole = log.path.read_bytes()
    for cut in range(0, len(whole), 7):
        log.path.write_bytes(whole[:cut])
        follow.advance()
        assert follow.waiting is None
    log.path.write_bytes(whole)
    follow.advance()
    assert follow.durable == tree(log, 2)


def test_missing_records_are_told(tmp_path):
    """A record that is not there, before a segment that comes after it, ends the following there, by name."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(5)
    path = log.path
    log.begin()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3] + lines[4:]))
    for _ in range(2):
        with pytest.raises(FollowError, match="records 3 to 5 are missing or damaged"):
            follow.advance()
    assert follow.durable.end == 0


def test_a_segment_that_begins_before_what_was_durable_is_told(tmp_path):
    """What was signed for cannot be written again as something else."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(5)
    log.mark()
    follow.advance()
    log.begin("failure", place=log.at(3))
    with pytest.raises(FollowError, match="was on disk"):
        follow.advance()


def test_a_missing_segment_is_told(tmp_path):
    """A log whose beginning was taken away is not followed."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    first = log.path
    log.begin()
    first.unlink()
    with pytest.raises(FollowError, match="segment 0 is not there"):
        follow.advance()


def test_another_log_than_was_signed_for_is_told_for_good(tmp_path):
    """Read from the beginning, a log must come to the root that was signed; if not it never counts again."""
    log = Growing(tmp_path)
    log.prompts(8)
    log.mark()
    right, wrong = tree(log, 5).root(), tree(log, 6).root()
    follow = follower(tmp_path, anchor=Anchor(5, right))
    follow.advance()
    assert follow.durable == tree(log, 9)
    follow = follower(tmp_path, anchor=Anchor(5, wrong))
    for _ in range(2):
        with pytest.raises(FollowError, match="its first 5 records are not those"):
            follow.advance()


def test_fewer_records_than_were_signed_for_are_told(tmp_path):
    """A log that was cut back is told of, whoever follows it from the beginning or has followed it so far."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(8)
    log.mark()
    follow.advance()
    whole = log.path.read_bytes()
    log.path.write_bytes(b"".join(whole.splitlines(keepends=True)[:5]))
    with pytest.raises(FollowError, match="bytes, and has only"):
        follow.advance()
    with pytest.raises(FollowError, match="signed for 9 records, and it has only 5"):
        follower(tmp_path, anchor=Anchor(9, follow.durable.root())).advance()


def test_a_log_that_was_cut_back_meanwhile_is_told(tmp_path):
    """Who goes on from before the end of what was signed for must come by that end."""
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(8)
    log.mark()
    follow.advance()
    assert follow.place.seq < follow.durable.end == 9
    log.path.write_bytes(b"".join(log.path.read_bytes().splitlines(keepends=True)[:5]))
    again = follower(tmp_path)
    again.resume(follow.durable, follow.place)
    with pytest.raises(FollowError, match="signed for 9 records, and it has only 5"):
        again.advance()


@pytest.mark.parametrize("size", [1, 64, 200, 1_000])
def test_blocks_of_any_size_come_to_the_same(tmp_path, monkeypatch, size):
    """A line longer than a block is read whole; the place to go on from is never far behind."""
    monkeypatch.setattr("guard.keeper.follow.BLOCK_BYTES", size)
    log, follow = Growing(tmp_path), follower(tmp_path)
    log.prompts(20)
    log.add({"kind": "prompt", "id": "x" * 3_000})
    log.mark()
    log.raw(b'{"seq":22,"kind"')
    follow.advance()
    assert follow.durable == tree(log, 22)
    assert follow.place.seq >= 14
    assert log.path.read_bytes()[follow.place.offset :].startswith(b'{"seq":%d,' % follow.place.seq)


def test_a_log_that_is_far_behind_is_followed_in_turns(tmp_path, monkeypatch):
    """When the time is over, what was read counts, and the next time it goes on from there, over segments too."""
    monkeypatch.setattr("guard.keeper.follow.BLOCK_BYTES", 300)
    log, follow = Growing(tmp_path), follower(tmp_path)
    for _ in range(3):
        log.prompts(4)
        log.mark()
        log.begin()
    sizes = []
    follow.advance(0.0)
    while follow.behind:
        sizes.append(follow.durable.end)
        follow.advance(0.0)
    assert follow.durable == tree(log, 18)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 2


@pytest.mark.parametrize("make", [lambda _path: None, os.mkfifo])
def test_a_log_without_a_record_keeps_nobody_waiting(tmp_path, make):
    """A log that is only being begun is no fault; a pipe in the place of its first file is one, told at once."""
    (tmp_path / "w1").mkdir()
    following = follower(tmp_path)
    assert not following.advance()
    make(tmp_path / "w1" / "0000000000000000.jsonl")
    with suppress(OSError):
        following.advance()
    assert following.durable == Range(0, 0)


def test_control_counts_as_soon_as_it_is_written(tmp_path):
    """The control log has no marks: what its writer has let go of is on disk."""
    follow = follower(tmp_path, "control")
    append(tmp_path, {"type": "hold"}, reason="r")
    follow.advance()
    assert follow.durable.end == 2
    append(tmp_path, {"type": "hold"}, reason="r")
    follow.advance()
    assert follow.durable.end == 3


def test_control_is_not_read_while_it_is_written(tmp_path, monkeypatch):
    """While somebody writes, it is tried again later."""
    monkeypatch.setattr("guard.keeper.follow.PATIENCE", 0.01)
    append(tmp_path, {"type": "hold"}, reason="r")
    follow = follower(tmp_path, "control")
    with locked(tmp_path), pytest.raises(Exception, match="another process"):
        follow.advance()
    follow.advance()
    assert follow.durable.end == 2


def test_control_is_left_alone_when_nothing_is_new(tmp_path, monkeypatch):
    """Looking needs no lock that somebody with a measure to take may want."""
    monkeypatch.setattr("guard.keeper.follow.PATIENCE", 0.01)
    append(tmp_path, {"type": "hold"}, reason="r")
    follow = follower(tmp_path, "control")
    follow.advance()
    with locked(tmp_path):
        follow.advance()
    assert follow.durable.end == 2


def test_sealed_segments_are_taken_from_their_manifests(tmp_path):
    """Where there are no lines any more, the manifest's tree stands for them."""
    log = Growing(tmp_path)
    log.prompts(6)
    first = log.path
    log.begin()
    log.prompts(2)
    log.mark()
    first.rename(first.with_suffix(".manifest"))
    follow = Follower(tmp_path, "w1", lambda segment: of_leaves(segment.base, log.chains[:7]))
    follow.advance()
    assert follow.durable == tree(log, 10)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("prompts"), st.integers(1, 9)),
            st.tuples(st.just("mark"), st.integers(0, 4)),
            st.tuples(st.just("begin"), st.just(0)),
            st.tuples(st.just("again"), st.integers(0, 4)),
            st.tuples(st.just("raw"), st.integers(1, 30)),
        ),
        max_size=12,
    ),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_looking_often_or_seldom_comes_to_the_same(tmp_path_factory, steps, looks):
    """However a log grows, following it step by step and reading it at once give one tree, that of its records."""
    journal = tmp_path_factory.mktemp("journal")
    log, often = Growing(journal), follower(journal)
    durable = 0
    for (what, number), look in zip(steps, looks, strict=False):
        end = log.position.seq
        if what == "prompts":
            log.prompts(number)
        elif what == "mark":
            log.mark(max(end - 1 - number, 0))
            durable = max(durable, end - number, 1)
        elif what == "begin":
            log.begin()
            durable = end
        elif what == "again" and end - number > max(durable, int(log.path.stem)):
            log.begin("failure", place=log.at(end - number))
            durable = end - number
        elif what == "raw":
            log.raw(b"\0" * number)
            log.begin("crash", torn=number)
            durable = end
        if look:
            often.advance()
    often.advance()
    once = follower(journal)
    once.advance()
    assert often.durable == once.durable == tree(log, durable)
    for one in (often, once):
        again = follower(journal)
        again.resume(one.durable, one.place)
        again.advance()
        assert (again.durable, again.waiting) == (one.durable, None)


def test_a_log_without_segments_has_nothing_yet(tmp_path):
    """A folder whose first segment could not be made is no fault; one whose segments are gone is."""
    (tmp_path / "w1").mkdir()
    follow = follower(tmp_path)
    assert not follow.advance()
    log = Growing(tmp_path)
    log.prompts(1)
    log.mark()
    follow.advance()
    for path in (tmp_path / "w1").iterdir():
        path.unlink()
    with pytest.raises(FollowError, match="its segment 0 is not there"):
        follow.advance()
