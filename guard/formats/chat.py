"""OpenAI's chat completions: ``POST …/chat/completions``.

Source: https://platform.openai.com/docs/api-reference/chat, and the fields that other servers of the same API add
(`reasoning_content`, `reasoning`, `thinking`).
"""

from __future__ import annotations

from typing import Any

from guard.formats.base import Output, Prompt
from guard.formats.confidence import choices_confidence
from guard.formats.conversation import read_conversation
from guard.formats.events import EventReader, choices_may_end
from guard.formats.shapes import ALL_OTHER, ALL_TEXT, ANSWER, ENVELOPE, ITEM, LOGPROBS
from guard.formats.usage import usage_of
from guard.formats.walk import OTHER, TEXT, Channelled, Shape, collect, collect_around, trace

_REQUEST = Shape(OTHER, rest=ALL_OTHER).having(
    model=ALL_OTHER,
    tools=ITEM,
    functions=ITEM,
    response_format=ITEM,
    prediction=ITEM,
    instructions=ITEM,
    system=ITEM,
)

_CHOICE = Shape(TEXT, rest=ALL_TEXT).having(finish_reason=ENVELOPE, message=ANSWER, delta=ANSWER, logprobs=LOGPROBS)

_ENVELOPE = dict.fromkeys(("id", "object", "model", "system_fingerprint", "service_tier", "obfuscation"), ENVELOPE)

_ANSWER = Shape(OTHER, rest=ALL_OTHER).having(_ENVELOPE, choices=_CHOICE, error=ALL_TEXT)

_CHANNELS = {"reasoning_content": "reasoning", "thinking": "reasoning"}


def prompt(document: Any) -> Prompt:
    """Sort the strings of a request; raises NotUnderstood."""
    return read_conversation(document, _REQUEST)


def output(document: dict[str, Any]) -> Output | None:
    """Sort the strings of an answer; None if it is not one of this API."""
    choices = document.get("choices")
    if type(choices) is not list:
        return None
    output = Output([], [], usage_of(document.get("usage")), choices_confidence(choices))
    collect_around(document, _ANSWER, "choices", _read_choices, output.texts, output.others)
    return output


def _read_choices(choices: list[Any], texts: list[str], others: list[str]) -> None:
    for choice in choices:
        if type(choice) is dict:
            collect_around(choice, _CHOICE, "message", _read_message, texts, others)
        else:
            collect(choice, _CHOICE, texts, others)


def _read_message(message: Any, texts: list[str], others: list[str]) -> None:
    if type(message) is not dict:
        collect(message, ANSWER, texts, others)
    elif len(message) == 2 and type(content := message.get("content")) is str and type(message.get("role")) is str:
        if content:
            texts.append(content)
    else:
        collect_around(message, ANSWER, None, _read_message, texts, others)


class ChatReader(EventReader):
    """Reads a stream of chunks.

    Channels: ``0.content``, ``0.reasoning``, ``0.refusal``, ``0.tool.1.name``, ``0.tool.1.arguments``,
    ``0.audio.transcript``, where 0 is the choice and 1 the tool call.
    """

    __slots__ = ()

    def event(self, event: dict[str, Any]) -> Channelled:
        """Return the texts of one chunk."""
        choices = event.get("choices")
        if type(choices) is not list:
            return trace(event, ALL_TEXT, "")
        found: Channelled = []
        for key, value in event.items():
            kind = type(value)
            if key == "choices":
                for position, choice in enumerate(choices):
                    self._choice(choice, position, found)
            elif kind is int or value is None or (kind is str and key in _ENVELOPE):
                continue
            else:
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
        if type(index) is not int:
            index = position
        for key, value in choice.items():
            if key == "delta" and type(value) is dict:
                _delta(value, index, found)
            elif value is None or type(value) is int or (key == "finish_reason" and type(value) is str):
                continue
            else:
                if key == "logprobs":
                    self.logprobs.add_choice(value)
                found += trace({key: value}, _CHOICE, str(index))


def _delta(delta: dict[str, Any], index: int, found: Channelled) -> None:
    for key, value in delta.items():
        if type(value) is str:
            if value and key != "role":
                found.append((f"{index}.{_CHANNELS.get(key, key)}", value))
        elif key == "tool_calls" and type(value) is list:
            for position, call in enumerate(value):
                _tool_call(call, position, index, found)
        elif value is not None:
            found += trace({key: value}, ANSWER, str(index))


def _tool_call(call: Any, position: int, choice: int, found: Channelled) -> None:
    if type(call) is not dict:
        found += trace(call, ANSWER, f"{choice}.tool.{position}")
        return
    index = call.get("index", position)
    place = f"{choice}.tool.{index if type(index) is int else position}"
    for key, value in call.items():
        if key == "function" or key == "custom":
            found += trace(value, ANSWER, place)
        else:
            found += trace({key: value}, ANSWER, place)
