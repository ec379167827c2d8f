from time import monotonic

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guard.ruleset.engine import EngineError, EngineMissingError, choose
from guard.ruleset.normalise import normalise
from tests.ruleset.made import cut, looked_for, rule_sets, terms, texts

ENGINES = [choose("hyperscan"), choose("portable")]
engines = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


@engines
@pytest.mark.parametrize(
    ("rule", "matching", "other"),
    [
        (terms("Ignore All"), ["please ignore all", "ignore all"], ["ignore  all", "ignoreall"]),
        (terms("日本", "ß"), ["x日本y", "strasse"], ["日 本", "stra"]),
        (terms(regex=["\\bcat\\b"]), ["a cat.", "cat", "écat"], ["cats", "concat", "_cat"]),
        (terms(regex=["^cat"]), ["cats"], ["a cat", "\ncat"]),
        (terms(regex=["cat$"]), ["a cat"], ["cat ", "cat\n"]),
        (terms(regex=["a.b"]), ["a-b", "aéb"], ["a\nb", "ab"]),
        (terms(regex=["[^a]b"]), ["éb", "\nb"], ["ab", "b"]),
        (terms(regex=["\\w\\W\\d"]), ["aé1", "a 1"], ["éé1", "a1"]),
        (terms(regex=["(?<!not )safe"]), ["is safe"], ["not safe"]),
        (terms(regex=["(\\w+) \\1"]), ["say say", "a word word b"], ["say so", "one two"]),
        (terms(regex=["key(?=\\s*=)"]), ["key =", "key="], ["key:"]),
        (terms("none", regex=["x{3}", "[0-9]{2,4}-"]), ["xxx", "12-", "a none"], ["xx", "1-"]),
    ],
)
def test_finds_what_a_rule_looks_for(engine, rule, matching, other):
    """Literals and patterns are found where the dialect says, whichever the engine."""
    search = engine.search([rule])
    assert [set(search(text)) for text in matching] == [{0}] * len(matching)
    assert [set(search(text)) for text in other] == [set()] * len(other)


@settings(max_examples=200)
@given(rule_sets, st.lists(texts, min_size=1, max_size=5))
def test_engines_give_the_same_verdicts(rules, some):
    """For any rules and texts, both engines find the same rules."""
    try:
        fast = ENGINES[0].search(rules)
    except EngineError:
        assume(False)
    portable = ENGINES[1].search(rules)
    for text in map(normalise, some):
        assert set(fast(text)) == set(portable(text))


@settings(max_examples=200)
@given(rule_sets, texts, st.lists(st.integers(0, 60), max_size=6))
def test_engines_give_the_same_verdicts_at_the_same_time_on_streams(rules, text, places):
    """After each piece of a text, both engines have found the same rules; at its end, those of the whole text."""
    try:
        streams = [engine.stream(rules)() for engine in ENGINES]
    except EngineError:
        assume(False)
    text = normalise(text)
    found: list[set[int]] = [set(), set()]
    for piece in cut(text, places):
        for known, stream in zip(found, streams, strict=True):
            known.update(stream.feed(piece))
        assert found[0] == found[1]
    for known, stream in zip(found, streams, strict=True):
        known.update(stream.close())
    assert found == [set(ENGINES[1].search(rules)(text))] * 2


@given(st.lists(looked_for, min_size=2, max_size=2), texts)
def test_a_rule_matches_whatever_stands_beside_it(rules, text):
    """What one rule finds does not depend on the other rules."""
    text = normalise(text)
    portable = ENGINES[1]
    together = set(portable.search(rules)(text))
    assert together == {number for number, one in enumerate(rules) if portable.search([one])(text)}


@engines
def test_a_pattern_made_to_exhaust_the_matcher_ends_in_time(engine):
    """A search that runs out of time counts as found, so a text cannot buy its way past a rule."""
    search = engine.search([terms(regex=["(?:(a|a)*)*\\1b(?=c)"])])
    assert set(search("a" * 2000 + "b")) == {0}


def test_an_unknown_library_is_said_to_be_missing(monkeypatch):
    """Without hyperscan `auto` is the portable engine, and asking for hyperscan says that it is not there."""
    monkeypatch.setitem(__import__("sys").modules, "guard.ruleset.hyperscan_engine", None)
    assert choose("auto").name == "portable"
    with pytest.raises(EngineMissingError, match="the hyperscan engine is not available"):
        choose("hyperscan")


def test_auto_is_hyperscan_where_it_is_installed():
    """The fast engine is taken when there is one."""
    assert choose("auto").name == "hyperscan"


def test_hyperscan_names_the_pattern_that_it_refuses():
    """The error holds the rule's number and the pattern."""
    refused = "(?:[ab]{1,400}c){1,40}d.{300}"
    with pytest.raises(EngineError) as error:
        ENGINES[0].search([terms("fine"), terms(regex=["a", refused])])
    assert [(number, source) for number, source, _ in error.value.faults] == [(1, refused)]


@engines
def test_a_rule_with_ten_thousand_phrases_compiles_in_a_moment(engine):
    """A long phrase list is one rule, and compiling it must not grow with the square of its length."""
    phrases = [f"{number * 7919 % 10_007} bottles" for number in range(10_000)]
    began = monotonic()
    search = engine.search([terms(*phrases)])
    assert monotonic() - began < 15
    assert set(search("there are 7919 bottles")) == {0}
    assert set(search("there are no bottles")) == set()


@engines
@pytest.mark.parametrize("literals", [("ss", "1ss111"), ("as", "s111sss1", "1asaaa"), ("x",), ("ab", "cd", "abcdef")])
def test_a_literal_is_found_wherever_it_ends(engine, literals):
    """In texts of every short length, at every place: matchers take short texts by other ways than long ones."""
    search = engine.search([terms(literal) for literal in literals])
    for length in range(len(literals[0]), 90):
        for at in range(length - len(literals[0]) + 1):
            text = "-" * at + literals[0] + "-" * (length - at - len(literals[0]))
            assert list(search(text)) == [0], (length, at)
