"""A budget that nodes share, in Python: what `guard/store/leases.lua` has to do, and a node that keeps to its side.

Units are millionths and times microseconds, as there.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, replace
from math import ceil, floor
from typing import NamedTuple

UNIT = 1_000_000
LIFE = 2_000_000
SHORTEST_WAIT = 10_000


class Told(NamedTuple):
    """An ask; `held` -1: nothing is told of that."""

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
    need: int
    ahead: int
    full: int
    wait: int
    left: int


@dataclass
class Loan:
    lent: int = 0
    ends: int = 0
    asked: int = 0
    kept: int = 0
    kept_at: int = 0


@dataclass
class Budget:
    """As the store keeps it; `kept` is what it has written."""

    left: int
    at: int
    loans: dict[str, Loan] = field(default_factory=dict)

    @property
    def lent(self) -> int:
        return sum(loan.lent for loan in self.loans.values())

    def copy(self) -> Budget:
        loans = {name: replace(one) for name, one in self.loans.items()}
        return Budget(self.left, self.at, loans)

    def fill(self, told: Told, at: int) -> None:
        if told.interval == 0:
            self.left = told.burst - self.lent
            return
        if at > self.at:
            back = floor(min((at - self.at) / told.interval * UNIT, 2 * told.burst))
            self.left += back
            self.at = min(self.at + ceil(back / UNIT * told.interval), at)
        if self.left >= told.burst - self.lent:
            self.left, self.at = told.burst - self.lent, max(self.at, at)

    def catch_up(self, told: Told, now: int) -> None:
        over = [name for name, loan in self.loans.items() if loan.ends <= now]
        for name in sorted(over, key=lambda name: self.loans[name].ends):
            self.fill(told, self.loans[name].ends)
            del self.loans[name]
        self.fill(told, now)

    def there_is(self, told: Told, now: int, *, poor: bool) -> int:
        return self.left - (UNIT if told.interval == 0 and now - self.at < LIFE and not poor else 0)

    def whole(self, told: Told, now: int, lent: int, part: int) -> int:
        if told.interval == 0:
            return max(min(lent - part, max(-self.left, UNIT if now - self.at < LIFE else 0)), 0)
        return ceil(max(told.burst - self.left, 0) / UNIT * told.interval)

    def fits(self, told: Told) -> int:
        if told.interval == 0:
            return SHORTEST_WAIT
        missing = min(told.need, told.burst) - self.left
        gathered = min(SHORTEST_WAIT, floor(told.burst / 4 / UNIT) * told.interval)
        return ceil(max(missing / UNIT * told.interval, gathered))


class Store:
    """All that is in one; `budgets` by key."""

    def __init__(self) -> None:
        self.budgets: dict[str, Budget] = {}

    def ask(self, key: str, told: Told, *, now: int, node: str, nodes: int = 1, life: int = LIFE) -> Answer:
        at = now if told.interval else 0
        budget = self.budgets[key].copy() if key in self.budgets else Budget(told.burst, at)
        budget.at = min(budget.at, now)
        for loan in budget.loans.values():
            loan.ends = min(loan.ends, now + life)
        budget.catch_up(told, now)
        loan = budget.loans.get(node, Loan(0, now, 0))
        part = floor(told.burst / nodes / UNIT) * UNIT

        def is_poor(loan: Loan) -> bool:
            return told.interval == 0 and loan.lent < max(part / 2, UNIT)

        if told.held >= 0 and told.at <= loan.asked:
            return Answer(0, 0, budget.whole(told, now, loan.lent, part), 0, budget.left)
        if told.spent:
            budget.left = max(budget.left - told.spent, min(budget.left, -told.burst))
        borrows = told.held >= 0
        if borrows or told.returned:
            if borrows and told.at > loan.kept_at:
                loan.kept = 0
            least = most = max(loan.lent - told.returned, 0)
            if borrows:
                least, most = told.held - told.open, told.held + loan.kept
            held = max(least, min(loan.lent, most))
            gone = loan.lent - held
            budget.left += gone if told.interval == 0 or gone < 0 else min(told.returned, gone)
            loan.lent = held
            loan.asked = told.at if borrows else loan.asked
        need = ahead = wait = 0
        poor = is_poor(loan)
        if told.need:
            if budget.there_is(told, now, poor=poor) >= min(told.need, told.burst):
                need = told.need
            else:
                wait = budget.fits(told)
            if poor:
                budget.at = now if wait else 0
            budget.left -= need
        if need and (told.keeps or told.interval == 0):
            borrows = True
            loan.lent, loan.ends = loan.lent + need, now + life
            if told.keeps:
                loan.kept, loan.kept_at = loan.kept + need, max(loan.kept_at, told.at)
        if told.held >= 0:
            wish = 0 if wait else told.ahead
            poor = is_poor(loan)
            left = budget.there_is(told, now, poor=poor)
            ahead = max(min(wish, floor(left / (2 * nodes) / UNIT) * UNIT), 0)
            budget.left -= ahead
            loan.lent, loan.ends = loan.lent + ahead, now + life
        if borrows:
            budget.loans[node] = loan
        if borrows or need or told.spent or told.returned or (poor and wait):
            self.budgets[key] = budget
        return Answer(need, ahead, budget.whole(told, now, loan.lent, part), wait, budget.left)

    def written(self, key: str) -> str:
        """The value of a key, with its nodes in order."""
        budget = self.budgets[key]
        loans = [(name, *astuple(loan)) for name, loan in sorted(budget.loans.items())]
        return " ".join(str(word) for word in (budget.left, budget.at, *(word for loan in loans for word in loan)))


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
