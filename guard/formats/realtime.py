"""OpenAI's realtime API: events in both directions of a WebSocket, at ``…/realtime``; also its responses over one.

Source: https://platform.openai.com/docs/api-reference/realtime-client-events and …/realtime-server-events.
"""

from __future__ import annotations

from typing import Any

from guard.formats.base import Prompt
from guard.formats.events import EventReader
from guard.formats.responses import OVER
from guard.formats.shapes import ALL_OTHER, ALL_TEXT, ENVELOPE, ITEM
from guard.formats.usage import usage_of
from guard.formats.walk import LONGEST_CHANNEL, OTHER, Channelled, Shape, collect, trace

_SESSION = Shape(OTHER, rest=ALL_OTHER).having(instructions=ALL_TEXT, tools=ITEM, input=ITEM)

_CLIENT_EVENT = Shape(OTHER, rest=ALL_OTHER).having(item=ITEM, session=_SESSION, response=_SESSION)

_NAMES = ("type", "event_id", "item_id", "response_id", "previous_item_id", "call_id", "obfuscation")

_SERVER_EVENT = Shape(OTHER, rest=ALL_TEXT).having(dict.fromkeys(_NAMES, ENVELOPE))

_SOUND = frozenset(("response.output_audio", "response.audio"))
"""Events whose `delta` is sound in base64."""

_ENDS = (".done", ".completed", ".failed")
"""How the type of an event ends that ends a text."""

_WHOLE = frozenset(("text", "transcript", "refusal", "arguments", "input", "code"))
"""Members of such an event that say again what its deltas have said, if there were any."""


def prompt(document: Any) -> Prompt:
    """Sort the strings of a client's event. It names no model: the session has one."""
    prompt = Prompt([], [], None, False)
    collect(document, _CLIENT_EVENT, prompt.texts, prompt.others)
    return prompt


class RealtimeReader(EventReader):
    """Reads a session's events.

    A channel is one text of one item, from its first delta to the event that ends it: ``item_1.0.output_text``. All
    other strings are whole in themselves. `usage` is the sum over the session's responses.
    """

    __slots__ = ("_ended", "_open")

    def __init__(self) -> None:
        super().__init__()
        self._ended: list[str] = []
        self._open: dict[str, Any] = {}  # channel: the response it belongs to, None where events do not say

    @property
    def ended(self) -> list[str]:
        """The channels whose texts the event read last has ended."""
        return self._ended

    def read(self, data: bytes) -> Channelled:
        """Return the texts of one event."""
        self._ended = []
        return [(channel or "=", text) for channel, text in super().read(data)]

    def value(self, value: Any) -> Channelled:
        """Return the texts of an event that is not an object, as the API has none."""
        return _whole(trace(value, ALL_TEXT, ""))

    def event(self, event: dict[str, Any]) -> Channelled:
        """Return the texts of one event."""
        kind = event.get("type")
        if type(kind) is not str:
            return _whole(trace(event, ALL_TEXT, ""))
        if kind.endswith(".delta"):
            return self._delta(kind.removesuffix(".delta"), event)
        if kind in OVER:
            return self._over(event)
        end = next((end for end in _ENDS if kind.endswith(end)), None)
        if end is not None and type(event.get("item_id")) is str:
            return self._end(_channel(kind.removesuffix(end), event), event)
        return _whole(trace(event, _SERVER_EVENT, ""))

    def _delta(self, name: str, event: dict[str, Any]) -> Channelled:
        self.logprobs.add_tokens(event.get("logprobs"))
        delta = event.get("delta")
        rest = {key: value for key, value in event.items() if key not in ("delta", "logprobs")}
        found = _whole(trace(rest, _SERVER_EVENT, ""))
        if type(delta) is not str:
            return _whole(trace(delta, ALL_TEXT, "delta")) + found
        if name not in _SOUND and delta:
            channel = _channel(name, event)
            self._open[channel] = event.get("response_id")
            found.append((channel, delta))
        return found

    def _end(self, channel: str, event: dict[str, Any]) -> Channelled:
        said = self._open.pop(channel, event) is not event
        self._ended.append(channel)
        found: Channelled = []
        for key, value in event.items():
            if key in _WHOLE and type(value) is str and not said:
                found.append((channel, value))
            elif key != "logprobs":
                found += _whole(trace({key: value}, _SERVER_EVENT, ""))
        return found

    def _over(self, event: dict[str, Any]) -> Channelled:
        response = event.get("response")
        if type(response) is dict:
            self._add(usage_of(response.get("usage")))
            name = response.get("id")
            over = [channel for channel, of in self._open.items() if of is None or name is None or of == name]
        else:
            over = list(self._open)
        for channel in over:
            del self._open[channel]
        self._ended += over
        return _whole(trace(event, _SERVER_EVENT, ""))

    def _add(self, usage: dict[str, int] | None) -> None:
        before = self.usage or {}
        if usage is not None:
            self.usage = {key: before.get(key, 0) + usage.get(key, 0) for key in {**before, **usage}}


def _channel(name: str, event: dict[str, Any]) -> str:
    item = event.get("item_id")
    index = next((event[key] for key in ("content_index", "summary_index") if type(event.get(key)) is int), 0)
    kind = name.rpartition(".")[2]
    return f"{item if type(item) is str else ''}.{index}.{kind}".lstrip("=")[:LONGEST_CHANNEL]


def _whole(found: Channelled) -> Channelled:
    return [(channel if channel.startswith("=") else f"={channel}", text) for channel, text in found]
