"""Stretches of addresses; what is made of them is in test_networks.py."""

from guard.wire.intervals import CHUNK, Intervals, Stretch


def at(number: int) -> bytes:
    """An address of two bytes."""
    return number.to_bytes(2)


def stretches(count: int) -> list[Stretch]:
    """Every other address."""
    return [Stretch(at(2 * number), at(2 * number), str(number)) for number in range(count)]


def test_chunks_are_split_when_they_grow():
    """Whether many come at once or one after the other, no chunk has more than twice what one begins with."""
    many = Intervals().changed(stretches(5_000), ())
    few = Intervals()
    for stretch in stretches(2_000):
        few = few.changed([stretch], ())
    for intervals, count in ((many, 5_000), (few, 2_000)):
        assert all(0 < len(chunk.firsts) <= 2 * CHUNK for chunk in intervals._chunks)
        assert [intervals.find(at(number)) for number in (0, 1, 1_998, 1_999)] == ["0", None, "999", None]
        assert intervals.meeting(at(2 * count), at(2 * count)) == []
        assert intervals.meeting(at(6), at(6)) == [Stretch(at(6), at(6), "3")]
        assert [one.name for one in intervals.meeting(at(3), at(8))] == ["2", "3", "4"]


def test_what_is_taken_out_is_gone():
    """All of it, in the end; what begins nowhere is passed over."""
    whole = Intervals().changed(stretches(2_000), ())
    part = whole.changed([], [at(2 * number) for number in range(1, 2_000)] + [at(7)])
    assert [part.find(at(number)) for number in (0, 2, 3_998)] == ["0", None, None]
    assert not part.changed([], [at(0)])
    assert Intervals().find(at(0)) is None
    assert Intervals().meeting(at(0), at(0)) == []
