"""A pulse between two processes."""

import multiprocessing

from guard.pulse import RESTING, Pulse


def beat(pulse, times, rests):
    """What a worker does."""
    for _ in range(times):
        pulse.beat()
    if rests:
        pulse.rest()


def beats(times, *, rests=False):
    """What the parent sees of a child that has ended."""
    pulse = Pulse()
    assert pulse.beats == 0
    child = multiprocessing.get_context("spawn").Process(target=beat, args=(pulse, times, rests))
    child.start()
    child.join()
    return pulse.beats


def test_a_child_s_beats_are_seen():
    """Also when it has ended; each child has its own."""
    assert beats(3) == 3


def test_a_child_that_ends_rests():
    """From then on its pulse says nothing."""
    assert beats(3, rests=True) == RESTING
