"""What a worker's connections share."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from guard.assembly import make_policy
from guard.proxy.relay import Relay
from tests.support.guard import configure, guard, one_model, raw_request
from tests.support.model import Call, chat_answer, chat_delta, model


async def test_ids_sort_by_time_and_are_never_the_same(tmp_path):
    """The order of ids is the order of requests."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        ids = [(await running.chat()).headers["x-guard-id"] for _ in range(20)]
    assert len(set(ids)) == 20
    assert [moment.partition("-")[0] for moment in ids] == sorted(moment.partition("-")[0] for moment in ids)


async def test_no_byte_of_an_answer_before_its_prompt_is_on_disk(tmp_path, monkeypatch):
    """While the sync of the prompt's record has not returned, the client gets nothing, however fast the model is."""
    go = threading.Event()
    sync = os.fdatasync

    def slow_sync(descriptor):
        go.wait(10)
        sync(descriptor)

    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        monkeypatch.setattr(os, "fdatasync", slow_sync)
        reader, writer = await running.open()
        writer.write(raw_request({"model": "m", "messages": []}))
        async with asyncio.timeout(5):
            await served.received.wait()
            while next(iter(running.proxy.relays)).exchange.answer == b"":
                await asyncio.sleep(0.005)
        answer = asyncio.create_task(reader.read(100))
        done, _ = await asyncio.wait([answer], timeout=0.3)
        assert not done
        go.set()
        assert (await answer).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_fault_on_one_deadline_leaves_the_others(tmp_path, monkeypatch):
    """Where the sweep of an exchange fails, that one is answered, and all others keep their deadlines."""
    sweep = Relay.sweep

    def fail(relay: Relay, now: float) -> None:
        if relay.exchange.prompt is not None and relay.exchange.prompt.texts == ["fault"]:
            raise RuntimeError("a fault")
        sweep(relay, now)

    async def hang(call: Call) -> None:
        await call.closed.wait()

    monkeypatch.setattr(Relay, "sweep", fail)
    more = "upstream: {first_byte_timeout: 0.2}"
    async with model(hang) as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        answers = await asyncio.gather(*map(running.chat, ("fault", "hi", "fault", "hi")))
    assert [answer.status_code for answer in answers] == [500, 504, 500, 504]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
async def test_without_a_journal_nothing_is_served_and_service_resumes(tmp_path, monkeypatch, call):
    """From the first I/O error on, requests get 503; when the disk works again, so does the guard, in a new file."""
    real = getattr(os, call)
    broken = True

    def fail(descriptor, *rest):
        if broken and descriptor in journal_descriptors(tmp_path):
            raise OSError(28, "No space left on device")
        return real(descriptor, *rest)

    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        assert (await running.chat()).status_code == 200
        monkeypatch.setattr(os, call, fail)
        answer = await running.chat()
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "journal_unavailable"
        assert (await running.chat()).status_code == 503
        broken = False
        async with asyncio.timeout(5):
            while (await running.chat()).status_code != 200:
                await asyncio.sleep(0.05)
        assert len(list((tmp_path / "state" / "journal").rglob("*.jsonl"))) >= 2


async def test_what_is_open_at_the_end_is_told_so(tmp_path):
    """When the drain window is over, a stream ends with an error event, and the journal has what was said."""

    async def talk(call):
        await call.begin_stream()
        await call.chunk(chat_delta("Going on and on"))
        await call.closed.wait()

    async with model(talk) as served, guard(tmp_path, one_model(served.url)) as running:
        reader, writer = await running.open()
        writer.write(raw_request({"model": "m", "stream": True, "messages": []}))
        await reader.readuntil(b"on and on")
        running.proxy.stop()
        rest = await reader.read()
        writer.close()
        [exchange] = await running.journal()
    assert b"event: error" in rest
    assert exchange["end"] == "truncated"
    assert exchange["output"] == ["Going on and on"]


def journal_descriptors(folder):
    """The descriptors of this process that are files of the journal."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            if str(link.readlink()).startswith(str(folder / "state" / "journal")):
                found.add(int(link.name))
        except OSError:
            continue
    return found


async def test_a_policy_that_blocks_a_caller_ends_what_it_has_open(tmp_path):
    """A stream, an answer still awaited and a request still arriving end at once with the reason; others go on."""
    go = asyncio.Event()

    async def script(call):
        if b"stream" in call.body:
            await call.begin_stream()
            await call.chunk(chat_delta("begun"))
        await go.wait()
        await call.answer(chat_answer())

    policies = "identify: {trusted_proxies: [127.0.0.1]}"
    blocks = policies + "\nblocks: [{ip: 203.0.113.9}]"
    bad = "x-forwarded-for: 203.0.113.9\r\n"
    async with model(script) as served, guard(tmp_path, one_model(served.url, more=policies)) as running:
        asked = [
            raw_request({"model": "m", "messages": [], "stream": True}, headers=bad),
            raw_request({"model": "m", "messages": []}, headers=bad),
            raw_request({"model": "m", "messages": []}, headers=bad)[:-5],
            raw_request({"model": "m", "messages": []}, headers="x-forwarded-for: 203.0.113.8\r\n"),
        ]
        lines = [await running.open() for _ in asked]
        for (_, writer), request in zip(lines, asked, strict=True):
            writer.write(request)
        begun = await lines[0][0].readuntil(b"begun")
        async with asyncio.timeout(5):
            while len(served.calls) < 3 or len(running.proxy.connections) < 4:
                await asyncio.sleep(0.005)
        other = configure(tmp_path, one_model(served.url, more=blocks))
        running.proxy.adopt(make_policy(other))
        answers = [await asyncio.wait_for(reader.read(), 5) for reader, _ in lines[:3]]
        go.set()
        served_still = await asyncio.wait_for(lines[3][0].readuntil(b"Hello there."), 5)
        journal = await running.journal(4)
        for _, writer in lines:
            writer.close()
    assert begun.startswith(b"HTTP/1.1 200")
    assert b"event: error" in answers[0]
    assert answers[0].endswith(b"0\r\n\r\n")
    assert all(answer.startswith(b"HTTP/1.1 403") for answer in answers[1:])
    assert all(b"client_blocked" in answer for answer in answers)
    assert served_still.startswith(b"HTTP/1.1 200")
    assert sorted((one["end"], one["reason"] or "") for one in journal) == [
        ("complete", ""), *[("refused", "client_blocked")] * 3,
    ]  # fmt: skip
