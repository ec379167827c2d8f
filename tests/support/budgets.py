"""Budgets that nodes share, kept in memory, and a node that keeps to its side.

Units are millionths and times microseconds.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

from guard.store.budgets import UNIT, Answer, Told
from guard.store.sqlite.budget import Asked, Budget, ask, new

__all__ = ["LIFE", "UNIT", "Answer", "Node", "Open", "Store", "Told"]

LIFE = 2_000_000


class Store:
    """All that is in one; `budgets` by key."""

    def __init__(self) -> None:
        self.budgets: dict[str, Budget] = {}

    def ask(self, key: str, told: Told, *, now: int, node: str, nodes: int = 1, life: int = LIFE) -> Answer:
        """Ask one of them, as a node at a time."""
        budget = deepcopy(self.budgets[key]) if key in self.budgets else new(told, now)
        answer, lasts = ask(budget, told, Asked(node, life, nodes, now))
        if lasts is not None:
            self.budgets[key] = budget
        return answer

    def written(self, key: str) -> str:
        """The value of a key, with its nodes in order."""
        budget = self.budgets[key]
        return Budget(budget.left, budget.at, dict(sorted(budget.loans.items()))).written()


class Open:
    """An ask on its way."""

    def __init__(self, told: Told, sent: int) -> None:
        self.told = told
        self.sent = sent


@dataclass
class Node:
    """A node's cell of one budget: what it holds until when, and when it has spent how much of that."""

    name: str
    spent: list[tuple[int, int]]
    held: int = 0
    until: int = 0
    open: Open | None = None
    reserving: set[Open] = field(default_factory=set)

    def spend(self, units: int, now: int) -> bool:
        """Out of what is held here."""
        if now >= self.until:
            self.held = 0
        if units > self.held:
            return False
        self.held -= units
        self.spent.append((now, units))
        return True

    def ask(self, told: Told, now: int) -> Told:
        """Send one that tells what is held; one that is open is given up by that."""
        if now >= self.until:
            self.held = 0
        returned = min(told.returned, self.held)
        self.held -= returned
        asked = sum(asked.told.need for asked in self.reserving)
        told = told._replace(held=self.held + asked, open=asked, at=now, returned=returned)
        self.open = Open(told, now)
        return told

    def reserve(self, told: Told, now: int) -> Open:
        """Ask for units of which is told later what was spent; others may be on their way."""
        asked = Open(told._replace(at=now, keeps=1), now)
        self.reserving.add(asked)
        return asked

    def take(self, asked: Open, answer: Answer, now: int, life: int = LIFE) -> None:
        """Take an answer, if it is to the one that is open."""
        if asked in self.reserving:
            self.reserving.remove(asked)
            self.borrow(answer.need, asked.sent, now, life)
            return
        if self.open is not asked:
            return
        self.open = None
        self.borrow(answer.ahead, asked.sent, now, life)

    def borrow(self, units: int, sent: int, now: int, life: int = LIFE) -> None:
        """It is lent these."""
        if now >= self.until:
            self.held = 0
        self.held += units
        self.until = sent + life
