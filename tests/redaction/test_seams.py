"""Secrets that run over the pieces of a stream: however it is cut, none is written down, and nothing else is lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.redaction import seams
from guard.redaction.seams import Seams, Taken
from tests.support.redacting import EMAIL, KEY, MARK, rules, secrets


def told(one: Seams, parts: list[list[str]], channel: str = "c") -> tuple[str, list[bool], dict[str, int]]:
    """All that is written of one text, whose pieces come in parts; which parts' bytes are not; the marks."""
    taken = [one.take({channel: pieces} if pieces else {}, last=False) for pieces in parts]
    taken.append(one.take({}, last=True))
    counts: dict[str, int] = {}
    for name, count in (pair for part in taken for pair in part.counts.items()):
        counts[name] = counts.get(name, 0) + count
    return "".join(text for part in taken for _, text in part.output), [part.unfit for part in taken], counts


TEXT = f"the key is {KEY}, no sk-testing"
KEY_TOLD = f"the key is {MARK}, no sk-testing"


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
@pytest.mark.parametrize("same_part", [True, False])
def test_a_key_cut_in_two_is_replaced(cut, same_part):
    """At any place, between events of one part or between parts; of bytes no more than three characters are stored."""
    halves = [TEXT[:cut], TEXT[cut:]]
    text, unfit, counts = told(Seams(secrets(KEY)), [halves] if same_part else [[half] for half in halves])
    assert text == KEY_TOLD
    assert counts == {"key": 1}
    begin, end = TEXT.index(KEY), TEXT.index(KEY) + len(KEY)
    if same_part:
        assert unfit[0] is (begin < cut < end)
    else:
        assert unfit[1] or not begin < cut < end
        assert unfit[0] or not begin + 4 <= cut < end


def test_a_key_that_comes_letter_by_letter_is_replaced():
    """Each letter in a part of its own: of no more than three are the bytes fit to be stored."""
    text, unfit, counts = told(Seams(secrets(KEY)), [[letter] for letter in KEY])
    assert (text, counts) == (MARK, {"key": 1})
    assert unfit[:3] == [False] * 3
    assert all(unfit[3:-1])


def test_what_only_begins_like_a_key_comes_with_the_next_piece():
    """Nothing is lost, and nothing is held where a text ends otherwise."""
    one = Seams(secrets(KEY))
    assert one.take({"c": ["it is sk-te"]}, last=False) == Taken([("c", "it is ")], unfit=True, counts={})
    assert one.take({"c": ["mporary. "]}, last=False) == Taken([("c", "sk-temporary. ")], unfit=False, counts={})
    assert one.take({"c": ["s"]}, last=False) == Taken([], unfit=False, counts={})
    assert one.take({}, last=True) == Taken([("c", "s")], unfit=False, counts={})


def test_without_secrets_pieces_are_put_together_and_no_more():
    """As they come, by channel."""
    one = Seams(secrets())
    assert one.take({"a": ["b", "c"], "d": ["e"]}, last=False) == Taken([("a", "bc"), ("d", "e")], False, {})


def test_channels_are_texts_of_their_own():
    """A key does not run from one into the other."""
    one = Seams(secrets(KEY))
    assert one.take({"a": [KEY[:10]], "b": [KEY[10:]]}, last=False).output == [("b", KEY[10:])]
    assert one.take({}, last=True).output == [("a", KEY[:10])]


RULES = rules(("email", EMAIL), ("begin", "^hello"), ("word", r"\bcat\b"), ("end", "bye$"))
SPOKEN = "hello cat, mail eve.x@example.org or concat hello bye bob@x.yz, bye"


def test_a_secret_of_a_rule_cut_in_two_is_replaced():
    """At any place: the texts written together are the whole text redacted, and bytes of texts are not stored."""
    whole, unfit, counts = told(Seams(secrets(rules=RULES)), [[SPOKEN]])
    assert counts == {"begin": 1, "word": 1, "email": 2, "end": 1}
    assert "concat hello bye" in whole
    assert unfit == [True, False]
    for keep in (0, 12, 4_096):
        for cut in range(len(SPOKEN)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(seams, "KEEP", max(keep, 20))
                text, _, marks = told(Seams(secrets(rules=RULES)), [[SPOKEN[:cut]], [SPOKEN[cut:]]])
            assert (text, marks) == (whole, counts), cut


@given(st.lists(st.integers(0, len(SPOKEN)), max_size=6))
def test_any_cuts_give_the_same(cuts):
    """Pieces of any sizes, each in a part of its own, with a key in it as well."""
    spoken = SPOKEN + f" {KEY} " + SPOKEN
    edges = [0, *sorted(cuts), len(spoken)]
    parts = [[spoken[begin:end]] for begin, end in pairwise(edges)]
    one = secrets(KEY, rules=rules(("email", EMAIL), ("word", r"\bcat\b")))
    assert told(Seams(one), parts)[::2] == told(Seams(one), [[spoken]])[::2]


def test_long_texts_are_written_while_they_come():
    """No more than so much of them waits."""
    one = Seams(secrets(rules=RULES))
    written = "".join(text for _ in range(20) for _, text in one.take({"c": ["word " * 1_000]}, last=False).output)
    assert len(written) == 100_000 - seams.KEEP
    assert one.take({}, last=True).output == [("c", ("word " * 1_000)[-seams.KEEP :])]


def test_too_many_matches_are_left_out():
    """A text in which nobody can tell them apart is withheld."""
    text, _, counts = told(Seams(secrets(rules=rules(("letter", "[a-z]")))), [["a" * 200_000]])
    assert (text, counts) == ("[withheld:200000]", {"withheld": 1})


def test_fields_of_events_are_replaced():
    """Where an event's document has a configured field, its text is a mark."""
    one = Seams(secrets(rules=rules(("said", "/delta/*/text"))))
    texts = one.hide(b'{"delta":[{"text":"secret"},{"n":1}]}', [("c", "secret"), ("d", "other")])
    assert [text[:6] for _, text in texts] == ["[said:", "other"]
    assert one.hide(b"no document", [("c", "secret")]) == [("c", "secret")]
    assert one.take({"c": ["x"]}, last=True).counts == {"said": 1}
    assert Seams(secrets(KEY)).hide(b'{"delta":[{"text":"x"}]}', [("c", "x")]) == [("c", "x")]


def test_how_many_texts_wait_is_bounded(monkeypatch):
    """Those of further channels are written at once."""
    monkeypatch.setattr(seams, "CHANNELS", 2)
    one = Seams(secrets(KEY))
    assert one.take({name: ["sk-te"] for name in "abcd"}, last=False).output == [("c", "sk-te"), ("d", "sk-te")]
