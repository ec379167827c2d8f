"""Where patterns match in texts as they are: both engines find the same places, which are those of every match."""

from __future__ import annotations

import re
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.config import Redact
from guard.ruleset.engine import EngineName
from guard.ruleset.parser import parse
from guard.ruleset.redactor import RedactionError, Redactor, compiled, joined, read_exact, spotter, widened
from guard.ruleset.syntax import One, Repeat, Sequence, Text

ENGINES: tuple[EngineName, ...] = ("hyperscan", "portable")
EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
CARD = r"\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b"
PRIVATE = r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]+?-----END [A-Z ]*PRIVATE KEY-----"


def found(pattern: str, text: str, engine: EngineName = "hyperscan") -> list[str]:
    """What one pattern finds in a text."""
    places = Redactor([pattern], engine).places(text)
    assert places is not None
    return [text[begin:end] for begin, end, _ in places]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (EMAIL, "mail é.bob@example.co.uk, or eve@x.org!", [".bob@example.co.uk", "eve@x.org"]),
        (CARD, "4111 1111 1111 1111 and 4111-1111-1111-1112", ["4111 1111 1111 1111", "4111-1111-1111-1112"]),
        (CARD, "14111111111111111", []),
        (r"AKIA[0-9A-Z]{4}", "akiaABCD AKIAABCD", ["AKIAABCD"]),
        (r"(?i)AKIA[0-9A-Z]{4}", "akiaABCD AKIAabcd", ["akiaABCD", "AKIAabcd"]),
        (r"(?i)straße\d", "STRASSE1 straße2", ["straße2"]),
        (r"^secret", "secret secret", ["secret"]),
        (r"secret$", "secret secret", ["secret"]),
        (r"a+", "aaaa baa", ["aaaa", "aa"]),
        (r"a{2,80}", "a" * 100, ["a" * 100]),
        (PRIVATE, "x -----BEGIN RSA PRIVATE KEY-----\nab\n-----END RSA PRIVATE KEY----- y", None),
        (r"漢字\d+", "これは漢字12です", ["漢字12"]),
    ],
)
def test_what_a_pattern_finds(engine, pattern, text, expected):
    """Letters are as they are written, unless the pattern says otherwise; places are counted in characters."""
    expected = [text[2:-2]] if expected is None else expected
    assert found(pattern, text, engine) == expected
    assert found(pattern, text + " " * 80, engine) == expected or pattern.endswith("$")


ATOMS = st.sampled_from(["a", "b", "é", "[ab]", "[^a]", "\\d", "."])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["+", "{2}", "{1,3}", "?", "*"])).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=5,
)


@given(PATTERNS, st.text("abé1 ", max_size=9), st.sampled_from(["", " " * 70]))
def test_every_character_of_any_match_is_found(pattern, text, padding):
    """Both engines find exactly the characters that lie in some match, as trying all parts of the text shows."""
    text += padding
    if re.fullmatch(pattern, ""):
        return
    expression = re.compile(pattern, re.ASCII)
    ends = range(min(len(text), 12) + 1)
    within = {
        at for end in ends for begin in range(end) if expression.fullmatch(text, begin, end) for at in range(begin, end)
    }
    for engine in ENGINES:
        redactor = Redactor([pattern], engine)
        places = redactor.places(text)
        assert places is not None
        assert within <= {at for begin, end, _ in places for at in range(begin, end)}
        assert not places or redactor.touches(text)
    assert Redactor([pattern], "portable").places(text) == Redactor([pattern], "hyperscan").places(text)


def test_a_text_with_too_many_matches_is_told_so_soon():
    """Nobody waits for the places in a text that is nothing but matches, whatever the engine."""
    text = "a@b.cccc " * 100_000
    for engine in ENGINES:
        began = monotonic()
        assert Redactor([EMAIL], engine).places(text) is None
        assert monotonic() - began < 2


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a(?=b)", "looks around"),
        (r"(a)\1", "refers back"),
        ("x*", "empty text"),
        ("[", "nothing closes"),
        ("(?:a{1000}){1000}", "too large"),
    ],
)
def test_what_cannot_be_used_is_told(pattern, why):
    """With the entry's own number, however many come before it that have no pattern."""
    entries = [Redact(name="user", field="/user"), Redact(name="a", pattern="fine"), Redact(name="b", pattern=pattern)]
    with pytest.raises(RedactionError, match=re.escape("journal.redact[2].pattern: ")) as raised:
        compiled(entries)
    assert why in str(raised.value)
    assert "fine" not in str(raised.value)


def test_what_hyperscan_cannot_do_is_told():
    """A pattern whose beginning it cannot tell is a mistake in the configuration."""
    with pytest.raises(RedactionError, match="cannot tell where it begins"):
        Redactor([r"([a-z]{1,20}x?){5,30}@[a-z]{5,30}y"], "hyperscan")


def test_without_patterns_there_is_no_redactor():
    """Fields need none."""
    assert compiled([Redact(name="user", field="/user")]) is None


def test_wide_repeats_lose_their_bound():
    """It would not keep a longer run from being found, and costs much."""
    assert widened(parse("a{1,64}b{1,3}", exact=True)) == Sequence(
        (Repeat(Text("a"), 1, None), Repeat(Text("b"), 1, 3))
    )


def test_looking_is_done_with_less():
    """Edges and what may be repeated at either end are left out of what is only looked for."""
    assert read_exact(r"\b[0-9]+@x+\b").loose.tree == Sequence((One(((48, 57),)), Text("@"), Text("x")))


def test_matches_of_one_pattern_are_joined_where_they_overlap():
    """Those that only touch, and those of others, are not."""
    assert joined([(2, 5, 0), (0, 3, 0), (5, 6, 0), (1, 2, 1)]) == [(0, 5, 0), (1, 2, 1), (5, 6, 0)]


@pytest.mark.parametrize("engine", ENGINES)
def test_words_are_spotted(engine):
    """Whether any of many words is there, as it is written."""
    spot = spotter([f"sk-{number:04}-Key" for number in range(500)], engine)
    assert spot("this is sk-0420-Key.")
    assert not spot("this is sk-0420-key, and sk-9999-Key")
