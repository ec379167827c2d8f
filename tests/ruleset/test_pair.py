"""Two matchers as one."""

from hypothesis import given
from hypothesis import strategies as st

from guard.measures import AddedRule
from guard.ruleset.bundle import load
from guard.ruleset.emergency import with_added
from guard.ruleset.pair import Pair


def output(*texts: str):
    """A matcher for outputs that blocks these."""
    added = [AddedRule(text, "output", text, False, False) for text in texts]
    return with_added(load(None), added, engine="auto", hold_back=256).output


PAIR = Pair(output("first secret"), output("second", "first secret too"))
WHOLE = output("first secret", "second", "first secret too")


def test_either_finds():
    """On a whole text each rule of both, in order; with nothing on both sides there is nothing to look for."""
    assert [rule.id for rule in PAIR.scan("the second, and the first secret")] == ["first secret", "second"]
    assert PAIR.scan("nothing") == ()
    assert len(PAIR.rules) == 3
    assert not PAIR.empty
    assert Pair(load(None).output, load(None).output).empty


@given(st.lists(st.sampled_from(["first ", "secret", " too", "second", "x", "sec", "ond"]), max_size=8), st.data())
def test_a_stream_is_held_back_as_by_one(pieces, data):
    """However it is cut, the pair finds what one matcher with all rules does, and lets no more go than that."""
    text = "".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    parts = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    pair, whole = PAIR.stream(), WHOLE.stream()
    found, expected = set(), set()
    for part in parts:
        found |= {rule.id for rule in pair.feed(part)}
        expected |= {rule.id for rule in whole.feed(part)}
        assert found == expected
        if not found:
            assert pair.releasable <= whole.releasable
    found |= {rule.id for rule in pair.close()}
    expected |= {rule.id for rule in whole.close()}
    assert found == expected == {rule.id for rule in WHOLE.scan(text)}
