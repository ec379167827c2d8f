"""How far the keeper stands back from those who serve, and when it does so no longer.

Gentle: it works only while nobody else wants the core, so that no request waits for its turn to end. Firm: it takes its
share of a core, for an attack that keeps every core busy must not keep the journal from being signed, sealed, shipped
and made smaller. Without privileges no process leaves SCHED_IDLE again (sched(7)), so a keeper that is due to work the
other way ends with `CHANGE`, and the next one is started so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic

from guard.journal.disk import free_bytes

CHANGE = 75
"""The exit code of a keeper that is to be followed at once by one that works the other way."""
FIRM = "firm"
"""The argument that says how to work; without it, gently."""
FIRM_NICENESS = 5
GENTLE_NICENESS = 15
CHANGES = hasattr(os, "SCHED_IDLE") and Path("/proc/self/schedstat").exists()
"""Whether there is a way to stand back wholly, and to see when that is too much."""
STARVED_SECONDS = 10.0
CALM_SECONDS = 60.0
RELIEF = 1.25


class Manner:
    """How one keeper works, from its start to its end.

    Attributes:
        firm: it takes its share.
    """

    def __init__(self, firm: bool, folder: Path, reserve: int, waited: Callable[[], float] | None = None) -> None:
        """`folder` is the journal's, on a disk that should have more than twice `reserve` bytes left; `waited` tells
        for how many seconds all that this process did has waited for a core.
        """
        self.firm = firm
        self._folder = folder
        self._reserve = reserve
        self._waited = waited or core_waits
        self._begin()

    def must_change(self, *, behind: bool) -> str | None:
        """Why the next keeper has to work the other way, or None; `behind`: this one has more to do than it can."""
        if not CHANGES:
            return None
        return self._may_relax(behind=behind) if self.firm else self._must_insist()

    def _must_insist(self) -> str | None:
        if self._is_low(1):
            return "the disk is getting full"
        if (passed := monotonic() - self._since) < STARVED_SECONDS:
            return None
        waited = self._waited() - self._before
        self._begin()
        return f"it had to wait for a core for {waited:.0f} of {passed:.0f} seconds" if waited > passed / 2 else None

    def _may_relax(self, *, behind: bool) -> str | None:
        if monotonic() - self._since < CALM_SECONDS or behind or self._is_low(RELIEF):
            return None
        return "it is not behind"

    def _begin(self) -> None:
        self._since = monotonic()
        self._before = self._waited()

    def _is_low(self, relief: float) -> bool:
        try:
            return free_bytes(self._folder) < 2 * self._reserve * relief
        except OSError:  # a folder that is not there yet
            return False


def take_up(*, firm: bool) -> None:
    """Have this process, and the threads it starts, work so."""
    os.nice(FIRM_NICENESS if firm else GENTLE_NICENESS)
    if CHANGES and not firm:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def core_waits() -> float:
    """Seconds for which this process's threads, added up, were ready to run and had no core to run on.

    From /proc/PID/task/TID/schedstat (Linux, Documentation/scheduler/sched-stats.rst); 0 where there is none.
    """
    total = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread that has ended meanwhile
            total += int(path.read_text().split()[1])
    return total / 1e9
