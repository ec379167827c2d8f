from time import monotonic

from guard.ruleset.confirm import TIMEOUT, searcher
from guard.ruleset.pattern import read_pattern


def test_searches_anywhere_in_the_text():
    """A pattern with context is found, or not, where `regex` finds it."""
    found = searcher(read_pattern("(?<!not )safe"))
    assert found("it is safe")
    assert not found("it is not safe")


def test_time_is_bounded_and_running_out_of_it_counts_as_found():
    """A text that exhausts the matcher is not let past."""
    found = searcher(read_pattern("(?:(a|a)*)*\\1b(?=c)"))
    began = monotonic()
    assert found("a" * 5000 + "b")
    assert monotonic() - began < 50 * TIMEOUT
