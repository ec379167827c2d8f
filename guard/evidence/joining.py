"""The lines of one exchange put together into the one object that people and programs read."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from typing import Any

from guard.evidence.record import starts

Line = dict[str, Any]

REPEAT = "="
"""A channel whose name begins so says again what the channels before it said (a stream's closing summary)."""


def join(lines: Sequence[Line]) -> dict[str, Any]:
    """Put the lines of one exchange, in the order they were written, into one object; `end` is None while it goes on.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: the lines are not what the journal writes.
    """
    start = next((line for line in lines if starts(line)), {})
    outcome = next((line for line in reversed(lines) if line["kind"] == "outcome"), {})
    parts = [line for line in lines if line["kind"] == "part"]
    frames = [line for line in lines if line["kind"] == "frame"]
    findings = [finding for line in lines for finding in line.get("findings") or ()]
    return {
        "id": lines[0]["id"],
        **{key: start.get(key) for key in ("at", "client", "route", "model")},
        "version": outcome.get("version"),
        "policy": start.get("policy"),
        "attempts": outcome.get("attempts") or [],
        "request": start.get("request"),
        "response": _response(parts, outcome.get("response") or {"status": None, "body": None}),
        "prompt": [*(start.get("prompt") or ()), *(text for line in frames for text in line.get("prompt") or ())],
        "output": _output([*parts, *frames, outcome]),
        "usage": outcome.get("usage"),
        "confidence": outcome.get("confidence"),
        "findings": findings,
        "timings": outcome.get("timings") or {},
        "end": outcome.get("end"),
        "reason": outcome.get("reason"),
        **({"shed": True} if any(line.get("shed") for line in lines) else {}),
        **_redacted(lines),
        **_conversation(outcome, frames),
    }


def _redacted(lines: Sequence[Line]) -> dict[str, Any]:
    """How much was replaced before it was written, by kind; nothing of an exchange that is there as it was."""
    counts: dict[str, int] = {}
    for kind, count in (pair for line in lines for pair in (line.get("redacted") or {}).items()):
        counts[kind] = counts.get(kind, 0) + count
    return {"redacted": counts} if counts else {}


def _conversation(outcome: Line, frames: Sequence[Line]) -> dict[str, Any]:
    """What only an exchange has that was a WebSocket."""
    if not frames and "session" not in outcome:
        return {}
    return {"session": outcome.get("session"), "frames": [_frame(line) for line in frames]}


def _frame(line: Line) -> dict[str, Any]:
    content = "text" if "text" in line else "base64"
    withheld = {"withheld": line["withheld"]} if "withheld" in line else {}
    return {"at": line["at"], "from": line["from"], "passed": line["passed"], content: line[content], **withheld}


def _response(parts: Sequence[Line], last: dict[str, Any]) -> dict[str, Any]:
    status = last.get("status")
    if not parts:
        return last
    body = b"".join(map(_bytes, (*parts, last)))
    left_out = sum(piece.get("withheld") or 0 for piece in (*parts, last))
    withheld = {"withheld": left_out} if left_out else {}
    try:
        return {"status": status, "body": body.decode(), **withheld}
    except UnicodeDecodeError:
        return {"status": status, "body_base64": b64encode(body).decode(), **withheld}


def _bytes(piece: dict[str, Any]) -> bytes:
    if "body_base64" in piece:
        return b64decode(piece["body_base64"], validate=True)
    return (piece.get("body") or "").encode()


def _output(lines: Iterable[Line]) -> list[str]:
    """Whole answers have their texts in order; streamed ones have pieces, each said on a channel."""
    texts: dict[str | int, list[str]] = {}
    for item in (item for line in lines for item in line.get("output") or ()):
        if isinstance(item, str):
            texts[len(texts)] = [item]
            continue
        channel, text = item
        if not channel.startswith(REPEAT):
            texts.setdefault(channel, []).append(text)
    return ["".join(pieces) for pieces in texts.values()]
