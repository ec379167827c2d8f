import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.ruleset.automaton import Automaton
from guard.ruleset.hold import Hold
from guard.ruleset.pattern import read_pattern


def oldest(text, literals=(), regex=(), pending="", limit=256):
    """Where, after `text`, the oldest walk began."""
    automaton = Automaton([(0, read_pattern(source).tree) for source in regex], literals, anywhere=False)
    hold = Hold(automaton, limit)
    hold.feed(text)
    return hold.oldest(pending)


@given(
    st.lists(st.text(st.sampled_from("ab"), min_size=1, max_size=5), min_size=1, max_size=4),
    st.text(st.sampled_from("abc"), max_size=20),
)
def test_for_literals_it_is_the_longest_suffix_that_begins_one(literals, text):
    """Nothing more and nothing less than the longest beginning of a literal at the end of the text is held back."""
    begins = [at for at in range(len(text)) if any(literal.startswith(text[at:]) for literal in literals)]
    assert oldest(text, literals) == min(begins, default=None)


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("a sk-ab", "sk-[a-z]{4}", 2),
        ("a sk-a b", "sk-[a-z]{4}", None),
        ("a ask", "\\bsk-[a-z]", None),
        ("a sk", "\\bsk-[a-z]", 2),
        ("say cat", "cat\\b", 4),
        ("say cats", "cat\\b", None),
        ("say cat", "cat$", 4),
        ("say cat ", "cat$", None),
        ("x^", "^x", None),
        ("aaab", "a{1,3}b{2}", 0),
    ],
)
def test_for_patterns_it_is_the_first_place_a_match_can_begin(text, source, expected):
    """Places in the text count, and what no longer leads to a match does not."""
    assert oldest(text, regex=[source]) == expected


def test_walks_older_than_the_limit_are_given_up():
    """A pattern without bound holds back no more than `limit` characters."""
    assert oldest("a" + "-" * 20, regex=["a.*b"], limit=20) is None
    assert oldest("a" + "-" * 19, regex=["a.*b"], limit=20) == 0


@pytest.mark.parametrize(
    ("pending", "expected"),
    [("", 1), ("c", 1), ("x", None), ("a", 3), ("e\u0301", 1)],
)
def test_a_pending_character_counts_for_what_it_can_become(pending, expected):
    """Walks that cannot take the pending character, or one beyond ASCII, hold nothing back."""
    assert oldest("xab", ["abc", "abd"], pending=pending) == expected


@pytest.mark.parametrize(("pending", "expected"), [(" ", 4), ("é", 4), ("s", 4), ("1", 4)])
def test_a_pending_character_may_complete_a_match(pending, expected):
    """A match that ends where a word ends waits for what follows, and a letter may still turn out not to be one."""
    assert oldest("say cat", regex=["cat\\b"], pending=pending) == expected


def test_a_pending_letter_may_still_get_an_accent():
    """A literal that goes on with an accented letter holds back the plain one."""
    assert oldest("xab", ["abé"], pending="e") == 1
