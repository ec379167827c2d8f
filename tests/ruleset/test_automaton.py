from hypothesis import given

from guard.ruleset import automaton as automata
from guard.ruleset.automaton import Automaton
from guard.ruleset.confirm import searcher
from guard.ruleset.normalise import normalise
from guard.ruleset.pattern import read_pattern
from guard.ruleset.program import Side
from tests.ruleset.made import patterns, texts


def run(automaton, text):
    """Rules found in a text, at its end included."""
    state, found = automaton.origin(Side.EDGE), set()
    for character in text:
        state = automaton.step(state, character)
        found.update(state.found)
    return found | set(automaton.end(state))


@given(patterns, texts)
def test_finds_a_pattern_where_the_regex_library_does(source, text):
    """An automaton that begins anywhere finds what a backtracking search finds."""
    text = normalise(text)
    pattern = read_pattern(source)
    assert run(Automaton([(7, pattern.tree)], anywhere=True), text) == ({7} if searcher(pattern)(text) else set())


def test_forgetting_changes_nothing(monkeypatch):
    """With room for a handful of moves only, matches are still found."""
    monkeypatch.setattr(automata, "REMEMBERED", 3)
    automaton = Automaton([(0, read_pattern("a[b-y]{3,5}z").tree)], anywhere=True)
    assert run(automaton, "xxabcdz") == {0}
    assert run(automaton, "abcd abz abcz") == set()
    assert run(automaton, "abcdefz") == {0}


def test_a_walk_lives_as_long_as_something_can_still_match():
    """A state is alive while the text since its origin begins a literal or a pattern's match."""
    automaton = Automaton([(0, read_pattern("b[0-9]{2}\\b").tree)], ["abc"], anywhere=False)

    def alive(text):
        state = automaton.origin(Side.OTHER)
        for character in text:
            state = automaton.step(state, character)
        return state.alive

    assert [alive(text) for text in ("a", "ab", "abc", "b", "b1", "b12")] == [True] * 6
    assert [alive(text) for text in ("c", "ac", "bb", "b123", "b12 ")] == [False] * 5


def test_knows_where_a_character_beyond_ascii_can_follow():
    """Only states that a literal or a set beyond ASCII leads on from say so."""
    automaton = Automaton([(0, read_pattern("x[^y]").tree)], ["aé", "ab"], anywhere=False)
    origin = automaton.origin(Side.OTHER)
    states = [origin, *[automaton.step(origin, character) for character in "axé"]]
    assert [automaton.takes_non_ascii(state) for state in states] == [False, True, True, False]
