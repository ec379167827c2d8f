"""A budget that nodes share: the same bucket as the script `leases.lua` keeps in a Redis, number for number.

It is a bucket of `burst` units that fills at a rate; nodes take units to spend at once (`need`), and borrow some to
spend soon (`ahead`). What is lent and not yet spent counts as still being in the bucket: it fills up to `burst` less
what is lent. So in any time T all nodes together spend at most burst + rate * T, whenever they spend what they have
borrowed. Where `interval` is 0 the units are slots, which are held until they are given back or their lease is over.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from math import ceil, floor
from typing import NamedTuple, Self

from guard.store.budgets import MOST, UNIT, Answer, Told

SHORTEST_WAIT = 10_000
SLACK = 1_000_000


@dataclass(slots=True)
class Loan:
    """What a node was lent, until when; when it last told what it holds, and what it was lent that this may lack."""

    lent: int = 0
    ends: int = 0
    asked: int = 0
    kept: int = 0
    kept_at: int = 0


class Asked(NamedTuple):
    """Who asks: the node, for how long it may keep what it borrows, how many nodes there are, and when that is."""

    node: str
    life: int
    nodes: int
    now: int


@dataclass(slots=True)
class Budget:
    """What is `left`, as of `at`: it may be less than nothing.

    Of slots, `at` is when a node was refused one that has less than half of its part: for as long as a lease one is
    kept for such a node.
    """

    left: int
    at: int
    loans: dict[str, Loan] = field(default_factory=dict)

    @classmethod
    def read(cls, value: str) -> Self:
        """One as it was `written`.

        Raises:
            ValueError: it is none.
        """
        left, at, *words = value.split(" ")
        found = cls(int(left), int(at))
        for place in range(0, len(words), 6):
            name, lent, ends, asked_, kept, kept_at = words[place : place + 6]
            found.loans[name] = Loan(int(lent), int(ends), int(asked_), int(kept), int(kept_at))
        if max(map(abs, (found.left, *(loan.lent for loan in found.loans.values())))) > 4 * MOST:
            raise ValueError("no budget has so much")
        return found

    def written(self) -> str:
        """In words: left, at, and of each node its name and its loan."""
        loans = (word for name, loan in self.loans.items() for word in (name, *astuple(loan)))
        return " ".join(map(str, (self.left, self.at, *loans)))

    @property
    def lent(self) -> int:
        """To all nodes."""
        return sum(loan.lent for loan in self.loans.values())


def new(told: Told, now: int) -> Budget:
    """One that nobody has asked yet: it is whole."""
    return Budget(told.burst, now if told.interval else 0)


def ask(budget: Budget, told: Told, asked: Asked) -> tuple[Answer, int | None]:
    """Ask a budget, which changes by it.

    Returns the answer, and for how long (microseconds) the budget is to be kept from now on: then it is as if it had
    never been. None: it is as it was.
    """
    turn = _Turn(budget, told, asked)
    answer, changed = turn.answer()
    return answer, turn.lasts() if changed else None


class _Turn:
    """One ask of one node, at one time."""

    def __init__(self, budget: Budget, told: Told, asked: Asked) -> None:
        self.budget, self.told = budget, told
        self.node, self.life, self.nodes, self.now = asked
        self.slots = told.interval == 0
        # A clock that was set back makes no lease longer.
        budget.at = min(budget.at, self.now)
        for loan in budget.loans.values():
            loan.ends = min(loan.ends, self.now + self.life)
        self.catch_up()
        self.loan = budget.loans.get(self.node) or Loan(ends=self.now)
        self.part = floor(told.burst / self.nodes / UNIT) * UNIT

    def answer(self) -> tuple[Answer, bool]:
        """The answer, and whether anything has changed."""
        told, budget, loan = self.told, self.budget, self.loan
        tells = told.held >= 0
        if tells and told.at <= loan.asked:
            # It was on its way for so long that a later one has told more.
            return Answer(0, 0, self.until_whole(), 0, budget.left), False
        if told.spent:
            budget.left = max(budget.left - told.spent, min(budget.left, -told.burst))
        self.hear()
        need, wait, is_noted = self.take()
        ahead = self.lend_ahead(wait) if tells else 0
        borrows = tells or (need > 0 and bool(told.keeps or self.slots))
        if borrows:
            budget.loans[self.node] = loan
        changed = borrows or bool(need or told.spent or told.returned or is_noted)
        return Answer(need, ahead, self.until_whole(), wait, budget.left), changed

    def fill(self, at: int) -> None:
        """Let what comes back by itself until then come back."""
        budget, told = self.budget, self.told
        if self.slots:
            # How many slots there are may have been changed since.
            budget.left = told.burst - budget.lent
            return
        if at > budget.at:
            # From the deepest debt to the brim is two bursts.
            back = floor(min((at - budget.at) / told.interval * UNIT, 2 * told.burst))
            budget.left += back
            # The time of a part of a millionth is kept for the next turn: slow budgets live on it.
            budget.at = min(budget.at + ceil(back / UNIT * told.interval), at)
        brim = told.burst - budget.lent
        if budget.left >= brim:
            budget.left, budget.at = brim, max(budget.at, at)

    def catch_up(self) -> None:
        """Let the time pass: what was not told of until its lease ended counts as spent. A slot falls back."""
        loans = self.budget.loans
        over = [name for name, loan in loans.items() if loan.ends <= self.now]
        for name in sorted(over, key=lambda name: loans[name].ends):
            self.fill(loans[name].ends)
            del loans[name]
        self.fill(self.now)

    def hear(self) -> None:
        """Take what the node tells of what it has borrowed."""
        told, loan = self.told, self.loan
        if told.held >= 0:
            if told.at > loan.kept_at:
                loan.kept = 0
            # What is open, or was lent after this was asked, may be among what was lent and held, or not.
            self.settle(told.held - told.open, told.held + loan.kept)
            loan.asked = told.at
        elif told.returned:
            held = max(loan.lent - told.returned, 0)
            self.settle(held, held)

    def settle(self, least: int, most: int) -> None:
        """Of what the node borrowed it has between these left: the rest was given back, or spent.

        It may also have more than is known of here, for its lease has lapsed, or all was lost: it borrows that now.
        """
        held = max(least, min(self.loan.lent, most))
        gone = self.loan.lent - held
        self.budget.left += gone if self.slots or gone < 0 else min(self.told.returned, gone)
        self.loan.lent = held

    def take(self) -> tuple[int, int, bool]:
        """What is granted of the need, or how long it has to wait; whether it is noted that slots are short, or not."""
        told, budget, loan = self.told, self.budget, self.loan
        if not told.need:
            return 0, 0, False
        is_poor = self.is_poor()
        fits = self.there_is() >= min(told.need, told.burst)
        if is_poor:
            budget.at = 0 if fits else self.now
        if not fits:
            return 0, self.until_fits(), is_poor
        if told.keeps or self.slots:
            self.lend(told.need)
            if told.keeps:
                loan.kept, loan.kept_at = loan.kept + told.need, max(loan.kept_at, told.at)
        else:
            budget.left -= told.need
        return told.need, 0, is_poor

    def lend_ahead(self, wait: int) -> int:
        """What is lent beyond the need. What the node holds it may keep for as long again, whatever it was refused."""
        plenty = floor(self.there_is() / (2 * self.nodes) / UNIT) * UNIT
        ahead = max(min(self.told.ahead, plenty), 0) if wait == 0 else 0
        self.lend(ahead)
        return ahead

    def lend(self, units: int) -> None:
        """The node has these, for as long as a lease."""
        self.budget.left -= units
        self.loan.lent += units
        self.loan.ends = self.now + self.life

    def is_poor(self) -> bool:
        """Whether the node has less of the slots than half of its part, or none."""
        return self.slots and self.loan.lent < max(self.part / 2, UNIT)

    def is_short(self) -> bool:
        """Whether somebody poor was refused a slot of late."""
        return self.slots and self.now - self.budget.at < self.life

    def there_is(self) -> int:
        """What there is for this node: of slots one less while somebody poor is short of them."""
        return self.budget.left - (UNIT if self.is_short() and not self.is_poor() else 0)

    def until_fits(self) -> int:
        """How long until the need may be there."""
        told = self.told
        if self.slots:
            return SHORTEST_WAIT
        missing = min(told.need, told.burst) - self.budget.left
        # Those who ask in vain need not come for every single unit where some may gather.
        gathered = min(SHORTEST_WAIT, floor(told.burst / 4 / UNIT) * told.interval)
        return ceil(max(missing / UNIT * told.interval, gathered))

    def until_whole(self) -> int:
        """How long until all is there; of slots, how many of the node's others need more."""
        if self.slots:
            # It is above its part, and there are too many altogether, or somebody is short of them.
            wanted = max(-self.budget.left, UNIT if self.is_short() else 0)
            return max(min(self.loan.lent - self.part, wanted), 0)
        return ceil(max(self.told.burst - self.budget.left, 0) / UNIT * self.told.interval)

    def lasts(self) -> int:
        """How long it is before it is whole and nothing is lent, and a second more."""
        whole = 0 if self.slots else self.until_whole()
        return max([whole, *(loan.ends - self.now for loan in self.budget.loans.values())]) + SLACK
