"""Anthropic messages, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator

from guard.model.answers import Answer, Call, Document, Event, digest, last_text, pieces, reply, text_of, usage, wanted


def answer(name: str, request: Document) -> Answer:
    """Answer ``POST /v1/messages``.

    Raises:
        MisuseError: there are no messages.
    """
    prompt = last_text(request.get("messages"))
    call = _call(request, prompt)
    text = "" if call else reply(name, prompt)
    everything = "\n".join(text_of(message.get("content")) for message in request["messages"])
    read, written = usage(everything, call.arguments if call else text)
    block: Document = {"type": "text", "text": text}
    if call:
        number = f"toolu_{digest(name, call)[:24]}"
        block = {"type": "tool_use", "id": number, "name": call.name, "input": json.loads(call.arguments)}
    message: Document = {
        "id": f"msg_{digest(name, everything)}",
        "type": "message",
        "role": "assistant",
        "model": name,
        "content": [block],
        "stop_reason": "tool_use" if call else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": read, "output_tokens": written},
    }
    return _stream(message, call.arguments if call else text) if request.get("stream") else message


def _call(request: Document, prompt: str) -> Call | None:
    tools = [tool for tool in request.get("tools") or () if isinstance(tool, dict) and "name" in tool]
    return wanted([(tool["name"], tool.get("input_schema")) for tool in tools], prompt, request.get("tool_choice"))


def _stream(message: Document, text: str) -> Iterator[Event]:
    block = message["content"][0]
    is_text = block["type"] == "text"
    spent = {**message["usage"], "output_tokens": 1}
    empty = {**block, "text": ""} if is_text else {**block, "input": {}}
    events: list[Document] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None, "usage": spent}},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "ping"},
    ]
    for piece in pieces(text):
        delta = (
            {"type": "text_delta", "text": piece} if is_text else {"type": "input_json_delta", "partial_json": piece}
        )
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    events += [
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": message["usage"]["output_tokens"]},
        },
        {"type": "message_stop"},
    ]
    yield from ((event["type"], event) for event in events)
