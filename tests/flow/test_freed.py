"""What is over is freed at once: the collector comes so seldom that a flood could not wait for it."""

from __future__ import annotations

import asyncio
import gc

import pytest

from guard.exchange import Exchange
from guard.wire.requests import RequestReader
from guard.wire.server import ServerConnection
from guard.wire.upstream import UpstreamConnection
from tests.support.guard import guard, one_model, raw_request
from tests.support.model import answer_chat, chat_answer, model, stream_of
from tests.support.raw import connected

ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n"
KINDS = (Exchange, RequestReader, ServerConnection, UpstreamConnection)


async def cut_short(call):
    """Promise more than there is."""
    await call.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
    call.writer.close()


async def answer_badly(call):
    """Answer with a framing that is none."""
    await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n{")


CASES = {
    "answered": (raw_request(ASK), answer_chat),
    "streamed": (raw_request({**ASK, "stream": True}), stream_of("a", "b")),
    "blocked prompt": (raw_request({**ASK, "user": "a forbidden phrase"}), answer_chat),
    "blocked answer": (raw_request(ASK), lambda call: call.answer(chat_answer("the secret-token is"))),
    "blocked stream": (raw_request({**ASK, "stream": True}), stream_of("the secret-", "token is")),
    "not strict": (HEAD + b'content-length: 13\r\n\r\n{"a":1,"a":1}', answer_chat),
    "not understood": (HEAD + b"content-length: 2\r\n\r\n[]", answer_chat),
    "compressed badly": (HEAD + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}", answer_chat),
    "too large": (HEAD + b"content-length: 99999999999\r\n\r\n" + b"x" * 1_000, answer_chat),
    "malformed": (HEAD + b"x : y\r\n\r\n", answer_chat),
    "no request": (b"\x16\x03\x01\x02\x00\r\n\r\n", answer_chat),
    "two lengths": (HEAD + b"content-length: 1\r\ncontent-length: 1\r\n\r\n", answer_chat),
    "elsewhere": (b"GET /other HTTP/1.1\r\nhost: g\r\n\r\n", answer_chat),
    "cut short by the model": (raw_request(ASK), cut_short),
    "answered badly": (raw_request(ASK), answer_badly),
}


@pytest.mark.parametrize(("request_", "script"), CASES.values(), ids=CASES)
async def test_nothing_is_left_for_the_collector(tmp_path, request_, script):
    """However a request ends, when its connections are closed nothing of it is left in memory."""
    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        gc.disable()
        gc.freeze()  # what other tests hold is not looked through
        try:
            for _ in range(2):
                async with connected(running.port) as client:
                    await client.send(request_)
                    assert await client.reader.read(1)
            async with asyncio.timeout(5):
                while running.proxy.connections or running.proxy.relays:
                    await asyncio.sleep(0.005)
            for pool in running.proxy._pools.values():
                for connection in list(pool.open):
                    connection.transport.abort()
            connection = None
            async with asyncio.timeout(5):
                while left := [one for one in gc.get_objects() if isinstance(one, KINDS)]:
                    assert len(left) < 99
                    left = None
                    await asyncio.sleep(0.01)
        finally:
            gc.unfreeze()
            gc.enable()
