import pytest

from guard.formats.names import NAMES


@pytest.mark.parametrize("name", ["messages", "content", "prompt_tokens", "properties", "output_index", "$ref"])
def test_the_apis_own_words_are_known(name):
    """Names that the APIs give are not strings of anybody's."""
    assert name in NAMES


@pytest.mark.parametrize("word", ["city", "query", "password", "ignore", ""])
def test_ordinary_words_are_not_known(word):
    """A word that a person would give to something of their own is a string like others."""
    assert word not in NAMES
