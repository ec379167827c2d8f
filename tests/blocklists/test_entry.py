"""What a list comes to."""

import pytest

from guard.blocklists import entry
from guard.blocklists.entry import Entry, Gathered, ListError, merged, moment, reason_of, shown, timestamp


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((False, 5.0), (False, 9.0), (False, 9.0)),
        ((False, 5.0), (False, None), (False, None)),
        ((True, None), (False, 5.0), (False, 5.0)),
        ((True, 5.0), (True, 6.0), (True, 6.0)),
    ],
)
def test_entries_on_the_same_caller_are_one(one, other, expected):
    """The strictest, for the longest time, whichever comes first."""
    entries = [Entry("ip", "192.0.2.1", *some) for some in (one, other)]
    assert merged(*entries)[2:4] == merged(*reversed(entries))[2:4] == expected


def test_what_is_over_is_counted_and_too_many_are_refused(monkeypatch):
    """A list is bounded in its entries."""
    monkeypatch.setattr(entry, "MOST_ENTRIES", 2)
    found = Gathered(10.0)
    found.add(Entry("ip", "192.0.2.1", expires=10.0))
    for value in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        found.add(Entry("ip", value))
    assert len(found.listed().entries) == 2
    assert found.listed().over == 1
    with pytest.raises(ListError, match="more than 2 entries"):
        found.add(Entry("ip", "192.0.2.3"))


def test_times_come_back():
    """To the millisecond; what is none is told from them."""
    for seconds in (0.0, 1_700_000_000.125, 253_402_300_799.0):
        assert moment(timestamp(seconds)) == pytest.approx(seconds, abs=0.001)
    assert moment("2023-01-01T00:00:00") == moment("2023-01-01T02:00:00+02:00")
    assert [moment(one) for one in ("", "soon", None, 7, "2023-01-01" * 9)] == [None] * 5


def test_words_of_others_are_bounded():
    """One line, however long or odd they are."""
    assert reason_of("a\n b", None, "c") == "a b c"
    assert len(reason_of("x" * 9_999)) == 512
    assert shown("x" * 99) == repr("x" * 57 + "...")
    assert shown({"a": [1]}) == """'{"a":[1]}'"""
