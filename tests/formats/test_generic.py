import orjson
import pytest

from guard.formats import NotUnderstood, format_for

ASKED = {"model": "m", "stream": True, "inputs": [{"text": "a", "id": "1"}, {"text": "b"}], "parameters": {"k": 5}}


@pytest.mark.parametrize(
    ("pointers", "texts", "others"),
    [
        ((), ["m", "a", "1", "b"], ["inputs", "k"]),
        (("/inputs/*/text",), ["a", "b"], ["m", "inputs", "1", "k"]),
        (("/inputs/0",), ["a", "1"], ["m", "inputs", "b", "k"]),
        (("/inputs/1/text", "/model"), ["m", "b"], ["inputs", "a", "1", "k"]),
        (("",), ["m", "a", "1", "b"], ["inputs", "k"]),
    ],
)
def test_pointers_tell_the_prompt(pointers, texts, others):
    """What a pointer reaches is text, the rest are other strings; without pointers all is text."""
    prompt = format_for("generic", pointers).prompt("/predict", ASKED)
    assert (prompt.texts, prompt.others, prompt.model, prompt.stream) == (texts, others, "m", True)


@pytest.mark.parametrize(
    ("pointers", "document"),
    [
        (("/inputs/*/text",), {"inputs": []}),
        (("/inputs/*/text",), {"inputs": [{"text": 5}]}),
        (("/inputs/*/text",), ["a"]),
        (("/other", "/inputs/*/text"), {"other": "a"}),
    ],
)
def test_a_pointer_to_nothing_is_not_understood(pointers, document):
    """Where a pointer reaches no string the error says so."""
    with pytest.raises(NotUnderstood, match=r"^/inputs/\*/text: expected a string there or below, found none$"):
        format_for("generic", pointers).prompt("/predict", document)


def test_an_empty_prompt_is_a_prompt():
    """A pointer that reaches an empty string has reached its string."""
    assert format_for("generic", ["/prompt"]).prompt("/", {"prompt": ""}).texts == []


@pytest.mark.parametrize("document", ["a", ["a"], {"x": "a"}, {"model": ["a"]}, 5, None])
def test_any_json_is_understood_without_pointers(document):
    """Documents need not be objects, and `model` need not be a name."""
    prompt = format_for("generic").prompt("/", document)
    assert prompt.texts == ([] if document in (5, None) else ["a"])
    assert prompt.model is None


ANSWER = {"generated": [{"text": "Hi", "id": "1"}], "usage": {"input_tokens": 1, "output_tokens": 2}, "score": 0.5}


@pytest.mark.parametrize(
    ("pointers", "texts", "others"),
    [
        ((), ["Hi", "1"], ["generated", "score"]),
        (("/generated/*/text",), ["Hi"], ["generated", "1", "score"]),
        (("/nothing",), ["Hi", "1"], ["generated", "score"]),
        (("/nothing", "/generated/0/id"), ["1"], ["generated", "Hi", "score"]),
    ],
)
def test_pointers_tell_the_output(pointers, texts, others):
    """What a pointer reaches is text; where none reaches anything the shape is unknown and all is text."""
    output = format_for("generic", (), pointers).output("/predict", ANSWER)
    assert (output.texts, output.others) == (texts, others)
    assert output.usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert output.confidence == {"kind": "scores", "scores": {"score": 0.5}}


@pytest.mark.parametrize(
    ("pointers", "event", "found"),
    [
        ((), {"token": {"text": "a"}}, [("/token/text", "a")]),
        (("/token/text",), {"token": {"text": "a", "id": "1"}}, [("/token/text", "a"), ("=/token/id", "1")]),
        (
            ("/choices/*/text",),
            {"choices": [{"text": "a"}, {"text": "b"}]},
            [("/choices/0/text", "a"), ("/choices/1/text", "b")],
        ),
        (("/token/text",), {"error": "broken"}, [("/error", "broken")]),
        (("/0",), ["a", "b"], [("/0", "a"), ("=/1", "b")]),
        ((), "a", [("", "a")]),
        ((), {"=": "a"}, [("", "="), ("/=", "a")]),
        ((), {"type": "ping", "text": ""}, [("/type", "ping")]),
    ],
)
def test_events_come_in_channels(pointers, event, found):
    """A channel is a pointer; what no pointer reaches is whole in itself, unless nothing is reached at all."""
    assert format_for("generic", (), pointers).stream("/predict").read(orjson.dumps(event)) == found


def test_a_stream_tells_usage_and_scores():
    """Usage and the highest scores are kept while the stream is read; what is not JSON is text."""
    reader = format_for("generic").stream("/predict")
    for event in (b'{"score": 0.25}', b'[{"label": "a", "score": 0.5}]', b'{"usage": {"total_tokens": 3}}', b"[DONE]"):
        reader.read(event)
    assert reader.usage == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 3}
    assert reader.confidence == {"kind": "scores", "scores": {"score": 0.25, "a": 0.5}}
    assert reader.read(b"words") == [("", "words")]


def test_errors_are_plain():
    """An error is an object with code and message; in a stream it says its status, too."""
    generic = format_for("generic")
    assert orjson.loads(generic.error(403, "a_code", "Not this.")) == {
        "error": {"code": "a_code", "message": "Not this."}
    }
    event = generic.error_event(403, "a_code", "Not this.")
    assert event == b'event: error\ndata: {"error":{"code":"a_code","message":"Not this.","status":403}}\n\n'


def test_error_message_is_the_same_document():
    """Over a WebSocket too; and there no message is known to end a text."""
    generic = format_for("generic")
    message = orjson.loads(generic.error_message(403, "a_code", "Not this."))
    assert message == {"error": {"code": "a_code", "message": "Not this.", "status": 403}}
    assert generic.session("/x").ended is None
