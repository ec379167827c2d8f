"""Traces: what a collector gets of real exchanges, and what models and callers notice of it."""

from __future__ import annotations

import sys
import time

import pytest

from guard.config import Tracing
from guard.policy.clients import key_hash
from guard.proxy.tracing import TracingError, open_tracer
from tests.support.collector import KEY, collecting, spans, traced
from tests.support.guard import guard, one_model
from tests.support.model import model, stream_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


async def test_an_exchange_is_a_span(tmp_path):
    """A child of the caller's, with the names of OpenTelemetry's conventions, and none of what was said."""
    with collecting() as collector:
        async with model() as served, guard(tmp_path, traced(served.url, collector.url)) as running:
            before = time.time()
            answer = await running.chat(
                "words that nobody may see", headers={"traceparent": PARENT, "authorization": f"Bearer {KEY}"}
            )
            [span] = await spans(running, collector)
            assert answer.status_code == 200
            assert span.name == "chat chat"
            assert (span.trace, span.parent, span.error, span.client) == (TRACE, SPAN, False, True)
            assert before - 1 < span.start <= span.end < time.time() + 1
            overhead = span.attributes.pop("guard.overhead")
            assert 0 < overhead < 1
            assert span.attributes == {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "m-1",
                "gen_ai.response.model": "v1",
                "gen_ai.usage.input_tokens": 3,
                "gen_ai.usage.output_tokens": 2,
                "server.address": "127.0.0.1",
                "server.port": served.port,
                "http.response.status_code": 200,
                "guard.id": answer.headers["x-guard-id"],
                "guard.policy": 1,
                "guard.end": "complete",
                "guard.attempts": 1,
                "guard.route": "/v1/",
                "guard.model": "chat",
                "guard.version": "v1",
                "guard.client": "app",
                "guard.account": "acme",
            }
            [resource] = collector.resources
            assert resource["service.name"] == "guard"
            assert resource["service.instance.id"].endswith("/w1")
            for secret in (b"nobody may see", b"Hello there", KEY.encode(), key_hash(KEY, b"").encode()[:16]):
                assert secret not in collector.raw


async def test_the_model_is_told_of_the_guard_s_span(tmp_path):
    """In the same trace, with the state as it was; where the caller tells none, in a trace that begins here."""
    with collecting() as collector:
        async with model() as served, guard(tmp_path, traced(served.url, collector.url)) as running:
            await running.chat(headers={"traceparent": PARENT, "tracestate": "a=1"})
            await running.chat(headers={"tracestate": "a=1"})
            await running.chat(headers={"traceparent": "of no sense", "tracestate": "a=1"})
            found = await spans(running, collector, 3)
            told = [call.header(b"traceparent") for call in served.calls]
            assert sorted(told) == sorted(f"00-{span.trace}-{span.span}-01".encode() for span in found)
            assert [call.header(b"tracestate") for call in served.calls] == [b"a=1", None, None]
            assert [name for name, _ in served.calls[2].headers].count(b"traceparent") == 1
            assert told[0] is not None
            assert told[0].startswith(f"00-{TRACE}-".encode())
            assert SPAN.encode() not in told[0]
            assert {span.parent for span in found} == {SPAN, ""}


async def test_without_tracing_the_headers_are_the_caller_s(tmp_path):
    """Untouched, also where they are none."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        for parent in (PARENT, "of no sense"):
            await running.chat(headers={"traceparent": parent, "tracestate": "a=1"})
            assert served.calls[-1].header(b"traceparent") == parent.encode()
            assert served.calls[-1].header(b"tracestate") == b"a=1"
        await running.chat()
        assert served.calls[-1].header(b"traceparent") is None
        assert running.proxy.tracer is None


async def test_refusals_and_failures_are_spans_with_an_error(tmp_path):
    """Which says the code; the rules that matched are named."""
    async with model() as gone:
        pass
    with collecting() as collector:
        async with guard(tmp_path, traced(gone.url, collector.url)) as running:
            await running.chat("a forbidden phrase")
            await running.chat("nothing")
            async with running.client as client:
                await client.get("/nowhere")
            blocked, failed, lost = sorted(
                await spans(running, collector, 3), key=lambda span: span.attributes["error.type"]
            )
    assert all(span.error for span in (blocked, failed, lost))
    assert blocked.attributes["guard.refusal"] == blocked.attributes["error.type"] == "content_policy_violation"
    assert blocked.attributes["guard.rules"] == ["prompt-block"]
    assert failed.name == "generate_content"
    assert failed.attributes["error.type"] == "not_found"
    assert lost.attributes["guard.end"] == lost.attributes["error.type"] == "upstream_error"
    assert "gen_ai.usage.input_tokens" not in lost.attributes


async def test_a_stream_is_a_span_to_its_end(tmp_path):
    """As long as it lasted."""
    with collecting() as collector:
        async with (
            model(stream_of("one ", "two")) as served,
            guard(tmp_path, traced(served.url, collector.url)) as running,
        ):
            await running.chat(stream=True)
            [span] = await spans(running, collector)
    assert span.attributes["guard.end"] == "complete"


@pytest.mark.parametrize("name", ["a name with blanks", f"prefix-{KEY}", "x" * 200])
async def test_a_model_that_is_no_name_is_not_told(tmp_path, name):
    """It may be anything that a client wrote, and a key that the request shows is none of a collector's business."""
    with collecting() as collector:
        async with model() as served, guard(tmp_path, traced(served.url, collector.url)) as running:
            await running.chat(model=name, headers={"authorization": f"Bearer {KEY}"})
            [span] = await spans(running, collector)
            assert "gen_ai.request.model" not in span.attributes
            assert KEY.encode() not in collector.raw


async def test_who_begins_a_trace_decides_whether_it_is_kept(tmp_path):
    """The caller, by its flag; else the share that is configured. The model is told either way."""
    with collecting() as collector:
        async with model() as served, guard(tmp_path, traced(served.url, collector.url, sample=0.0)) as running:
            await running.chat()
            await running.chat(headers={"traceparent": PARENT[:-1] + "0"})
            await running.chat(headers={"traceparent": PARENT})
            [span] = await spans(running, collector)
            assert span.parent == SPAN
            flags = [call.header(b"traceparent")[-2:] for call in served.calls]
            assert flags == [b"00", b"00", b"01"]


def test_the_library_is_asked_for_only_where_traces_are(monkeypatch):
    """Without it a guard runs as ever; with an endpoint the error says how to get it."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    monkeypatch.delitem(sys.modules, "guard.proxy.spans", raising=False)
    assert open_tracer(Tracing(), "here") is None
    with pytest.raises(TracingError, match=r"pip install 'guard-gateway\[otel\]'"):
        open_tracer(Tracing(endpoint="http://127.0.0.1:1/v1/traces"), "here")
