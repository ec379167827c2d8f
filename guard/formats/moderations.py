"""OpenAI's moderations: ``POST …/moderations``.

Source: https://platform.openai.com/docs/api-reference/moderations.
"""

from __future__ import annotations

from typing import Any

from guard.formats.base import Output, Prompt, begin, require
from guard.formats.confidence import Scores
from guard.formats.shapes import ALL_OTHER, ALL_TEXT, ENVELOPE, ITEM
from guard.formats.usage import usage_of
from guard.formats.walk import OTHER, SKIP, Shape, collect

_REQUEST = Shape(OTHER, rest=ALL_OTHER).having(model=ALL_OTHER, input=ITEM)

_BY_CATEGORY = Shape(OTHER, keys=SKIP)

_ANSWER = Shape(OTHER, rest=ALL_OTHER).having(
    id=ENVELOPE,
    model=ENVELOPE,
    object=ENVELOPE,
    results=Shape(OTHER, rest=ALL_OTHER).having(
        categories=_BY_CATEGORY, category_scores=_BY_CATEGORY, category_applied_input_types=_BY_CATEGORY
    ),
    error=ALL_TEXT,
)


def prompt(document: Any) -> Prompt:
    """Sort the strings of a request; raises NotUnderstood."""
    prompt = begin(document)
    require(document, "input", str, list)
    collect(document, _REQUEST, prompt.texts, prompt.others)
    return prompt


def output(document: dict[str, Any]) -> Output | None:
    """Return the categories' scores, the highest of all inputs; None if it is not an answer of this API."""
    results = document.get("results")
    if type(results) is not list:
        return None
    scores = Scores()
    for result in results:
        if type(result) is dict:
            scores.add_all(result.get("category_scores"))
    output = Output([], [], usage_of(document.get("usage")), scores.confidence)
    collect(document, _ANSWER, output.texts, output.others)
    return output
