import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.ruleset.characters import EVERY, LAST, complement, fold, holds, holds_non_ascii, merge

ranges = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)).map(lambda pair: (pair[0], pair[0] + pair[1])))


@given(ranges, st.integers(0, 400))
def test_a_character_is_in_a_set_or_in_its_complement(some, code):
    """Merging keeps the members, and the complement holds exactly the others."""
    merged = merge(some)
    inside = any(low <= code <= high for low, high in some)
    assert holds(merged, code) is inside
    assert holds(complement(merged), code) is not inside


@pytest.mark.parametrize(
    ("some", "expected"),
    [
        (((ord("A"), ord("C")),), "abc"),
        (((ord("É"), ord("É")),), "é"),
        (((ord("\uff21"), ord("\uff21")),), "a"),
        (((0, LAST),), "az"),
    ],
)
def test_folding_adds_the_normalised_characters(some, expected):
    """A set holds the normalised form of each member."""
    assert all(holds(fold(some), ord(character)) for character in expected)


def test_beyond_ascii_is_told_from_the_last_range():
    """Only sets with a character beyond ASCII say so."""
    assert holds_non_ascii(EVERY)
    assert not holds_non_ascii(((0, 127),))
    assert not holds_non_ascii(())


def test_everything_has_an_empty_complement():
    """Nothing is left outside every character."""
    assert complement(EVERY) == ()
