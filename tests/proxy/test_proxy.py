"""What a worker's connections share."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from tests.support.guard import guard, one_model, raw_request
from tests.support.model import chat_delta, model


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

    monkeypatch.setattr(os, "fdatasync", slow_sync)
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
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
        assert len(list((tmp_path / "state" / "journal").iterdir())) >= 2


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
