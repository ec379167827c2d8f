import sys
from unicodedata import combining, decomposition, normalize

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from guard.ruleset import normalise as normalising
from guard.ruleset.normalise import INVISIBLE, JOINING, RUN, Normaliser, normalise
from tests.ruleset.made import NASTY, cut, nasty_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ignore ALL\n", "ignore all\n"),
        ("ig\u200bn\u00ado\u2060re\ufeff", "ignore"),
        ("i\U000e0067g\ufe0fn\u202eo\u034fre", "ignore"),
        ("\uff49\uff47\uff4e\uff4f\uff52\uff45", "ignore"),
        ("\U0001d422\U0001d488\U0001d4f7\U0001d52c\U0001d563\U0001d5be", "ignore"),
        ("Straße ﬁnd", "strasse find"),
        ("e\u0301", "é"),
        ("É", "é"),
        ("a\u3000b\u00a0c\u2028d\u0085e", "a b c d e"),
        ("\ud83dx", "\ufffdx"),
        ("\u1112\u1161\u11ab", "한"),
        ("\uff76\uff9e", "ガ"),
        ("a" + "\u0316" * 500, "a" + "\u0316" * RUN),
        ("", ""),
    ],
)
def test_folds_what_looks_alike_into_one_form(text, expected):
    """Invisible characters go, compatible forms and cases become one, and marks are bounded."""
    assert normalise(text) == expected


@given(nasty_text)
@example("\u0345\u0301\u0345")
def test_normalising_twice_changes_nothing(text):
    """A normalised text is its own normalised form."""
    assert normalise(normalise(text)) == normalise(text)


def test_every_character_settles():
    """Each single character's form is stable and can be encoded."""
    for character in map(chr, range(sys.maxunicode + 1)):
        form = normalise(character)
        assert form == character or normalise(form) == form, hex(ord(character))
        form.encode()


@pytest.mark.slow
def test_no_character_that_begins_a_segment_can_join_the_one_before():
    """No stage of folding turns a segment's first character into one that combines with what stands before it."""
    seconds = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    for code in range(sys.maxunicode + 1):
        parts = decomposition(chr(code)).split()
        if len(parts) == 2 and "<" not in parts[0] and normalize("NFC", chr(code)) == chr(code):
            seconds.add(chr(int(parts[1], 16)))
    excluded = regex.compile(f"[{JOINING}{INVISIBLE}]")
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if excluded.match(character):
            continue
        folded, composed = character.casefold(), normalize("NFKC", character)
        stages = {character, folded, composed, normalise(character)}
        if len(stages) > 1:
            stages.add(normalize("NFKC", composed.casefold()))
        for stage in stages:
            assert not combining(stage[0]), hex(code)
            assert stage[0] not in seconds, hex(code)


def test_a_character_with_marks_begins_with_itself_or_with_one_beyond_ascii():
    """What `Hold` takes a pending character for covers all that marks can make of it."""
    marks = [chr(code) for code in range(0x300, 0x370)] + list("\u0653\u3099\u309a\u0327")
    for code in (*range(0x20, 0x7F), *range(0xC0, 0x250), *range(0x391, 0x3CA), *range(0x410, 0x450)):
        alone = normalise(chr(code))
        if len(alone) == 1:
            firsts = {normalise(chr(code) + mark)[0] for mark in marks}
            assert all(first == alone or not first.isascii() for first in firsts), hex(code)


def feed_all(pieces):
    """What a `Normaliser` makes of the pieces, and the normaliser."""
    normaliser = Normaliser()
    return "".join([normaliser.feed(piece) for piece in pieces]) + normaliser.close(), normaliser


@given(nasty_text, st.lists(st.integers(0, 60), max_size=6))
@example("a\u200b\u0301b", [1, 2])
@example("\u0301a", [1])
def test_pieces_give_what_the_whole_gives(text, places):
    """However a text is cut, the normalised pieces make up the normalised whole."""
    assert feed_all(cut(text, places))[0] == normalise(text)


@given(nasty_text)
def test_single_characters_give_what_the_whole_gives(text):
    """A text fed one character at a time is normalised like the whole."""
    joined, normaliser = feed_all(text)
    assert joined == normalise(text)
    assert normaliser.fed == len(text)


@given(st.sampled_from(["a\u0301", "\u200b", "e\u0316\u200b"]), st.integers(50, 200))
def test_what_is_held_back_is_bounded(unit, times):
    """Endless marks and invisible characters do not make the held-back segment grow, and change no verdict."""
    text = "x" + unit.lstrip("ae") * times
    normaliser = Normaliser()
    joined = ""
    for character in text:
        joined += normaliser.feed(character)
        assert len(normaliser.pending) <= RUN + 1
    assert joined + normaliser.close() == normalise(text)


@given(st.lists(st.sampled_from(NASTY), min_size=1, max_size=20), st.lists(st.integers(0, 30), max_size=4))
def test_positions_lead_back_to_the_raw_text(characters, places):
    """The raw index of a normalised position is never behind the raw character that it came from."""
    text = "".join(characters)
    whole, normaliser = feed_all(cut(text, places))
    for position in range(len(whole)):
        raw = normaliser.raw(position)
        assert whole.startswith(normalise(text[:raw]))
        assert len(normalise(text[:raw])) <= position


@given(nasty_text)
@example("a" + "\u0301" * 40 + "b" + "\u200b" * 40 + "\u0301c")
def test_a_long_text_is_folded_in_pieces(text):
    """Cut into pieces or not, a text is folded into the same text, and no piece is much longer than it should be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalising, "PIECE", 10_000)
        whole = normalise(text)
        patch.setattr(normalising, "PIECE", 3)
        assert normalise(text) == whole
        assert all(len(piece) <= 3 + RUN for piece in normalising._pieces(text))
