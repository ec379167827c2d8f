"""What is asked of the budgets that nodes share, and answered, in whole numbers: millionths of a unit, microseconds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from guard.lending import Ask, Grant

UNIT = 1_000_000
SECOND = 1_000_000
MOST = 2**51
"""Millionths: a budget has two billion units at most, so that every sum of it is a whole number in Lua too."""


class Told(NamedTuple):
    """An ask, see `guard.lending.Ask`, in whole numbers but for `interval`; `held` -1: nothing is told of that."""

    interval: float
    burst: int
    need: int = 0
    ahead: int = 0
    spent: int = 0
    returned: int = 0
    held: int = -1
    open: int = 0
    at: int = 0
    keeps: int = 0


class Answer(NamedTuple):
    """What became of it: granted of `need` and of `ahead`; until it is whole, and until `need` fits; what is left."""

    need: int
    ahead: int
    full: int
    wait: int
    left: int


class Budgets(ABC):
    """The budgets in a store, for one event loop. A call that is given up leaves nothing behind for the next.

    Attributes:
        address: where the store is, as it may be shown.
    """

    address: str

    @abstractmethod
    async def ask(self, node: str, life: float, nodes: int, asks: Sequence[Ask]) -> Sequence[Answer]:
        """Ask for a node that may keep for `life` seconds what it borrows, and is one of `nodes`.

        Raises:
            StoreError: the store cannot be reached, is too slow, or refuses.
        """

    @abstractmethod
    async def beat(self, node: str, missed: float) -> int:
        """Say that a node is there; how many are, that were heard of within `missed` seconds.

        Raises:
            StoreError: likewise.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the store, until it is asked again."""


def told(ask: Ask) -> Told:
    """An ask, as it is told to a store."""
    held = -1 if ask.held is None else _units(ask.held)
    return Told(
        ask.interval * SECOND,
        _units(ask.burst),
        need=_units(ask.need),
        ahead=_units(ask.ahead),
        spent=_units(ask.spent),
        returned=_units(ask.returned),
        held=held,
        open=_units(ask.open),
        at=ask.at,
        keeps=int(ask.keeps),
    )


def grants(answers: Iterable[Answer], lasts: float) -> Iterator[Grant]:
    """What a store has answered; leases last for so many seconds more."""
    for need, ahead, full, wait, left in answers:
        yield Grant((need + ahead) / UNIT, lasts, full / SECOND, wait / SECOND, ahead / UNIT, left / UNIT)


def _units(count: float) -> int:
    return min(round(count * UNIT), MOST)
