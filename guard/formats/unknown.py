"""Documents of an API that nobody here knows, and answers of a shape that their API should not have: all is text."""

from __future__ import annotations

from typing import Any

from guard.formats.base import Output, Prompt, begin
from guard.formats.confidence import Scores
from guard.formats.shapes import ALL_TEXT
from guard.formats.usage import usage_of
from guard.formats.walk import collect


def all_prompt(document: Any) -> Prompt:
    """Take every string of a request for text; raises NotUnderstood if it is not an object."""
    prompt = begin(document)
    collect(document, ALL_TEXT, prompt.texts, prompt.others)
    return prompt


def strings(document: Any) -> list[str]:
    """All strings of a document, and the keys that no API knows."""
    texts: list[str] = []
    collect(document, ALL_TEXT, texts, texts)
    return texts


def all_output(document: Any) -> Output:
    """Take every string of an answer for text, and what looks like usage and scores for that."""
    scores = Scores()
    scores.find(document)
    usage = usage_of(document.get("usage")) if type(document) is dict else None
    output = Output([], [], usage, scores.confidence)
    collect(document, ALL_TEXT, output.texts, output.others)
    return output
