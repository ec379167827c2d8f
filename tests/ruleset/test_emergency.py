"""Rules that are added by command."""

import pytest

from guard.measures import AddedRule
from guard.ruleset.bundle import load
from guard.ruleset.emergency import with_added
from guard.ruleset.problem import BundleError

RULES = """
- id: folder
  title: A phrase
  level: high
  target: prompt
  match: {any: ["old phrase"]}
  action: block
  tests: {match: ["an old phrase"], no_match: ["a phrase"]}
"""


def added(text: str, *, is_regex: bool = False) -> AddedRule:
    """A rule for prompts, called by how it begins."""
    return AddedRule("added-" + text[:3], "prompt", text, is_regex, False)


@pytest.fixture
def bundle(tmp_path):
    """The rules of a folder."""
    (tmp_path / "10.yaml").write_text(RULES)
    return load(tmp_path)


def test_they_count_beside_the_others(bundle):
    """Texts as they are normalised, patterns in the rules' own dialect; what was there before is there."""
    more = [added("new phrase"), AddedRule("p", "prompt", "zq[0-9]{3}", True, True)]
    both = with_added(bundle, more, engine="auto", hold_back=256)
    found = both.prompt.scan("an old phrase, a \uff4eew phrase, and ZQ123")
    assert [rule.id for rule in found] == ["folder", "added-new", "p"]
    assert [rule.blocks for rule in both.rules] == [True, True, False]
    assert both.hash != bundle.hash
    assert both.hash == with_added(bundle, more[::-1], engine="auto", hold_back=256).hash
    assert bundle.prompt.scan("a new phrase") == ()


def test_without_any_nothing_changes(bundle):
    """Not even the object."""
    assert with_added(bundle, [], engine="auto", hold_back=256) is bundle


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (added("(((", is_regex=True), "nothing closes"),
        (added("\u200b"), "has no visible character"),
        (AddedRule("x", "output", "(?=a)b", True, False), "neither look around"),
    ],
)
def test_what_cannot_be_compiled_is_an_error(bundle, rule, told):
    """Which says what is wrong with it."""
    with pytest.raises(BundleError, match=told):
        with_added(bundle, [rule], engine="auto", hold_back=256)
