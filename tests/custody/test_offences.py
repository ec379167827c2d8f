"""How often whom was blocked lately."""

import pytest

from guard.custody import offences
from guard.custody.offences import DAY, LONGEST, Offence, Offences, escalated


def test_blocks_are_counted_by_caller():
    """As long as each comes within the memory of the one before; a network is not the addresses in it."""
    one = Offences()
    for at in (0.0, DAY, 30 * DAY):
        one.add("ip", "192.0.2.1", at)
    one.add("ip", "192.0.2.0/24", 0.0)
    assert [one.earlier("ip", "192.0.2.1", at) for at in (31 * DAY, 60 * DAY, 61 * DAY)] == [3, 3, 0]
    assert one.earlier("ip", "192.0.2.0/24", DAY) == 1
    assert one.earlier("client", "192.0.2.1", DAY) == 0
    one.add("ip", "192.0.2.1", 90 * DAY)
    assert one.earlier("ip", "192.0.2.1", 90 * DAY) == 1


def test_what_is_remembered_is_bounded(monkeypatch):
    """Whoever was not blocked for the longest time is forgotten first, and all of it can be told and taken up again."""
    monkeypatch.setattr(offences, "MOST", 3)
    one = Offences()
    for at, value in enumerate("abcad"):
        one.add("client", value, float(at))
    told = one.told()
    assert told == [Offence("client", "c", 1, 2.0), Offence("client", "a", 2, 3.0), Offence("client", "d", 1, 4.0)]
    other = Offences(told)
    other.add("client", "e", 5.0)
    assert [found.value for found in other.told()] == ["a", "d", "e"]


@pytest.mark.parametrize(
    ("lasts", "earlier", "expected"),
    [
        (3_600, 0, 3_600), (3_600, 1, 7_200), (3_600, 3, 28_800), (3_600, 60_000, LONGEST), (40 * DAY, 3, 40 * DAY),
    ],
)  # fmt: skip
def test_each_earlier_block_doubles_the_time(lasts, earlier, expected):
    """Up to a bound, and never below what was ordered."""
    assert escalated(lasts, earlier) == expected
