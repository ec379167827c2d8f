"""What reaches a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.cli.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢字 🙂", "plain ü 漢字 🙂"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b2J\x7f\x00", "\\x9b2J\\x7f\\x00"),
        ("a\u202eb\u2066c\u2069", "a\\u202eb\\u2066c\\u2069"),
        ("zero\u200bwidth\ufeff\xad", "zero\\u200bwidth\\ufeff\\xad"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("C:\\x1b", "C:\\x1b"),
    ],
)
def test_hidden_characters_are_escaped(text, shown):
    """What would act on the terminal, hide or reorder is shown as an escape; everything else is itself."""
    assert visible(text) == shown


def test_lines_may_stay():
    """Line breaks, and only they, may be kept."""
    assert visible("a\nb\r\x1b", lines=True) == "a\nb\\r\\x1b"


@given(st.text())
def test_nothing_hidden_is_left(text):
    """No control, format, surrogate or separator character is ever left."""
    assert {unicodedata.category(character) for character in visible(text)}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
