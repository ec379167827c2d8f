"""Times as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from time import time

import click

_AGO = re.compile(r"([0-9]+(?:\.[0-9]+)?)(s|m|min|h|d|w)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SECONDS = re.compile(r"[0-9]{9,11}(?:\.[0-9]+)?")
LONGEST_SECONDS = 100 * 365 * 86_400.0
"""What is longer is a mistake."""

EXPECTED = "30s, 15m, 2h, 7d or 1w ago, or a time such as 2026-03-01 or 2026-03-01T12:00:00Z"


class When(click.ParamType[float]):
    """A time in seconds since the epoch: how long ago (``2h``), ISO 8601, or seconds. Without a zone a time is in
    UTC, as are all that the guard prints.
    """

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        if isinstance(value, int | float):
            return float(value)
        moment = parse(str(value))
        if moment is None:
            self.fail(f"{value!r} is no time; expected {EXPECTED}", param, ctx)
        return moment


def parse(text: str) -> float | None:
    """Seconds since the epoch; None if it is no time."""
    if ago := _AGO.fullmatch(text):
        return time() - float(ago[1]) * _UNITS[ago[2]]
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def shown(moment: float | None) -> str:
    """A point in time for people, in UTC; nothing for none."""
    if moment is None:
        return ""
    try:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(moment)


def spelled(seconds: float) -> str:
    """A time in seconds, as people write it: ``36h``, or ``90s`` where that is exact, else to the second."""
    units = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60))
    for unit, size in units:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


class Duration(click.ParamType[float]):
    """A time in seconds: ``30s``, ``15m``, ``2h``, ``7d``."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        if isinstance(value, int | float):
            return float(value)
        found = _AGO.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration; expected e.g. 30s, 15m, 2h or 7d", param, ctx)
        seconds = float(found[1]) * _UNITS[found[2]]
        if seconds <= 0.0:
            self.fail(f"{value!r} is too short: it must be longer than 0 s", param, ctx)
        if seconds > LONGEST_SECONDS:
            self.fail(f"{value!r} is too long: the longest is {spelled(LONGEST_SECONDS)}", param, ctx)
        return seconds


WHEN = When()
DURATION = Duration()
