"""What is wrong with a configuration: where, what, and what was expected instead."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from msgspec import Struct

from guard.config import Rules

Path = tuple[str | int, ...]
"""Where a value stands: keys and list indexes from the top."""

LONGEST_SHOWN = 60


class Problem(Struct, frozen=True):
    """One error; `line` counts from 1, None when the file could not be read; `path` is "" for the file as a whole."""

    file: str
    line: int | None
    path: str
    wrong: str
    expected: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.path}{': ' if self.path else ''}{self.wrong}; expected {self.expected}"


class SettingsError(Exception):
    """A configuration that cannot be used.

    Attributes:
        errors: all that is wrong with it, in the order of the file's lines.
        rules: where the rules are, if that much could be read: they can be checked all the same.
    """

    def __init__(self, errors: tuple[Problem, ...], rules: Rules | None = None) -> None:
        super().__init__(errors)
        self.errors = errors
        self.rules = rules

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


class Report:
    """Collects the problems of one file, and knows on which line each value of it stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: dict[Path, int] = {(): 1}
        self._problems: list[Problem] = []
        self._wrong: set[Path] = set()

    def note(self, path: Path, wrong: str, expected: str, line: int | None = None) -> None:
        """Note a problem beside the value at `path`, which can itself be looked at further."""
        self._put(path, wrong, expected, line or self._line(path))

    def add(self, path: Path, wrong: str, expected: str, line: int | None = None) -> None:
        """Note that the value at `path` cannot be used; later checks leave it alone."""
        self._wrong.add(path)
        self.note(path, wrong, expected, line)

    def check(self, right: bool, path: Path, wrong: str, expected: str) -> None:
        """Note a problem unless it is `right`, or unless the value was already found wrong."""
        if not right and self.sound(path):
            self.note(path, wrong, expected)

    def fail(self, path: Path, wrong: str, expected: str, line: int | None) -> NoReturn:
        """Give up: nothing more can be learnt from the file.

        Raises:
            SettingsError: always.
        """
        self._put(path, wrong, expected, line)
        raise SettingsError(self.problems)

    def sound(self, path: Path) -> bool:
        """Whether neither this value nor one around it was found wrong."""
        return not any(path[:depth] in self._wrong for depth in range(len(path) + 1))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found, in the order of the file's lines."""
        return tuple(sorted(self._problems, key=lambda problem: problem.line or 0))

    def _put(self, path: Path, wrong: str, expected: str, line: int | None) -> None:
        self._problems.append(Problem(self.file, line, dotted(path), wrong, expected))

    def _line(self, path: Path) -> int:
        """The line of the value, or of the nearest thing around it that is in the file."""
        return next(self.lines[path[:depth]] for depth in range(len(path), -1, -1) if path[:depth] in self.lines)


def dotted(path: Path) -> str:
    """A path as people write it: ``limits[0].burst``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{plain(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def plain(text: str) -> str:
    """A key as it is, or quoted where it holds what would not show on a screen."""
    return text if text.isprintable() and text else json.dumps(text)


def shown(value: Any) -> str:
    """A value as it appears in an error: quoted, on one line, without control characters, not long."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
