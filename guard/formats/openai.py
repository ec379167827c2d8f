"""OpenAI's APIs, as OpenAI and the many servers that speak like it offer them.

Source: https://platform.openai.com/docs/api-reference and https://platform.openai.com/docs/guides/error-codes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import Struct

from guard.formats import chat, completions, embeddings, moderations, realtime, responses
from guard.formats.base import Output, Prompt
from guard.formats.errors import body, event
from guard.formats.events import EventReader
from guard.formats.unknown import all_output, all_prompt


class _Api(Struct, frozen=True):
    prompt: Callable[[Any], Prompt]
    output: Callable[[dict[str, Any]], Output | None]
    reader: Callable[[], EventReader]


_APIS = {
    "/chat/completions": _Api(chat.prompt, chat.output, chat.ChatReader),
    "/completions": _Api(completions.prompt, completions.output, completions.CompletionsReader),
    "/responses": _Api(responses.prompt, responses.output, responses.ResponsesReader),
    "/responses/compact": _Api(responses.prompt, responses.output, responses.ResponsesReader),
    "/responses/input_tokens": _Api(responses.prompt, all_output, EventReader),
    "/embeddings": _Api(embeddings.prompt, embeddings.output, EventReader),
    "/moderations": _Api(moderations.prompt, moderations.output, EventReader),
    "/realtime": _Api(realtime.prompt, all_output, EventReader),
}
"""By the end of the path; the first that fits is taken."""

_UNKNOWN = _Api(all_prompt, all_output, EventReader)

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "requests"}
"""Types of errors by status; other statuses below 500 are ``invalid_request_error``, those above ``server_error``.

``requests`` is what the API itself sends when there were too many of them (``tokens`` when those were too many).
"""


@lru_cache(maxsize=1024)
def _api(path: str) -> _Api:
    path = path.rstrip("/")
    return next((api for end, api in _APIS.items() if path.endswith(end)), _UNKNOWN)


class OpenAI:
    """Chat completions, completions, responses, embeddings, moderations, realtime; of any other, all is text."""

    name = "openai"

    def prompt(self, path: str, document: Any) -> Prompt:
        """Sort the strings of a request; raises NotUnderstood."""
        return _api(path).prompt(document)

    def output(self, path: str, document: Any) -> Output:
        """Sort the strings of an answer."""
        output = _api(path).output(document) if type(document) is dict else None
        return output or all_output(document)

    def stream(self, path: str) -> EventReader:
        """Return a reader for one streamed answer."""
        return _api(path).reader()

    def session(self, path: str) -> realtime.RealtimeReader:  # noqa: ARG002 - all its WebSockets speak in events
        """Return a reader for the messages of one WebSocket."""
        return realtime.RealtimeReader()

    def structured(self, path: str) -> bool:
        """Tell whether it is one of the APIs that are known; others may answer with sound or pictures."""
        return _api(path) is not _UNKNOWN

    def error(self, status: int, code: str, message: str) -> bytes:
        """Return ``{"error": {"message", "type", "param", "code"}}``."""
        return body(_error(status, code, message))

    def error_event(self, status: int, code: str, message: str) -> bytes:
        """Return an `error` event with the same document: the clients raise on its `error` member."""
        return event(_error(status, code, message))

    def error_message(self, status: int, code: str, message: str) -> bytes:
        """Return an `error` event as the realtime API has it."""
        return body({"type": "error", **_error(status, code, message)})


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
