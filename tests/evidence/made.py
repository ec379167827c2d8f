"""Records for journals that tests write."""

from __future__ import annotations

from typing import Any


def prompt(id_: str, at: float = 0.0, **more: Any) -> dict[str, Any]:
    """A prompt line."""
    return {
        "kind": "prompt", "id": id_, "at": at, "request": {"method": "POST"}, "prompt": [f"prompt of {id_}"], **more,
    }  # fmt: skip


def outcome(id_: str, **more: Any) -> dict[str, Any]:
    """The outcome line that belongs to a prompt line."""
    response = {"status": 200, "body": ""}
    return {"kind": "outcome", "id": id_, "response": response, "output": [id_], "end": "complete", **more}


def refused(id_: str, at: float = 0.0, **more: Any) -> dict[str, Any]:
    """The one line of what was refused."""
    return {**prompt(id_, at), **outcome(id_), "end": "refused", **more}


def part(id_: str, text: str) -> dict[str, Any]:
    """A piece of a streamed answer."""
    return {"kind": "part", "id": id_, "body": text, "output": [["c", text]]}


def mark(at: float, durable: int = 0) -> dict[str, Any]:
    """That records are on disk."""
    return {"kind": "mark", "at": at, "durable": durable}


def ids(found: Any) -> list[str]:
    """Which exchanges these are."""
    return [exchange["id"] for exchange in found]
