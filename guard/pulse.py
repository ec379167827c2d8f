"""A worker's pulse: a number in memory, moved by its loop, that it shares with the process that watches over it."""

from __future__ import annotations

import ctypes
import multiprocessing

RESTING = -1


class Pulse:
    """Moved by the worker, seen by its parent, from which the worker has it when it is started.

    It is in memory, not in a file: a disk that hangs must not make a worker look as if it did.
    """

    def __init__(self) -> None:
        self._beats = multiprocessing.get_context("spawn").RawValue(ctypes.c_int64, 0)

    @property
    def beats(self) -> int:
        """How often the loop has beaten; 0: not yet, for it is still starting; `RESTING`: it will not any more."""
        return self._beats.value

    def beat(self) -> None:
        """The loop turns."""
        self._beats.value += 1

    def rest(self) -> None:
        """The worker ends, which takes its time, and is not to be judged by its pulse any more."""
        self._beats.value = RESTING
