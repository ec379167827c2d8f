import pytest

from guard.ruleset.parser import parse
from guard.ruleset.syntax import needs_context, size, width


@pytest.mark.parametrize(
    ("source", "fewest", "most", "steps"),
    [
        ("abc", 3, 3, 3),
        ("a|bcd", 1, 3, 5),
        ("a{2,5}", 2, 5, 6),
        ("a*b", 1, None, 4),
        ("(?:ab?){0,3}", 0, 6, 13),
        ("(a+)\\1", 1, None, 6),
        ("\\ba(?=bcd)$", 1, 1, 8),
        ("(?:a\\b){3,}", 3, None, 13),
    ],
)
def test_width_and_size_are_told_from_the_tree(source, fewest, most, steps):
    """The width is what a match takes, the size what an automaton needs."""
    tree = parse(source)
    assert width(tree) == (fewest, most)
    assert size(tree) == steps


@pytest.mark.parametrize(("source", "expected"), [("(a|b(?=c))d", True), ("(a)\\1", True), ("(a|b$)d{3}", False)])
def test_context_is_found_at_any_depth(source, expected):
    """Looking around deep inside a group still needs confirmation."""
    assert needs_context(parse(source)) is expected
