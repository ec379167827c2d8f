"""Places without hyperscan; `test_redactor.py` holds them against the other engine's and against all there are."""

from time import monotonic

from guard.ruleset.parser import parse
from guard.ruleset.portable_places import places


def test_every_match_counts():
    """Also one that begins within another."""
    assert places([parse("aba|bab", exact=True)], 100)("xababx") == [(1, 5, 0)]


def test_a_pattern_that_takes_long_is_given_up():
    """What cannot be told in time counts as too many matches."""
    began = monotonic()
    assert places([parse("(?:a|aa)+b", exact=True)], 100)("a" * 5_000) is None
    assert monotonic() - began < 2
