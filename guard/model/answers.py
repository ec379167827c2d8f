"""What the bundled model says: the same answer to the same prompt, different from version to version."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Document = dict[str, Any]
Event = tuple[str, Any]
"""One server-sent event: its name ("" for none) and its data, JSON or a plain word."""

Answer = Document | Iterator[Event]
"""A whole answer, or the events of a streamed one."""

CREATED = 1_700_000_000
"""When every answer was made: the same request gets the same bytes."""

SAY = "say: "
_PIECE = re.compile(r"\S{1,5}\s*|\s+")


class MisuseError(Exception):
    """The request is not one that the API allows; the message says what was expected."""


class Call(NamedTuple):
    """A tool that the model wants to have called, with its arguments as JSON."""

    name: str
    arguments: str


def reply(name: str, prompt: str) -> str:
    """What version `name` answers: `say: X` gets X exactly, all else a sentence that tells prompts and versions apart.

    No other prompt is repeated in its answer, so that what a rule finds in one says nothing about the other.
    """
    if prompt.startswith(SAY):
        return prompt.removeprefix(SAY)
    return f"This is {name}. I read {len(prompt.split())} words, with the fingerprint {digest(prompt)[:8]}."


def digest(*parts: object) -> str:
    """A number for these values, the same each time, as 32 hexadecimal digits."""
    return hashlib.blake2s(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def pieces(text: str) -> list[str]:
    """The text cut as a model streams it: short enough that most words come in several pieces."""
    return _PIECE.findall(text)


def usage(prompt: str, output: str) -> tuple[int, int]:
    """How many tokens (pieces, here) were read and written."""
    return len(pieces(prompt)), len(pieces(output))


def logprob(piece: str) -> float:
    """How sure the model was of a piece: a natural logarithm in (-1, 0]."""
    return -int(digest(piece)[:2], 16) / 256


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or parts of which some have text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text", part.get("content", "")) for part in parts if isinstance(part, dict)]
    return "\n".join(text_of(text) for text in texts if text)


def last_text(messages: Any) -> str:
    """The text of the last message, which is what is answered.

    Raises:
        MisuseError: there is no list of messages.
    """
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise MisuseError("expected a list of messages that is not empty")
    return text_of(messages[-1].get("content", messages[-1].get("output")))


def wanted(tools: Iterable[tuple[str, Any]], prompt: str, choice: Any) -> Call | None:
    """The tool to call: what the request's tool choice demands, else one whose name the prompt mentions."""
    forced = _forced(choice)
    for name, schema in tools:
        if (name in prompt) if forced is None else forced in (True, name):
            return Call(name, json.dumps(_example(schema), ensure_ascii=False))
    return None


def _forced(choice: Any) -> str | bool | None:
    """A tool's name, True for any tool, False for none, None for whichever seems right; in all three APIs' words."""
    if isinstance(choice, dict):
        named = choice.get("name") or (choice.get("function") or {}).get("name")
        return named if isinstance(named, str) else _forced(choice.get("type"))
    return {"required": True, "any": True, "none": False}.get(str(choice))


def _example(schema: Any) -> Any:
    """A value that a JSON schema allows, for the schemas that tools have."""
    if not isinstance(schema, Mapping):
        return "example"
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _example(part) for name, part in (schema.get("properties") or {}).items()}
        case "array":
            return [_example(schema.get("items"))]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "null":
            return None
    return "example"
