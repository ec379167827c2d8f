import pytest

from guard.ruleset.parser import parse
from guard.ruleset.render import render


@pytest.mark.parametrize(
    ("source", "hyperscan", "regex"),
    [
        ("a.b", "a[^\\x0a]b", "a[\\x00-\\x09\\x0b-\\U0010ffff]b"),
        ("é-", "\\x{e9}\\x2d", "\\U000000e9\\x2d"),
        ("x(a|b)$", "x(a|b)\\z", "x(a|b)\\Z"),
        ("x(?:ab|c)y", "x(?:ab|c)y", "x(?:ab|c)y"),
        ("(?:ab)+", "(?:ab){1,}", "(?:ab){1,}"),
        ("[ac-e]?", "[ac-e]{0,1}", "[ac-e]{0,1}"),
        ("^\\ba\\B", "\\A\\ba\\B", "\\A\\ba\\B"),
        ("(a)(?!b)(?<=c|d)\\1", "(a)(?!b)(?<=c|d)(?:\\1)", "(a)(?!b)(?<=c|d)(?:\\1)"),
        ("(?s)a.", "a[\\x00-\\x{10ffff}]", "a[\\x00-\\U0010ffff]"),
    ],
)
def test_each_engine_gets_its_own_notation(source, hyperscan, regex):
    """Nothing is left to flags: sets are written out, letters are folded, places are unambiguous."""
    tree = parse(source)
    assert render(tree, "hyperscan") == hyperscan
    assert render(tree, "regex") == regex
