"""How far the keeper stands back, and when it does so no longer."""

import os
from time import monotonic

import pytest

from guard.keeper import manner
from guard.keeper.manner import CALM_SECONDS, STARVED_SECONDS, Manner, core_waits

pytestmark = pytest.mark.skipif(not manner.CHANGES, reason="there is no way to stand back wholly")
ENOUGH = 10**12


class Clock:
    """A time that passes when it is told to, in which the process waits for a core for a part of it."""

    def __init__(self):
        self.now = 100.0
        self.waited = 7.0
        self.free = ENOUGH

    def passes(self, seconds, waiting=0.0):
        self.now += seconds
        self.waited += waiting


@pytest.fixture
def clock(monkeypatch):
    """Of the keepers in a test, with the disk that they see."""
    clock = Clock()
    monkeypatch.setattr(manner, "monotonic", lambda: clock.now)
    monkeypatch.setattr(manner, "free_bytes", lambda _: clock.free)
    return clock


def keeping(clock, folder, *, firm):
    """A keeper on a disk that is to have 1,000 bytes in reserve."""
    return Manner(firm, folder, 1_000, lambda: clock.waited)


@pytest.mark.parametrize(
    ("seconds", "waiting", "changes"),
    [
        (STARVED_SECONDS - 1, STARVED_SECONDS - 1, False),
        (STARVED_SECONDS, STARVED_SECONDS * 0.4, False),
        (STARVED_SECONDS, STARVED_SECONDS * 0.6, True),
        (STARVED_SECONDS * 3, STARVED_SECONDS * 2.9, True),
        (STARVED_SECONDS, STARVED_SECONDS * 2, True),  # of several threads
    ],
)
def test_one_that_has_to_wait_too_long_insists(clock, tmp_path, seconds, waiting, changes):
    """Kept from a core most of the time, for some seconds, a gentle keeper is to be followed by a firm one."""
    gentle = keeping(clock, tmp_path, firm=False)
    clock.passes(seconds, waiting)
    assert bool(gentle.must_change(behind=True)) is changes


def test_what_was_waited_long_ago_does_not_count(clock, tmp_path):
    """It is the last seconds that count."""
    gentle = keeping(clock, tmp_path, firm=False)
    clock.passes(STARVED_SECONDS * 10, STARVED_SECONDS * 4)
    assert gentle.must_change(behind=True) is None
    clock.passes(STARVED_SECONDS, STARVED_SECONDS * 0.4)
    assert gentle.must_change(behind=True) is None


@pytest.mark.parametrize(("free", "changes"), [(1_999, True), (2_000, False)])
def test_a_disk_that_gets_full_makes_it_insist(clock, tmp_path, free, changes):
    """What is sealed takes less room, so at twice the reserve there is no time to lose."""
    gentle = keeping(clock, tmp_path, firm=False)
    clock.free = free
    assert bool(gentle.must_change(behind=False)) is changes


@pytest.mark.parametrize(
    ("seconds", "behind", "free", "changes"),
    [
        (CALM_SECONDS, False, ENOUGH, True),
        (CALM_SECONDS - 1, False, ENOUGH, False),
        (CALM_SECONDS, True, ENOUGH, False),
        (CALM_SECONDS, False, 2_400, False),
        (CALM_SECONDS, False, 2_500, True),
    ],
)
def test_a_firm_one_relaxes_in_time(clock, tmp_path, seconds, behind, free, changes):
    """After a minute, when it is not behind and the disk has room again."""
    firm = keeping(clock, tmp_path, firm=True)
    clock.free = free
    clock.passes(seconds)
    assert bool(firm.must_change(behind=behind)) is changes


def test_a_disk_that_does_not_tell_is_not_full(tmp_path):
    """A folder that is not there yet is no reason."""
    assert Manner(False, tmp_path / "journal", 10**18).must_change(behind=False) is None


def test_waiting_for_a_core_is_seen():
    """A thread that shares its core with another has to wait, and its process knows."""
    before, cores = core_waits(), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    child = os.fork()
    if not child:
        until = monotonic() + 10
        while monotonic() < until:
            pass
        os._exit(0)
    try:
        until = monotonic() + 10
        while core_waits() - before < 0.05:
            assert monotonic() < until
            sum(range(1_000))
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.sched_setaffinity(0, cores)
