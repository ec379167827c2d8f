"""Documents that are made to hurt: they are read, or not understood, and nothing else."""

import contextlib

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.formats import NotUnderstood, format_for

PATHS = [
    ("openai", "/v1/chat/completions"),
    ("openai", "/v1/completions"),
    ("openai", "/v1/responses"),
    ("openai", "/v1/embeddings"),
    ("openai", "/v1/moderations"),
    ("openai", "/v1/other"),
    ("anthropic", "/v1/messages"),
    ("generic", "/predict"),
]

NAMES = """
    model messages role content type text input prompt stream tools function arguments choices index message delta
    logprobs usage prompt_tokens prompt_tokens_details output item part response output_index content_block error data
    embedding results category_scores score scores labels label token_logprobs source name
"""
TYPES = """
    message text tool_use image document response.output_text.delta response.output_item.done response.completed
    response.x response.content_part.done content_block_delta content_block_start message_start message_delta error ping
"""
names, types = st.sampled_from(NAMES.split()), st.sampled_from(TYPES.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | types,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
DOCUMENTS = JSON | st.builds(
    lambda document, kind: document | {"type": kind}, st.dictionaries(names, JSON, max_size=5), types
)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(("format", "path"), PATHS)
@UNHURRIED
@given(document=DOCUMENTS)
def test_odd_types_do_no_harm(format, path, document):
    """Whatever stands where something else is expected, requests may be not understood, but answers are always read."""
    known = format_for(format)
    with contextlib.suppress(NotUnderstood):
        prompt = known.prompt(path, document)
        assert all(type(text) is str and text for text in (*prompt.texts, *prompt.others))
    output = known.output(path, document)
    assert all(type(text) is str and text for text in (*output.texts, *output.others))
    reader = known.stream(path)
    for channel, text in reader.read(orjson.dumps(document)):
        assert type(channel) is str
        assert text
    orjson.dumps([output.usage, output.confidence, reader.usage, reader.confidence])


@pytest.mark.parametrize(("format", "path"), PATHS)
@given(data=st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode(errors="replace")))
def test_odd_bytes_do_no_harm(format, path, data):
    """Whatever an event's data is, it is read."""
    for channel, text in format_for(format).stream(path).read(data):
        assert channel.encode() or text.encode()


def deep(depth, inside):
    """A value below that many objects and lists."""
    for level in range(depth):
        inside = {"content": inside} if level % 2 else [inside]
    return inside


@pytest.mark.parametrize(("format", "path"), PATHS)
@pytest.mark.parametrize("depth", [64, 10_000])
def test_depth_does_no_harm(format, path, depth):
    """A string below many levels is found, in requests, answers and streams."""
    known = format_for(format)
    asked = {
        "messages": [{"role": "user", "content": deep(depth, "secret")}],
        "input": [deep(depth, "a")],
        "prompt": ["b"],
    }
    assert "secret" in (lambda prompt: prompt.texts + prompt.others)(known.prompt(path, asked))
    answered = {
        "choices": [{"message": deep(depth, "secret")}],
        "output": [deep(depth, "a")],
        "content": [deep(depth, "b")],
    }
    output = known.output(path, answered | {"data": [deep(depth, "c")], "results": [deep(depth, "d")]})
    assert {"secret", "a", "b", "c", "d"} <= {*output.texts, *output.others}
    event = orjson.dumps({"type": "x", "delta": deep(200, "secret")})
    assert any("secret" in text for _, text in known.stream(path).read(event))


@pytest.mark.parametrize(("format", "path"), PATHS)
def test_length_does_no_harm(format, path):
    """Long lists are read to their end."""
    known = format_for(format)
    long = [*([1] * 100_000), "secret"]
    asked = {"messages": [{"role": "user", "content": long}], "input": long, "prompt": long}
    assert "secret" in known.prompt(path, asked).texts
    output = known.output(path, {"choices": long, "output": long, "content": long, "data": long, "results": long})
    assert "secret" in (*output.texts, *output.others)
