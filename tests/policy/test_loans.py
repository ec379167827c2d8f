"""What is told and granted of one cell; whole stories are in test_borrowing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from guard import config
from guard.lending import Ask, Grant, Grants
from guard.policy.limits import Limit, Limits
from guard.policy.loans import CLAIM_SECONDS, Loans
from guard.policy.places import Finder, Place
from guard.policy.presence import Presence
from guard.policy.spare import Spare
from guard.policy.table import Table

REQUESTS, TOKENS, PLACES = Limits(
    [config.Limit(per="global", requests="100/s", burst=80, tokens="1000/s", concurrency=40)]
).all


class Lender:
    """It keeps what it is asked, and answers when the test says so."""

    def __init__(self) -> None:
        self.nodes = 2
        self.events: dict[str, int] = {}
        self.seconds = 0.0
        self.open: list[tuple[Sequence[Ask], Callable[[Grants | None], None]]] = []

    def ask(self, asks: Sequence[Ask], then: Callable[[Grants | None], None]) -> None:
        self.open.append((asks, then))

    def answer(self, *grants: Grant) -> None:
        """The oldest that is open; with nothing: there is no answer."""
        self.open.pop(0)[1](grants or None)

    def close(self) -> None:
        pass


class Waiter:
    """Somebody who waits, or has gone on (`verdict`)."""

    def __init__(self, verdict: object | None = None) -> None:
        self.verdict = verdict
        self.told: list[Grants | None] = []

    def answered(self, grants: Grants | None) -> None:
        self.told.append(grants)


class Cell:
    """One cell, and a worker's loans of it."""

    def __init__(self, folder: Path, limit: Limit) -> None:
        self.time = 100.0
        self.table = Table(folder, clock=lambda: self.time)
        self.lender = Lender()
        self.loans = Loans(self.lender, Presence(self.lender, 1.0))
        self.loans.table = self.table
        self.place = Place(limit, self.table.name(limit.name("")), self.table)
        Finder(Spare()).find(self.place, self.table, self.now, locked=True)
        self.index = self.place.index

    @property
    def now(self) -> float:
        return self.table.now()

    def borrow(self, need: float, grant: Grant, **more: Any) -> None:
        """Ask for what is needed, and have it granted."""
        self.loans.send([self.loans.want(self.place, need, **more)])
        self.lender.answer(grant)


@pytest.fixture
def cell(tmp_path) -> Iterator[Callable[[Limit], Cell]]:
    """Makes one for a limit."""
    made: list[Cell] = []

    def make(limit: Limit) -> Cell:
        made.append(Cell(tmp_path, limit))
        return made[-1]

    yield make
    for one in made:
        one.table.close()


def test_what_is_held_is_told_by_one_at_a_time(cell):
    """Who asks while another is at it says what it needs and nothing else; unless that one seems to be dead."""
    one = cell(REQUESTS)
    first, second = one.loans.want(one.place, 1.0), one.loans.want(one.place, 1.0)
    assert (first.ask.held, second.ask.held) == (0.0, None)
    one.time += CLAIM_SECONDS + 0.01
    assert one.loans.want(one.place, 1.0).ask.held == 0.0


def test_more_is_asked_ahead_the_more_often_it_is_asked(cell):
    """Up to what the rate gives in a quarter of a second, and a part of the burst: here ten of eighty."""
    one = cell(REQUESTS)
    wishes = []
    for _ in range(7):
        wanted = one.loans.want(one.place, 1.0)
        wishes.append(wanted.ask.ahead)
        one.loans.send([wanted])
        one.lender.answer(Grant(1.0, 2.0, 0.0, 0.0))
        one.time += 0.01
    assert wishes == [0.0, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_what_was_granted_ahead_is_there_for_as_long_as_it_lasts(cell):
    """What was there before is not lost by it; what is over is."""
    one = cell(REQUESTS)
    one.borrow(1.0, Grant(4.0, 2.0, 0.5, 0.0, 3.0))
    assert (one.table.leased[one.index], one.table.until[one.index] - one.now) == (3.0, pytest.approx(2.0))
    one.time += 1.0
    one.borrow(1.0, Grant(3.0, 2.0, 0.5, 0.0, 2.0))
    assert one.table.leased[one.index] == 5.0
    one.time += 2.5
    one.borrow(1.0, Grant(2.0, 2.0, 0.5, 0.0, 1.0))
    assert one.table.leased[one.index] == 1.0


def test_what_had_nothing_to_give_is_shut_until_it_has(cell):
    """For a second at most: by then things may be otherwise."""
    one = cell(REQUESTS)
    for wait, shut in ((0.3, 0.3), (50.0, 1.0)):
        one.borrow(1.0, Grant(0.0, 2.0, 0.5, wait))
        assert one.table.shut[one.index] - one.now == pytest.approx(shut)


@pytest.mark.parametrize("limit", [REQUESTS, TOKENS, PLACES])
async def test_what_comes_too_late_is_taken_for_what_was_spent_meanwhile(cell, limit):
    """Whoever needed it has gone on without it, and nobody gets it who does not hold it."""
    one = cell(limit)
    one.table.spent[one.index] = 3.0
    late = Waiter(verdict="gone")
    one.loans.send([one.loans.want(one.place, 1.0)], Waiter())
    one.loans.send([one.loans.want(one.place, 1.0, keeps=True)], late)
    one.lender.answer()
    one.lender.answer(Grant(1.0, 2.0, 0.0, 0.0))
    assert late.told == [(Grant(1.0, 2.0, 0.0, 0.0),)]
    assert one.table.leased[one.index] == 0.0
    assert one.table.spent[one.index] == 2.0


async def test_what_is_given_back_is_gone_also_if_nobody_answers(cell):
    """The store may have taken it, and lent it to others: else it would be there twice."""
    one = cell(REQUESTS)
    one.borrow(1.0, Grant(4.0, 2.0, 0.5, 0.0, 3.0))
    one.time += 1.5
    [wanted] = one.loans.tend(one.now)
    assert (wanted.ask.returned, wanted.ask.held, one.table.leased[one.index]) == (3.0, 0.0, 0.0)
    one.loans.send([wanted])
    one.lender.answer()
    assert one.table.leased[one.index] == 0.0
    assert one.loans.presence.away
    assert one.loans.want(one.place, 0.0).ask.held == 0.0


def test_what_was_spent_alone_is_told_as_far_as_the_budget_is_short_of_it(cell):
    """What has come back since by the rate is no debt any more."""
    one = cell(REQUESTS)
    one.loans.loan(one.place, one.now)
    one.table.spent[one.index] = 20.0
    one.table.tat[one.index] = one.now + 0.1
    [wanted] = one.loans.tend(one.now)
    # Two nodes: each unit took twice as long to come back here.
    assert wanted.ask.spent == pytest.approx(5.0)
    one.loans.send([wanted])
    one.lender.answer(Grant(0.0, 2.0, 0.05, 0.0))
    assert one.table.spent[one.index] == 0.0


def test_places_that_are_free_and_not_wished_for_go_back_at_once(cell):
    """Those in use are told of, and kept."""
    one = cell(PLACES)
    one.borrow(10.0, Grant(12.0, 2.0, 0.0, 0.0, 2.0, 20.0), keeps=True)
    one.table.hold(one.index, 5.0)
    one.table.leased[one.index] -= 5.0
    [wanted] = one.loans.tend(one.now)
    assert (wanted.ask.returned, wanted.ask.held, wanted.ask.ahead) == (7.0, 5.0, 0.0)
    one.loans.send([wanted])
    one.lender.answer(Grant(0.0, 2.0, 0.0, 0.0, 0.0, 27.0))
    assert one.loans.tend(one.now) == []
    # Those here, and half of those that nobody had.
    assert one.table.share[one.index] == 5.0 + 13.0


def test_places_that_are_not_to_be_had_are_not_wished_for_again(cell):
    """Else every request would ask for more while all are in use."""
    one = cell(PLACES)
    for _ in range(4):
        one.borrow(1.0, Grant(2.0, 2.0, 0.0, 0.0, 1.0, 10.0), keeps=True)
        one.table.leased[one.index] = 0.0
    assert one.loans.use(one.place, one.now)
    one.borrow(0.0, Grant(0.0, 2.0, 0.0, 0.0, 0.0, 0.0))
    assert not one.loans.use(one.place, one.now)


def test_what_is_told_goes_by_the_newest_limit(cell):
    """How many may be in progress may be changed while some are."""
    one = cell(PLACES)
    one.loans.loan(one.place, one.now).wish = 5.0
    fewer = Place(PLACES._replace(quota=4.0, burst=4.0), one.place.name, one.table)
    fewer.index = one.index
    one.table.hold(one.index, 1.0)
    one.loans.loan(fewer, one.now)
    [wanted] = one.loans.tend(one.now)
    assert (wanted.ask.burst, wanted.ask.ahead) == (4.0, 0.0)


def test_free_places_that_others_need_more_go_back_though_they_are_wished_for(cell):
    """And no more of them are asked for ahead."""
    one = cell(PLACES)
    one.loans.loan(one.place, one.now)
    one.borrow(0.0, Grant(4.0, 2.0, 1.0, 0.0, 4.0, -1.0))
    loan = one.loans.loan(one.place, one.now)
    loan.wish, loan.used_at = 5.0, one.now
    [wanted] = one.loans.tend(one.now)
    assert (wanted.ask.returned, wanted.ask.ahead) == (4.0, 0.0)


def test_who_has_not_used_it_of_late_asks_for_no_more(cell):
    """It tells what all workers of the node hold, and goes by a limit that may have been changed."""
    one = cell(PLACES)
    one.loans.loan(one.place, one.now).wish = 5.0
    one.table.hold(one.index, 1.0)
    [wanted] = one.loans.tend(one.now)
    assert (wanted.ask.held, wanted.ask.ahead) == (1.0, 0.0)


def test_what_nobody_uses_is_forgotten(cell):
    """And so is a cell that is another's."""
    one = cell(REQUESTS)
    one.loans.loan(one.place, one.now)
    assert one.loans.tend(one.now) == []
    one.time += 1.5
    assert one.loans.tend(one.now) == []
    one.loans.loan(one.place, one.now).wish = 9.0
    one.table.names[one.index] = 1
    assert one.loans.tend(one.now) == []
    assert one.loans.loan(one.place, one.now).wish == 0.0


def test_what_came_back_while_nobody_heard_of_it_is_forgotten(cell):
    """What is owed is remembered for as long as it is a debt, though the store is away for hours."""
    one = cell(REQUESTS)
    one.loans.loan(one.place, one.now).wish = 9.0
    one.table.spent[one.index] = 20.0
    one.table.tat[one.index] = one.now + 5.0
    one.loans.forget(one.now)
    assert one.loans.loan(one.place, one.now).wish == 9.0
    one.time += 6.0
    one.loans.forget(one.now)
    assert one.loans.loan(one.place, one.now).wish == 0.0


def test_a_place_in_no_table_is_not_looked_at(cell):
    """A look would leave something of it in the process's own cells for ever."""
    one = cell(PLACES)
    spare = Spare()
    place = Place(PLACES, 7, spare)
    one.loans.loan(place, one.now)
    assert not one.loans.use(place, one.now)
    assert not spare.asked
