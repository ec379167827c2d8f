"""When measures are over."""

from math import inf

from guard.custody.ends import Ends

KEPT: dict[int, object] = {}


def made(*times):
    """Ends at these times, each of a place with a number."""
    ends = Ends()
    for number, time in enumerate(times):
        ends.add(time, (KEPT, number))
    return ends


def test_they_come_in_the_order_of_their_times():
    """So many at once as are asked for, and none before its time."""
    ends = made(3.0, 1.0, 2.0, 1.0, 9.0)
    assert (ends.next, len(ends)) == (1.0, 5)
    assert [time for time, _ in ends.due(3.0, 3)] == [1.0, 1.0, 2.0]
    assert [place for _, place in ends.due(3.0)] == [(KEPT, 0)]
    assert list(ends.due(8.9)) == []
    assert (ends.next, len(ends)) == (9.0, 1)
    assert list(ends.due(inf)) == [(9.0, (KEPT, 4))]
    assert (ends.next, len(ends)) == (inf, 0)


def test_what_does_not_count_is_forgotten():
    """And the others keep their order."""
    ends = made(5.0, 4.0, 3.0, 3.0)
    ends.keep(lambda time, place: time != 4.0 and place[1] != 2)
    assert len(ends) == 2
    assert [(time, place[1]) for time, place in ends.due(9.0)] == [(3.0, 3), (5.0, 0)]
