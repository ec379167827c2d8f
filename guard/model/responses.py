"""OpenAI responses, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guard.model.answers import (
    CREATED,
    Answer,
    Call,
    Document,
    Event,
    MisuseError,
    digest,
    last_text,
    logprob,
    pieces,
    reply,
    usage,
    wanted,
)


def answer(name: str, request: Document) -> Answer:
    """Answer ``POST /v1/responses``.

    Raises:
        MisuseError: there is no input.
    """
    given = request.get("input")
    if given is None:
        raise MisuseError("expected input: text or a list of items")
    prompt = given if isinstance(given, str) else last_text(given)
    call = _call(request, prompt)
    item = _call_item(name, call) if call else _message(name, reply(name, prompt), request)
    read, written = usage(prompt, call.arguments if call else item["content"][0]["text"])
    response: Document = {
        "id": f"resp_{digest(name, prompt)}", "object": "response", "created_at": CREATED, "model": name,
        "status": "completed", "error": None, "incomplete_details": None, "instructions": request.get("instructions"),
        "metadata": {}, "output": [item], "parallel_tool_calls": True, "temperature": 1.0, "top_p": 1.0,
        "tool_choice": request.get("tool_choice") or "auto", "tools": request.get("tools") or [],
        "usage": {
            "input_tokens": read, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": written, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + written,
        },
    }  # fmt: skip
    return _stream(response, item) if request.get("stream") else response


def _call(request: Document, prompt: str) -> Call | None:
    tools = [tool for tool in request.get("tools") or () if isinstance(tool, dict) and tool.get("type") == "function"]
    return wanted([(tool["name"], tool.get("parameters")) for tool in tools], prompt, request.get("tool_choice"))


def _call_item(name: str, call: Call) -> Document:
    number = digest(name, call)[:24]
    return {
        "type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "status": "completed",
        "name": call.name, "arguments": call.arguments,
    }  # fmt: skip


def _message(name: str, text: str, request: Document) -> Document:
    part: Document = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if "message.output_text.logprobs" in (request.get("include") or ()):
        part["logprobs"] = [
            {"token": piece, "logprob": logprob(piece), "bytes": list(piece.encode()), "top_logprobs": []}
            for piece in pieces(text)
        ]
    number = digest(name, text)[:24]
    return {"type": "message", "id": f"msg_{number}", "status": "completed", "role": "assistant", "content": [part]}


def _stream(response: Document, item: Document) -> Iterator[Event]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[tuple[str, Document]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        *(_call_events(item) if item["type"] == "function_call" else _message_events(item)),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": response}),
    ]
    for number, (kind, data) in enumerate(events):
        yield kind, {"type": kind, "sequence_number": number, **data}


def _message_events(item: Document) -> Iterator[tuple[str, Document]]:
    part = item["content"][0]
    place: Document = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    sure: dict[str, Any] = {entry["token"]: entry for entry in part["logprobs"]}
    yield "response.output_item.added", {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}}
    yield "response.content_part.added", {**place, "part": {**part, "text": "", "logprobs": []}}
    for piece in pieces(part["text"]):
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": [sure[piece]] if sure else []}
    yield "response.output_text.done", {**place, "text": part["text"], "logprobs": part["logprobs"]}
    yield "response.content_part.done", {**place, "part": part}


def _call_events(item: Document) -> Iterator[tuple[str, Document]]:
    place: Document = {"item_id": item["id"], "output_index": 0}
    begun = {**item, "status": "in_progress", "arguments": ""}
    yield "response.output_item.added", {"output_index": 0, "item": begun}
    for piece in pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", {**place, "delta": piece}
    done = {**place, "name": item["name"], "arguments": item["arguments"]}
    yield "response.function_call_arguments.done", done
