import pytest

from guard.ruleset.parser import parse
from guard.ruleset.program import Found, Program, Side, Take, is_at

SIDES = {"|": Side.EDGE, "w": Side.WORD, "o": Side.OTHER, "?": Side.UNKNOWN}


@pytest.mark.parametrize(
    ("place", "there", "elsewhere"),
    [
        ("start", ["|w", "|o", "|?"], ["ww", "o|"]),
        ("end", ["w|", "o|", "||"], ["ww", "w?"]),
        ("boundary", ["|w", "w|", "wo", "ow"], ["|o", "o|", "ww", "oo", "||", "w?", "o?"]),
        ("inside", ["|o", "o|", "ww", "oo", "||"], ["|w", "w|", "wo", "ow", "w?", "o?"]),
    ],
)
def test_places_are_told_from_both_sides(place, there, elsewhere):
    """What is not known yet never counts as the right place."""
    assert all(is_at(place, SIDES[pair[0]], SIDES[pair[1]]) for pair in there)
    assert not any(is_at(place, SIDES[pair[0]], SIDES[pair[1]]) for pair in elsewhere)


def test_loops_that_take_nothing_end():
    """A repeat of something that can be empty does not send the search in circles."""
    program = Program([(3, parse("(?:a*)*b?"))])
    reached = program.reach(program.starts, Side.EDGE, Side.WORD)
    assert Found(3) in reached
    assert {step.ranges for step in reached if isinstance(step, Take)} == {((97, 97),), ((98, 98),)}


def test_what_needs_context_is_not_for_an_automaton():
    """Building a program from a back-reference is a mistake that is not passed over."""
    with pytest.raises(ValueError, match="neither look around nor refer back"):
        Program([(0, parse("(a)\\1"))])
