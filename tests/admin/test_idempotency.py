"""Answers that are kept for calls that are made again."""

import pytest

from guard.admin.answer import Answer
from guard.admin.idempotency import KEPT_SECONDS, Answers, OtherCallError, UnderWayError

DONE = Answer(201, b"done")


def test_a_call_is_answered_as_before():
    """By its caller and key; another call with the key, or the same one while it is under way, is an error."""
    answers = Answers()
    assert answers.begin("ann", "k", b"1", 0.0) is None
    with pytest.raises(UnderWayError):
        answers.begin("ann", "k", b"1", 1.0)
    with pytest.raises(OtherCallError):
        answers.begin("ann", "k", b"2", 1.0)
    answers.end("ann", "k", DONE)
    assert answers.begin("ann", "k", b"1", 2.0) == DONE
    assert answers.begin("bob", "k", b"2", 2.0) is None


def test_a_call_that_came_to_nothing_may_be_made_again():
    """As where it could not be written down."""
    answers = Answers()
    answers.begin("ann", "k", b"1", 0.0)
    answers.end("ann", "k", None)
    assert answers.begin("ann", "k", b"2", 0.0) is None


def test_answers_are_kept_for_a_day():
    """And no longer."""
    answers = Answers()
    answers.begin("ann", "k", b"1", 0.0)
    answers.end("ann", "k", DONE)
    assert answers.begin("ann", "k", b"1", KEPT_SECONDS - 1) == DONE
    assert answers.begin("ann", "k", b"1", KEPT_SECONDS + 1) is None


def test_there_are_only_so_many():
    """The oldest go, by number and by size."""
    few, small = Answers(most=2), Answers(most_bytes=10)
    for answers in (few, small):
        for number in range(3):
            answers.begin("ann", str(number), b"1", float(number))
            answers.end("ann", str(number), DONE)
        assert answers.begin("ann", "2", b"1", 3.0) == DONE
        assert answers.begin("ann", "0", b"1", 3.0) is None
