"""Any API that takes and gives JSON; the configuration says where prompt and output are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guard.formats.base import NotUnderstood, Output, Prompt
from guard.formats.confidence import Scores
from guard.formats.errors import body, event
from guard.formats.events import EventReader
from guard.formats.pointers import Pointers
from guard.formats.shapes import ALL_TEXT
from guard.formats.unknown import all_output
from guard.formats.usage import usage_of
from guard.formats.walk import Channelled, collect


class Generic:
    """A JSON API described by pointers (see `guard.formats.pointers`); without any, every string is text.

    Raises ValueError for a pointer that is not one.
    """

    name = "generic"

    def __init__(self, prompt_pointers: Sequence[str] = (), output_pointers: Sequence[str] = ()) -> None:
        self._prompt = Pointers(prompt_pointers)
        self._output = Pointers(output_pointers)

    def prompt(self, path: str, document: Any) -> Prompt:  # noqa: ARG002 - the pointers hold for every path
        """Sort the strings of a request; raises NotUnderstood when a pointer reaches no string at all."""
        prompt = Prompt([], [], None, False)
        if type(document) is dict:
            model = document.get("model")
            prompt.model = model if type(model) is str else None
            prompt.stream = document.get("stream") is True
        if not self._prompt.written:
            collect(document, ALL_TEXT, prompt.texts, prompt.others)
            return prompt
        reached = _sort(self._prompt, document, prompt.texts, prompt.others)
        for position, pointer in enumerate(self._prompt.written):
            if position not in reached:
                raise NotUnderstood(f"{pointer}: expected a string there or below, found none")
        return prompt

    def output(self, path: str, document: Any) -> Output:  # noqa: ARG002 - the pointers hold for every path
        """Sort the strings of an answer; where no pointer reaches a string, all are text."""
        output = all_output(document)
        if self._output.written:
            texts: list[str] = []
            others: list[str] = []
            if _sort(self._output, document, texts, others):
                output.texts, output.others = texts, others
        return output

    def stream(self, path: str) -> GenericReader:  # noqa: ARG002 - the pointers hold for every path
        """Return a reader for one streamed answer whose events are JSON."""
        return GenericReader(self._output)

    def session(self, path: str) -> GenericReader:
        """Return a reader for the messages of one WebSocket, if they are JSON."""
        return self.stream(path)

    def structured(self, path: str) -> bool:  # noqa: ARG002 - nothing is known of any path
        """Nothing is known of its clients: the content type is believed."""
        return False

    def error(self, status: int, code: str, message: str) -> bytes:  # noqa: ARG002 - the status is in its line
        """Return ``{"error": {"code", "message"}}``."""
        return body({"error": {"code": code, "message": message}})

    def error_event(self, status: int, code: str, message: str) -> bytes:
        """Return an `error` event with the same document and the status, which comes too late for its line."""
        return event({"error": {"code": code, "message": message, "status": status}})

    def error_message(self, status: int, code: str, message: str) -> bytes:
        """Return the same document."""
        return body({"error": {"code": code, "message": message, "status": status}})


class GenericReader(EventReader):
    """Reads a stream of JSON events. A channel is the pointer to its text in each event.

    Strings that no pointer reaches are whole in themselves, if there is one that a pointer does reach.
    """

    __slots__ = ("_pointers", "_scores")

    def __init__(self, pointers: Pointers) -> None:
        super().__init__()
        self._pointers = pointers
        self._scores = Scores()

    @property
    def confidence(self) -> dict[str, Any] | None:
        """The highest score of each label so far."""
        return self._scores.confidence

    def event(self, event: dict[str, Any]) -> Channelled:
        """Return the texts of one event that is an object."""
        self.usage = usage_of(event.get("usage")) or self.usage
        return self.value(event)

    def value(self, value: Any) -> Channelled:
        """Return the texts of one event."""
        self._scores.find(value)
        found = [hit for hit in self._pointers.find(value) if hit[1]]
        aimed = any(reached for _, _, reached in found)
        return [(f"={place}" if aimed and not reached else place, text) for place, text, reached in found]


def _sort(pointers: Pointers, document: Any, texts: list[str], others: list[str]) -> set[int]:
    """Sort every string by whether a pointer reaches it; return the positions of the pointers that reach any."""
    hit: set[int] = set()
    for _, text, reached in pointers.find(document):
        hit |= reached
        if text:
            (texts if reached else others).append(text)
    return hit
