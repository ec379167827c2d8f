"""Where the characters of a normalised text came from."""

from __future__ import annotations

from typing import NamedTuple


class _Run(NamedTuple):
    start: int
    raw: int
    exact: bool


class Positions:
    """A map from normalised to raw positions, as a few runs; what lies behind the last question is forgotten.

    In an *exact* run characters map one to one; any other run maps as a whole to the raw index at which it begins.
    """

    __slots__ = ("_length", "_raw_length", "_runs")

    def __init__(self) -> None:
        self._length = 0
        self._raw_length = 0
        self._runs: list[_Run] = []

    def add(self, length: int, raw_length: int, exact: bool) -> None:
        """The next `length` normalised characters came from the next `raw_length` raw ones."""
        last = self._runs[-1] if self._runs else None
        continues = last is not None and last.exact and last.raw - last.start == self._raw_length - self._length
        if length and not (exact and continues):
            self._runs.append(_Run(self._length, self._raw_length, exact))
        self._length += length
        self._raw_length += raw_length

    def raw(self, position: int) -> int:
        """The raw index at or before the character that `position` came from.

        Positions must not go backwards from call to call. A position at the end of what was added is the raw end.
        """
        if position >= self._length:
            return self._raw_length
        runs = self._runs
        while len(runs) > 1 and runs[1].start <= position:
            del runs[0]
        run = runs[0]
        return run.raw + (position - run.start if run.exact else 0)
