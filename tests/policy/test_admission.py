"""Who is served when there is more to do than can be done."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from guard.config import Overload
from guard.policy.admission import Admission


class Caller:
    """Remembers what it was told, and leaves at once if it is so `quick`."""

    def __init__(self, admission: Admission, *, known: bool = False, quick: bool = False) -> None:
        self.admission = admission
        self.known = known
        self.quick = quick
        self.told: list[str] = []

    def enter(self, now: float = 0.0, behind: float = 0.0) -> Caller:
        self.admission.enter(self, now, behind=behind, known=self.known)
        return self

    def admitted(self) -> None:
        self.told.append("in")
        if self.quick:
            self.admission.leave()

    def overloaded(self) -> None:
        self.told.append("out")


def test_places_then_queue_then_refusal():
    """So many are served at once, so many wait in the order they came, and the rest is refused at once."""
    admission = Admission(Overload(running=1, queue=2))
    first, second, third, fourth = [Caller(admission).enter() for _ in range(4)]
    assert [caller.told for caller in (first, second, third, fourth)] == [["in"], [], [], ["out"]]
    assert repr(admission) == "<Admission running=1 known=0 unknown=2>"
    admission.leave()
    assert [second.told, third.told] == [["in"], []]
    admission.leave()
    assert third.told == ["in"]
    admission.leave()
    assert admission.running == 0


def test_known_callers_come_first():
    """A known caller is served before unknown ones that came earlier, and takes the queue's last place from one."""
    admission = Admission(Overload(running=1, queue=2))
    Caller(admission).enter()
    early, late = Caller(admission).enter(), Caller(admission).enter()
    known = Caller(admission, known=True).enter()
    assert (early.told, late.told, known.told) == ([], ["out"], [])
    other = Caller(admission, known=True).enter()
    assert early.told == ["out"]
    assert Caller(admission, known=True).enter().told == ["out"]
    admission.leave()
    assert (known.told, other.told) == (["in"], [])


def test_waiting_has_an_end():
    """Who has waited for longer than the timeout is told that there is no place, and is not given one later."""
    admission = Admission(Overload(running=1, queue=9, queue_timeout=1.0))
    Caller(admission).enter(0.0)
    old, young = Caller(admission).enter(0.0), Caller(admission, known=True).enter(0.5)
    admission.sweep(1.2)
    assert (old.told, young.told) == (["out"], [])
    admission.give_up(young)
    admission.leave()
    assert (old.told, young.told) == (["out"], [])
    assert admission.running == 0


def test_many_quick_ones_do_not_pile_up():
    """Those that are done as soon as they are admitted are served one after the other, not one within the other."""
    admission = Admission(Overload(running=1, queue=10_000))
    Caller(admission).enter()
    waiting = [Caller(admission, quick=True).enter() for _ in range(10_000)]
    admission.leave()
    assert all(caller.told == ["in"] for caller in waiting)
    assert admission.running == 0


@pytest.mark.parametrize(
    ("behind", "known", "refused"),
    [(0.0, False, False), (0.3, False, True), (0.3, True, False), (0.6, True, True)],
)
def test_a_worker_that_stays_late_refuses(behind, known, refused):
    """When the worker does not keep up for a while, unknown callers are refused first, later the known ones too."""
    admission = Admission(Overload(lag=0.25))
    told = [Caller(admission, known=known).enter(now, behind).told for now in (1.0, 1.3, 1.6, 1.9)]
    assert told == [["in"], ["in"], *[["out"] if refused else ["in"]] * 2]


def test_being_late_once_is_no_overload():
    """After a pause of the machine or the disk everybody is served, and so after the next one much later."""
    admission = Admission(Overload(lag=0.25))
    told = [Caller(admission).enter(now, 0.9).told for now in (1.0, 1.1, 1.2, 9.0, 9.1)]
    assert told == [["in"]] * 5


def test_whom_a_full_queue_refuses_before_the_body():
    """What would get no place is refused early; a known caller is not while an unknown one has a place in the queue."""
    admission = Admission(Overload(running=1, queue=1))
    assert not admission.refuses(known=False)
    Caller(admission).enter()
    Caller(admission).enter()
    assert admission.refuses(known=False)
    assert not admission.refuses(known=True)
    assert Admission(Overload(running=1, queue=0)).refuses(known=False) is False


class Admissions(RuleBasedStateMachine):
    """Any order of coming, leaving, giving up and time."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(Overload(running=3, queue=4, queue_timeout=5.0))
        self.callers: list[Caller] = []
        self.now = 0.0

    @rule(known=st.booleans())
    def come(self, known):
        self.callers.append(Caller(self.admission, known=known).enter(self.now))

    @precondition(lambda self: self.admission.running)
    @rule()
    def leave(self):
        next(caller for caller in self.callers if caller.told == ["in"]).told.append("left")
        self.admission.leave()

    @rule(data=st.data())
    def give_up(self, data):
        waiting = [caller for caller in self.callers if not caller.told]
        if waiting:
            caller = data.draw(st.sampled_from(waiting))
            caller.told.append("gave up")
            self.admission.give_up(caller)

    @rule(seconds=st.floats(0, 4))
    def wait(self, seconds):
        self.now += seconds
        self.admission.sweep(self.now)

    @invariant()
    def nobody_is_lost(self):
        """Each caller is in one state, places and queue are within bounds, and none is free while somebody waits."""
        assert all(caller.told in ([], ["in"], ["out"], ["in", "left"], ["gave up"]) for caller in self.callers)
        waiting = [caller for caller in self.callers if not caller.told]
        assert {*self.admission.known, *self.admission.unknown} == set(waiting)
        assert len(waiting) <= 4
        assert self.admission.running == sum(caller.told == ["in"] for caller in self.callers) <= 3
        assert not waiting or self.admission.running == 3


TestAdmissions = Admissions.TestCase
