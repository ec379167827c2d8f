import orjson
import pytest

from guard.formats import NotUnderstood, format_for

PATH = "/v1/chat/completions"
OPENAI = format_for("openai")


@pytest.mark.parametrize(
    ("messages", "more", "texts"),
    [
        ([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], {}, ["Be kind.", "Hi"]),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}], {}, ["a", "b"]),
        ([{"role": "user", "name": "eve", "content": "Hi"}], {}, ["eve", "Hi"]),
        ([{"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]},
          {"role": "tool", "tool_call_id": "c", "content": "rain"}], {}, ["f", '{"a":1}', "rain"]),
        ([{"role": "user", "content": "Hi"}],
         {"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {
             "type": "object", "properties": {"place": {"type": "string", "enum": ["Bern"]}}}}}]},
         ["Hi", "f", "d", "place", "Bern"]),
        ([{"role": "user", "content": "Hi"}], {"response_format": {"type": "json_schema", "json_schema": {
            "name": "n", "schema": {"properties": {"mood": {}}}}}}, ["Hi", "n", "mood"]),
        ([{"role": "user", "content": ""}, {"role": "user"}, {}], {}, []),
        ([], {}, []),
        ([{"role": "user", "content": 5}, {"role": None, "content": ["loose", None, {"type": 7, "x": "y"}]}], {},
         ["loose", "y"]),
    ],
)  # fmt: skip
def test_the_prompt_is_what_the_model_reads(messages, more, texts):
    """Contents of all roles, tools and their calls and results are text, in document order."""
    assert OPENAI.prompt(PATH, {"model": "m", "messages": messages, **more}).texts == texts


def test_settings_are_other_strings():
    """The model's name, roles and what nobody knows are not text, but they are there; `stream` and `model` are told."""
    prompt = OPENAI.prompt(PATH, {
        "stream": True, "user": "eve", "model": "m", "messages": [{"role": "user", "content": "Hi"}], "own": {"a": "b"},
    })  # fmt: skip
    assert prompt.others == ["eve", "m", "user", "own", "a", "b"]
    assert (prompt.model, prompt.stream) == ("m", True)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "body: expected an object, got a list"),
        (None, "body: expected an object, got null"),
        ({}, "messages: expected a list, but it is missing"),
        ({"messages": None}, "messages: expected a list, got null"),
        ({"messages": {"role": "user"}}, "messages: expected a list, got an object"),
        ({"messages": [{}, "Hi"]}, "messages\\[1\\]: expected an object, got a string"),
        ({"messages": [], "model": 5}, "model: expected a string, got a number"),
        ({"messages": [], "model": None}, "model: expected a string, got null"),
        ({"messages": [], "stream": "yes"}, "stream: expected true or false, got a string"),
    ],
)
def test_what_is_no_conversation_is_not_understood(document, message):
    """The error says what was expected where."""
    with pytest.raises(NotUnderstood, match=f"^{message}$"):
        OPENAI.prompt(PATH, document)


@pytest.mark.parametrize(
    ("choices", "texts", "others"),
    [
        ([{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}], ["Hi"], []),
        ([{"message": {"role": "assistant", "content": "a"}}, {"message": {"content": "b", "refusal": "no"}}],
         ["a", "b", "no"], []),
        ([{"message": {"role": "assistant", "content": None, "reasoning_content": "hm", "reasoning": "so",
                       "annotations": [], "tool_calls": [
                           {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}}],
         ["hm", "so", "f", "{}"], []),
        ([{"message": {"audio": {"id": "a", "data": "UklG", "transcript": "said"}}}], ["said"], []),
        ([{"message": {"content": [{"type": "text", "text": "part"}]}}], ["part"], []),
        ([{"message": "odd"}, "odder", 5, None, {"text": "x", "own": "y"}], ["odd", "odder", "x", "y"], ["own"]),
        ([{"message": {"content": "Hi", "annotations": [{"type": "t", "url": "u"}]}}], ["Hi"], ["t", "u"]),
    ],
)  # fmt: skip
def test_the_output_is_what_the_model_wrote(choices, texts, others):
    """Content, reasoning, refusals and tool calls of every choice are text; the envelope is left out."""
    document = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices}
    output = OPENAI.output(PATH, document)
    assert (output.texts, output.others) == (texts, others)


def test_usage_and_confidence_are_told():
    """Usage comes under common names, log-probabilities are summed up."""
    output = OPENAI.output(PATH, {
        "choices": [{"message": {"content": "Hi"}, "logprobs": {"content": [{"token": "Hi", "logprob": -0.5}]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    })  # fmt: skip
    assert output.usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert output.confidence == {"kind": "logprobs", "tokens": 1, "mean": -0.5, "min": -0.5}
    assert output.texts == ["Hi"]


@pytest.mark.parametrize(
    "document", [{"error": {"message": "broken", "code": "x"}}, {"error": {"message": "broken"}, "choices": []}]
)
def test_errors_are_text(document):
    """What a model's server says about its error is read like an answer."""
    assert "broken" in OPENAI.output(PATH, document).texts


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}, []),
        ({"id": "c", "object": "o", "created": 1, "model": "m", "system_fingerprint": None,
          "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}]},
         [("0.content", "Hi")]),
        ({"choices": [{"index": 1, "delta": {"reasoning_content": "hm"}}, {"index": 0, "delta": {"refusal": "no"}}]},
         [("1.reasoning", "hm"), ("0.refusal", "no")]),
        ({"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 1, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a'}}]}}]},
         [("0.tool.1.name", "f"), ("0.tool.1.arguments", '{"a')]),
        ({"choices": [{"index": 0, "delta": {"function_call": {"name": "f", "arguments": "{}"}}}]},
         [("0.function_call.name", "f"), ("0.function_call.arguments", "{}")]),
        ({"choices": [{"index": 0, "delta": {"audio": {"id": "a", "data": "UklG", "transcript": "said"}}}]},
         [("0.audio.transcript", "said")]),
        ({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, []),
        ({"choices": [{"index": 0, "delta": {"content": "Hi"}}], "provider": "p", "obfuscation": "xyz"},
         [("0.content", "Hi"), ("=", "provider"), ("=provider", "p")]),
        ({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}, []),
        ({"choices": [{"index": "0", "delta": "odd"}, "odder", {"delta": {"content": ["a"]}}]},
         [("0.index", "0"), ("0.delta", "odd"), ("1", "odder"), ("2.content.0", "a")]),
        ({"error": {"message": "broken"}}, [("error.message", "broken")]),
        ({"choices": "odd"}, [("choices", "odd")]),
    ],
)  # fmt: skip
def test_chunks_come_in_channels(event, found):
    """Each kind of text of each choice has its own channel; unknown shapes are read at their places."""
    assert OPENAI.stream(PATH).read(orjson.dumps(event)) == found


def test_a_stream_tells_usage_and_confidence():
    """Counts of the last chunk and the log-probabilities of all chunks are kept."""
    reader = OPENAI.stream(PATH)
    for logprob in (-1.0, -3.0):
        reader.read(orjson.dumps({
            "choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": logprob}]}}],
            "usage": None,
        }))  # fmt: skip
    reader.read(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}')
    assert reader.read(b"[DONE]") == []
    assert reader.usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert reader.confidence == {"kind": "logprobs", "tokens": 2, "mean": -2.0, "min": -3.0}
