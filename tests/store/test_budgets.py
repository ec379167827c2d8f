"""What stores are asked of budgets, and what they answer, in whole numbers."""

from guard.lending import Ask, Grant
from guard.store.budgets import MOST, Answer, Told, grants, told


def test_an_ask_is_told_in_whole_numbers():
    """Units in millionths, times in microseconds; no budget is larger than the largest."""
    assert told(Ask("k", 0.5, 20.0, 1.0, 2.5, 0.25, 0.0, 3.0, 7, True, 0.5)) == Told(
        *(500_000.0, 20_000_000, 1_000_000, 2_500_000, 250_000, 0, 3_000_000, 500_000, 7, 1)
    )
    assert told(Ask("l", 1e-6, 1e12, 1e-6, 0.0, 0.0, 0.0)) == Told(1.0, MOST, 1, 0, 0, 0, -1, 0, 0, 0)


def test_an_answer_is_a_grant():
    """For as long as it is said, with what is left, which may be less than nothing."""
    answers = [Answer(1_000_000, 500_000, 2_000, 0, 3_000_000), Answer(0, 0, 5, 7_000, -1_000_000)]
    assert list(grants(answers, 1.5)) == [
        Grant(1.5, 1.5, 0.002, 0.0, 0.5, 3.0),
        Grant(0.0, 1.5, 0.000005, 0.007, 0.0, -1.0),
    ]
