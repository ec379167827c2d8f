"""A request until it may go to a model: room for it, and its inspection."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.guard import guard, one_model, raw_request
from tests.support.model import answer_chat, model

CLIENTS = "clients: {acme: {key: known-key}}"
ASK = {"model": "m", "messages": []}


async def test_a_worker_that_is_late_refuses_unknown_callers(tmp_path):
    """When the loop does not keep up, who is not known is refused at once; known callers are served for longer."""
    async with model() as served, guard(tmp_path, one_model(served.url, more=CLIENTS)) as running:
        requests = [raw_request(ASK, headers=f"authorization: Bearer {key}\r\n") for key in ("none", "known-key")]
        lines = [await running.open() for _ in range(3)]
        async with asyncio.timeout(5):
            while len(running.proxy.connections) < len(lines):
                await asyncio.sleep(0.005)
        # As if the turn of the loop that all three come in were as late as this, and so had been those before it.
        first, *others = sorted(running.proxy.connections, key=lambda one: one.transport.get_extra_info("peername"))
        first.data_received(requests[0])
        running.proxy.journal.turn_began -= 0.3
        running.proxy.admission._late_since -= 9
        running.proxy.admission._late_until = float("inf")
        for connection, request in zip(others, requests, strict=True):
            connection.data_received(request)
        statuses = {one.transport.get_extra_info("peername"): "" for one in (first, *others)}
        for reader, writer in lines:
            statuses[writer.get_extra_info("sockname")] = (await reader.readuntil(b"\r\n"))[9:12].decode()
            writer.close()
    assert [*statuses.values()] == ["200", "503", "200"]


@pytest.mark.parametrize(
    ("content", "status"),
    [("größer " * 100_000, 200), ("größer " * 100_000 + "forbidden phrase", 400), ("x" * 1_000_000, 200)],
    ids=["folded", "blocked", "plain"],
)
async def test_a_large_body_is_inspected_beside_the_loop(tmp_path, content, status):
    """While a large body is read others are answered, and it is judged, forwarded and journaled like any other."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        large = asyncio.create_task(running.chat(content))
        beside = 0
        while not large.done():
            assert (await running.chat("small")).status_code == 200
            beside += 1
        answer = await large
        journal = await running.journal(beside + 1)
    assert answer.status_code == status
    (record,) = [record for record in journal if record["prompt"] == [content]]
    assert record["end"] == ("complete" if status == 200 else "refused")
    assert sum(len(call.body) > 100_000 for call in served.calls) == (status == 200)


async def test_a_client_that_leaves_while_its_body_is_inspected_is_journaled(tmp_path):
    """The exchange ends when its client goes, and nothing is sent to the model when the inspection is over."""
    async with model(answer_chat) as served, guard(tmp_path, one_model(served.url)) as running:
        gone = asyncio.create_task(running.chat("größer " * 300_000))
        async with asyncio.timeout(5):
            while not running.proxy.relays:
                await asyncio.sleep(0.005)
        gone.cancel()
        (record,) = await running.journal()
        assert (await running.chat("after")).status_code == 200
    assert record["end"] == "client_disconnected"
    assert [call.document["messages"][0]["content"] for call in served.calls] == ["after"]
