"""OpenAI's older completions: ``POST …/completions``.

Source: https://platform.openai.com/docs/api-reference/completions.
"""

from __future__ import annotations

from typing import Any

from guard.formats.base import Output, Prompt, begin, require
from guard.formats.confidence import choices_confidence
from guard.formats.events import EventReader, choices_may_end
from guard.formats.shapes import ALL_OTHER, ALL_TEXT, ENVELOPE, LOGPROBS
from guard.formats.usage import usage_of
from guard.formats.walk import OTHER, TEXT, Channelled, Shape, collect, trace

_REQUEST = Shape(OTHER, rest=ALL_OTHER).having(model=ALL_OTHER, prompt=ALL_TEXT, suffix=ALL_TEXT)

_CHOICE = Shape(TEXT, rest=ALL_TEXT).having(finish_reason=ENVELOPE, stop_reason=ENVELOPE, logprobs=LOGPROBS)

_ENVELOPE = dict.fromkeys(("id", "object", "model", "system_fingerprint", "service_tier"), ENVELOPE)

_ANSWER = Shape(OTHER, rest=ALL_OTHER).having(_ENVELOPE, choices=_CHOICE, error=ALL_TEXT)


def prompt(document: Any) -> Prompt:
    """Sort the strings of a request; raises NotUnderstood. A prompt given as token ids has no strings."""
    prompt = begin(document)
    require(document, "prompt", str, list)
    collect(document, _REQUEST, prompt.texts, prompt.others)
    return prompt


def output(document: dict[str, Any]) -> Output | None:
    """Sort the strings of an answer; None if it is not one of this API."""
    choices = document.get("choices")
    if type(choices) is not list:
        return None
    output = Output([], [], usage_of(document.get("usage")), choices_confidence(choices))
    collect(document, _ANSWER, output.texts, output.others)
    return output


class CompletionsReader(EventReader):
    """Reads a stream of completions. Channels: ``0``, the choice."""

    __slots__ = ()

    def event(self, event: dict[str, Any]) -> Channelled:
        """Return the texts of one event."""
        choices = event.get("choices")
        if type(choices) is not list:
            return trace(event, ALL_TEXT, "")
        found: Channelled = []
        for key, value in event.items():
            if key == "choices":
                for position, choice in enumerate(choices):
                    self._choice(choice, position, found)
            elif type(value) is int or (type(value) is str and key in _ENVELOPE):
                continue
            elif value is not None:
                if key == "usage":
                    self.usage = usage_of(value) or self.usage
                found += trace({key: value}, _ANSWER, "")
        return found

    def may_end(self, data: bytes) -> bool:
        """Tell whether this can be the last event: ``[DONE]``, or one after which none is needed."""
        return choices_may_end(data)

    def _choice(self, choice: Any, position: int, found: Channelled) -> None:
        if type(choice) is not dict:
            found += trace(choice, _CHOICE, str(position))
            return
        index = choice.get("index", position)
        place = str(index if type(index) is int else position)
        for key, value in choice.items():
            if key == "text" and type(value) is str:
                if value:
                    found.append((place, value))
            elif value is not None and type(value) is not int:
                if key == "logprobs":
                    self.logprobs.add_choice(value)
                found += trace({key: value}, _CHOICE, place)
