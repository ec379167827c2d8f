import pytest

from guard.formats.anthropic import Anthropic
from guard.formats.events import EventReader
from guard.formats.openai import OpenAI


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", []),
        (b"  \n", []),
        (b"[DONE]", []),
        (b" [DONE] ", []),
        (b"[DONE] and more", [("", "[DONE] and more")]),
        (b"plain words", [("", "plain words")]),
        (b'{"cut": "of', [("", '{"cut": "of')]),
        (b"\xff words", [("", "\ufffd words")]),
        (b'"words"', [("", "words")]),
        (b'["a", {"text": "b"}]', [("0", "a"), ("1.text", "b")]),
        (b'{"token": {"text": "a"}}', [("token.text", "a")]),
        (b'{"text": "a", "score": NaN}', [("text", "a"), ("=", "score")]),
        (b'{"text": "half \\ud83d"}', [("text", "half \ufffd")]),
        (b"[" * 5_000, [("", "[" * 5_000)]),
        (b"5", []),
        (b"null", []),
    ],
)
def test_any_event_is_read(data, found):
    """What is not JSON is one text, what is JSON of an unknown shape has its strings as texts, each at its place."""
    assert EventReader().read(data) == found


def test_what_clients_can_parse_is_parsed():
    """Half a surrogate pair, which clients accept, does not hide a chunk's shape."""
    reader = OpenAI().stream("/v1/chat/completions")
    assert reader.read(b'{"choices":[{"index":1,"delta":{"content":"\\ud83dx"}}]}') == [("1.content", "\ufffdx")]


def test_usage_is_read_in_unknown_streams():
    """A `usage` object is understood wherever it is told."""
    reader = EventReader()
    reader.read(b'{"usage": {"input_tokens": 1, "output_tokens": 2}}')
    reader.read(b'{"text": "more"}')
    assert reader.usage == {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    assert reader.confidence is None


@pytest.mark.parametrize(
    ("path", "last", "may_end"),
    [
        ("/v1/chat/completions", b"[DONE]", True),
        ("/v1/chat/completions", b'{"choices":[{"delta":{},"finish_reason":"stop"}]}', True),
        ("/v1/chat/completions", b'{"choices":[],"usage":{"total_tokens":1}}', True),
        ("/v1/chat/completions", b'{"error":{"message":"x"}}', True),
        ("/v1/chat/completions", b'{"choices":[{"delta":{"content":"x"},"finish_reason":null}]}', False),
        ("/v1/chat/completions", b'{"choices":[{"delta":{"con', False),
        ("/v1/completions", b"[DONE]", True),
        ("/v1/completions", b'{"choices":[{"text":"x"}]}', False),
        ("/v1/responses", b'{"type":"response.completed"}', True),
        ("/v1/responses", b'{"type":"response.output_text.delta","delta":"x"}', False),
        ("/v1/responses", b"", False),
        ("/v1/other", b'{"a":1}', True),
        ("/v1/responses", b'{"type":["response.completed"]}', False),
    ],
)
def test_which_event_may_be_the_last(path, last, may_end):
    """Each API has its own word for the end; of one that nobody knows any event may be the last."""
    assert OpenAI().stream(path).may_end(last) is may_end


@pytest.mark.parametrize(
    ("last", "may_end"),
    [
        (b'{"type":"message_stop"}', True),
        (b'{"type":"error"}', True),
        (b'{"type":"message_delta"}', False),
        (b"1", False),
    ],
)
def test_which_event_ends_a_message(last, may_end):
    """A message of Anthropic's ends with its stop or with an error."""
    assert Anthropic().stream("/v1/messages").may_end(last) is may_end
