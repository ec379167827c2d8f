"""The load test of overload, in small: its counts are true, whatever this machine's speed."""

from loadtests.openloop import Tally
from loadtests.overload import kept, report, run


def test_what_is_too_much_is_refused_and_nothing_breaks(tmp_path):
    """With two slots and five times what they can do, some are served, the rest is refused, and nobody is cut off."""
    numbers = run(2, 0.05, 5.0, 1.0, tmp_path)
    assert numbers["broken"] == numbers["other"] == 0
    assert numbers["goodput_per_second"] > 10
    assert numbers["refused_per_second"] > numbers["goodput_per_second"]


def test_a_promise_that_is_broken_is_seen():
    """Less goodput, late refusals and broken connections each fail it."""

    def tally(served: int, refused: float = 0.001, broken: int = 0) -> Tally:
        one = Tally()
        one.took.update({200: [0.02] * served, 503: [refused] * 100, 0: [1.0] * broken})
        return one

    assert kept(report(tally(100), tally(95), 1.0))
    assert not kept(report(tally(100), tally(80), 1.0))
    assert not kept(report(tally(100), tally(95, refused=0.05), 1.0))
    assert not kept(report(tally(100), tally(95, broken=1), 1.0))
