"""Spans on their way to a collector that takes them, refuses them, or hangs."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from guard.proxy.spans import QUEUE
from tests.support.collector import collecting, spans, traced
from tests.support.guard import guard
from tests.support.journaling import until
from tests.support.model import model


@pytest.mark.slow
async def test_what_becomes_of_spans_is_counted(tmp_path, caplog):
    """A collector that refuses costs its spans, and a line in the log; requests go on, and the next spans arrive."""
    caplog.set_level("INFO", logger="guard")
    with collecting() as collector:
        async with model() as served, guard(tmp_path, traced(served.url, collector.url)) as running:
            await running.chat()
            await spans(running, collector)
            collector.refusing = True
            for _ in range(3):
                assert (await running.chat()).status_code == 200
            await running.quiet()
            flush = asyncio.create_task(asyncio.to_thread(running.proxy.tracer.spans._processor.force_flush))
            began = time.monotonic()
            assert (await running.chat()).status_code == 200
            assert time.monotonic() - began < 1
            await asyncio.wait_for(flush, 20)
            collector.refusing = False
            await running.chat()
            await spans(running, collector, 2)
            await until(lambda: running.proxy.tally.counts.spans.get("exported", 0) >= 2)
            counted = running.proxy.tally.counts.spans
            assert counted["exported"] + counted["failed"] == 6
            assert counted["failed"] >= 3
    assert caplog.text.count("traces cannot be exported") == 1
    assert caplog.text.count("traces are exported again") == 1


async def test_a_collector_that_hangs_holds_nobody_up(tmp_path):
    """Spans beyond the queue are dropped and counted; neither requests nor the guard's end wait."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces"
        async with model() as served, guard(tmp_path, traced(served.url, url)) as running:
            tracer = running.proxy.tracer
            tracer.spans.made = QUEUE
            assert (await running.chat()).status_code == 200
            await running.quiet()
            assert tracer.spans.dropped == 1
            tracer.spans.made = 0
            assert (await running.chat()).status_code == 200
            began = time.monotonic()
        assert time.monotonic() - began < 10
