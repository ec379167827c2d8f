"""What the bundled model says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.model.answers import MisuseError, last_text, logprob, pieces, reply, text_of, wanted


@given(st.text())
def test_pieces_make_the_text(text):
    """The pieces of a stream, put together, are the text; words come in several."""
    assert "".join(pieces(text)) == text
    assert all(pieces(text))
    assert -1 < logprob(text) <= 0


@given(st.text())
def test_say(text):
    """A prompt that begins with `say: ` is answered with the rest, exactly; any other is not repeated."""
    assert reply("v1", f"say: {text}") == text
    assert reply("v1", text) == reply("v1", text) != reply("v2", text) or text.startswith("say: ")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}], "a\nb"),
        ([{"type": "tool_result", "content": [{"type": "text", "text": "deep"}]}], "deep"),
        (7, ""),
    ],
)
def test_text_of_content(content, text):
    """Text is found in strings and in parts, also inside of tool results."""
    assert text_of(content) == text


@pytest.mark.parametrize("messages", [None, [], "x", [7]])
def test_messages_are_needed(messages):
    """Without messages there is nothing to answer."""
    with pytest.raises(MisuseError, match="list of messages"):
        last_text(messages)


@pytest.mark.parametrize(
    ("choice", "prompt", "called"),
    [
        (None, "please use b", "b"),
        (None, "no tool", None),
        ("auto", "please use b", "b"),
        ("none", "please use b", None),
        ("required", "no tool", "a"),
        ({"type": "any"}, "no tool", "a"),
        ({"type": "tool", "name": "b"}, "no tool", "b"),
        ({"type": "function", "name": "b"}, "no tool", "b"),
        ({"type": "function", "function": {"name": "b"}}, "no tool", "b"),
        ({"type": "auto"}, "please use b", "b"),
    ],
)
def test_tool_choice(choice, prompt, called):
    """The request's tool choice decides, in any API's words; else the prompt does."""
    call = wanted([("a", {"type": "object"}), ("b", None)], prompt.replace("a", "A"), choice)
    assert (call and call.name) == called


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (
            {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}}},
            '{"a": "example", "b": true}',
        ),
        ({"type": "object", "properties": {"a": {"enum": ["x", "y"]}}}, '{"a": "x"}'),
        ({"type": "array", "items": {"type": "integer"}}, "[1]"),
        ({"type": "null"}, "null"),
        (None, '"example"'),
    ],
)
def test_arguments_fit_the_schema(schema, arguments):
    """A call's arguments are values that its schema allows."""
    call = wanted([("t", schema)], "t", None)
    assert call is not None
    assert call.arguments == arguments
