"""A budget in Python; tests/store/redis/test_budgets.py holds it against the script, number for number, with what it
means in words.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.store.budgets import UNIT, Told
from guard.store.sqlite.budget import Asked, Budget, Loan, ask, new

NOW = 10**15
ONCE = Asked("n1", 2_000_000, 1, NOW)
NUMBERS = st.integers(-(2**51), 2**53)
LOANS = st.dictionaries(st.text("abc-.1", min_size=1), st.builds(Loan, *[NUMBERS] * 5), max_size=4)


@given(st.builds(Budget, NUMBERS, NUMBERS, LOANS))
def test_what_was_written_is_read(budget):
    """Whatever it has lent to whom."""
    assert Budget.read(budget.written()) == budget


@pytest.mark.parametrize("value", ["", "1", "1 x", "1 2 n1 3", "1 2 n1 1 2 3 4 5 n2", "1 2 n1 1 2 3 4 x"])
def test_what_is_none_is_told(value):
    """Somebody else has written it."""
    with pytest.raises(ValueError, match=r"unpack|literal"):
        Budget.read(value)


def test_who_only_looks_changes_nothing():
    """There is nothing to be kept then."""
    told = Told(1e6, 3 * UNIT)
    answer, lasts = ask(new(told, NOW), told, ONCE)
    assert (answer.left, lasts) == (3 * UNIT, None)


def test_what_was_spent_is_kept_until_it_is_back():
    """And a second more."""
    told = Told(1e6, 3 * UNIT, need=2 * UNIT)
    assert ask(new(told, NOW), told, ONCE)[1] == 3_000_000
