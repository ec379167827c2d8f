"""Which holds are in force, and what they cover."""

import pytest

from guard.custody.holds import Hold, in_force


def change(kind, incident, **more):
    """One change of the control log."""
    return {"kind": "change", "at": 5.0, "actor": "a", "reason": "r", "incident": incident,
            "change": {"type": kind, **more}}  # fmt: skip


def test_holds_are_in_force_until_released():
    """A release ends all holds of its incident that came before it, and no other."""
    changes = [
        change("hold", "A", log="w1"),
        change("hold", "B"),
        change("hold", "A", since=1, until=2.5),
        change("export", "A"),
        change("release", "A"),
        change("hold", "A"),
        change("release", "C"),
    ]
    assert [(hold.incident, hold.log, hold.since) for hold in in_force(changes[:3])] == [
        ("A", "w1", None), ("B", None, None), ("A", None, 1.0),
    ]  # fmt: skip
    assert [hold.incident for hold in in_force(changes)] == ["B", "A"]


@pytest.mark.parametrize(
    ("log", "since", "until", "covered"),
    [
        (None, None, None, True),
        ("w1", None, None, True),
        ("w2", None, None, False),
        (None, 20, None, True),
        (None, 20.1, None, False),
        (None, None, 10, True),
        (None, None, 9.9, False),
        (None, 12, 13, True),
        (None, 1, 9, False),
        ("w1", 21, 30, False),
    ],
)
def test_what_a_hold_covers(log, since, until, covered):
    """A segment is covered if any of its time, from its first record to its last, is within the hold's."""
    assert Hold("A", log, since, until, 0.0, "a", "r").covers("w1", 10, 20) is covered


def test_times_that_are_not_known_are_covered():
    """A segment without times may be from any time."""
    assert Hold("A", None, 5.0, 6.0, 0.0, "a", "r").covers("w1", None, None)


@pytest.mark.parametrize("odd", ["x", True, [], {"a": 1}])
def test_odd_bounds_are_none(odd):
    """What is no time and no log bounds nothing."""
    (hold,) = in_force([change("hold", "A", since=odd, until=odd, log=odd if odd != "x" else 7)])
    assert (hold.log, hold.since, hold.until) == (None, None, None)


def test_odd_changes_are_no_holds():
    """A change without a type, or without anything, is passed over."""
    assert in_force([{}, {"change": None}, {"change": []}, {"change": {}}]) == []
