"""A piece of the keeper's work: a step that is done again and again, in a thread of its own.

A step that fails is told of, and tried again after a while, longer each time; nobody else waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic

from guard.faults import Faults

LONGEST_PAUSE = 60.0

logger = logging.getLogger("guard.keeper")


class Task:
    """Work that goes on until it is told to finish; then there is one step more, if the last one went well."""

    def __init__(self, name: str, step: Callable[[], None], pause: float, faults: tuple[type[Exception], ...]) -> None:
        """`pause`: seconds between two steps, and before the first try after a failure. `faults` are those that are
        expected, and told without a traceback.
        """
        self.name = name
        self._step = step
        self._pause = pause
        self._expected = faults
        self._faults = Faults(logger)
        self._failures = 0
        self._finishing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something to do: take the next step now, unless the last one failed."""
        if not self._failures:
            self._wake.set()

    def finish(self) -> None:
        """Take the last step soon; `join` waits for it."""
        self._finishing = True
        self._wake.set()

    def join(self, until: float) -> bool:
        """Wait for the end of the last step, until then (monotonic seconds); whether it came."""
        self._thread.join(max(until - monotonic(), 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._finishing:
            self._try()
            self._wake.wait(min(self._pause * 2**self._failures, LONGEST_PAUSE))
            self._wake.clear()
        if not self._failures:
            self._try()

    def _try(self) -> None:
        try:
            self._step()
        except self._expected as error:
            self._failed(str(error) or type(error).__name__)
        except Exception as error:
            self._failed(f"a fault in the guard, {type(error).__name__}: {error}")
            logger.debug("%s", self.name, exc_info=True)
        else:
            self._failures = 0
            self._faults.over(self.name)

    def _failed(self, what: str) -> None:
        self._failures = min(self._failures + 1, 16)
        self._faults.tell(self.name, what)
