"""Open WebSockets between real clients and real models, with the guard between them."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.guard import guard
from tests.support.websocket import model, realtime, session


async def test_messages_pass_both_ways_and_are_journaled(tmp_path):
    """Text and binary come through as they are, in order; the journal has one exchange with all of them."""
    async with model() as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            for said in ('{"type":"x","text":"héllo"}', b"\x00\xff\x01", '{"a":1}'):
                await client.send(said)
                assert await client.recv() == said
        [exchange] = await running.journal()
    assert served.heard == ['{"type":"x","text":"héllo"}', b"\x00\xff\x01", '{"a":1}']
    assert exchange["end"] == "complete"
    print(orjson.dumps(exchange, option=orjson.OPT_INDENT_2).decode())
