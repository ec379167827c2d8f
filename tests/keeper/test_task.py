"""Steps in a thread of their own."""

import threading
from time import monotonic

from guard.keeper.task import Task


class Steps:
    """Counts its steps; fails while told to."""

    def __init__(self):
        self.count = 0
        self.failing: Exception | None = None
        self.taken = threading.Condition()

    def step(self):
        with self.taken:
            self.count += 1
            self.taken.notify_all()
        if self.failing is not None:
            raise self.failing

    def reached(self, count):
        """Wait for so many steps."""
        with self.taken:
            return self.taken.wait_for(lambda: self.count >= count, 5)


def test_steps_go_on_until_the_end(caplog):
    """Work is done again and again; when it is told to finish there is one step more, and the thread ends."""
    steps = Steps()
    task = Task("work", steps.step, 0.001, ())
    assert steps.reached(3)
    task.finish()
    assert task.join(monotonic() + 5)
    assert caplog.records == []


def test_waking_does_the_next_step_now():
    """Who has something new does not wait for the pause."""
    steps = Steps()
    task = Task("work", steps.step, 1_000.0, ())
    assert steps.reached(1)
    task.wake()
    assert steps.reached(2)
    task.finish()
    assert task.join(monotonic() + 5)


def test_a_failure_is_told_and_tried_again(caplog):
    """An expected failure is told in words, one that is a fault of the guard's too; the step is tried again."""
    steps = Steps()
    steps.failing = OSError("the disk is full")
    task = Task("work", steps.step, 0.001, (OSError,))
    assert steps.reached(3)
    steps.failing = KeyError("x")
    assert steps.reached(steps.count + 2)
    steps.failing = None
    assert steps.reached(steps.count + 2)
    task.finish()
    assert task.join(monotonic() + 5)
    told = [record.message for record in caplog.records]
    assert told[:2] == ["work: the disk is full", "work: a fault in the guard, KeyError: 'x'"]


def test_pauses_grow_while_it_fails(monkeypatch):
    """After each failure the wait is twice as long, up to a bound, and nobody can shorten it."""
    waits: list[float | None] = []
    steps = Steps()
    steps.failing = OSError("gone")
    over = threading.Event()
    real = threading.Event.wait

    def wait(event, timeout=None):
        if threading.current_thread().name != "growing":
            return real(event, timeout)
        waits.append(timeout)
        task.wake()
        if len(waits) == 12:
            task.finish()
            over.set()
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    task: Task
    gate = threading.Event()
    task = Task("growing", lambda: (real(gate, 5), steps.step())[1], 1.0, (OSError,))
    gate.set()
    assert real(over, 5)
    assert task.join(monotonic() + 5)
    assert waits[:8] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_one_that_does_not_end_is_told():
    """Who waits for the end learns that it did not come."""
    gate = threading.Event()

    def step() -> None:
        gate.wait(5)

    task = Task("stuck", step, 1.0, ())
    task.finish()
    assert not task.join(monotonic() + 0.01)
    gate.set()
    assert task.join(monotonic() + 5)
