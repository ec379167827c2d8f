import re

import pytest
from hypothesis import given

from guard.ruleset.confirm import searcher
from guard.ruleset.normalise import normalise
from guard.ruleset.parser import PatternError
from guard.ruleset.pattern import read_pattern
from tests.ruleset.made import patterns, texts


@pytest.mark.parametrize(
    ("source", "written", "widest"),
    [
        ("sk-[a-z]{20,40}", "sk\\x2d[a-z]{20,20}", 23),
        ("foo\\s*", "foo", 3),
        ("foo(bar|)", "foo", 3),
        ("a(?:b+|cd?)", "a(?:b|c)", 2),
        ("a.*b", "a[\\x00-\\x09\\x0b-\\U0010ffff]{0,}b", None),
        ("sk-[a-z]{20,}\\b", "sk\\x2d[a-z]{20,}\\b", None),
        ("Fuß{2,}", "fu(?:ss){2,2}", 6),
        ("^a$", "\\Aa\\Z", 1),
    ],
)
def test_is_kept_in_its_shortest_form(source, written, widest):
    """What follows the earliest end of a match is dropped, and the width is that of the rest."""
    pattern = read_pattern(source)
    assert pattern.written("regex") == written
    assert pattern.widest == widest


@pytest.mark.parametrize("source", ["(a)\\1", "a(?=b)", "(?<!a)b"])
def test_what_an_automaton_cannot_do_needs_confirmation(source):
    """Looking around and referring back are noted."""
    assert read_pattern(source).confirm


@pytest.mark.parametrize("source", ["", "a*", "a|", "^", "\\b", "(?=a)", "(a?)\\1", "\u200b"])
def test_matching_the_empty_text_is_refused(source):
    """A pattern that would match every text is an error."""
    with pytest.raises(PatternError, match="it can match the empty text"):
        read_pattern(source)


def test_a_pattern_that_unfolds_too_far_is_refused():
    """Bounded repeats within bounded repeats are an error before any engine sees them."""
    with pytest.raises(PatternError, match=r"too large: 1,001,001 steps"):
        read_pattern("(?:a{1000}){1000}")


@given(patterns.filter(lambda source: "ß" not in source), texts)
def test_means_what_python_takes_it_to_mean(source, text):
    """Over a normalised text, a pattern is found exactly where Python's own `re` finds its source."""
    text = normalise(text)
    expected = re.search(source.replace("$", "\\Z"), text, re.ASCII) is not None
    assert searcher(read_pattern(source))(text) is expected
