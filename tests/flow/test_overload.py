"""More requests than there is room for."""

from __future__ import annotations

import asyncio
from time import monotonic

from tests.support.guard import guard, one_model
from tests.support.model import chat_answer, model

BOUNDS = "data: {overload: {running: 2, queue: 2, queue_timeout: 30}}\nclients: {acme: {key: known-key}}"
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
