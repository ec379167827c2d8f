"""Health probes on the data port."""

from __future__ import annotations

import pytest

from tests.support.guard import guard, one_model
from tests.support.journals import records

NOWHERE = one_model("http://127.0.0.1:1")


@pytest.mark.parametrize(("path", "says"), [("/healthz", "ok"), ("/readyz", "ready")])
async def test_probes_answer_and_stand_in_no_journal(tmp_path, path, says):
    """A probe is no exchange: it has no id, and the journal stays empty."""
    async with guard(tmp_path, NOWHERE) as running, running.client as client:
        for _ in range(2):
            answer = await client.get(path)
            assert answer.json()["status"] == says
            assert "x-guard-id" not in answer.headers
        assert (await client.head(path)).content == b""
        assert [record["kind"] for record in records(tmp_path / "state" / "journal")] == ["segment"]


async def test_a_draining_worker_is_not_ready(tmp_path):
    """A load balancer is told to send its requests elsewhere, while the process is still healthy."""
    async with guard(tmp_path, NOWHERE) as running:
        reader, writer = await running.open()
        writer.write(b"GET /readyz HTTP/1.1\r\nhost: g\r\n")
        writer.write(b"x: y\r\n")
        while not running.proxy.connections:
            await writer.drain()
        for connection in running.proxy.connections:
            connection.draining = True
        writer.write(b"\r\n")
        whole = await reader.read()
        writer.close()
    assert whole.startswith(b"HTTP/1.1 503")
    assert b"draining" in whole
    assert b"connection: close" in whole
