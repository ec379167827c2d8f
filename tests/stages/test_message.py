"""One message of a WebSocket's client: what is forwarded of it, what counts as prompt, what is refused."""

from __future__ import annotations

import pytest

from guard.policy.meters import Meters
from guard.refusal import Refusal
from guard.stages.message import read_message
from guard.wire.websocket import Message
from tests.stages.test_upgrade import asked
from tests.support.guard import RULES

METERS = Meters()


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """A folder with the rules that the tests of the whole guard use."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "10-test.yaml").write_text(RULES)
    return folder


TEXTS = {
    "canonical": (b'{"a":"b"}', b'{"a":"b"}'),
    "spaces are no part of it": (b' {"a": "b"}\n', b'{"a":"b"}'),
    "escapes are undone": (b'{"a":"\\u0062"}', b'{"a":"b"}'),
    "a list": (b'["a", 1]', b'["a",1]'),
    "a string": (b'"\\u0062"', b'"b"'),
}


@pytest.mark.parametrize(("sent", "forwarded"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("text", [True, False])
def test_json_is_forwarded_as_it_was_read(sent, forwarded, text):
    """In its canonical form, as a text or in a binary message."""
    assert read_message(asked(), METERS, Message(sent, text)) == forwarded


REFUSED = {
    "a key twice": (b'{"a":1,"a":2}', "invalid_json"),
    "a key twice, escaped": (b'{"a":1,"\\u0061":2}', "invalid_json"),
    "NaN": (b"[NaN]", "invalid_json"),
    "a byte order mark": (b'\xef\xbb\xbf{"a":1}', "invalid_json"),
    "a zero before it": (b'\x00{"a":1}', "invalid_json"),
    "a comment": (b'{"a":1} // b', "invalid_json"),
    "two documents": (b'{"a":1}{"b":2}', "invalid_json"),
    "too deep": (b"[" * 65 + b"]" * 65, "invalid_json"),
    "a lone surrogate": (b'{"a":"\\ud800"}', "invalid_json"),
    "no JSON": (b"hello", "unsupported_media_type"),
    "nothing": (b"", "unsupported_media_type"),
    "a quotation": (b'"hello" he said', "unsupported_media_type"),
    "a rule's phrase": (b'{"a":"a forbidden phrase"}', "content_policy_violation"),
    "in escapes": (b'{"a":"a \\u0066orbidden phrase"}', "content_policy_violation"),
    "in a string": (b'"a \\u0066orbidden phrase"', "content_policy_violation"),
    "as a key": (b'{"a forbidden phrase":1}', "content_policy_violation"),
}


@pytest.mark.parametrize(("sent", "code"), REFUSED.values(), ids=REFUSED)
def test_refused_texts(rules, sent, code):
    """What is not strict JSON, and what a rule blocks."""
    with pytest.raises(Refusal) as caught:
        read_message(asked(rules), METERS, Message(sent, True))
    assert caught.value.code == code


BINARY = {
    "sound": (b"\x00\x01\xff\xfe" * 10, None),
    "quiet sound that begins like JSON in UTF-16": (b"{\x00\x01\x00\xff\xff\x02\x00", None),
    "zeros": (bytes(64), None),
    "text": (b"hello", None),
    "a phrase": (b"a forbidden phrase", "content_policy_violation"),
    "JSON with a phrase": (b'{"a":"\\u0066orbidden phrase"}', "content_policy_violation"),
    "JSON that is not strict": (b'{"a":1,"a":2}', "invalid_json"),
    "JSON in UTF-16": ('{"a":"é"}'.encode("utf-16"), "invalid_json"),
    "JSON in UTF-16 without a mark, not UTF-8": ('{"a":"\u0180"}'.encode("utf-16-le"), "invalid_json"),
    "JSON in UTF-32": ('{"a":"é"}'.encode("utf-32"), "invalid_json"),
}


@pytest.mark.parametrize(("sent", "code"), BINARY.values(), ids=BINARY)
def test_binary_messages(rules, sent, code):
    """What holds text is read as text, what holds JSON must be strict, anything else passes as it is."""
    if code is None:
        assert read_message(asked(rules), METERS, Message(sent, False)) == sent
    else:
        with pytest.raises(Refusal) as caught:
            read_message(asked(rules), METERS, Message(sent, False))
        assert caught.value.code == code


def test_text_passes_where_the_route_lets_it(rules):
    """As it is, and matched as a whole."""
    exchange = asked(rules, not_understood="pass")
    assert read_message(exchange, METERS, Message(b'"hello" he said', True)) == b'"hello" he said'
    with pytest.raises(Refusal, match="content rule"):
        read_message(exchange, METERS, Message(b"a forbidden phrase", True))
    assert exchange.prompt is not None
    assert exchange.prompt.texts == ["a forbidden phrase"]


def test_prompt_is_what_the_format_says():
    """The texts of an item, and not the names of the API; every other string is matched all the same."""
    exchange = asked()
    event = b'{"type":"x","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}'
    assert read_message(exchange, METERS, Message(event, True)) == event
    assert exchange.prompt is not None
    assert exchange.prompt.texts == ["hi"]


def test_all_strings_of_a_document_that_the_format_does_not_know_are_text():
    """A pointer that reaches nothing in one message is no reason to end a session."""
    exchange = asked(format="generic", prompt=("/said",))
    assert read_message(exchange, METERS, Message(b'{"other":"thing"}', True)) == b'{"other":"thing"}'
    assert exchange.prompt is not None
    assert exchange.prompt.texts == ["other", "thing"]


def test_nothing_is_left_of_the_message_before():
    """A binary message has no prompt, whatever was said before it."""
    exchange = asked()
    read_message(exchange, METERS, Message(b'{"item":{"content":"hi"}}', True))
    read_message(exchange, METERS, Message(b"\xff", False))
    assert exchange.prompt is None
