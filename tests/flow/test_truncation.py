"""Answers that break off: at every byte, by a close or a reset, however their end is told."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.guard import guard, one_model, raw_request
from tests.support.model import chat_answer, chat_delta, model
from tests.support.raw import connected, reset

ASK = {"model": "m", "messages": []}
DOCUMENT = chat_answer("<all>")
EVENTS = (chat_delta("<some>"), chat_delta("<all>"), b"data: [DONE]\n\n")
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def chunked(*pieces: bytes) -> bytes:
    """A body in these chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


WAYS = {
    "document with a length": JSON_HEAD + b"content-length: %d\r\n\r\n" % len(DOCUMENT) + DOCUMENT,
    "document in chunks": JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(DOCUMENT[:99], DOCUMENT[99:]),
    "document until the close": JSON_HEAD + b"\r\n" + DOCUMENT,
    "stream in chunks": STREAM_HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(*EVENTS),
    "document of no type until the close": b"HTTP/1.1 200 OK\r\n\r\n" + DOCUMENT,
    "stream until the close": STREAM_HEAD + b"\r\n" + b"".join(EVENTS),
}


def is_whole(answer: bytes) -> bool:
    """Whether a client takes this for a whole answer of the model's."""
    return b" 200 " in answer[:15] and answer.endswith((b"0\r\n\r\n", DOCUMENT))


@pytest.mark.parametrize("broken", ["close", "reset"])
@pytest.mark.parametrize("answer", WAYS.values(), ids=WAYS)
async def test_an_answer_cut_at_any_byte_never_looks_whole(tmp_path, answer, broken):
    """The client gets an error, or a connection that breaks off too; the journal calls it truncated."""
    cuts = list(range(len(answer)))
    left = iter(cuts)

    async def script(call):
        await call.send(answer[: next(left)])
        reset(call.writer) if broken == "reset" else call.writer.close()

    async def ask(running) -> bytes:
        async with connected(running.port) as client:
            await client.send(
                raw_request({**ASK, "stream": "stream" in answer.decode()}, headers="connection: close\r\n")
            )
            got: bytes = await client.rest()
            return got

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        answers = [await ask(running) for _ in cuts]
        journal = await running.journal(len(cuts))
    # Without a length or chunks, what is behind the last event's own end is not missed, unless there was a reset.
    last_line = answer is WAYS["stream until the close"] and broken == "close"
    enough = len(answer) - (len(b"\n\n") if last_line else 0)
    for cut, got, record in zip(cuts, answers, journal, strict=True):
        assert is_whole(got) is (cut >= enough), (cut, got)
        assert record["end"] in (("complete",) if cut >= enough else ("truncated", "upstream_error")), cut


@pytest.mark.parametrize("name", [name for name in WAYS if "close" in name])
async def test_an_answer_until_the_close_is_whole_when_it_says_so_itself(tmp_path, name):
    """A document that is one, and a stream with its last event, are whole although only the close ends them."""

    async def script(call):
        await call.send(WAYS[name])
        call.writer.close()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        async with connected(running.port) as client:
            await client.send(raw_request({**ASK, "stream": "stream" in name}, headers="connection: close\r\n"))
            assert is_whole(await client.rest())
        (record,) = await running.journal()
    assert record["end"] == "complete"


async def test_early_hints_reach_the_client_once_its_prompt_is_on_disk(tmp_path):
    """A 103 is passed on without what ends at this hop, 100 and what HTTP/1.0 does not know are not."""
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nkeep-alive: 5\r\nx-guard-id: forged\r\n\r\n"

    async def script(call):
        await call.send(b"HTTP/1.1 100 Continue\r\n\r\n" + hints)
        await asyncio.sleep(0.05)
        await call.answer(DOCUMENT)

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        for version, seen in (("1.1", True), ("1.0", False)):
            async with connected(running.port) as client:
                await client.send(raw_request(ASK, version=version, headers="connection: close\r\n"))
                got = await client.rest()
            assert got.endswith(DOCUMENT)
            assert (
                got.startswith(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nvia: 1.1 guard\r\n\r\nHTTP/1.1 200") is seen
            )
            assert got.count(b"HTTP/1.1") == 1 + seen
            assert b"100 Continue" not in got


LINES = b'{"a":1}\n{"b":2}\n'


@pytest.mark.parametrize(
    ("sent", "whole"), [(LINES, True), (LINES[:-1], True), (LINES[:-4], False), (LINES[:-3], False)]
)
async def test_lines_until_the_close_are_whole_lines(tmp_path, sent, whole):
    """Newline-delimited JSON that breaks off inside of a line did not end there."""

    async def script(call):
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n" + sent)
        call.writer.close()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        async with connected(running.port) as client:
            await client.send(raw_request(ASK, headers="connection: close\r\n"))
            assert (await client.rest()).endswith(b"0\r\n\r\n") is whole
        (record,) = await running.journal()
    assert record["end"] == ("complete" if whole else "truncated")


@pytest.mark.parametrize("kind", ["text/plain", "text/event-stream"])
async def test_a_broken_answer_is_reset_where_only_a_close_could_end_it(tmp_path, kind):
    """HTTP/1.0 has no chunks: a client of it would take a close for the end, so it gets a reset instead."""

    async def script(call):
        await call.send(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        await call.chunk(b"data: 1\n\n")
        await asyncio.sleep(0.05)
        call.writer.close()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        async with connected(running.port) as client:
            await client.send(raw_request({**ASK, "stream": True}, version="1.0"))
            with pytest.raises(ConnectionError):
                await client.rest()
        (record,) = await running.journal()
    assert record["end"] == "truncated"
