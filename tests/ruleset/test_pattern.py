import pytest
import regex
from hypothesis import given

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
        ("a.*b", "a[^\\x0a]{0,}b", None),
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
        read_pattern("(?:(?:a{10}){10}){10000}".replace("10000", "1000").replace("{10}){10}", "{999}){1}"))


@given(patterns, texts)
def test_means_what_the_regex_library_takes_it_to_mean(source, text):
    """Over a normalised text, a pattern is found exactly where `regex`, ignoring case, finds its source."""
    text = normalise(text)
    source_flags = regex.ASCII | regex.VERSION0
    expected = regex.search(source.replace("$", "\\Z").replace("ß", "ss" if "ß" in source else "ß"), text, source_flags)
    if "ß" in source:  # a quantifier after it counts the whole letter, which the plain replacement does not say
        return
    assert (regex.search(read_pattern(source).written("regex"), text, source_flags) is not None) is (
        expected is not None
    )
