"""OpenAI's embeddings: ``POST …/embeddings``.

Source: https://platform.openai.com/docs/api-reference/embeddings.
"""

from __future__ import annotations

from typing import Any

from guard.formats.base import Output, Prompt, begin, require
from guard.formats.shapes import ALL_OTHER, ALL_TEXT, ENVELOPE, ITEM, NUMBERS
from guard.formats.usage import usage_of
from guard.formats.walk import OTHER, Shape, collect

_REQUEST = Shape(OTHER, rest=ALL_OTHER).having(model=ALL_OTHER, input=ITEM)

_ANSWER = Shape(OTHER, rest=ALL_OTHER).having(
    object=ENVELOPE,
    model=ENVELOPE,
    id=ENVELOPE,
    data=Shape(OTHER, rest=ALL_OTHER).having(object=ENVELOPE, embedding=NUMBERS),
    error=ALL_TEXT,
)


def prompt(document: Any) -> Prompt:
    """Sort the strings of a request; raises NotUnderstood. An input given as token ids has no strings."""
    prompt = begin(document)
    require(document, "input", str, list)
    collect(document, _REQUEST, prompt.texts, prompt.others)
    return prompt


def output(document: dict[str, Any]) -> Output | None:
    """Sort the strings of an answer, of which there are few; None if it is not one of this API."""
    if type(document.get("data")) is not list:
        return None
    output = Output([], [], usage_of(document.get("usage")), None)
    collect(document, _ANSWER, output.texts, output.others)
    return output
