"""All text is scanned: a canary put into any string of any request is found again."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.formats import format_for

CANARY = "the canary sings at dawn"

PARAMETERS = {
    "type": "object",
    "properties": {
        "place": {"type": "string", "description": "A town", "enum": ["Bern", "Basel"]},
        "days": {"type": ["integer", "null"], "anyOf": [{"const": "today", "title": "Now"}]},
    },
    "required": ["place"],
    "additionalProperties": False,
}
FUNCTION = {"name": "get_weather", "description": "Says what the weather is", "strict": True, "parameters": PARAMETERS}

TOOL = {"type": "function", "function": FUNCTION}

CHAT = {
    "model": "m-1",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "name": "eve", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"file_data": "JVBERi0=", "filename": "a.pdf", "file_id": "file-1"}},
            {"type": "hologram", "beam": {"phase": "left", "lines": ["one", ["two"]]}},
            "loose",
        ]},
        {"role": "assistant", "content": None, "refusal": "no", "audio": {"id": "au-1"}, "tool_calls": [
            {"id": "call-1", "type": "function", "function": {"name": "get_weather", "arguments": '{"place":"Bern"}'}},
            {"id": "call-2", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
        ], "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "tool", "tool_call_id": "call-1", "content": "rain"},
    ],
    "tools": [TOOL, {"type": "custom", "custom": {"name": "sh", "format": {"type": "grammar", "definition": "x: y"}}}],
    "functions": [{"name": "old", "description": "d", "parameters": {"type": "object"}}],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"properties": {"a": {}}}}},
    "prediction": {"type": "content", "content": "maybe"},
    "stop": ["END", "STOP"],
    "metadata": {"ticket": "T-1", "deep": {"deeper": ["x"]}},
    "user": "eve",
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "extension": {"of": [{"somebody": "else"}]},
}  # fmt: skip

COMPLETION = {
    "model": "m-1",
    "prompt": ["Once", "Twice"],
    "suffix": "the end",
    "stop": "END",
    "user": "eve",
    "logit_bias": {"50256": -100},
}

RESPONSE = {
    "model": "m-1",
    "instructions": "Be kind.",
    "input": [
        {"role": "user", "content": "Hello"},
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "JVBERi0="},
        ]},
        {"type": "function_call", "call_id": "c-1", "name": "get_weather", "arguments": "{}", "id": "fc-1"},
        {"type": "function_call_output", "call_id": "c-1", "output": "rain", "status": "completed"},
        {"type": "reasoning", "id": "rs-1", "summary": [{"type": "summary_text", "text": "hm"}],
         "encrypted_content": "gAAA"},
        {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "https://a.example/"}},
        {"type": "item_reference", "id": "msg-1"},
    ],
    "tools": [
        {"type": "function", **FUNCTION},
        {"type": "mcp", "server_label": "l", "server_url": "https://m.example", "authorization": "token",
         "headers": {"x-a": "b"}, "allowed_tools": ["t"]},
        {"type": "file_search", "vector_store_ids": ["vs-1"], "filters": {"type": "eq", "key": "k", "value": "v"}},
    ],
    "prompt": {"id": "pmpt-1", "version": "2", "variables": {
        "name": "Ada", "part": {"type": "input_text", "text": "x"}}},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
    "metadata": {"ticket": "T-1"},
    "include": ["reasoning.encrypted_content"],
    "previous_response_id": "resp-1",
    "reasoning": {"effort": "low"},
}  # fmt: skip

MESSAGE = {
    "model": "m-1",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"type": "document", "title": "t", "context": "c",
             "source": {"type": "text", "media_type": "text/plain", "data": "plain words"}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "inner"}]}},
            {"type": "search_result", "source": "https://a.example", "title": "t", "content": [
                {"type": "text", "text": "found"}]},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
            {"type": "redacted_thinking", "data": "Emw"},
            {"type": "tool_use", "id": "tu-1", "name": "get_weather", "input": {
                "place": "Bern", "type": ["a", {"b": "c"}]}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "tu-1", "is_error": False, "content": [
                {"type": "text", "text": "rain"}]},
            {"type": "tool_result", "tool_use_id": "tu-1", "content": "rain"},
        ]},
    ],
    "tools": [{"name": "get_weather", "description": "d", "input_schema": PARAMETERS}],
    "tool_choice": {"type": "tool", "name": "get_weather"},
    "metadata": {"user_id": "u-1"},
    "stop_sequences": ["END"],
    "container": {"skills": [{"type": "custom", "skill_id": "s-1"}]},
}  # fmt: skip

REQUESTS = [
    ("openai", "/v1/chat/completions", CHAT),
    ("openai", "/v1/completions", COMPLETION),
    ("openai", "/v1/responses", RESPONSE),
    ("openai", "/v1/embeddings", {"model": "m-1", "input": ["one", "two"], "encoding_format": "float", "user": "eve"}),
    ("openai", "/v1/moderations", {"model": "m-1", "input": [
        {"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "https://a.example"}}]}),
    ("openai", "/v1/audio/speech", {"model": "m-1", "input": "say it", "voice": "alto", "extra": [{"a": "b"}]}),
    ("anthropic", "/v1/messages", MESSAGE),
    ("anthropic", "/v1/messages/count_tokens", MESSAGE),
    ("generic", "/predict", {"model": "m-1", "inputs": [{"text": "one", "tags": ["a"]}], "parameters": {"k": "v"}}),
]  # fmt: skip

SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)

# The suite runs in parallel on few cores: how long one example takes says nothing about the program.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def places(value, path: tuple[str | int, ...] = ()):
    """Every place of a document, as a path of keys and indices."""
    yield path
    if isinstance(value, dict):
        for key, member in value.items():
            yield from places(member, (*path, key))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from places(member, (*path, index))


def at(document, path):
    """What is at a place."""
    for step in path:
        document = document[step]
    return document


def replaced(document, path, value):
    """A copy of the document with another value at one place."""
    document = copy.deepcopy(document)
    at(document, path[:-1])[path[-1]] = value
    return document


def is_found(format, path, document):
    """Whether the canary is among the strings of a request."""
    prompt = format_for(format).prompt(path, document)
    return any(CANARY in text for text in (*prompt.texts, *prompt.others))


@st.composite
def requests(draw):
    """A realistic request with unknown members in some of its objects and odd values in some of its places."""
    format, path, document = draw(st.sampled_from(REQUESTS))
    for _ in range(draw(st.integers(0, 3))):
        objects = [place for place in places(document) if isinstance(at(document, place), dict)]
        place = draw(st.sampled_from(objects))
        name = draw(
            st.text(min_size=1, max_size=6) | st.sampled_from(["type", "data", "input", "content", "source", "text"])
        )
        if (*place, name) not in {("messages",), ("input",), ("model",), ("stream",), ("prompt",)}:
            document = replaced(document, (*place, name), draw(JSON))
    return format, path, document


@UNHURRIED
@given(requests())
def test_a_canary_in_any_string_is_found(asked):
    """Wherever in a request a string stands, it is among the texts or the other strings."""
    format, path, document = asked
    for place in places(document):
        if isinstance(at(document, place), str):
            assert is_found(format, path, replaced(document, place, CANARY)), place


ODD: list[Any] = ["x", 1, None, {}, []]


@UNHURRIED
@given(requests())
def test_a_canary_as_a_key_is_found(asked):
    """A key that no API knows is among the strings, in whichever object it stands and whatever its value is."""
    format, path, document = asked
    for place in places(document):
        if isinstance(at(document, place), dict):
            for value in ODD:
                assert is_found(format, path, replaced(document, (*place, CANARY), value)), place


@pytest.mark.parametrize(("format", "path", "document"), REQUESTS)
def test_strings_are_found_once(format, path, document):
    """Texts and other strings together are the document's strings: none is lost and none is taken twice."""
    prompt = format_for(format).prompt(path, document)
    strings = [at(document, place) for place in places(document) if isinstance(at(document, place), str)]
    found = [*prompt.texts, *prompt.others]
    for text in strings:
        assert found.count(text) >= strings.count(text)
    assert len(found) - len(strings) <= sum(isinstance(place[-1], str) for place in places(document) if place)


CHAT_ANSWER = {
    "id": "c-1", "object": "chat.completion", "created": 1, "model": "m-1",
    "system_fingerprint": "fp", "service_tier": "x",
    "own": {"id": "x", "type": "y", "model": ["z"]},
    "choices": [{"own": [{"role": "x"}], "index": 0, "finish_reason": "stop", "message": {
        "role": "assistant", "content": "Hello", "own": {"id": "x", "data": "y"}, "refusal": "no",
        "reasoning_content": "hm", "reasoning": "hm",
        "annotations": [{"type": "url_citation", "url_citation": {"title": "t", "url": "u"}}],
        "audio": {"id": "a-1", "data": "UklG", "transcript": "said"},
        "tool_calls": [{"id": "t-1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }, "logprobs": {"content": [{"token": "He", "logprob": -0.1, "top_logprobs": [{"token": "Ho", "logprob": -3}]}]}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "note": "n"},
}  # fmt: skip

RESPONSE_ANSWER = {
    "id": "r-1", "object": "response", "status": "completed", "model": "m-1", "instructions": "Be kind.",
    "error": {"code": "c", "message": "m"}, "metadata": {"id": "b"},
    "own": {"id": "x", "type": "y", "model": ["z"]},
    "output": [
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}],
         "encrypted_content": "g"},
        {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": "Hello", "annotations": [{"type": "url_citation", "url": "u"}],
             "logprobs": [{"token": "He", "logprob": -0.1}]}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "image_generation_call", "id": "i", "result": "iVBO", "revised_prompt": "a cat"},
        {"type": "invented", "own": {"type": ["x"], "id": "y"}},
    ],
}  # fmt: skip

MESSAGE_ANSWER = {
    "id": "m-1", "type": "message", "role": "assistant", "model": "m-1", "stop_reason": "end_turn",
    "stop_sequence": "x",
    "own": {"id": "x", "type": "y", "model": ["z"]},
    "content": [
        {"type": "text", "text": "Hello", "citations": [{"type": "char_location", "cited_text": "c"}]},
        {"type": "thinking", "thinking": "hm", "signature": "Eq"},
        {"type": "redacted_thinking", "data": "Em"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"own": "Bern", "list": [{"own": {"id": "x"}}]}},
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"type": "web_search_result", "url": "u",
         "title": "t", "encrypted_content": "e"}]},
    ],
    "usage": {"input_tokens": 1, "output_tokens": 2, "service_tier": "standard"},
}  # fmt: skip

ENVELOPE = {
    "id", "object", "model", "system_fingerprint", "service_tier", "finish_reason", "stop_reason", "role", "type",
    "status", "data", "token", "signature", "encrypted_content", "call_id", "tool_use_id", "result",
}  # fmt: skip


@pytest.mark.parametrize(
    ("format", "path", "document"),
    [
        ("openai", "/v1/chat/completions", CHAT_ANSWER),
        ("openai", "/v1/responses", RESPONSE_ANSWER),
        ("anthropic", "/v1/messages", MESSAGE_ANSWER),
    ],
)
def test_answers_hide_nothing_but_their_envelope(format, path, document):
    """In an answer only strings that the API makes up may go unread, and only where the API puts them."""
    for place in places(document):
        if isinstance(at(document, place), str):
            output = format_for(format).output(path, replaced(document, place, CANARY))
            is_envelope = place[-1] in ENVELOPE and "own" not in place
            assert CANARY in (*output.texts, *output.others) or is_envelope, place


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/moderations", "/v1/x"]
)
@UNHURRIED
@given(
    document=JSON.filter(lambda value: not isinstance(value, dict))
    | st.dictionaries(st.text(max_size=3), JSON, max_size=3)
)
def test_every_string_of_an_unknown_answer_is_text(path, document):
    """An answer of a shape that its API does not have is text as a whole."""
    for format in ("openai", "anthropic", "generic"):
        texts = format_for(format).output(path, document).texts
        for place in places(document):
            text = at(document, place)
            assert not isinstance(text, str) or not text or text in texts
