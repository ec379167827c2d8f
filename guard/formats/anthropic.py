"""Anthropic's messages: ``POST …/messages`` and ``…/messages/count_tokens``.

Source: https://docs.anthropic.com/en/api/messages, …/messages-streaming and …/errors.
"""

from __future__ import annotations

from typing import Any

from guard.formats.base import Output, Prompt
from guard.formats.conversation import read_conversation
from guard.formats.errors import body, event
from guard.formats.events import EventReader, event_of
from guard.formats.shapes import ALL_OTHER, ALL_TEXT, ANSWER, ENVELOPE, ITEM
from guard.formats.unknown import all_output, all_prompt
from guard.formats.usage import usage_of
from guard.formats.walk import OTHER, TEXT, Channelled, Shape, collect, collect_around, trace

_REQUEST = Shape(OTHER, rest=ALL_OTHER).having(
    model=ALL_OTHER,
    system=ITEM,
    tools=ITEM,
    output_config=ITEM,
    output_format=ITEM,
)

_MESSAGE = Shape(OTHER, rest=ALL_OTHER).having(
    dict.fromkeys(("id", "type", "role", "model", "stop_reason"), ENVELOPE),
    content=ANSWER,
    error=ALL_TEXT,
    usage=Shape(OTHER, rest=ALL_OTHER).having(service_tier=ENVELOPE, inference_geo=ENVELOPE, speed=ENVELOPE),
)

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Types of errors by status; other statuses below 500 are ``invalid_request_error``, those above ``api_error``."""


class Anthropic:
    """The Messages API."""

    name = "anthropic"

    def prompt(self, path: str, document: Any) -> Prompt:
        """Sort the strings of a request; raises NotUnderstood."""
        return read_conversation(document, _REQUEST) if _is_messages(path) else all_prompt(document)

    def output(self, path: str, document: Any) -> Output:
        """Sort the strings of an answer."""
        if not _is_messages(path) or type(document) is not dict or type(document.get("content")) is not list:
            return all_output(document)
        output = Output([], [], usage_of(document.get("usage")), None)
        collect_around(document, _MESSAGE, "content", _read_content, output.texts, output.others)
        return output

    def stream(self, path: str) -> EventReader:
        """Return a reader for one streamed answer."""
        return MessagesReader() if _is_messages(path) else EventReader()

    def session(self, path: str) -> EventReader:  # noqa: ARG002 - this API has no WebSockets
        """Return a reader for messages that nobody knows."""
        return EventReader()

    def structured(self, path: str) -> bool:
        """Tell whether it is the Messages API, which answers with JSON and events only."""
        return _is_messages(path)

    def error(self, status: int, code: str, message: str) -> bytes:
        """Return ``{"type": "error", "error": {"type", "message", "code"}}``; the code is the guard's addition."""
        return body(_error(status, code, message))

    def error_event(self, status: int, code: str, message: str) -> bytes:
        """Return an `error` event with the same document."""
        return event(_error(status, code, message))

    def error_message(self, status: int, code: str, message: str) -> bytes:
        """Return the same document."""
        return body(_error(status, code, message))


class MessagesReader(EventReader):
    """Reads a stream of events.

    A channel is the place that its text has in the finished message's `content`: ``0.text``, ``1.thinking``,
    ``2.name``, ``2.input`` (JSON, as it is written).
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, Any] = {}

    def event(self, event: dict[str, Any]) -> Channelled:
        """Return the texts of one event."""
        kind = event.get("type")
        if kind == "content_block_delta":
            return _delta(event)
        if kind == "content_block_start":
            return trace(event.get("content_block"), ANSWER, _index(event)) + _beside(event, "content_block")
        if kind == "message_start" and type(message := event.get("message")) is dict:
            self._count(message.get("usage"))
            rest = {key: value for key, value in message.items() if key != "content"}
            found = trace(message.get("content"), ANSWER, "") + trace(rest, _MESSAGE, "message")
            return found + _beside(event, "message")
        if kind == "message_delta":
            self._count(event.get("usage"))
        if kind in ("message_delta", "message_start", "content_block_stop", "message_stop", "ping"):
            return _beside(event, "")
        return trace(event, _ERROR if kind == "error" else ALL_TEXT, "")

    def may_end(self, data: bytes) -> bool:
        """Tell whether this can be the last event: ``message_stop``, or an error."""
        return event_of(data).get("type") in ("message_stop", "error")

    def _count(self, usage: Any) -> None:
        """Take in a `usage` object; counts are sums so far, and those that a later one leaves out stay as they were."""
        if type(usage) is dict:
            self._counts.update((name, count) for name, count in usage.items() if count is not None)
            self.usage = usage_of(self._counts)


_TEXTS = {"text": "text", "thinking": "thinking", "partial_json": "input"}
"""Members of deltas that are pieces of a text, and the member of the finished block that they are pieces of."""

_DELTA = Shape(TEXT, rest=ALL_TEXT).having(type=ENVELOPE, signature=ENVELOPE, citation=ALL_OTHER)

_ERROR = Shape(OTHER, rest=ALL_TEXT).having(type=ENVELOPE, error=ALL_TEXT, request_id=ALL_OTHER)

_EVENT = Shape(OTHER, rest=ALL_OTHER).having(
    type=ENVELOPE,
    delta=Shape(OTHER, rest=ALL_OTHER).having(stop_reason=ENVELOPE),
    usage=_MESSAGE.fields["usage"],
    error=ALL_TEXT,
)


def _read_content(content: list[Any], texts: list[str], others: list[str]) -> None:
    for block in content:
        if type(block) is dict and len(block) == 2 and block.get("type") == "text" and type(block.get("text")) is str:
            if block["text"]:
                texts.append(block["text"])
        else:
            collect(block, ANSWER, texts, others)


def _delta(event: dict[str, Any]) -> Channelled:
    delta = event.get("delta")
    place = _index(event)
    if type(delta) is not dict:
        return trace(delta, ALL_TEXT, place) + _beside(event, "delta")
    found: Channelled = []
    for key, value in delta.items():
        if type(value) is str and key in _TEXTS:
            if value:
                found.append((f"{place}.{_TEXTS[key]}", value))
        elif key != "type" or type(value) is not str:
            found += trace({key: value}, _DELTA, place)
    return found + _beside(event, "delta")


def _index(event: dict[str, Any]) -> str:
    index = event.get("index")
    return str(index) if type(index) is int else "0"


def _beside(event: dict[str, Any], known: str) -> Channelled:
    """Return the strings of an event besides its known member."""
    found: Channelled = []
    for key, value in event.items():
        if key != known and type(value) is not int and (key != "type" or type(value) is not str):
            found += trace({key: value}, _EVENT, "")
    return found


def _is_messages(path: str) -> bool:
    return path.rstrip("/").endswith(("/messages", "/messages/count_tokens"))


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message, "code": code}}
