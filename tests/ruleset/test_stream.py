import gc
import resource
import threading

import pytest
import regex
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guard.ruleset.engine import EngineError, choose
from guard.ruleset.matcher import Matcher
from guard.ruleset.normalise import normalise
from guard.ruleset.parser import parse
from guard.ruleset.render import render, render_text
from tests.ruleset.made import ZWSP, cut, entries, literals, nasty_text, patterns, rule_sets, terms, texts

ENGINES = {name: choose(name) for name in ("hyperscan", "portable")}
engines = pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
places = st.lists(st.integers(0, 60), max_size=6)


def matcher(*looked_for, engine="hyperscan", hold_back=256, **changes):
    """A matcher of output rules that look for these."""
    return Matcher(entries(*looked_for, **changes), ENGINES[engine], hold_back=hold_back)


def feed(stream, *pieces):
    """After each piece: the rules newly found, and what may be let go."""
    return [([rule.id for rule in stream.feed(piece)], stream.releasable) for piece in pieces]


@engines
def test_a_match_across_pieces_is_found_and_none_of_it_is_let_go(engine):
    """The beginning of a match is held back from the first character on."""
    stream = Matcher(entries(terms("secret")), engine).stream()
    assert feed(stream, "the ", "s", "ec", "ret", " is") == [
        ([], 4),
        ([], 4),
        ([], 4),
        ([], 4),
        (["r-0"], 4),
    ]
    assert stream.close() == ()
    assert stream.releasable == 4


def test_what_cannot_begin_a_match_goes_out_at_once():
    """Tokens that have nothing to do with a rule are not held back."""
    stream = matcher(terms("secret", regex=["\\bkey-[0-9]{4}"])).stream()
    assert feed(stream, "an", " ordinary", " token", " monkey", "-") == [
        ([], 2),
        ([], 11),
        ([], 17),
        ([], 24),
        ([], 25),
    ]


@engines
def test_a_match_that_the_end_completes_is_found_on_close(engine):
    """What is anchored to the end, or is the last character, is found when the text ends."""
    stream = Matcher(entries(terms(regex=["done$"]), terms("done"), terms(regex=["done\\b"])), engine).stream()
    assert feed(stream, "it is do", "ne") == [([], 6), ([], 6)]
    assert [rule.id for rule in stream.close()] == ["r-0", "r-1", "r-2"]
    assert stream.releasable == 6


def test_an_end_without_a_match_lets_everything_go():
    """What was held back in vain is let go when the text ends."""
    stream = matcher(terms("secret")).stream()
    assert feed(stream, "a secre") == [([], 2)]
    assert stream.close() == ()
    assert stream.releasable == 7


@pytest.mark.parametrize("changes", [{"action": "flag"}, {"mode": "shadow"}])
def test_rules_that_do_not_block_hold_nothing_back(changes):
    """Without an enforced blocking rule everything goes out at once, and findings still come."""
    stream = matcher(terms("secret"), **changes).stream()
    assert feed(stream, "a sec", "ret!") == [([], 5), (["r-0"], 9)]


def test_no_rules_hold_nothing_back():
    """A stream without rules lets everything go."""
    stream = Matcher().stream()
    assert feed(stream, "a sec", "ret") == [([], 5), ([], 8)]
    assert stream.close() == ()


def test_invisible_characters_inside_a_match_are_held_back_with_it():
    """Positions are counted in raw characters."""
    stream = matcher(terms("secret")).stream()
    assert feed(stream, f"é s{ZWSP}e", f"cr{ZWSP}e", "t", "x") == [([], 2), ([], 2), ([], 2), (["r-0"], 2)]


def test_a_pattern_without_bound_holds_back_no_more_than_it_may():
    """An unfinished match of a pattern without bound is held back for `hold_back` characters."""
    stream = matcher(terms(regex=["<secret>.*</secret>"]), hold_back=16).stream()
    assert feed(stream, "<secret>", "1234567", "89", "-") == [([], 0), ([], 0), ([], 0), ([], 18)]


def test_feeding_a_closed_stream_is_an_error():
    """A stream ends once; closing it again does nothing."""
    for stream in (matcher(terms("a")).stream(), Matcher().stream()):
        stream.close()
        assert stream.close() == ()
        with pytest.raises(ValueError, match="the stream is closed"):
            stream.feed("a")


@engines
def test_each_rule_is_given_once(engine):
    """A rule that goes on matching is reported with its first match only."""
    stream = Matcher(entries(terms("ab")), engine).stream()
    assert [found for found, _ in feed(stream, "ab", "ab ", "ab ")] == [[], ["r-0"], []]
    assert stream.close() == ()


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=150)
@given(rules=rule_sets, text=st.one_of(texts, nasty_text), cuts=places)
def test_splitting_changes_nothing(engine, rules, text, cuts):
    """However an output is cut, the rules found in pieces are those found in the whole."""
    try:
        made = matcher(*rules, engine=engine)
    except EngineError:
        assume(False)
    stream = made.stream()
    found = [rule for piece in cut(text, cuts) for rule in stream.feed(piece)]
    found.extend(stream.close())
    assert len(found) == len({rule.id for rule in found})
    assert sorted(rule.id for rule in found) == [rule.id for rule in made.scan(text)]


def leftmost(source, text):
    """Where, in a raw text, the leftmost match of a pattern begins: the last raw index that is not behind it."""
    whole = normalise(text)
    match = regex.search(source, whole, regex.ASCII | regex.VERSION0)
    assert match is not None
    befores = {at: normalise(text[:at]) for at in range(len(text) + 1)}
    return max(at for at, before in befores.items() if len(before) <= match.start() and whole.startswith(before))


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=300)
@given(
    some=st.lists(literals, max_size=2),
    sources=st.lists(patterns, max_size=2),
    text=st.one_of(texts, nasty_text),
    cuts=places,
)
def test_nothing_of_a_blocked_match_is_let_go(engine, some, sources, text, cuts):
    """When the first blocking rule matches, nothing from where its leftmost match begins was let go before."""
    regexes = [(terms(one), render_text(normalise(one), "regex")) for one in some]
    regexes += [(terms(regex=[source]), render(parse(source), "regex")) for source in sources]
    assume(regexes)
    try:
        stream = matcher(*[one for one, _ in regexes], engine=engine).stream()
    except EngineError:
        assume(False)
    before = 0
    for step in [*[lambda piece=piece: stream.feed(piece) for piece in cut(text, cuts)], stream.close]:
        found = step()
        for rule in found:
            assert before <= leftmost(regexes[int(rule.id[2:])][1], text)
        if found:
            assert stream.releasable == before
            return
        assert before <= stream.releasable
        before = stream.releasable
    assert before == len(text)


@given(st.lists(literals.filter(str.isascii), min_size=1, max_size=3), st.text(st.sampled_from("ab1 c"), max_size=20))
def test_no_more_is_held_back_than_literals_ask_for(some, text):
    """With ASCII literals exactly the longest suffix that begins one is held back."""
    stream = matcher(terms(*some)).stream()
    wanted = [normalise(literal) for literal in some]
    for at, character in enumerate(text, 1):
        if stream.feed(character) or any(literal in text[:at] for literal in wanted):
            return
        begins = [low for low in range(at) if any(literal.startswith(text[low:at]) for literal in wanted)]
        assert stream.releasable == min(begins, default=at)


def test_many_streams_are_open_at_once():
    """Streams do not disturb each other, whatever the order in which they are fed."""
    made = matcher(terms("secret"))
    streams = [made.stream() for _ in range(2000)]
    for piece in ("a sec", "ret "):
        found = [stream.feed(piece) for stream in streams]
    assert all(len(rules) == 1 for rules in found)
    for stream in streams:
        stream.close()


@engines
def test_streams_give_back_what_they_hold(engine):
    """Streams that are closed, and streams that are dropped without closing, leave no memory behind."""
    made = Matcher(
        entries(*[terms(f"phrase number {number}", regex=[f"x{number}.{{1,9}}y"]) for number in range(50)]), engine
    )

    def use(times):
        for number in range(times):
            stream = made.stream()
            stream.feed("a phrase num")
            if number % 2:
                stream.close()

    use(2000)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    use(20_000)
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4_000  # KiB, where Linux counts


def test_a_stream_may_move_from_thread_to_thread():
    """A stream that another thread goes on with finds what it would have found."""
    stream = matcher(terms("secret")).stream()
    stream.feed("a sec")
    found = []
    thread = threading.Thread(target=lambda: found.extend(stream.feed("ret ")))
    thread.start()
    thread.join()
    assert [rule.id for rule in found] == ["r-0"]
    assert stream.close() == ()
