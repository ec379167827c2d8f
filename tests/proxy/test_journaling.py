"""What the data path does when the journal is slow, full, or cannot be written."""

from __future__ import annotations

import asyncio
import os
import threading

import orjson
import pytest

from guard.journal import log
from guard.journal.disk import free_bytes
from tests.support.guard import guard, one_model, raw_request
from tests.support.journals import records
from tests.support.model import chat_delta, model
from tests.support.raw import connected
from tests.support.websocket import model as socket_model
from tests.support.websocket import quiet, realtime, session

BLOCKED = "blocks: [{ip: 203.0.113.9}]\nidentify: {trusted_proxies: [127.0.0.1]}\n"
STRANGER = {"x-forwarded-for": "203.0.113.9"}


@pytest.fixture
def gate(monkeypatch):
    """Two events: once the second is set, every sync waits for the first."""
    go, slow = threading.Event(), threading.Event()
    sync = os.fdatasync

    def slow_sync(descriptor):
        if slow.is_set():
            go.wait(10)
        sync(descriptor)

    monkeypatch.setattr(log, "SLOW_SECONDS", 0.01)
    monkeypatch.setattr(os, "fdatasync", slow_sync)
    yield go, slow
    go.set()


def request(text: str, **more: object) -> bytes:
    """A chat request with a prompt of its own."""
    return raw_request({"model": "m", "messages": [{"role": "user", "content": text}], **more})


async def until(condition):
    """Let the loop turn until something is so."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_slow_disk_slows_admission(tmp_path, gate):
    """While too much waits for the disk a request is not begun; it waits, and is answered when there is room."""
    go, slow = gate
    more = "journal: {buffer_bytes: 3000}\ndata: {overload: {queue_timeout: 5}}"
    async with model() as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        journal = running.proxy.journal
        await running.chat()
        slow.set()
        async with (
            connected(running.port) as first,
            connected(running.port) as second,
            connected(running.port) as third,
        ):
            await first.send(request("first"))
            await until(lambda: journal.log._disk.syncing_since and journal.log._is_slow(0))
            await second.send(request("x" * 2_000))
            await until(lambda: journal.full)
            await third.send(request("third"))
            await until(lambda: running.proxy.admission.unknown)
            assert journal.ready()
            go.set()
            assert [(await one.answer()).status for one in (first, second, third)] == [200] * 3
        assert not journal.full
        await until(lambda: running.proxy.admission.running == 0)


async def test_a_slow_disk_makes_a_model_wait(tmp_path, gate):
    """The records of a stream that nobody waits for do not pile up: the model is not read on, and later is."""
    go, slow = gate
    pieces = 400

    async def talk(call):
        await call.begin_stream()
        for _ in range(pieces):
            await call.chunk(chat_delta("words and words " * 100))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    more = "journal: {buffer_bytes: 100000}"
    async with model(talk) as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        journal = running.proxy.journal
        async with connected(running.port) as client:
            await client.send(request("hi", stream=True))
            await client.reader.readuntil(b"\r\n\r\n")
            slow.set()
            reading = asyncio.create_task(client.reader.readuntil(b"\r\n0\r\n\r\n"))
            client.reader._limit = 2**24  # type: ignore[attr-defined]
            await until(lambda: journal.full)
            await asyncio.sleep(0.05)
            assert journal.log._pending_bytes < 400_000
            go.set()
            whole = await asyncio.wait_for(reading, 10)
        [exchange] = await running.journal()
    assert whole.count(b"words and words") == pieces * 100
    assert exchange["end"] == "complete"
    assert exchange["output"] == ["words and words " * 100 * pieces]


async def test_a_slow_disk_makes_a_session_wait(tmp_path, gate):
    """Nor do those of a WebSocket: neither side is read on while the journal is full, and nothing is missing after."""
    go, slow = gate
    count = 600

    async def talk(connection):
        await connection.recv()
        for _ in range(count):
            await connection.send(orjson.dumps({"type": "other", "more": "words " * 800}).decode())
        await quiet(connection)

    more = "journal: {buffer_bytes: 100000}"
    async with socket_model(talk) as served, guard(tmp_path, realtime(served.url, more=more)) as running:
        journal = running.proxy.journal
        async with session(running) as client:
            await client.send("{}")
            await client.recv()
            slow.set()
            seen = 1

            async def hear() -> None:
                nonlocal seen
                while seen < count:
                    await client.recv()
                    seen += 1

            hearing = asyncio.create_task(hear())
            await until(lambda: journal.full)
            await asyncio.sleep(0.1)
            assert journal.log._pending_bytes + sum(map(len, journal._batch.records)) < 1_000_000
            assert seen < count
            go.set()
            await asyncio.wait_for(hearing, 10)
        [exchange] = await running.journal()
    assert sum(frame["from"] == "model" for frame in exchange["frames"]) == count


async def test_refusals_do_not_wait_for_a_slow_disk(tmp_path, gate):
    """While too much waits for the disk they are counted, each at once, and take no memory; the counts are exact."""
    go, slow = gate
    async with (
        model() as served,
        guard(tmp_path, one_model(served.url, more=BLOCKED + "journal: {buffer_bytes: 3000}")) as running,
    ):
        journal = running.proxy.journal
        slow.set()
        async with connected(running.port) as client:
            await client.send(request("x" * 4_000))
            await until(lambda: journal.full)
            waiting = journal.log._pending_bytes
            for _ in range(5):
                refused = await running.chat("y" * 100_000, headers=STRANGER)
                assert refused.status_code == 403
                assert "x-guard-id" not in refused.headers
            assert journal.log._pending_bytes == waiting
            go.set()
            assert (await client.answer()).status == 200
    counts = [record for record in records(tmp_path / "state" / "journal") if record["kind"] == "refusals"]
    assert [(one["reason"], one["count"]) for one in counts] == [("client_blocked", 5)]


async def test_nobody_waits_for_ever_for_a_disk_that_hangs(tmp_path, gate, monkeypatch):
    """Who has waited too long is told 503, without an id; what was asked, and the refusal, are written all the same."""
    go, slow = gate
    monkeypatch.setattr(log, "WAIT_SECONDS", 0.2)
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        slow.set()
        hung = await asyncio.gather(running.chat("whole"), running.chat("streamed", stream=True))
        for answer in hung:
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "journal_unavailable")
            assert "x-guard-id" not in answer.headers
        go.set()
        exchanges = await running.journal(2)
        assert (await running.chat()).status_code == 200
    assert sorted(exchange["prompt"] for exchange in exchanges) == [["streamed"], ["whole"]]
    assert {exchange["reason"] for exchange in exchanges} == {"journal_unavailable"}


async def test_the_end_of_a_stream_that_waits_for_the_disk_at_the_last(tmp_path, gate):
    """A stream that the shutdown ends before its first byte could go out is told so, and its end is in the journal."""
    go, slow = gate
    said = asyncio.Event()

    async def talk(call):
        await call.begin_stream()
        await call.chunk(chat_delta("Going on and on"))
        said.set()
        await call.closed.wait()

    async with model(talk) as served, guard(tmp_path, one_model(served.url)) as running:
        slow.set()
        async with connected(running.port) as client:
            await client.send(request("hi", stream=True))
            await asyncio.wait_for(said.wait(), 5)
            await until(lambda: [one for one in running.proxy.relays if one.answer is not None and one.answer.waiting])
            running.proxy.stop()
            ending = asyncio.create_task(running.proxy.emptied())
            await asyncio.sleep(0.05)
            go.set()
            rest = await client.reader.read()
            await ending
        [exchange] = await running.journal()
    assert b"event: error" in rest
    assert (exchange["end"], exchange["output"]) == ("truncated", ["Going on and on"])


async def test_without_a_journal_answers_have_no_id_and_are_counted(tmp_path, monkeypatch):
    """Refusals go on, blocks too, and name no record that does not exist; the counts are in the journal afterwards."""
    monkeypatch.setattr(log, "RETRY_SECONDS", 0.1)
    async with model() as served, guard(tmp_path, one_model(served.url, more=BLOCKED)) as running:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, running.proxy.journal.log._segment.fd)
        os.close(full)
        (tmp_path / "state" / "journal" / "w1").rename(tmp_path / "away")
        for _ in range(3):
            failed = await running.chat()
            assert failed.status_code == 503
            assert failed.json()["error"]["code"] == "journal_unavailable"
            assert "x-guard-id" not in failed.headers
        blocked = await running.chat(headers=STRANGER)
        assert blocked.status_code == 403
        assert "x-guard-id" not in blocked.headers
        async with running.client as client:
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/healthz")).status_code == 200
        (tmp_path / "away").rename(tmp_path / "state" / "journal" / "w1")
        await until(running.proxy.journal.ready)
        answer = await running.chat()
        assert answer.status_code == 200
        assert "x-guard-id" in answer.headers
        assert len(served.calls) == 1
    counts = {
        (record["reason"], record["status"]): record["count"]
        for record in records(tmp_path / "state" / "journal")
        if record["kind"] == "refusals"
    }
    assert counts["client_blocked", 403] == 1
    assert 2 <= counts["journal_unavailable", 503] <= 3


async def test_where_evidence_may_be_missing_service_goes_on(tmp_path, monkeypatch):
    """With `on_failure: pass` requests are served while nothing is written; what was kept is written afterwards."""
    monkeypatch.setattr(log, "RETRY_SECONDS", 0.1)
    more = "journal: {on_failure: pass}"
    async with model() as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, running.proxy.journal.log._segment.fd)
        os.close(full)
        ids = [(await running.chat()).headers["x-guard-id"] for _ in range(3)]
        await until(lambda: running.proxy.journal.log.healthy)
        exchanges = await running.journal(3)
    assert [exchange["id"] for exchange in exchanges] == ids
    assert {exchange["end"] for exchange in exchanges} == {"complete"}


async def test_when_room_gets_scarce_outputs_are_shed(tmp_path):
    """With `on_failure: shed_outputs` prompts are still written whole, and answers as their status only."""
    reserve = free_bytes(tmp_path) * 3 // 4
    more = f"journal: {{on_failure: shed_outputs, reserve_bytes: {reserve}}}"

    async def talk(call):
        if call.document.get("stream"):
            await call.begin_stream()
            await call.chunk(chat_delta("a secret of the model"))
            await call.chunk(b"data: [DONE]\n\n")
            await call.end_stream()
        else:
            await call.answer(orjson.dumps({"choices": [{"message": {"content": "a secret of the model"}}]}))

    async with model(talk) as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        assert "a secret of the model" in (await running.chat("what is asked")).text
        assert "a secret of the model" in (await running.chat("what is asked", stream=True)).text
        exchanges = await running.journal(2)
        text = "".join(path.read_text() for path in (tmp_path / "state" / "journal").rglob("*.jsonl"))
    assert "a secret of the model" not in text
    assert [exchange["prompt"] for exchange in exchanges] == [["what is asked"]] * 2
    assert [exchange["response"]["status"] for exchange in exchanges] == [200, 200]
    assert text.count('"shed":true') == 2
