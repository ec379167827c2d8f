"""One span for each exchange, given to whoever collects traces (OpenTelemetry, OTLP over HTTP).

The span is made when the exchange has ended, from what the journal is told, and exported in a thread of the SDK's.
It says who asked which model and what came of it, never what was said: no prompt, no answer, no key. The names are
those of OpenTelemetry's conventions for generative AI, and ``guard.…`` for what those do not have.
"""

from __future__ import annotations

import re
import sys
from random import getrandbits, random
from typing import TYPE_CHECKING, Any

from guard.config import Tracing
from guard.exchange import Exchange
from guard.redaction.secrets import secrets_of
from guard.wire.trace import Trace, parent_of

if TYPE_CHECKING:
    from guard.proxy.spans import Spans

OPERATIONS = (
    ("/chat/completions", "chat"), ("/completions", "text_completion"), ("/embeddings", "embeddings"),
    ("/messages", "chat"), ("/responses", "chat"), ("/realtime", "chat"),
)  # fmt: skip
OTHER_OPERATION = "generate_content"
MODEL_NAME = re.compile(r"[\w./:@+-]{1,128}", re.ASCII)


class TracingError(ValueError):
    """Traces cannot be given to anybody; the message says what to do."""


def open_tracer(settings: Tracing, instance: str) -> Tracer | None:
    """What the configuration asks for; None: no traces. `instance` tells this worker's spans from those of others.

    Raises:
        TracingError: the library for it is not installed.
    """
    if settings.endpoint is None:
        return None
    try:
        from guard.proxy.spans import Spans
    except ImportError:
        get = f"{sys.executable} -m pip install 'guard-gateway[otel]'"
        raise TracingError(f"tracing: the library opentelemetry is not installed; get it with: {get}") from None
    return Tracer(Spans(settings.endpoint, instance), settings.sample)


class Tracer:
    """Gives exchanges their place in a trace, and tells of them when they have ended."""

    def __init__(self, spans: Spans, sample: float) -> None:
        """`sample`: of how many exchanges that begin a trace it is told, from 0 to 1."""
        self.spans = spans
        self._sample = sample

    def begin(self, exchange: Exchange) -> Trace:
        """The place of an exchange that begins: as the caller says, else the first in a trace of its own."""
        parent = parent_of(exchange.head.headers)
        if parent is not None:
            return Trace(parent.trace, getrandbits(64) or 1, parent.span, parent.sampled)
        return Trace(getrandbits(128) or 1, getrandbits(64) or 1, 0, random() < self._sample)  # noqa: S311

    def ended(self, exchange: Exchange) -> None:
        """Tell of an exchange, unless nobody keeps its trace, or too many are told of."""
        trace = exchange.trace
        if trace is None or not trace.sampled or self.spans.full:
            return
        attributes = _attributes(exchange)
        operation, model = attributes["gen_ai.operation.name"], attributes.get("guard.model")
        name = f"{operation} {model}" if model else operation
        self.spans.give(trace, name, int(exchange.at * 1e9), attributes, error="error.type" in attributes)

    def counted(self) -> dict[str, int]:
        """What became of spans so far."""
        spans = self.spans
        return {"exported": spans.exporter.exported, "failed": spans.exporter.failed, "dropped": spans.dropped}

    def close(self) -> None:
        """Let what waits be exported, if that does not take long."""
        self.spans.close()


def _attributes(exchange: Exchange) -> dict[str, Any]:
    """What is told of an exchange; what is not known of it is left out."""
    route = exchange.route or (exchange.routes[0] if exchange.routes else None)
    version, client, usage = exchange.version, exchange.identity.client, exchange.usage
    told: dict[str, Any] = {
        "gen_ai.operation.name": _operation(exchange.path),
        "guard.id": exchange.id,
        "guard.policy": exchange.policy.version,
        "guard.end": exchange.end,
        "guard.overhead": exchange.overhead,
        "guard.attempts": len(exchange.attempts),
    }
    if exchange.status:
        told["http.response.status_code"] = exchange.status
    if route is not None:
        told["gen_ai.provider.name"] = route.format.name
        told["guard.route"] = route.path
        told["guard.model"] = route.model.name
    if (asked := _asked(exchange)) is not None:
        told["gen_ai.request.model"] = asked
    if version is not None:
        told["gen_ai.response.model"] = version.rename or version.name
        told["guard.version"] = version.name
        told["server.address"] = version.origin.host
        told["server.port"] = version.origin.port
    if usage:
        told["gen_ai.usage.input_tokens"] = usage["input_tokens"]
        told["gen_ai.usage.output_tokens"] = usage["output_tokens"]
    if client is not None:
        told["guard.client"] = client.name
        if client.account is not None:
            told["guard.account"] = client.account
    if exchange.findings:
        told["guard.rules"] = tuple(dict.fromkeys(finding["rule"] for finding in exchange.findings))
    if exchange.refusal is not None:
        told["guard.refusal"] = told["error.type"] = exchange.refusal.code
    elif exchange.end != "complete":
        told["error.type"] = exchange.end
    elif exchange.status >= 400:
        told["error.type"] = str(exchange.status)
    return told


def _operation(path: str) -> str:
    path = path.rstrip("/")
    return next((name for end, name in OPERATIONS if path.endswith(end)), OTHER_OPERATION)


def _asked(exchange: Exchange) -> str | None:
    """The model that the client named, if that is a name and no secret."""
    name = exchange.prompt.model if exchange.prompt is not None else None
    if name is None or not MODEL_NAME.fullmatch(name):
        return None
    return None if (exchange.secrets or secrets_of(exchange)).touches(name) else name
