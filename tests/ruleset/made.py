"""Rules, patterns and texts for the tests of this folder: written by hand, or drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from guard.ruleset.engine import Terms
from guard.ruleset.normalise import normalise
from guard.ruleset.parser import PatternError
from guard.ruleset.pattern import read_pattern
from guard.ruleset.rule import Cases, Match, Rule

ZWSP, ACUTE, VARIATION, TAG = "\u200b", "\u0301", "\ufe0f", "\U000e0061"
# Letters that rules are made of, and what makes their normalisation hard: marks, characters that unfold or join,
# Hangul in pieces and as compatibility forms, half-width kana with their sound marks, lone surrogates.
NASTY = (
    *"aAbBeE s.\n-_1",
    *(ZWSP, ACUTE, VARIATION, TAG, "\u00ad", "\u0307", "\u0327", "\u0345", "\u05b0"),
    *"éß\u017f\ufb01İ\u0131\u212aÅ\u338f\uff45\uff21\u2460\u03a3\u03c2\u0390ŉǰ\u212b",
    *"\u1100\u1161\u11a8가각ㄱㅏㆍ\uffa1\uffc2",
    *"か\u3099\uff76\uff9e\uff9f",
    *"\ud83d\ude00\u2028\u0085\u3000",
    *"\u0f71\u0f72\u09c7\u09be\U00016d63\U00016d67",
)
nasty_text = st.text(st.sampled_from(NASTY), max_size=40)
plain_text = st.text(st.sampled_from("ab 1\n."), max_size=30)


def rule(**changes: Any) -> Rule:
    """An enforced blocking output rule, but for `changes`."""
    fields: dict[str, Any] = {
        "id": "r-1",
        "title": "A rule",
        "level": "high",
        "target": "output",
        "match": Match(any=("x",)),
        "action": "block",
        "tests": Cases(match=("x",), no_match=("y",)),
    }
    return Rule(**(fields | changes))


def terms(*literals: str, regex: Sequence[str] = ()) -> Terms:
    """What a rule with these literals and expressions looks for."""
    return Terms(tuple([normalise(literal) for literal in literals]), tuple([read_pattern(source) for source in regex]))


def entries(*looked_for: Terms, **changes: Any) -> list[tuple[Rule, Terms]]:
    """A rule for each, as `Matcher` takes them."""
    return [(rule(id=f"r-{number}", **changes), one) for number, one in enumerate(looked_for)]


def cut(text: str, places: Sequence[int]) -> list[str]:
    """The text in pieces, cut at these places (taken modulo its length)."""
    ends = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[low:high] for low, high in pairwise(ends)]


def _usable(source: str) -> bool:
    try:
        return not read_pattern(source).confirm
    except PatternError:
        return False


_atoms = st.sampled_from(
    ["a", "b", "ab", "é", "ß", " ", ".", "\\w", "\\s", "\\d", "\\W", "[ab]", "[^a]", "[^\\w]", "\\b", "\\B", "-"]
)
_counts = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{1,3}", "{2,}", "+?"])


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    group = st.builds("(?:{}){}".format, inner, _counts)
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{}|{}".format, inner, inner),
        group,
        st.builds("({})".format, inner),
    )


_bodies = st.recursive(st.builds("{}{}".format, _atoms, _counts), _wider, max_leaves=6)
patterns = st.builds(
    "{}{}{}".format, st.sampled_from(["", "", "", "^"]), _bodies, st.sampled_from(["", "", "", "$", "\\b"])
).filter(_usable)
literals = st.text(st.sampled_from("abAé 1ß"), min_size=1, max_size=6).filter(lambda text: bool(text.strip()))
looked_for = st.builds(
    lambda some, regexes: terms(*some, regex=regexes),
    st.lists(literals, max_size=3),
    st.lists(patterns, max_size=2),
).filter(lambda one: bool(one.literals or one.patterns))
rule_sets = st.lists(looked_for, min_size=1, max_size=4)
texts = st.text(st.sampled_from([*"abAB é ß1.\n-_", ACUTE, ZWSP, "\ufb01", "e"]), max_size=40)
