"""A worker's eye on the control log."""

from time import time

from guard.custody.control import append, append_all, change_record
from guard.custody.watch import Watch
from guard.journal.folder import PLAIN, segments
from guard.measures import Block, Measures
from tests.support.sealing import seal_all


def block(journal, value, **more):
    """Somebody is not served."""
    append(journal, {"type": "block", "kind": "ip", "value": value}, reason="r", actor="a", **more)


def blocked(measures):
    """How many callers are."""
    assert measures is not None
    return len(measures.blocks)


def test_news_are_told_once(tmp_path):
    """A look gives the measures if they are others than before, else nothing."""
    watch = Watch(tmp_path)
    assert watch.news() is None
    block(tmp_path, "203.0.113.9")
    assert watch.news() == Measures(2, (Block("ip", "203.0.113.9", "r"),))
    assert watch.news() is None
    append(tmp_path, {"type": "hold"}, reason="r", incident="I")
    assert watch.news() == Measures(3, (Block("ip", "203.0.113.9", "r"),))


def test_a_measure_that_is_over_is_news(tmp_path):
    """Nobody has to say so."""
    watch = Watch(tmp_path)
    block(tmp_path, "192.0.2.1", expires=time() + 1.0)
    measures = watch.news()
    assert measures is not None
    assert len(measures.blocks) == 1
    while (measures := watch.news()) is None:
        pass
    assert measures == Measures(2)


def test_much_at_once_comes_in_pieces(tmp_path, monkeypatch):
    """What a long list brings, but no order in two, and what is over at once; whoever begins to watch has all of it."""
    monkeypatch.setattr("guard.custody.watch.PIECE", 3)
    watch, soon = Watch(tmp_path), time() + 0.5

    def pieces():
        found = [watch.look()]
        while watch.more:
            found.append(watch.look())
        return [len(one.blocks) for one in found if one is not None]

    for number in range(7):
        block(tmp_path, f"192.0.2.{number}", expires=soon)
    assert pieces() == [2, 5, 7]  # the first record is the segment's
    at = time()
    order = [change_record({"type": "block", "kind": "ip", "value": f"198.51.100.{number}"}, reason="r", expires=soon)
             for number in range(5)]  # fmt: skip
    block(tmp_path, "192.0.2.100", expires=soon)
    append_all(tmp_path, [one | {"at": at} for one in order])
    block(tmp_path, "192.0.2.101", expires=soon)
    assert pieces() == [13, 14]
    assert len(Watch(tmp_path).first().blocks) == 14
    while time() < soon:
        pass
    assert pieces() == [11, 8, 5, 2, 0]


def test_a_clock_that_goes_back_brings_back_what_is_not_over(tmp_path, monkeypatch, caplog):
    """A clock that was an hour ahead for a moment has let nobody in for longer than that."""
    now = time()
    monkeypatch.setattr("guard.custody.watch.time", lambda: now)
    watch = Watch(tmp_path)
    block(tmp_path, "192.0.2.1", expires=now + 60)
    block(tmp_path, "192.0.2.2")
    assert blocked(watch.news()) == 2
    now += 3_600
    assert blocked(watch.news()) == 1
    assert watch.news() is None
    now -= 3_600
    assert blocked(watch.news()) == 2
    assert watch.news() is None
    now += 61
    assert blocked(watch.news()) == 1
    assert caplog.text.count("the clock has gone back") == 1


def test_a_clock_that_goes_back_beside_a_damaged_log_changes_nothing(tmp_path, monkeypatch, caplog):
    """What is known stays, for what could be read again would be less."""
    now = time()
    monkeypatch.setattr("guard.custody.watch.time", lambda: now)
    watch = Watch(tmp_path)
    block(tmp_path, "192.0.2.1", expires=now + 60)
    block(tmp_path, "192.0.2.2")
    assert watch.news() is not None
    now += 3_600
    assert blocked(watch.news()) == 1
    path = segments(tmp_path, "control")[0].path(PLAIN)
    path.write_bytes(path.read_bytes().replace(b"192.0.2.1", b"192.0.2.3"))
    now -= 3_600
    assert blocked(watch.look()) == 1
    assert watch.news() is None
    assert "it cannot be read: " in caplog.text


def test_what_was_sealed_is_in_force_after_a_restart(tmp_path):
    """Whoever begins to watch a log whose first segments are sealed has all that they say."""
    for number in range(4):
        block(tmp_path, f"192.0.2.{number}", segment_bytes=300)
    assert seal_all(tmp_path, "control")
    assert len(Watch(tmp_path).first().blocks) == 4


def test_what_cannot_be_read_changes_nothing(tmp_path, caplog):
    """The measures known so far stay, and the log says why, once."""
    block(tmp_path, "192.0.2.1")
    watch = Watch(tmp_path)
    assert watch.news() is not None
    block(tmp_path, "192.0.2.2")
    path = segments(tmp_path, "control")[0].path(PLAIN)
    path.write_bytes(path.read_bytes().replace(b"192.0.2.2", b"192.0.2.3"))
    for _ in range(3):
        path.write_bytes(path.read_bytes() + b"x")
        assert watch.news() is None
    assert len(watch.state.blocks) == 1
    assert len([line for line in caplog.messages if "measures cannot be read" in line]) == 1


def test_what_comes_before_a_damage_is_in_force(tmp_path, caplog):
    """Whoever begins to watch a log that is damaged has what was decided up to there, and the log says the rest."""
    for number in range(4):
        block(tmp_path, f"192.0.2.{number}", segment_bytes=300)
    path = segments(tmp_path, "control")[2].path(PLAIN)
    path.write_bytes(path.read_bytes().replace(b"192.0.2.2", b"192.0.2.9"))
    assert {one.value for one in Watch(tmp_path).first().blocks} == {"192.0.2.0", "192.0.2.1"}
    assert "measures cannot be read" in caplog.text
