"""What verifying found."""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from guard.archive.damage import Problem


class LogReport(NamedTuple):
    """One log.

    `records` are those that are there, from number `first` up to `end`; `deleted` were deleted with tombstones. Up to
    `whole` every record is one or the other, and in its place.
    `checkpoint` is the size up to which the newest checkpoint beside the log holds it, None if there is none.
    """

    log: str
    records: int
    first: int
    end: int
    whole: int
    deleted: int
    segments: int
    sealed: int
    checkpoint: int | None


class Report(NamedTuple):
    """A whole journal. `notes` are what could not be looked into, and is no problem in itself."""

    logs: tuple[LogReport, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return {
            "sound": self.sound,
            "logs": [log._asdict() for log in self.logs],
            "problems": [problem.document() for problem in self.problems],
            "notes": list(self.notes),
        }


def ordered(problems: list[Problem], logs: list[str]) -> tuple[Problem, ...]:
    """By log, then by record: the first bad record comes first, what is about no record last."""
    places = {log: number for number, log in enumerate(logs)}

    def place(one: Problem) -> tuple[int, str, float]:
        return places.get(one.log, len(logs)), one.log, inf if one.seq is None else one.seq

    return tuple(sorted(problems, key=place))
