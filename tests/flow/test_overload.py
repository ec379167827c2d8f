"""More requests than there is room for, and requests so large that reading them takes time."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from tests.support.guard import guard, one_model, raw_request
from tests.support.model import answer_chat, chat_answer, model

BOUNDS = "data: {overload: {running: 2, queue: 2, queue_timeout: 30}}\nclients: {acme: {key: known-key}}"
ASK = {"model": "m", "messages": []}
KNOWN = {"authorization": "Bearer known-key"}


def held_back():
    """A script that answers when it is told to, and the event that tells it."""
    go = asyncio.Event()

    async def script(call):
        await go.wait()
        await call.answer(chat_answer())

    return script, go


async def settled(running, count: int, waiting: int) -> None:
    """Wait until so many exchanges are open, so many of them in the queue."""
    admission = running.proxy.admission
    async with asyncio.timeout(5):
        while len(running.proxy.relays) != count or len(admission.known) + len(admission.unknown) != waiting:
            await asyncio.sleep(0.005)


async def test_beyond_capacity_requests_are_refused_known_callers_last(tmp_path):
    """Two are served, two wait; one more is refused with 503 and Retry-After, a known one takes the last's place."""
    script, go = held_back()
    async with model(script) as served, guard(tmp_path, one_model(served.url, more=BOUNDS)) as running:
        asked = []
        for number in range(4):
            asked.append(asyncio.create_task(running.chat(str(number))))
            await settled(running, number + 1, max(number - 1, 0))
        started = monotonic()
        refused = await running.chat("too many")
        took = monotonic() - started
        known = asyncio.create_task(running.chat("known", headers=KNOWN))
        displaced = await asked[3]
        go.set()
        answers = [await one for one in [*asked[:3], known]]
        journal = await running.journal(6)
    assert [refused.status_code, displaced.status_code] == [503, 503]
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "over_capacity"
    assert took < 1
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [call.document["messages"][0]["content"] for call in served.calls] == ["0", "1", "known", "2"]
    assert sum(record["reason"] == "over_capacity" for record in journal) == 2


async def test_who_leaves_the_queue_or_waits_too_long_makes_room(tmp_path):
    """A client that gives up while it waits is forgotten; one that waits for longer than allowed is told so."""
    script, go = held_back()
    bounds = "data: {overload: {running: 1, queue: 2, queue_timeout: 0.5}}"
    async with model(script) as served, guard(tmp_path, one_model(served.url, more=bounds)) as running:
        first = asyncio.create_task(running.chat("first"))
        await settled(running, 1, 0)
        leaving = asyncio.create_task(running.chat("leaving"))
        await settled(running, 2, 1)
        leaving.cancel()
        await settled(running, 1, 0)
        assert (await running.chat("late")).status_code == 503
        go.set()
        assert (await first).status_code == 200
        await running.quiet()
    assert repr(running.proxy.admission) == "<Admission running=0 known=0 unknown=0>"
    assert len(served.calls) == 1


async def test_a_worker_that_is_late_refuses_unknown_callers(tmp_path):
    """When the loop does not keep up, who is not known is refused at once; known callers are served for longer."""
    async with model() as served, guard(tmp_path, one_model(served.url, more=BOUNDS)) as running:
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
        await settled(running, 1, 0)
        gone.cancel()
        (record,) = await running.journal()
        assert (await running.chat("after")).status_code == 200
    assert record["end"] == "client_disconnected"
    assert [call.document["messages"][0]["content"] for call in served.calls] == ["after"]
