"""What is wrong with a journal, said so that somebody finds the place."""

from __future__ import annotations

from typing import Any, NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong.

    `seq` is the first record that is concerned; `file` is named from the journal's folder on; `offset` (bytes) and
    `line` (from 1 on) are places in the file, in that of a sealed segment as it is when decompressed.
    """

    log: str
    reason: str
    seq: int | None = None
    file: str | None = None
    offset: int | None = None
    line: int | None = None

    def __str__(self) -> str:
        record = self.log if self.seq is None else f"{self.log}/{self.seq}"
        place = self.file or ""
        if self.line is not None:
            place += f", line {self.line}"
        if self.offset is not None:
            place += f", byte {self.offset}"
        return f"{record}: {place}: {self.reason}" if place else f"{record}: {self.reason}"

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return self._asdict()


class Damage(ValueError):
    """Something is not what a whole journal has; `problem` says what and where."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return str(self.problem)
