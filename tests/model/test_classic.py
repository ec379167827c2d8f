"""OpenAI's smaller endpoints; tests/model/test_app.py has the official client read them."""

import base64
import struct

import pytest

from guard.model.answers import MisuseError
from guard.model.classic import completions, embeddings, models, moderations
from tests.model.running import events, whole


def test_each_prompt_has_its_completion():
    """Several prompts have a choice each, also streamed."""
    assert [one["text"] for one in whole(completions("v1", {"prompt": ["say: a", "say: b"]}))["choices"]] == ["a", "b"]
    told = [data for _, data in events(completions("v1", {"prompt": ["say: a", "say: b"], "stream": True}))]
    assert [event["choices"][0]["text"] for event in told[:-1]] == ["a", "", "b", ""]


def test_vectors_are_the_same_in_both_encodings():
    """A vector in base64 is the list of numbers as 32-bit floats, little-endian."""
    plain = whole(embeddings("v1", {"input": "a"}))["data"][0]["embedding"]
    packed = whole(embeddings("v1", {"input": "a", "encoding_format": "base64"}))["data"][0]["embedding"]
    assert struct.unpack("<16f", base64.b64decode(packed)) == tuple(plain)


@pytest.mark.parametrize("given", ["a", ["a"], [1, 2], [[1, 2]], [{"type": "text", "text": "a"}]])
def test_inputs(given):
    """Input may be a text, texts, tokens or parts."""
    assert whole(embeddings("v1", {"input": given}))["data"]
    assert whole(moderations("v1", {"input": given}))["results"]


@pytest.mark.parametrize("given", [None, [], 7, {}])
def test_input_is_needed(given):
    """Without input there is nothing to answer."""
    with pytest.raises(MisuseError, match="expected input"):
        embeddings("v1", {"input": given})


def test_models():
    """The list of models has one, by the version's name."""
    assert [one["id"] for one in models("v7")["data"]] == ["v7"]
