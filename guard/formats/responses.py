"""OpenAI's responses: ``POST …/responses``.

Source: https://platform.openai.com/docs/api-reference/responses and …/responses-streaming.
"""

from __future__ import annotations

from typing import Any

from guard.formats.base import NotUnderstood, Output, Prompt, begin, kind_of
from guard.formats.confidence import Logprobs
from guard.formats.events import EventReader, event_of
from guard.formats.shapes import ALL_OTHER, ALL_TEXT, ANSWER, DATA, ENVELOPE, ITEM
from guard.formats.usage import usage_of
from guard.formats.walk import OTHER, Channelled, Shape, collect, trace

_REQUEST = Shape(OTHER, rest=ALL_OTHER).having(
    model=ALL_OTHER,
    input=ITEM,
    instructions=ITEM,
    tools=ITEM,
    text=ITEM,
    prompt=Shape(OTHER, rest=ALL_OTHER).having(variables=ITEM),
)

_ANSWER = Shape(OTHER, rest=ALL_OTHER).having(
    dict.fromkeys(("id", "object", "model", "status", "service_tier", "truncation"), ENVELOPE),
    output=ANSWER,
    output_text=ALL_TEXT,
    error=ALL_TEXT,
)


def prompt(document: Any) -> Prompt:
    """Sort the strings of a request; raises NotUnderstood."""
    prompt = begin(document)
    given = document.get("input")
    if given is not None and type(given) not in (str, list):
        raise NotUnderstood(f"input: expected a string or a list, got {kind_of(given)}")
    collect(document, _REQUEST, prompt.texts, prompt.others)
    return prompt


def output(document: dict[str, Any]) -> Output | None:
    """Sort the strings of an answer; None if it is not one of this API."""
    items = document.get("output")
    if type(items) is not list:
        return None
    logprobs = Logprobs()
    for item in items:
        parts = item.get("content") if type(item) is dict else None
        for part in parts if type(parts) is list else ():
            if type(part) is dict:
                logprobs.add_tokens(part.get("logprobs"))
    output = Output([], [], usage_of(document.get("usage")), logprobs.confidence)
    collect(document, _ANSWER, output.texts, output.others)
    return output


_PLACES = {
    "output_text": "content.{content_index}.text",
    "refusal": "content.{content_index}.refusal",
    "reasoning_text": "content.{content_index}.text",
    "reasoning_summary_text": "summary.{summary_index}.text",
    "function_call_arguments": "arguments",
    "mcp_call_arguments": "arguments",
    "custom_tool_call_input": "input",
    "code_interpreter_call_code": "code",
    "content_part": "content.{content_index}",
    "reasoning_summary_part": "summary.{summary_index}",
    "output_item": "",
}
"""Where in an item of the output the texts of an event's type belong."""

_WHOLE = ("text", "refusal", "arguments", "input", "code", "part", "item")
"""Members of the events at the end of a part, which hold what deltas have told before, if there were any."""

_INDICES = ("output_index", "content_index", "summary_index", "command_index", "annotation_index")

_EVENT = Shape(OTHER, rest=ALL_OTHER).having(
    dict.fromkeys(("type", "item_id", "obfuscation", "partial_image_b64", "output_format", "size"), ENVELOPE),
    delta=DATA,
)

OVER = tuple(f"response.{verb}" for verb in ("done", "completed", "failed", "incomplete", "cancelled"))
"""Types of the events after which a response says nothing more."""


class ResponsesReader(EventReader):
    """Reads a stream of events.

    A channel is the place that its text has in the finished response's `output`: ``0.content.0.text``,
    ``1.arguments``, ``2.summary.0.text``. A text that comes whole for a place that has its text already is a repeat,
    and so is everything that the response object itself says besides its output.
    """

    __slots__ = ("_said",)

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def event(self, event: dict[str, Any]) -> Channelled:
        """Return the texts of one event."""
        kind = event.get("type")
        if type(kind) is not str or not kind.startswith("response."):
            return trace(event, ALL_TEXT, "")
        if kind == "response.audio.delta":
            return trace({**event, "delta": None}, _EVENT, "")
        if kind.endswith(".delta"):
            return self._delta(kind[9:-6], event)
        if type(response := event.get("response")) is dict:
            return self._response(response) + _beside(event, ("response",))
        name = kind[9:].rpartition(".")[0]
        if name in _PLACES:
            return self._whole({key: event[key] for key in _WHOLE if key in event}, name, event)
        if name == "output_text.annotation":
            return _beside(event, ())
        return self._once(trace({key: event[key] for key in event.keys() - _EVENT.fields.keys()}, ALL_TEXT, kind[9:]))

    def may_end(self, data: bytes) -> bool:
        """Tell whether this can be the last event: the response is completed, cut short, failed or cancelled."""
        return event_of(data).get("type") in (*OVER, "error") or data.strip() == b"[DONE]"

    def _delta(self, name: str, event: dict[str, Any]) -> Channelled:
        delta = event.get("delta")
        place = _place(name, event)
        self.logprobs.add_tokens(event.get("logprobs"))
        if type(delta) is str:
            self._said.add(place)
            found = [(place, delta)] if delta else []
        else:
            found = trace(delta, DATA, place)
            self._said.update(channel for channel, _ in found)
        return found + _beside(event, ("delta", "logprobs"))

    def _whole(self, told: dict[str, Any], name: str, event: dict[str, Any]) -> Channelled:
        place = _place(name, event)
        found: Channelled = []
        for value in told.values():
            found += trace(value, ANSWER, place)
        return self._once(found) + _beside(event, (*told, "logprobs"))

    def _response(self, response: dict[str, Any]) -> Channelled:
        self.usage = usage_of(response.get("usage")) or self.usage
        rest = {key: value for key, value in response.items() if key not in ("output", "error")}
        found = trace(response.get("output"), ANSWER, "") + trace(response.get("error"), ALL_TEXT, "error")
        return self._once(found) + _repeats(trace(rest, _ANSWER, "response"))

    def _once(self, found: Channelled) -> Channelled:
        """Mark what was said before as repeats, and remember the rest."""
        told = [(f"={channel}" if channel in self._said else channel, text) for channel, text in found]
        self._said.update(channel for channel, _ in found)
        return told


def _place(name: str, event: dict[str, Any]) -> str:
    """Return the channel for the texts of an event whose type, without ``response.`` and its verb, is `name`."""
    index = event.get("output_index")
    part = event.get("content_index")
    if name == "output_text" and type(index) is int and type(part) is int:
        return f"{index}.content.{part}.text"
    indices = {key: value if type(value := event.get(key)) is int else 0 for key in _INDICES}
    if name in _PLACES:
        return f"{indices['output_index']}.{_PLACES[name].format_map(indices)}".rstrip(".")
    return ".".join([*(str(event[key]) for key in _INDICES if type(event.get(key)) is int), name.lstrip("=")])


def _beside(event: dict[str, Any], known: tuple[str, ...]) -> Channelled:
    """Return the strings of an event besides its known members."""
    found: Channelled = []
    for key, value in event.items():
        if type(value) is int or key in known or (type(value) is str and key in _EVENT.fields):
            continue
        found += trace({key: value}, _EVENT, "")
    return found


def _repeats(found: Channelled) -> Channelled:
    return [(channel if channel.startswith("=") else f"={channel}", text) for channel, text in found]
