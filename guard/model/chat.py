"""OpenAI chat completions, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guard.model.answers import (
    CREATED,
    Answer,
    Call,
    Document,
    Event,
    digest,
    last_text,
    logprob,
    pieces,
    reply,
    text_of,
    usage,
    wanted,
)

MOST_CHOICES = 128


def answer(name: str, request: Document) -> Answer:
    """Answer ``POST /v1/chat/completions``.

    Raises:
        MisuseError: there are no messages.
    """
    prompt = last_text(request.get("messages"))
    call = _call(request, prompt)
    text = "" if call else reply(name, prompt)
    everything = "\n".join(text_of(message.get("content")) for message in request["messages"])
    head = {"id": f"chatcmpl-{digest(name, everything)}", "created": CREATED, "model": name}
    count = _count(request.get("n"))
    read, written = usage(everything, call.arguments if call else text)
    tokens = {"prompt_tokens": read, "completion_tokens": written * count, "total_tokens": read + written * count}
    sure = int(request.get("top_logprobs") or 0) if request.get("logprobs") else None
    if request.get("stream"):
        usage_wanted = bool((request.get("stream_options") or {}).get("include_usage"))
        return _stream(head, text, call, count, sure, tokens if usage_wanted else None)
    message: Document = {"role": "assistant", "content": text, "refusal": None}
    if call:
        message |= {"content": None, "tool_calls": [_tool_call(name, call)]}
    choice = {
        "message": message,
        "logprobs": None if sure is None else {"content": _logprobs(text, sure), "refusal": None},
        "finish_reason": "tool_calls" if call else "stop",
    }
    choices = [{"index": index, **choice} for index in range(count)]
    return {**head, "object": "chat.completion", "choices": choices, "usage": tokens}


def _count(n: Any) -> int:
    return min(max(n, 1), MOST_CHOICES) if isinstance(n, int) else 1


def _call(request: Document, prompt: str) -> Call | None:
    functions = [tool["function"] for tool in request.get("tools") or () if isinstance(tool.get("function"), dict)]
    return wanted([(one["name"], one.get("parameters")) for one in functions], prompt, request.get("tool_choice"))


def _tool_call(name: str, call: Call) -> Document:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{digest(name, call)[:24]}", "type": "function", "function": function}


def _logprobs(text: str, top: int) -> list[Document]:
    return [
        {**_token(piece, logprob(piece)), "top_logprobs": [_token(piece, logprob(piece) - rank) for rank in range(top)]}
        for piece in pieces(text)
    ]


def _token(piece: str, value: float) -> Document:
    return {"token": piece, "logprob": value, "bytes": list(piece.encode("utf-8", "surrogatepass"))}


def _stream(
    head: Document, text: str, call: Call | None, count: int, sure: int | None, tokens: Document | None
) -> Iterator[Event]:
    head = {**head, "object": "chat.completion.chunk"}
    extra = {"usage": None} if tokens else {}

    def chunks(delta: Document, logprobs: Any = None, finish: str | None = None) -> Iterator[Event]:
        for index in range(count):
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
            yield "", {**head, "choices": [choice], **extra}

    if call is None:
        yield from chunks({"role": "assistant", "content": ""})
        for piece in pieces(text):
            yield from chunks({"content": piece}, None if sure is None else {"content": _logprobs(piece, sure)})
    else:
        first = _tool_call(head["model"], call)
        first["function"]["arguments"] = ""
        yield from chunks({"role": "assistant", "content": None, "tool_calls": [{"index": 0, **first}]})
        for piece in pieces(call.arguments):
            yield from chunks({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    yield from chunks({}, finish="tool_calls" if call else "stop")
    if tokens:
        yield "", {**head, "choices": [], "usage": tokens}
    yield "", "[DONE]"
