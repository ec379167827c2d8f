import anthropic
import httpx2
import orjson
import pytest

from guard.formats import NotUnderstood, format_for

PATH = "/v1/messages"
ANTHROPIC = format_for("anthropic")


@pytest.mark.parametrize("path", [PATH, "/v1/messages/", "/v1/messages/count_tokens", "/anthropic/v1/messages"])
def test_the_prompt_is_what_the_model_reads(path):
    """The system prompt, contents of all roles, tools, their calls and results are text, in document order."""
    prompt = ANTHROPIC.prompt(path, {
        "model": "m", "max_tokens": 5, "system": [{"type": "text", "text": "Be kind."}], "stream": True,
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "Eq"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"place": "Bern"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "rain"}]},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}]},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"place": {}}}}],
        "metadata": {"user_id": "eve"},
    })  # fmt: skip
    assert prompt.texts == ["Be kind.", "Hi", "hm", "f", "place", "Bern", "rain", "f", "d", "place"]
    assert "AA" in prompt.others
    assert "eve" in prompt.others
    assert (prompt.model, prompt.stream) == ("m", True)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"model": "m"}, "messages: expected a list, but it is missing"),
        ({"model": "m", "messages": "Hi"}, "messages: expected a list, got a string"),
        ({"model": ["m"], "messages": []}, "model: expected a string, got a list"),
        ("Hi", "body: expected an object, got a string"),
    ],
)
def test_what_is_no_conversation_is_not_understood(document, message):
    """The error says what was expected where."""
    with pytest.raises(NotUnderstood, match=f"^{message}$"):
        ANTHROPIC.prompt(PATH, document)


def test_other_paths_are_text():
    """Of an API that is not the messages' every string is text."""
    assert ANTHROPIC.prompt("/v1/complete", {"prompt": "Hi"}).texts == ["Hi"]
    assert ANTHROPIC.output("/v1/complete", {"completion": "Ho"}).texts == ["Ho"]
    assert ANTHROPIC.stream("/v1/complete").read(b'{"text":"Ho"}') == [("text", "Ho")]


@pytest.mark.parametrize(
    ("content", "texts", "others"),
    [
        ([{"type": "text", "text": "Hi"}], ["Hi"], []),
        ([{"type": "thinking", "thinking": "hm", "signature": "Eq"}, {"type": "text", "text": "Hi"}], ["hm", "Hi"], []),
        ([{"type": "tool_use", "id": "t", "name": "f", "input": {"place": "Bern"}}], ["f", "place", "Bern"], []),
        ([{"type": "redacted_thinking", "data": "Em"}], [], []),
        ([{"type": "text", "text": "Hi", "citations": [{"cited_text": "c"}]}], ["Hi"], ["cited_text", "c"]),
        ([{"type": "invented", "x": ["y"]}, "odd", 5], ["y", "odd"], ["x"]),
        ([], [], []),
    ],
)
def test_the_output_is_what_the_model_wrote(content, texts, others):
    """Text, thinking and calls of tools are text; the envelope is left out."""
    output = ANTHROPIC.output(PATH, {
        "id": "m", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "end_turn",
        "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4, "service_tier": "standard"},
    })  # fmt: skip
    assert (output.texts, output.others) == (texts, others)
    assert output.usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert output.confidence is None


@pytest.mark.parametrize("document", [{"type": "error", "error": {"message": "broken"}}, ["broken"], "broken"])
def test_errors_are_text(document):
    """What a model's server says about its error is read like an answer."""
    assert "broken" in ANTHROPIC.output(PATH, document).texts


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"type": "ping"}, []),
        ({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, []),
        ({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Hi"}},
         [("0.text", "Hi")]),
        ({"type": "content_block_start", "index": 1, "content_block":
          {"type": "tool_use", "id": "t", "name": "f", "input": {}}}, [("1.name", "f")]),
        ({"type": "content_block_start", "index": 2, "content_block": {
            "type": "web_search_tool_result", "tool_use_id": "t",
            "content": [{"type": "web_search_result", "title": "a", "encrypted_content": "e"}]}},
         [("=2.content.0.", "title"), ("2.content.0.title", "a")]),
        ({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
         [("0.text", "Hi")]),
        ({"type": "content_block_delta", "index": 1, "delta": {"type": "thinking_delta", "thinking": "hm"}},
         [("1.thinking", "hm")]),
        ({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a'}},
         [("2.input", '{"a')]),
        ({"type": "content_block_delta", "index": 1, "delta": {"type": "signature_delta", "signature": "Eq"}}, []),
        ({"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {"type": "x"}}},
         [("=0.citation.type", "x")]),
        ({"type": "content_block_delta", "index": 0, "delta": {"type": "invented_delta", "words": "a"}},
         [("=0.", "words"), ("0.words", "a")]),
        ({"type": "content_block_delta", "index": "x", "delta": "odd"}, [("0", "odd"), ("=index", "x")]),
        ({"type": "content_block_stop", "index": 0}, []),
        ({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
          "usage": {"output_tokens": 5}}, []),
        ({"type": "message_stop"}, []),
        ({"type": "error", "error": {"type": "api_error", "message": "broken"}},
         [("error.type", "api_error"), ("error.message", "broken")]),
        ({"type": "invented", "words": "a"}, [("type", "invented"), ("=", "words"), ("words", "a")]),
        ({"type": ["x"], "words": "a"}, [("type.0", "x"), ("=", "words"), ("words", "a")]),
    ],
)  # fmt: skip
def test_events_come_in_channels(event, found):
    """A text's channel is its place in the finished message; unknown shapes are read at their own places."""
    assert ANTHROPIC.stream(PATH).read(orjson.dumps(event)) == found


def test_usage_grows_with_the_stream():
    """Counts of the first event stand until a later one tells them anew."""
    reader = ANTHROPIC.stream(PATH)
    usage = {"input_tokens": 3, "output_tokens": 1, "cache_read_input_tokens": 2}
    content: list[str] = []
    message = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": None,
        "usage": usage,
    }
    start = {"type": "message_start", "message": message}
    assert reader.read(orjson.dumps(start)) == []
    assert reader.usage == {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6, "cached_tokens": 2}
    reader.read(b'{"type":"message_delta","delta":{},"usage":{"output_tokens":9,"input_tokens":null}}')
    assert reader.usage == {"input_tokens": 5, "output_tokens": 9, "total_tokens": 14, "cached_tokens": 2}
    assert reader.confidence is None


def client(status, content_type, body):
    """The official client in front of a server that answers this."""
    answer = httpx2.Response(status, headers={"content-type": content_type}, content=body)
    transport = httpx2.MockTransport(lambda _: answer)
    return anthropic.Anthropic(api_key="k", max_retries=0, http_client=httpx2.Client(transport=transport))


ASK = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (413, "request_too_large", anthropic.APIStatusError),
        (415, "invalid_request_error", anthropic.APIStatusError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (502, "api_error", anthropic.InternalServerError),
        (503, "overloaded_error", anthropic.InternalServerError),
        (504, "timeout_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.InternalServerError),
    ],
)
def test_the_official_client_raises_its_own_errors(status, kind, raised):
    """Each status becomes the client's own exception, with type and message, and the guard's code beside them."""
    body = ANTHROPIC.error(status, "a_code", "What was wrong.")
    assert orjson.loads(body) == {
        "type": "error",
        "error": {"type": kind, "message": "What was wrong.", "code": "a_code"},
    }
    with pytest.raises(raised) as error:
        client(status, "application/json", body).messages.create(**ASK)
    assert (error.value.type, error.value.api_message, error.value.status_code) == (kind, "What was wrong.", status)


def test_the_official_client_raises_in_a_stream():
    """An error event ends the client's stream with an exception that carries type, message and code."""
    body = b'event: ping\ndata: {"type":"ping"}\n\n' + ANTHROPIC.error_event(
        403, "content_policy_violation", "Not this."
    )
    with pytest.raises(anthropic.APIStatusError, match="Not this") as error:
        list(client(200, "text/event-stream", body).messages.create(**ASK, stream=True))
    assert error.value.body == {
        "type": "error",
        "error": {"type": "permission_error", "message": "Not this.", "code": "content_policy_violation"},
    }


def test_websockets_are_unknown_to_the_api():
    """Their messages would be read as any JSON, and an error is the API's usual document."""
    reader = ANTHROPIC.session("/v1/messages")
    assert reader.read(b'{"type":"content_block_delta","delta":{"text":"Hi"}}')[-1] == ("delta.text", "Hi")
    assert reader.ended is None
    assert orjson.loads(ANTHROPIC.error_message(403, "a_code", "Not this."))["error"]["code"] == "a_code"
