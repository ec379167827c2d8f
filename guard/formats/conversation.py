"""Lists of messages, which most requests are made of."""

from __future__ import annotations

from typing import Any

from guard.formats.base import NotUnderstood, Prompt, begin, kind_of, require
from guard.formats.shapes import ITEM
from guard.formats.walk import Shape, collect, collect_around


def read_conversation(document: Any, shape: Shape) -> Prompt:
    """Sort the strings of a request that has `messages`; raises NotUnderstood."""
    prompt = begin(document)
    require(document, "messages", list)
    collect_around(document, shape, "messages", read_messages, prompt.texts, prompt.others)
    return prompt


def read_messages(messages: list[Any], texts: list[str], others: list[str]) -> None:
    """Sort the strings of a list of messages; raises NotUnderstood where one is not an object."""
    for position, message in enumerate(messages):
        if type(message) is not dict:
            raise NotUnderstood(f"messages[{position}]: expected an object, got {kind_of(message)}")
        content, role = message.get("content"), message.get("role")
        if len(message) == 2 and type(content) is str and type(role) is str:
            if content:
                texts.append(content)
            if role:
                others.append(role)
        else:
            collect(message, ITEM, texts, others)
