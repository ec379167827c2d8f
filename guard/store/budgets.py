"""What is asked of the budgets that nodes share, and answered, as the script `leases.lua` takes and gives it.

It reckons in whole numbers: millionths of a unit, and microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

from guard.lending import Ask, Grant
from guard.store.script import Script

UNIT = 1_000_000
SECOND = 1_000_000
MOST = 2**51
"""Millionths: a budget has two billion units at most, so that every sum of it is a whole number in Lua too."""

SCRIPT = Script(files(__package__).joinpath("leases.lua").read_text())


def arguments(node: str, life: float, nodes: int, asks: Sequence[Ask]) -> list[str | int | float]:
    """What the script is told, for asks whose keys it gets in the same order."""
    told: list[str | int | float] = [node, round(life * SECOND), nodes]
    for ask in asks:
        held = -1 if ask.held is None else _units(ask.held)
        counts = (ask.burst, ask.need, ask.ahead, ask.spent, ask.returned)
        told += (ask.interval * SECOND, *map(_units, counts), held, _units(ask.open), ask.at, int(ask.keeps))
    return told


def grants(answers: Sequence[int], lasts: float) -> Iterator[Grant]:
    """What the script has answered; leases last for so many seconds more."""
    for place in range(0, len(answers), 5):
        need, ahead, full, wait, left = answers[place : place + 5]
        yield Grant((need + ahead) / UNIT, lasts, full / SECOND, wait / SECOND, ahead / UNIT, left / UNIT)


def _units(count: float) -> int:
    return min(round(count * UNIT), MOST)
