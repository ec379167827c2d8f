"""Looking for texts."""

import re
from base64 import b64encode

import orjson
import pytest
from hypothesis import example as known
from hypothesis import given
from hypothesis import strategies as st

from guard.evidence.joining import join
from guard.evidence.texts import (
    _FOLDS,
    SlowExpressionError,
    bounded,
    expression,
    literal,
    probe,
    texts,
    value_probe,
)
from tests.evidence.made import outcome, part, prompt

SMALL = st.text(alphabet='ab"\\\nßsSkKäÄ\N{KELVIN SIGN}\N{LATIN SMALL LETTER LONG S}', max_size=6)


def test_texts_are_all_that_was_said():
    """Prompts, outputs, bodies as they came, binary ones decoded, and the messages of a WebSocket."""
    whole = join([
        prompt("a", request={"body_base64": b64encode(b"\xffbinary").decode()}, prompt=["p"]),
        {"kind": "frame", "id": "a", "at": 1, "from": "client", "passed": True, "text": "frame", "prompt": ["q"]},
        {"kind": "frame", "id": "a", "at": 1, "from": "model", "passed": True, "base64": "Yg==", "output": []},
        outcome("a", response={"status": 200, "body": "said"}),
    ])  # fmt: skip
    assert set(texts(whole)) == {"p", "q", "a", "�binary", "said", "frame", "b"}


@given(SMALL.filter(bool), st.lists(SMALL, max_size=4), st.booleans())
@known("sS", ["ß"], True)
@known("k", ["\N{KELVIN SIGN}"], True)
@known("ab", ["a", "b"], False)
@known('a"b', ["xa", '"', "b"], False)
def test_no_exchange_is_ruled_out_that_has_the_text(text, pieces, ignore_case):
    """Where the texts have it, one of the raw lines says that it may be there, however the answer was cut."""
    records = [prompt("a", prompt=pieces[:1]), *(part("a", piece) for piece in pieces[1:]), outcome("a", output=[])]
    found = literal(text, ignore_case=ignore_case)
    asked = probe(text, ignore_case=ignore_case)
    if any(map(found, texts(join(records)))) and asked is not None:
        assert any(asked(orjson.dumps(record), record["kind"]) for record in records)


def test_most_lines_are_ruled_out():
    """A line without the text is no reason to look, nor is one that ends a text with something else."""
    asked = probe("secret")
    assert asked is not None
    assert asked(orjson.dumps(part("a", "the secr")), "part")
    assert not asked(orjson.dumps(part("a", "the secrX")), "part")
    assert not asked(orjson.dumps(prompt("a", prompt=["the secr"])), "prompt")
    assert asked(b'{"body_base64":"c2VjcmV0"}', "prompt")


def test_text_outside_of_ascii_is_not_probed_without_case():
    """Where nothing of the text is ASCII, every line may have it in another case."""
    assert probe("бомба", ignore_case=True) is None
    assert probe("бомба") is not None


def test_all_characters_that_fold_into_ascii_are_known():
    """No other character outside of ASCII becomes one inside when case is ignored."""
    outside = (chr(number) for number in range(0x80, 0x110000))
    assert set(_FOLDS) == {one for one in outside if any(folded < "\x80" for folded in one.casefold())}


def test_values():
    """A whole value is looked for in its quotes."""
    asked = value_probe('a"b')
    assert asked(b'{"name":"a\\"b"}', "prompt")
    assert not asked(b'{"name":"xa\\"b"}', "prompt")


def test_expressions():
    """A regular expression is searched for, with or without case."""
    assert expression("b+c")("abbc")
    assert not expression("B")("b")
    assert expression("B", ignore_case=True)("b")
    with pytest.raises(re.error):
        expression("(")


def test_expression_that_does_not_end_is_interrupted():
    """A search that would take years ends after its time."""
    search = expression("(a+)+$")
    with pytest.raises(SlowExpressionError), bounded(0.05):
        search("a" * 40 + "b")
