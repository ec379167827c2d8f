"""Following journals."""

import os
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import pytest

from guard.evidence import following
from guard.evidence.following import follow
from tests.evidence.made import ids, mark, outcome, part, prompt, refused
from tests.support.journals import Log
from tests.support.sealing import seal_all


class Following:
    """Follows a journal in a thread and keeps what it is told."""

    def __init__(self, folder: Path, last: int = 0) -> None:
        self.stop = Event()
        self.told: list[dict[str, Any]] = []
        self.more = Event()
        self.thread = Thread(target=self.run, args=(folder, last))

    def __enter__(self) -> "Following":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(5)
        assert not self.thread.is_alive()

    def run(self, folder: Path, last: int) -> None:
        for exchange in follow(folder, self.stop, last=last):
            self.told.append(exchange)
            self.more.set()

    def wait_for(self, count: int) -> list[str]:
        while len(self.told) < count:
            assert self.more.wait(5), f"told {ids(self.told)} only"
            self.more.clear()
        return ids(self.told)


@pytest.fixture
def log(tmp_path):
    """A log with one exchange."""
    log = Log(tmp_path)
    log.add(refused("a", 1))
    return log


def test_following(tmp_path, log):
    """What ends from now on is told once, with what was written of it before, also in logs that are new."""
    log.add(refused("last", 2), prompt("open", 3))
    with Following(tmp_path, last=2) as following:
        assert following.wait_for(2) == ["last", "open"]
        log.add(outcome("open"))
        assert following.wait_for(3)[2:] == ["open"]
        assert following.told[2]["prompt"] == ["prompt of open"]
        Log(tmp_path, "w2").add(prompt("new", 4), outcome("new"))
        assert following.wait_for(4)[3:] == ["new"]
    assert ids(following.told) == ["last", "open", "open", "new"]


def test_line_in_the_making_is_waited_for(tmp_path, log):
    """A line is taken when it is whole."""
    with Following(tmp_path, last=1) as following:
        following.wait_for(1)
        whole = Log(tmp_path / "other")
        whole.add(refused("b", 2))
        line = whole.path.read_bytes().splitlines(keepends=True)[1]
        log.add(line[:20])
        log.add(line[20:])
        assert following.wait_for(2) == ["a", "b"]


def test_rotation_loses_and_repeats_nothing(tmp_path, log):
    """An exchange that goes on over rotations is told once and whole."""
    with Following(tmp_path, last=1) as following:
        following.wait_for(1)
        log.add(prompt("b", 2), refused("c", 3))
        log.rotate()
        log.add(part("b", "x"))
        log.rotate()
        log.add(outcome("b"), refused("d", 4))
        assert following.wait_for(4) == ["a", "c", "b", "d"]
    assert following.told[2]["output"] == ["x", "b"]


def test_sealing_loses_and_repeats_nothing(tmp_path, log):
    """A segment that is sealed and removed while it is read, or before it was, gives what it would have given."""
    with Following(tmp_path, last=1) as following:
        following.wait_for(1)
        log.add(prompt("b", 2), refused("c", 3))
        log.rotate()
        log.add(refused("d", 4))
        log.rotate()
        assert len(seal_all(tmp_path)) == 2
        log.add(outcome("b"))
        assert following.wait_for(4) == ["a", "c", "d", "b"]
    assert ids(following.told) == ["a", "c", "d", "b"]


def test_what_is_written_again_is_not_told_again(tmp_path, log):
    """After a failure records come again in the next segment; only what was not told of them yet is."""
    with Following(tmp_path, last=1) as following:
        following.wait_for(1)
        log.add(mark(1), prompt("c", 2), part("c", "x"), refused("b", 2))
        assert following.wait_for(2) == ["a", "b"]
        log.rotate(back=2, why="failure")
        log.add(part("c", "x"), refused("b", 2), outcome("c"))
        assert following.wait_for(3) == ["a", "b", "c"]
    assert following.told[2]["output"] == ["x", "c"]
    assert ids(following.told) == ["a", "b", "c"]


def test_marks_let_what_was_told_be_forgotten(tmp_path, log):
    """An id that comes again after its record is on disk is another exchange's."""
    with Following(tmp_path, last=1) as following:
        following.wait_for(1)
        log.add(refused("b", 2))
        assert following.wait_for(2) == ["a", "b"]
        log.add(mark(3, durable=2), refused("b", 4))
        assert following.wait_for(3) == ["a", "b", "b"]


def test_following_survives_removed_segments(tmp_path, log):
    """A segment that goes away while it is followed is read to its end all the same, and ends nothing."""
    with Following(tmp_path, last=1) as following:
        following.wait_for(1)
        log.add(prompt("b", 2))
        old = log.path
        log.rotate()
        old.unlink()
        log.add(outcome("b"), refused("c", 3))
        assert following.wait_for(3) == ["a", "b", "c"]
    assert following.told[1]["prompt"] == ["prompt of b"]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_each_is_told_once(tmp_path, log, monkeypatch, seed):
    """Through many rotations, failures and sealings at once, every exchange is told exactly once, and whole."""
    monkeypatch.setattr(following, "POLL_SECONDS", 0.001)
    chance = Random(seed)
    expected = [f"{seed}-{number}" for number in range(300)]
    with Following(tmp_path, last=1) as follower:
        follower.wait_for(1)
        for id_ in expected:
            log.add(prompt(id_, 2), part(id_, "x"), outcome(id_))
            match chance.randrange(12):
                case 0:
                    log.rotate()
                case 1:
                    log.rotate(back=1, why="failure")
                    log.add(outcome(id_))
                case 2:
                    seal_all(tmp_path)
                case 3:
                    log.add(mark(3, durable=log.positions[-1].seq - 1))
        follower.wait_for(301)
    assert ids(follower.told) == ["a", *expected]
    assert {tuple(one["output"]) for one in follower.told[1:]} == {("x", id_) for id_ in expected}


@pytest.mark.usefixtures("log")
def test_following_waits_with_little_effort(tmp_path):
    """Waiting costs next to no processor time."""
    with Following(tmp_path, last=1) as following:
        following.wait_for(1)
        before = os.times()
        assert not following.stop.wait(0.5)
        after = os.times()
    assert after.user + after.system - before.user - before.system < 0.25
