"""What the readers of all streams share: from the bytes of one event to its parsed document, whatever they are."""

from __future__ import annotations

import json
from typing import Any

import orjson

from guard.formats.confidence import Logprobs
from guard.formats.lenient import scalar
from guard.formats.shapes import ALL_TEXT
from guard.formats.usage import usage_of
from guard.formats.walk import Channelled, trace


class EventReader:
    """Base of the readers; a subclass says what the objects of its stream mean.

    It is a `guard.formats.base.StreamReader`, and a `SessionReader`.
    """

    __slots__ = ("logprobs", "usage")

    def __init__(self) -> None:
        self.logprobs = Logprobs()
        self.usage: dict[str, int] | None = None

    @property
    def confidence(self) -> dict[str, Any] | None:
        """Confidence over all that was read so far."""
        return self.logprobs.confidence

    @property
    def ended(self) -> list[str] | None:
        """Streams end all their texts at once, and of messages that nobody knows none is known to end one."""
        return None

    def event(self, event: dict[str, Any]) -> Channelled:
        """Return the texts of one event; here, of a stream that nobody knows, all its strings."""
        self.usage = usage_of(event.get("usage")) or self.usage
        return trace(event, ALL_TEXT, "")

    def value(self, value: Any) -> Channelled:
        """Return the texts of an event that is not an object, as no known API has it."""
        return trace(value, ALL_TEXT, "")

    def read(self, data: bytes) -> Channelled:
        """Return the texts of one event; see `guard.formats.base.StreamReader.read`."""
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            return self._read_odd(data)
        return self.event(document) if type(document) is dict else self.value(document)

    def may_end(self, data: bytes) -> bool:  # noqa: ARG002 -- an API that nobody knows may end anywhere
        """Tell whether this can be the last event; see `guard.formats.base.StreamReader.may_end`."""
        return True

    def _read_odd(self, data: bytes) -> Channelled:
        """Read what is not strictly JSON, or is not JSON at all.

        The clients' own parser takes more than JSON: NaN, and halves of surrogate pairs, which models that stream
        emoji do send. What they can read has to be read here.
        """
        text = data.decode(errors="replace")
        if text.strip() in ("", "[DONE]"):
            return []
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return [("", text)]
        found = self.event(document) if type(document) is dict else self.value(document)
        return [(scalar(channel), scalar(delta)) for channel, delta in found]


def choices_may_end(data: bytes) -> bool:
    """Tell whether a stream of choices can end so: with its mark, a choice's reason to stop, or the usage of all."""
    event = event_of(data)
    choices = event.get("choices")
    if type(choices) is not list:
        return data.strip() == b"[DONE]" or "error" in event
    return not choices or any(type(choice) is dict and choice.get("finish_reason") for choice in choices)


def event_of(data: bytes) -> dict[str, Any]:
    """Return the object that an event is; an empty one for an event that is none."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return document if type(document) is dict else {}
