"""The control log as it grows."""

import pytest

from guard.archive.sealing import seal_next
from guard.custody.control import ControlError, Pen, append, change_record, changes
from guard.custody.tail import Tail
from guard.journal.folder import PLAIN, segments
from tests.support.sealing import signer


def change(journal, number, **more):
    """One more change."""
    append(journal, {"type": "block", "kind": "ip", "value": str(number)}, reason="r", actor="a", **more)


def values(records):
    """What was changed."""
    return [int(record["change"]["value"]) for record in records]


def test_each_change_comes_once(tmp_path):
    """In order, over segments, however often one looks; a look without news is told beforehand."""
    tail = Tail(tmp_path)
    assert list(tail.news()) == []
    seen = []
    for number in range(20):
        change(tmp_path, number, segment_bytes=600)
        assert tail.grown()
        seen += values(tail.news())
        assert not tail.grown() or list(tail.news()) == []
    assert seen == list(range(20))
    assert len(segments(tmp_path, "control")) > 3
    assert values(Tail(tmp_path).news()) == seen


def test_a_change_that_is_just_being_written_comes_later(tmp_path):
    """What has no end yet is left for the next look."""
    change(tmp_path, 0)
    tail = Tail(tmp_path)
    assert values(tail.news()) == [0]
    change(tmp_path, 1)
    path = segments(tmp_path, "control")[0].path(PLAIN)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert list(tail.news()) == []
    path.write_bytes(whole)
    assert values(tail.news()) == [1]


def test_sealing_in_between_changes_nothing(tmp_path):
    """A segment that is sealed while somebody is in it, or before, is read on all the same."""
    tail = Tail(tmp_path)
    for number in range(3):
        change(tmp_path, number)
    assert values(tail.news()) == [0, 1, 2]
    change(tmp_path, 3)
    change(tmp_path, 4, segment_bytes=1)
    assert seal_next(tmp_path, "control", signer("control")) is not None
    assert values(tail.news()) == [3, 4]
    assert values(Tail(tmp_path).news()) == values(changes(tmp_path))


@pytest.mark.parametrize("damage", [b'"value":"1"', b'"reason":"r"'])
def test_what_was_altered_is_not_given_out(tmp_path, damage):
    """From a record on that is not what was written nothing can be relied on."""
    for number in range(3):
        change(tmp_path, number)
    path = segments(tmp_path, "control")[0].path(PLAIN)
    path.write_bytes(path.read_bytes().replace(damage, damage.upper()))
    with pytest.raises(ControlError, match="is damaged"):
        list(Tail(tmp_path).news())


def test_a_segment_that_is_gone_is_told(tmp_path):
    """What comes behind it would not be the same without it."""
    for number in range(6):
        change(tmp_path, number, segment_bytes=600)
    segments(tmp_path, "control")[0].path(PLAIN).unlink()
    with pytest.raises(ControlError, match="are missing"):
        list(Tail(tmp_path).news())


def test_what_the_reader_has_written_itself_is_not_read_again(tmp_path):
    """It goes on behind that, over the ends of segments too, unless somebody else has written before it."""
    pen, tail = Pen(tmp_path, segment_bytes=600), Tail(tmp_path)
    for number in range(10):
        pen.write([change_record({"type": "isolate", "model": f"own{number}"}, reason="r")])
        tail.pass_over(pen.written)
        assert list(tail.news()) == []
        append(tmp_path, {"type": "isolate", "model": f"other{number}"}, reason="r", segment_bytes=600)
        assert [one["change"]["model"] for one in tail.news()] == [f"other{number}"]
    append(tmp_path, {"type": "isolate", "model": "first"}, reason="r")
    pen.write([change_record({"type": "isolate", "model": "second"}, reason="r")])
    tail.pass_over(pen.written)
    assert [one["change"]["model"] for one in tail.news()] == ["first", "second"]
    tail.pass_over(Pen(tmp_path).written)
    assert list(tail.news()) == []
