import orjson
import pytest

from guard.formats import NotUnderstood, format_for

PATH = "/v1/responses"
OPENAI = format_for("openai")


@pytest.mark.parametrize(
    ("document", "texts"),
    [
        ({"input": "Hi", "instructions": "Be kind."}, ["Hi", "Be kind."]),
        ({"input": [{"role": "user", "content": "Hi"}]}, ["Hi"]),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]}, ["Hi"]),
        ({"input": [{"type": "input_image", "image_url": "u"},
                    {"type": "input_file", "filename": "a", "file_data": "AA"}]}, ["a"]),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "c", "output": "rain"}]}, ["f", "{}", "rain"]),
        ({"input": None, "prompt": {"id": "p", "variables": {"who": "Ada"}}}, ["Ada"]),
        ({"tools": [{"type": "function", "name": "f", "description": "d",
                     "parameters": {"properties": {"place": {}}}}]}, ["f", "d", "place"]),
        ({}, []),
    ],
)  # fmt: skip
def test_the_prompt_is_what_the_model_reads(document, texts):
    """Input of every form, instructions, tools and template variables are text, in document order."""
    assert OPENAI.prompt(PATH, {"model": "m", **document}).texts == texts


@pytest.mark.parametrize("given", [5, True, {"role": "user"}])
def test_an_input_of_another_type_is_not_understood(given):
    """The error says what was expected where."""
    with pytest.raises(NotUnderstood, match=r"^input: expected a string or a list, got "):
        OPENAI.prompt(PATH, {"model": "m", "input": given})


MESSAGE = {
    "type": "message", "id": "m", "role": "assistant", "status": "completed",
    "content": [
        {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": [{"token": "Hello", "logprob": -0.5}]},
    ],
}  # fmt: skip
CALL = {
    "type": "function_call",
    "id": "f",
    "call_id": "c",
    "name": "get_weather",
    "arguments": "{}",
    "status": "completed",
}
REASONING = {
    "type": "reasoning",
    "id": "r",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "g",
}


def response(*items, **more):
    """A finished response."""
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    return {
        "id": "r",
        "object": "response",
        "status": "completed",
        "model": "m",
        "output": list(items),
        "usage": usage,
    } | more


def test_the_output_is_what_the_model_wrote():
    """Text, reasoning and calls of tools are text; what the response repeats of its request is not."""
    output = OPENAI.output(PATH, response(REASONING, MESSAGE, CALL, instructions="Be kind."))
    assert output.texts == ["hm", "Hello", "get_weather", "{}"]
    assert output.others == ["Be kind."]
    assert output.usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert output.confidence == {"kind": "logprobs", "tokens": 1, "mean": -0.5, "min": -0.5}


AT = {"output_index": 0, "content_index": 0, "item_id": "m", "sequence_number": 1}


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"type": "response.output_text.delta", "delta": "Hi", "logprobs": [], "obfuscation": "x", **AT},
         [("0.content.0.text", "Hi")]),
        ({"type": "response.refusal.delta", "delta": "no", **AT}, [("0.content.0.refusal", "no")]),
        ({"type": "response.reasoning_text.delta", "delta": "hm", **AT}, [("0.content.0.text", "hm")]),
        ({"type": "response.reasoning_summary_text.delta", "delta": "hm", "output_index": 2, "summary_index": 1},
         [("2.summary.1.text", "hm")]),
        ({"type": "response.function_call_arguments.delta", "delta": '{"a', "output_index": 1},
         [("1.arguments", '{"a')]),
        ({"type": "response.mcp_call_arguments.delta", "delta": '{"a', "output_index": 1}, [("1.arguments", '{"a')]),
        ({"type": "response.custom_tool_call_input.delta", "delta": "ls", "output_index": 1}, [("1.input", "ls")]),
        ({"type": "response.code_interpreter_call_code.delta", "delta": "1", "output_index": 1}, [("1.code", "1")]),
        ({"type": "response.audio.transcript.delta", "delta": "said"}, [("audio.transcript", "said")]),
        ({"type": "response.audio.delta", "delta": "UklG"}, []),
        ({"type": "response.invented.delta", "delta": "a", "output_index": 3}, [("3.invented", "a")]),
        ({"type": "response.shell_call_output_content.delta", "delta": {"stdout": "a"}, "output_index": 3},
         [("3.shell_call_output_content.stdout", "a"), ("=3.shell_call_output_content.", "stdout")]),
        ({"type": "response.output_text.delta", "delta": "Hi", "own": "x", **AT},
         [("0.content.0.text", "Hi"), ("=", "own"), ("=own", "x")]),
        ({"type": "response.output_item.added", "output_index": 1, "item": CALL | {"arguments": ""}},
         [("1.name", "get_weather")]),
        ({"type": "response.image_generation_call.partial_image", "partial_image_b64": "AA", "output_index": 1}, []),
        ({"type": "response.output_text.annotation.added", "annotation": {"type": "t", "title": "a"}, **AT},
         [("=", "annotation"), ("=annotation.type", "t"), ("=annotation.", "title"), ("=annotation.title", "a")]),
        ({"type": "response.web_search_call.searching", "output_index": 1, "item_id": "w"}, []),
        ({"type": "error", "code": "c", "message": "broken", "param": None},
         [("type", "error"), ("code", "c"), ("message", "broken")]),
        ({"error": {"message": "broken"}}, [("error.message", "broken")]),
        ({"type": 5, "text": "a"}, [("text", "a")]),
        ({"type": "response.output_text.delta", "delta": "a", "output_index": "x", "content_index": None},
         [("0.content.0.text", "a"), ("=output_index", "x")]),
    ],
)  # fmt: skip
def test_events_come_in_channels(event, found):
    """A text's channel is its place in the finished output; unknown shapes are read at their own places."""
    assert sorted(OPENAI.stream(PATH).read(orjson.dumps(event))) == sorted(found)


def stream(*events):
    """What a reader finds in each of the events."""
    reader = OPENAI.stream(PATH)
    return [reader.read(orjson.dumps(event)) for event in events], reader


def test_whole_texts_after_deltas_are_repeats():
    """What the closing events and the finished response tell again is scanned as a repeat, and not doubled."""
    (*deltas, text, part, item, done), reader = stream(
        {"type": "response.created", "response": response(status="in_progress", usage=None, instructions="Be kind.")},
        {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE | {"content": []}},
        {"type": "response.content_part.added", "part": {"type": "output_text", "text": "", "annotations": []}, **AT},
        {"type": "response.output_text.delta", "delta": "Hel", "logprobs": [{"token": "Hel", "logprob": -1.0}], **AT},
        {"type": "response.output_text.delta", "delta": "lo", "logprobs": [{"token": "lo", "logprob": -2.0}], **AT},
        {"type": "response.output_text.done", "text": "Hello", "logprobs": [], **AT},
        {"type": "response.content_part.done", "part": MESSAGE["content"][0], **AT},
        {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
        {"type": "response.completed", "response": response(MESSAGE)},
    )
    assert deltas == [
        [("=response.instructions", "Be kind.")],
        [],
        [],
        [("0.content.0.text", "Hel")],
        [("0.content.0.text", "lo")],
    ]
    assert text == part == item == done == [("=0.content.0.text", "Hello")]
    assert reader.usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert reader.confidence == {"kind": "logprobs", "tokens": 2, "mean": -1.5, "min": -2.0}


def test_whole_texts_without_deltas_are_told_once():
    """A server that sends no deltas is read from the first event that has the text."""
    (item, done), _ = stream(
        {"type": "response.output_item.done", "output_index": 0, "item": CALL},
        {"type": "response.completed", "response": response(CALL, REASONING)},
    )
    assert item == [("0.name", "get_weather"), ("0.arguments", "{}")]
    assert done == [("=0.name", "get_weather"), ("=0.arguments", "{}"), ("1.summary.0.text", "hm")]


def test_a_failed_response_tells_its_error():
    """The error of a response that failed is text."""
    (found,), _ = stream({"type": "response.failed", "response": response(error={"code": "c", "message": "broken"})})
    assert found == [("error.code", "c"), ("error.message", "broken")]
