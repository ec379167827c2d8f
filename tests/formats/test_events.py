import pytest

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
