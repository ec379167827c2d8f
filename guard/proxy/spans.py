"""Spans on their way out, by OpenTelemetry's SDK: a bounded queue, and a thread that posts what is in it.

The one module that names the library, which is imported only where traces are asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from time import time_ns
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

import guard
from guard.wire.trace import Trace

logger = logging.getLogger("guard")

QUEUE = 4_096
"""Spans that wait to be exported; beyond that they are dropped, and counted."""

EXPORT_SECONDS = 5.0
CLOSE_SECONDS = 2.0
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
WELL, ILL = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class Exporter(SpanExporter):
    """The SDK's, with what came of it: how many spans were `exported`, and how many `failed`."""

    def __init__(self, endpoint: str) -> None:
        self.exported = self.failed = 0
        self._inner = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
        self._failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Called in the thread, which alone writes the counts."""
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            well = result is SpanExportResult.SUCCESS
            if well:
                self.exported += len(spans)
            else:
                self.failed += len(spans)
            self._tell(well=well)
        return result

    def shutdown(self) -> None:
        """Post nothing more."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]  # the library's own annotations lack this one

    def _tell(self, *, well: bool) -> None:
        if not well and not self._failing:
            logger.warning("traces cannot be exported, and their spans are lost; requests go on")
        elif well and self._failing:
            logger.info("traces are exported again")
        self._failing = not well


class Spans:
    """What takes spans. `made` were given to the thread, `dropped` were not, because too many waited."""

    def __init__(self, endpoint: str, instance: str) -> None:
        # What comes of spans is told above, once; the SDK would say it again with every batch.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self.made = self.dropped = 0
        self.exporter = Exporter(endpoint)
        self._processor = BatchSpanProcessor(self.exporter, max_queue_size=2 * QUEUE)
        self._scope = InstrumentationScope("guard", guard.__version__)
        self._resource = Resource.create(
            {"service.name": "guard", "service.version": guard.__version__, "service.instance.id": instance}
        )

    @property
    def full(self) -> bool:
        """Whether so many wait that the next one is dropped; then it is counted here, and need not be made."""
        if self.made - self.exporter.exported - self.exporter.failed < QUEUE:
            return False
        self.dropped += 1
        return True

    def give(self, trace: Trace, name: str, start: int, attributes: dict[str, Any], *, error: bool) -> None:
        """Have a span exported that began at `start` (nanoseconds since the epoch) and ends now."""
        self.made += 1
        parent = SpanContext(trace.trace, trace.parent, is_remote=True, trace_flags=SAMPLED) if trace.parent else None
        self._processor.on_end(
            ReadableSpan(
                name,
                SpanContext(trace.trace, trace.span, is_remote=False, trace_flags=SAMPLED),
                parent,
                self._resource,
                attributes,
                kind=SpanKind.CLIENT,
                status=ILL if error else WELL,
                start_time=start,
                end_time=time_ns(),
                instrumentation_scope=self._scope,
            )
        )

    def close(self) -> None:
        """Export what waits, if that does not take long."""
        # In a thread that the process's end does not wait for: a collector that hangs would keep it from coming.
        ending = threading.Thread(target=self._processor.shutdown, name="the end of traces", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)
