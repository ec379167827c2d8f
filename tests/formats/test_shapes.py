import pytest

from guard.formats.shapes import ANSWER, DATA, ENVELOPE, ITEM, LOGPROBS, SCHEMA
from guard.formats.walk import collect

PARAMETERS = {
    "type": "object",
    "properties": {"place": {"type": "string", "description": "a town"}, "type": {"enum": ["x"]}},
}


@pytest.mark.parametrize(
    ("shape", "value", "texts", "others"),
    [
        (SCHEMA, PARAMETERS, ["place", "a town", "x"], ["object", "string"]),
        (SCHEMA, {"type": ["string", "null"], "title": "t"}, ["title", "t"], ["string", "null"]),
        (DATA, {"type": "x", "place": {"url": "u"}}, ["x", "place", "u"], []),
        (ITEM, {"role": "user", "content": "hi"}, ["hi"], ["user"]),
        (ITEM, {"type": "image_url", "image_url": {"url": "u", "detail": "low"}}, [], ["image_url", "u", "low"]),
        (ITEM, {"type": "file", "file": {"file_data": "AA", "filename": "a.pdf"}}, ["a.pdf"], ["file", "AA"]),
        (ITEM, {"type": "invented", "url": "u", "x": ["y"]}, ["u", "y"], ["invented", "x"]),
        (ITEM, {"type": "document", "source": {"type": "text", "data": "words"}}, ["words"], ["document", "text"]),
        (ITEM, {"type": "document", "source": {"type": "base64", "data": "AA"}}, [], ["document", "base64", "AA"]),
        (ITEM, {"type": "tool_use", "id": "1", "name": "f", "input": {"id": "x"}}, ["f", "x"], ["tool_use", "1"]),
        (ANSWER, {"type": "tool_use", "id": "1", "name": "f", "input": {"id": "x"}}, ["f", "x"], []),
        (ANSWER, {"role": "assistant", "content": "hi", "annotations": [{"url": "u"}]}, ["hi"], ["u"]),
        (
            ANSWER,
            {"type": "image_generation_call", "result": "AA", "revised_prompt": "a cat"},
            ["a cat"],
            ["revised_prompt"],
        ),
        (ANSWER, {"id": ["not an id"]}, ["not an id"], []),
        (LOGPROBS, {"content": [{"token": "a", "top_logprobs": [{"token": "b", "logprob": -1}]}]}, [], []),
        (LOGPROBS, {"tokens": ["a"], "top_logprobs": [{"a": -1.0}], "token_logprobs": [-1.0]}, [], []),
        (LOGPROBS, {"content": "words"}, ["words"], []),
        (ENVELOPE, {"content": "words"}, ["words"], []),
    ],
)
def test_shapes_know_what_is_text(shape, value, texts, others):
    """What is said to or by a model is text; ids, types, files and addresses are not; schemas are, keys and all."""
    found: tuple[list[str], list[str]] = ([], [])
    collect(value, shape, *found)
    assert found == (texts, others)
