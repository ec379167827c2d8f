"""An exchange as people read it: on one line, or on a page. Whatever clients and models wrote is made visible first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from guard.cli.visible import visible

SNIPPET = 60
COLOURS = {"complete": "green", "refused": "yellow"}
"""Of how an exchange ended; all other ends are trouble."""


def line(exchange: dict[str, Any]) -> Text:
    """Time, id, who, where, what became of it, how long it took, and how the last prompt text begins."""
    response, timings = exchange["response"], exchange["timings"]
    took = f"{timings['total_us'] / 1000:.0f}ms" if "total_us" in timings else "-"
    texts = exchange["prompt"] or [(exchange["request"] or {}).get("body") or ""]
    fields = (time_of(exchange["at"]), exchange["id"], _client(exchange), _where(exchange), response.get("status"))
    text = Text("  ".join(visible(str(field if field is not None else "-")) for field in fields))
    text.append("  " + visible(_end(exchange)), COLOURS.get(exchange["end"], "red"))
    return text.append(f"  {took}  {visible(_short(texts[-1]))}")


def page(exchange: dict[str, Any]) -> Text:
    """Everything that matters for judging an exchange, texts in full."""
    request, response, timings = exchange["request"] or {}, exchange["response"], exchange["timings"]
    text = Text()
    for name, value in (
        ("id", exchange["id"]),
        ("at", time_of(exchange["at"])),
        ("client", _client(exchange, whole=True)),
        ("route", f"{exchange['route']} -> {_where(exchange)}, policy {exchange['policy']}"),
        ("request", f"{request.get('method')} {request.get('path')}"),
        ("response", f"{response.get('status')}, not written down" if exchange.get("shed") else response.get("status")),
        ("end", _end(exchange)),
        ("session", _session(exchange.get("session"))),
        ("timings", ", ".join(f"{name.removesuffix('_us')} {value / 1000:.1f} ms" for name, value in timings.items())),
        ("usage", _pairs(exchange["usage"])),
        ("confidence", _pairs(exchange["confidence"])),
    ):
        if value not in (None, ""):
            text.append(f"{name:<11}", "bold").append(visible(str(value)) + "\n")
    for attempt in exchange["attempts"]:
        text.append(f"{'attempt':<11}", "bold").append(visible(_attempt(attempt)) + "\n")
    for finding in exchange["findings"]:
        text.append(f"{'finding':<11}", "bold").append(visible(_pairs(finding)) + "\n", "yellow")
    if "frames" in exchange:
        _frames(text, exchange["frames"])
    else:
        _texts(text, "prompt", exchange["prompt"], request.get("body"))
        _texts(text, "output", exchange["output"], response.get("body"))
    text.rstrip()
    return text


def _texts(text: Text, title: str, texts: list[str], body: str | None) -> None:
    """The texts; where there are none, the body in which they were looked for, or which the guard itself made."""
    found: list[tuple[str, str | None]] = []
    found += [(f"{title} {number} of {len(texts)}", content) for number, content in enumerate(texts, 1)]
    for name, content in found or [(f"no {title}; the body", body)]:
        if content:
            text.append(f"\n--- {name}\n", "bold")
            text.append(visible(content, lines=True) + "\n")


def _frames(text: Text, frames: list[dict[str, Any]]) -> None:
    """The messages of a WebSocket in the order they were written down; what was not let through says so."""
    for frame in frames:
        text.append(f"\n--- {time_of(frame['at'])} {visible(frame['from'])}", "bold")
        text.append("\n" if frame["passed"] else " (held back)\n", "yellow")
        text.append(visible(_content(frame), lines=True) + "\n")


def _session(session: dict[str, Any] | None) -> str:
    if session is None:
        return ""
    counts = session["messages"]
    closed = f"closed by {session['closed_by']} with {session['code']} {session['reason']}".rstrip()
    return f"{closed}; {counts['client']} messages of the client, {counts['model']} of the model"


def time_of(at: float | None) -> str:
    """A time for people, in UTC."""
    return (
        datetime.fromtimestamp(at, UTC).isoformat(" ", "milliseconds").replace("+00:00", "Z") if at is not None else "-"
    )


def _client(exchange: dict[str, Any], *, whole: bool = False) -> str:
    client = exchange["client"] or {}
    name = client.get("name") or client.get("account") or client.get("key")
    if whole:
        return _pairs(client)
    return f"{name}@{client.get('address')}" if name else str(client.get("address") or "-")


def _where(exchange: dict[str, Any]) -> str:
    return f"{exchange['model'] or '-'}/{exchange['version'] or '-'}"


def _end(exchange: dict[str, Any]) -> str:
    end = exchange["end"] or "open"
    return f"{end} ({exchange['reason']})" if exchange["reason"] else end


def _attempt(attempt: dict[str, Any]) -> str:
    return f"{attempt.get('version')}: {attempt.get('error') or attempt.get('status')}, {attempt.get('ms')} ms"


def _pairs(values: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (values or {}).items() if value is not None)


def _short(text: str) -> str:
    return text if len(text) <= SNIPPET else text[: SNIPPET - 1] + "…"


def _content(frame: dict[str, Any]) -> str:
    """What a message says, or why it is not told."""
    if frame.get("text") is not None:
        content: str = frame["text"]
        return content
    return f"base64: {frame['base64']}" if "base64" in frame else f"{frame.get('withheld', 0)} bytes are withheld"
