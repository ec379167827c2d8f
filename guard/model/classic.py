"""OpenAI's smaller endpoints: completions, embeddings, moderations and the list of models."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

from guard.model.answers import CREATED, Answer, Document, Event, MisuseError, digest, logprob, pieces, reply, usage

DIMENSIONS = 16
CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
FLAGGED = "kill"
"""The one word that the bundled moderation objects to."""


def completions(name: str, request: Document) -> Answer:
    """Answer ``POST /v1/completions``.

    Raises:
        MisuseError: there is no prompt.
    """
    prompts = _texts(request, "prompt")
    head = {"id": f"cmpl-{digest(name, prompts)}", "object": "text_completion", "created": CREATED, "model": name}
    texts = [reply(name, prompt) for prompt in prompts]
    read, written = usage("".join(prompts), "".join(texts))
    tokens = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    if request.get("stream"):
        wants_usage = bool((request.get("stream_options") or {}).get("include_usage"))
        return _stream(head, texts, tokens if wants_usage else None)
    sure = request.get("logprobs") is not None
    choices = [
        {"index": index, "text": text, "logprobs": _logprobs(text) if sure else None, "finish_reason": "stop"}
        for index, text in enumerate(texts)
    ]
    return {**head, "choices": choices, "usage": tokens}


def _logprobs(text: str) -> Document:
    tokens = pieces(text)
    values = [logprob(token) for token in tokens]
    return {
        "tokens": tokens,
        "token_logprobs": values,
        "top_logprobs": [{token: value} for token, value in zip(tokens, values, strict=True)],
        "text_offset": [sum(map(len, tokens[:index])) for index in range(len(tokens))],
    }


def _stream(head: Document, texts: list[str], tokens: Document | None) -> Iterator[Event]:
    for index, text in enumerate(texts):
        for piece in pieces(text):
            choice = {"index": index, "text": piece, "logprobs": None, "finish_reason": None}
            yield "", {**head, "choices": [choice]}
        yield "", {**head, "choices": [{"index": index, "text": "", "logprobs": None, "finish_reason": "stop"}]}
    if tokens:
        yield "", {**head, "choices": [], "usage": tokens}
    yield "", "[DONE]"


def embeddings(name: str, request: Document) -> Answer:
    """Answer ``POST /v1/embeddings`` with vectors that differ for different texts.

    Raises:
        MisuseError: there is no input.
    """
    texts = _texts(request, "input")
    encode = _base64 if request.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": index, "embedding": encode(_vector(name, text))}
        for index, text in enumerate(texts)
    ]
    read = sum(len(pieces(text)) for text in texts)
    tokens = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "data": data, "model": name, "usage": tokens}


def _vector(name: str, text: str) -> tuple[float, ...]:
    return tuple(byte / 128 - 1 for byte in bytes.fromhex(digest(name, text))[:DIMENSIONS])


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def moderations(name: str, request: Document) -> Answer:
    """Answer ``POST /v1/moderations``.

    Raises:
        MisuseError: there is no input.
    """
    texts = _texts(request, "input")
    return {"id": f"modr-{digest(name, texts)}", "model": name, "results": [_judge(text) for text in texts]}


def _judge(text: str) -> Document:
    flagged = FLAGGED in text.lower()
    return {
        "flagged": flagged,
        "categories": {name: flagged and name == "violence" for name in CATEGORIES},
        "category_scores": {name: 0.9 if flagged and name == "violence" else 0.01 for name in CATEGORIES},
    }


def models(name: str) -> Document:
    """Answer ``GET /v1/models``."""
    return {"object": "list", "data": [{"id": name, "object": "model", "created": CREATED, "owned_by": "guard"}]}


def _texts(request: Document, field: str) -> list[str]:
    """One text or a list of texts (or of tokens, or of parts with text), as a list of texts."""
    given: Any = request.get(field)
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise MisuseError(f"expected {field}: text or a list of texts")
    if all(isinstance(one, int) for one in given):
        return [str(given)]
    return [str(one.get("text", "")) if isinstance(one, dict) else str(one) for one in given]
