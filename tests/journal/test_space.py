"""What follows from how much room the disk has."""

import logging

import pytest

from guard.journal.space import Space


def test_room_is_watched_with_some_slack():
    """Low under twice the reserve, short under it; and only well above that is it over."""
    space = Space(100, "refuse")
    seen = []
    for free in (1_000, 199, 201, 249, 250, 99, 100, 124, 125, 249, 250):
        space.saw(free)
        seen.append(repr(space)[7:-1])
    assert seen == [
        "ample", "low", "low", "low", "ample", "short", "short", "short", "low", "low", "ample",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("on_failure", "says"),
    [("refuse", "requests are refused"), ("shed_outputs", "requests are refused"), ("pass", "nothing is written down")],
)
def test_each_change_is_told_once(caplog, on_failure, says):
    """The log says what follows when it does, not each time one looks."""
    space = Space(100, on_failure)
    with caplog.at_level(logging.WARNING):
        for free in (150, 150, 50, 50, 50, 500, 500):
            space.saw(free)
    assert len(caplog.records) == 3
    assert "has 150 bytes left" in caplog.messages[0]
    assert says in caplog.messages[1]
    assert "enough to go on" in caplog.messages[2]


def test_outputs_are_shed_while_it_is_low():
    """Only where that is configured."""
    for on_failure, sheds in (("refuse", False), ("shed_outputs", True), ("pass", False)):
        space = Space(100, on_failure)
        assert not space.shedding
        space.saw(150)
        assert space.shedding is sheds
