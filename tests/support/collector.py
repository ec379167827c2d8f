"""A collector of traces: a real OTLP/HTTP receiver, which keeps the spans that it was sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.guard import Guard, one_model
from tests.support.journaling import until

KEY = "sk-a-canary-that-nobody-may-see-4711"


class Span(NamedTuple):
    """A span as it came; ids in hexadecimal, times in seconds."""

    name: str
    trace: str
    span: str
    parent: str
    start: float
    end: float
    error: bool
    client: bool
    attributes: dict[str, Any]


class Collector(ThreadingHTTPServer):
    """Takes spans at `url`; while it is `refusing` it answers 503."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self.raw = b""
        self.refusing = False
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1/traces"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        if self.server.refusing:
            self._answer(503)
            return
        self.server.raw += content
        request = ExportTraceServiceRequest.FromString(content)
        for resource in request.resource_spans:
            self.server.resources.append(_attributes(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.server.spans += map(_span, scope.spans)
        self._answer(200)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()


def _span(span: Any) -> Span:
    return Span(
        span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), span.start_time_unix_nano / 1e9,
        span.end_time_unix_nano / 1e9, span.status.code == 2, span.kind == 3, _attributes(span.attributes),
    )  # fmt: skip


def _attributes(found: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in found}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run one for the time of a test."""
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


def traced(model: str, collector: str, *, sample: float = 1.0) -> str:
    """YAML of a guard before a model that tells a collector; these are their URLs."""
    client = f"clients: {{app: {{key: '{KEY}', account: acme}}}}"
    return one_model(model, more=f"tracing: {{endpoint: '{collector}', sample: {sample}}}\n{client}")


async def spans(running: Guard, collector: Collector, count: int = 1) -> list[Span]:
    """So many that the collector has, once all that was made is exported."""
    assert running.proxy.tracer is not None
    await running.quiet()
    await asyncio.to_thread(running.proxy.tracer.spans._processor.force_flush)
    await until(lambda: len(collector.spans) >= count)
    return collector.spans
