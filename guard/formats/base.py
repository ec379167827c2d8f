"""What every format can do: tell prompt and output in a document, read a stream, word an error."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct


class NotUnderstood(Exception):
    """A request's document is not one of this API; the message says what was expected where."""


class Prompt(Struct):
    """The strings of a request's document, in document order; empty ones are left out.

    `texts` is what is said to the model: content, instructions, tools, results of tools. `others` is every other
    string, values of settings and unknown keys included: together they are all strings of the document but the names
    that the API itself gives to its fields. `model` is None where the document names none; `stream` tells whether an
    event stream was asked for.
    """

    texts: list[str]
    others: list[str]
    model: str | None
    stream: bool


class Output(Struct):
    """The strings of an answer's document, in document order, and what it tells about itself.

    `texts` is what the model made: content, reasoning, refusals, names and arguments of tool calls, of every choice.
    `others` is every other string but those of the API's own envelope (ids, types, reasons for stopping).

    `usage` counts tokens: ``input_tokens`` (cached ones included), ``output_tokens``, ``total_tokens`` and, where the
    API tells them, ``cached_tokens`` and ``reasoning_tokens``. `confidence` is ``{"kind": "logprobs", "tokens": n,
    "mean": m, "min": m}`` (natural logarithms) or ``{"kind": "scores", "scores": {label: score}}``.
    """

    texts: list[str]
    others: list[str]
    usage: dict[str, int] | None
    confidence: dict[str, Any] | None


class StreamReader(Protocol):
    """Reads the events of one streamed answer, one after the other.

    The texts of one channel, put together in the order of their coming, are one text of the answer. Channels whose
    name starts with ``=`` are different: each of their texts is whole in itself. It either repeats what other
    channels have said (the events at the end of a part that hold the full text again) or is no text of the model's
    (citations, fields that nobody knows). Such texts are there to be scanned, one by one, and are not part of the
    answer as the journal holds it.
    """

    @property
    def usage(self) -> dict[str, int] | None:
        """Token counts told so far, as in `Output.usage`."""

    @property
    def confidence(self) -> dict[str, Any] | None:
        """Confidence over all that was read so far, as in `Output.confidence`."""

    def read(self, data: bytes) -> list[tuple[str, str]]:
        """Return the texts of one event as (channel, text), from its `data` with lines joined by LF; never raises.

        What is not JSON is one text of the channel named ``""``; what is JSON of an unknown shape has each of its
        strings as a text, in a channel named after its place.
        """

    def may_end(self, data: bytes) -> bool:
        """Whether an answer whose last event has this `data` can be whole; asked where its framing does not tell."""


class SessionReader(StreamReader, Protocol):
    """Reads the messages of a model over one WebSocket, one after the other."""

    @property
    def ended(self) -> list[str] | None:
        """The channels whose texts the message read last has ended; None where the API does not tell."""


class Format(Protocol):
    """One family of APIs. `path` is a request's path without query and tells which API of the family is meant."""

    name: str

    def prompt(self, path: str, document: Any) -> Prompt:
        """Sort the strings of a request's parsed document; raises NotUnderstood."""

    def output(self, path: str, document: Any) -> Output:
        """Sort the strings of an answer's parsed document; never raises. In an unknown shape every string is text."""

    def stream(self, path: str) -> StreamReader:
        """Return a reader for one streamed answer."""

    def session(self, path: str) -> SessionReader:
        """Return a reader for the messages of one WebSocket."""

    def structured(self, path: str) -> bool:
        """Tell whether this API's clients take any answer for JSON or events, whatever its content type says."""

    def error(self, status: int, code: str, message: str) -> bytes:
        """Return the JSON body that clients of this API expect with an HTTP status of 400 or above."""

    def error_event(self, status: int, code: str, message: str) -> bytes:
        """Return a complete server-sent event, blank line included, that makes this API's clients raise an error."""

    def error_message(self, status: int, code: str, message: str) -> bytes:
        """Return one message of a WebSocket that tells this API's clients of an error."""


def begin(document: Any) -> Prompt:
    """Return a Prompt without strings, with what all APIs have in common; raises NotUnderstood."""
    if type(document) is not dict:
        raise NotUnderstood(f"body: expected an object, got {kind_of(document)}")
    model = document.get("model")
    if type(model) is not str and "model" in document:
        raise NotUnderstood(f"model: expected a string, got {kind_of(model)}")
    stream = document.get("stream")
    if stream is not None and type(stream) is not bool:
        raise NotUnderstood(f"stream: expected true or false, got {kind_of(stream)}")
    return Prompt([], [], model, stream is True)


def require(document: dict[str, Any], name: str, *kinds: type) -> None:
    """Raise NotUnderstood unless the member `name` is of one of these types."""
    if name not in document:
        raise NotUnderstood(f"{name}: expected {_one_of(kinds)}, but it is missing")
    if type(document[name]) not in kinds:
        raise NotUnderstood(f"{name}: expected {_one_of(kinds)}, got {kind_of(document[name])}")


def kind_of(value: Any) -> str:
    """Name the JSON type of a parsed value, with its article."""
    return _KINDS.get(type(value), "something else")


def _one_of(kinds: tuple[type, ...]) -> str:
    return " or ".join(_KINDS[kind] for kind in kinds)


_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}
