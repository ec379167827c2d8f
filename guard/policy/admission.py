"""Who is served when there is more to do than can be done: a bounded number at a time, a bounded queue, known first."""

from __future__ import annotations

from itertools import chain
from typing import Protocol

from guard.config import Overload


class Applicant(Protocol):
    """What wants a place."""

    def admitted(self) -> None:
        """Here it is; it has to be left."""

    def overloaded(self) -> None:
        """There is none, now or in time."""


class Admission:
    """A worker's places: `running` are taken; who waits for one is in `known` or `unknown`, with the time it came.

    Known callers are served before unknown ones, and where the queue is full take the place in it of the unknown one
    that came last. Within its kind everybody is served in the order of arrival.
    """

    def __init__(self, bounds: Overload) -> None:
        self.bounds = bounds
        self.most = bounds.running
        self.lag = bounds.lag
        self.running = 0
        self.known: dict[Applicant, float] = {}
        self.unknown: dict[Applicant, float] = {}
        self._serving = False
        self._late_since = 0.0
        self._late_until = 0.0

    def __repr__(self) -> str:
        return f"<Admission running={self.running} known={len(self.known)} unknown={len(self.unknown)}>"

    def refuses(self, *, known: bool) -> bool:
        """Whether a newcomer would get no place: better to know before its body is read."""
        return self.running >= self.most and self._is_full() and not (known and self.unknown)

    def enter(self, applicant: Applicant, now: float, *, behind: float, known: bool) -> None:
        """Give a place, now or later, or say that there is none.

        Args:
            applicant: who wants it.
            now: monotonic seconds.
            behind: by how many seconds the worker is late with its work. When that has been too much for a while, new
                requests are refused; those of known callers when it is twice as much.
            known: whether it is a known caller.
        """
        if self.running < self.most and (behind <= self.lag or not self._sheds(now, behind, known=known)):
            self.running += 1
            applicant.admitted()
        elif behind > self.lag and self._sheds(now, behind, known=known):
            applicant.overloaded()
        else:
            self._queue(applicant, now, known=known)

    def hold(self) -> None:
        """Give no more places: who comes waits, until `resume`."""
        self.most = 0

    def resume(self) -> None:
        """Give places again."""
        self.most = self.bounds.running
        self._serve_waiting()

    def leave(self) -> None:
        """A place is free again: give it to who waits."""
        self.running -= 1
        self._serve_waiting()

    def give_up(self, applicant: Applicant) -> None:
        """`applicant` does not wait any more."""
        self.known.pop(applicant, None)
        self.unknown.pop(applicant, None)

    def sweep(self, now: float) -> None:
        """Tell those who have waited too long; called several times a second."""
        oldest = now - self.bounds.queue_timeout
        late = [applicant for applicant, came in chain(self.known.items(), self.unknown.items()) if came < oldest]
        for applicant in late:
            self.give_up(applicant)
            applicant.overloaded()

    def _serve_waiting(self) -> None:
        # Whoever is admitted may be done at once and leave in turn: no deeper than this, however many wait.
        if not self._serving and (self.known or self.unknown):
            self._serving = True
            try:
                self._serve()
            finally:
                self._serving = False

    def _sheds(self, now: float, behind: float, *, known: bool) -> bool:
        """Whether a request is refused because the worker does not keep up; being late once is no reason yet."""
        if now > self._late_until:
            self._late_since = now
        self._late_until = now + 4 * self.lag
        return now - self._late_since > 2 * self.lag and (not known or behind > 2 * self.lag)

    def _queue(self, applicant: Applicant, now: float, *, known: bool) -> None:
        displaced: Applicant | None = None
        if self._is_full():
            if not (known and self.unknown):
                applicant.overloaded()
                return
            displaced, _ = self.unknown.popitem()
        (self.known if known else self.unknown)[applicant] = now
        if displaced is not None:
            displaced.overloaded()

    def _is_full(self) -> bool:
        return len(self.known) + len(self.unknown) >= self.bounds.queue

    def _serve(self) -> None:
        while self.running < self.most and (queue := self.known or self.unknown):
            applicant = next(iter(queue))
            del queue[applicant]
            self.running += 1
            applicant.admitted()
