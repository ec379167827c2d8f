"""A log goes on behind what is whole, wherever its end was torn."""

import logging
import tracemalloc

import pytest

from guard.journal.chain import BEGINNING, Position, link, split
from guard.journal.folder import segments
from guard.journal.recovery import Recovered, UnfitError, recover
from tests.support.journals import write_segment

RECORDS = [{"kind": "test", "line": number, "text": "é" * number} for number in range(3)]


def test_a_new_log_begins_at_the_beginning(tmp_path):
    """Where there is nothing, the first record is number 0."""
    assert recover(tmp_path, "w1") == Recovered(BEGINNING, 0)


def test_a_whole_log_goes_on_behind_its_last_record(tmp_path):
    """Only the last segment is looked at: the position is where it ends."""
    after = write_segment(tmp_path, RECORDS)
    after = write_segment(tmp_path, RECORDS, after=after)
    assert recover(tmp_path, "w1") == Recovered(after, 0)
    assert after.seq == 8


def test_a_torn_last_record_at_every_byte(tmp_path):
    """Cut anywhere in its last record, a log goes on behind the one before, and counts what is left of it as torn."""
    before = write_segment(tmp_path, RECORDS[:-1])
    path = tmp_path / "w1" / "0000000000000000.jsonl"
    whole = path.read_bytes()
    line, after = link(b'{"kind":"test","line":"' + "ü\\n".encode() * 9 + b'"}', before)
    for size in range(len(line) + 1):
        path.write_bytes(whole + line[:size])
        expected = Recovered(after, 0) if size == len(line) else Recovered(before, size)
        assert recover(tmp_path, "w1") == expected


@pytest.mark.parametrize("garbage", [b"\n", b"\0" * 5_000, b"{}\n{}\n", b'{"seq":3,"kind":"test"}\n', b"\xff\n" * 3])
def test_garbage_at_the_end_is_torn(tmp_path, garbage):
    """Whatever stands behind the last whole record was told to nobody."""
    after = write_segment(tmp_path, RECORDS, torn=garbage)
    assert recover(tmp_path, "w1") == Recovered(after, len(garbage))


def test_blocks_that_came_out_of_order_are_torn(tmp_path):
    """After a loss of power a hole may be followed by records that reached the disk before it: none was told of."""
    before = write_segment(tmp_path, RECORDS)
    first, middle = link(b'{"kind":"test","line":"first"}', before)
    second, _ = link(b'{"kind":"test","line":"second"}', middle)
    path = tmp_path / "w1" / "0000000000000000.jsonl"
    path.write_bytes(path.read_bytes() + b"\0" * len(first) + second)
    assert recover(tmp_path, "w1") == Recovered(before, len(first) + len(second))


def test_what_was_on_disk_is_not_given_up(tmp_path, caplog):
    """A bad record that a later mark says was on disk is damage: the log goes on behind all of it, and says so."""
    after = write_segment(tmp_path, [*RECORDS, {"kind": "mark", "durable": 3}, RECORDS[0]], torn=b"torn")
    path = tmp_path / "w1" / "0000000000000000.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"line":1', b'"line":7'))
    with caplog.at_level(logging.ERROR):
        assert recover(tmp_path, "w1") == Recovered(after, 4)
    assert "the record 2 is damaged" in caplog.text


def test_a_mark_that_says_less_makes_nothing_durable(tmp_path):
    """A mark behind a bad record, about those before it only, does not tell torn from damaged: it is torn."""
    write_segment(tmp_path, [*RECORDS, {"kind": "mark", "durable": 1}, {"kind": "mark", "durable": "9"}])
    path = tmp_path / "w1" / "0000000000000000.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"line":1', b'"line":7'))
    entry = split(whole.splitlines()[1])
    assert entry is not None
    recovered = recover(tmp_path, "w1")
    assert recovered.position == Position(2, entry.chain)
    assert recovered.torn == len(whole) - len(b"".join(whole.splitlines(keepends=True)[:2]))


@pytest.mark.parametrize("head", [b"", b"\0\0", b"{}\n", link(b'{"kind":"segment"}', Position(1, bytes(32)))[0]])
def test_a_segment_without_its_first_record_is_unfit(tmp_path, head):
    """A segment has its first record before it has its name: one without is damaged, and nothing follows it."""
    (tmp_path / "w1").mkdir()
    (tmp_path / "w1" / "0000000000000000.jsonl").write_bytes(head)
    with pytest.raises(UnfitError, match=r"0000000000000000.jsonl: it does not begin with the record 0"):
        recover(tmp_path, "w1")


def test_a_sealed_end_is_unfit(tmp_path):
    """Only what has a successor is sealed: where none is, it is gone."""
    write_segment(tmp_path, RECORDS)
    (segment,) = segments(tmp_path, "w1")
    segment.path(".jsonl").rename(segment.path(".jsonl.zst"))
    with pytest.raises(UnfitError, match="sealed"):
        recover(tmp_path, "w1")


def test_a_log_that_syncs_each_record_needs_no_mark(tmp_path):
    """Where each record was on disk before the next, a whole one behind a bad one is enough: nothing is given up."""
    after = write_segment(tmp_path, RECORDS, log="control", torn=b"torn")
    path = tmp_path / "control" / "0000000000000000.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"line":1', b'"line":7'))
    assert recover(tmp_path, "control").position.seq == 2
    assert recover(tmp_path, "control", synced=True) == Recovered(after, 4)


def test_a_number_that_was_made_up_is_torn(tmp_path):
    """A forged record cannot lead a log where its segments would have no names: nobody wrote so many records."""
    after = write_segment(tmp_path, RECORDS)
    path = tmp_path / "w1" / "0000000000000000.jsonl"
    forged, _ = link(b'{"kind":"mark","durable":99}', Position(10**17, bytes(32)))
    path.write_bytes(path.read_bytes() + b"damage\n" + forged)
    assert recover(tmp_path, "w1") == Recovered(after, len(b"damage\n" + forged))


def test_a_log_that_is_full_is_unfit(tmp_path):
    """Behind the last number that a segment's name can have there is no other."""
    write_segment(tmp_path, [], after=Position(10**16 - 1, bytes(32)))
    with pytest.raises(UnfitError, match="has no record 10000000000000000"):
        recover(tmp_path, "w1")


def test_a_long_tail_takes_no_memory(tmp_path):
    """A file may end in any number of bytes that are no record; they are passed over in pieces."""
    after = write_segment(tmp_path, RECORDS)
    size = 100_000_000
    with (tmp_path / "w1" / "0000000000000000.jsonl").open("ab") as file:
        file.truncate(file.tell() + size)
    tracemalloc.start()
    try:
        assert recover(tmp_path, "w1") == Recovered(after, size)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_record_may_be_longer_than_a_piece(tmp_path):
    """A record of many megabytes is one."""
    after = write_segment(tmp_path, [*RECORDS, {"kind": "test", "line": "x" * 5_000_000}, *RECORDS])
    assert recover(tmp_path, "w1") == Recovered(after, 0)
