"""Limits on a real guard, before real models: what is told, what is settled, and what is given back however it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from guard.policy.borrowing import Borrowing
from guard.policy.held import Denied, Held
from guard.policy.table import Glance
from tests.flow.test_measures import operated
from tests.support import websocket
from tests.support.budgets import Store
from tests.support.guard import guard, one_model, raw_request
from tests.support.lending import Nearby
from tests.support.model import answer_chat, chat_answer, chat_delta, model
from tests.support.raw import reset

TOKENS = "limits: [{per: global, tokens: 1000000/month}]"


def used(running: Any) -> float:
    """How much the guard counts as used of its one limit, to the nearest ten, and nothing is held."""
    [limit] = running.proxy.policy.limits.all
    table = Glance(running.proxy._table)
    index = table.seek(table.name(limit.name("")))
    assert index is not None
    assert table.held(index) == 0.0
    return float(round(max(table.tat[index] - table.now(), 0.0) / limit.interval, -1))


async def test_every_answer_tells_how_its_caller_stands(tmp_path):
    """Whole answers, streams, errors of the model and of the guard; a model's own words of it do not contradict."""

    async def script(call):
        extra = b"x-ratelimit-remaining-requests: 999\r\nratelimit: 5\r\nx-ratelimit-limit-tokens: 7\r\n"
        if call.document.get("stream"):
            await call.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n")
            await call.send(extra + b"\r\n")
            await call.chunk(chat_delta("hi") + b"data: [DONE]\n\n")
            await call.end_stream()
        else:
            await call.answer(chat_answer(), status=500 if "fail" in call.body.decode() else 200, extra=extra)

    more = "limits: [{per: global, requests: 60/min, burst: 10}]"
    async with model(script) as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        answers = [
            await running.chat(), await running.chat(stream=True), await running.chat("fail"),
            await running.chat("forbidden phrase"),
        ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 200, 500, 400]
    for number, answer in enumerate(answers):
        assert answer.headers["ratelimit-policy"] == '"global";q=60;w=60'
        assert answer.headers["ratelimit"].startswith(f'"global";r={9 - number};t=')
        assert answer.headers["x-ratelimit-limit-requests"] == "60"
        assert answer.headers.get_list("x-ratelimit-remaining-requests") == [str(9 - number)]
        assert answer.headers["x-ratelimit-reset-requests"].endswith("s")
    assert [answer.headers.get("x-ratelimit-limit-tokens") for answer in answers] == ["7", "7", "7", None]


async def test_without_limits_nothing_is_told_or_made(tmp_path):
    """A guard without limits has no table, and passes on what the model says of its own."""

    async def script(call):
        await call.answer(chat_answer(), extra=b"x-ratelimit-remaining-requests: 999\r\n")

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat()
    assert answer.headers["x-ratelimit-remaining-requests"] == "999"
    assert not (tmp_path / "state" / "limits").exists()


async def test_tokens_are_settled_by_the_usage_of_an_answer(tmp_path):
    """What was reserved for a long answer is there again after a short one, and is told while it is reserved."""

    async def script(call):
        document = orjson.loads(chat_answer())
        document["usage"] = {"prompt_tokens": 300, "completion_tokens": 200, "total_tokens": 500}
        await call.answer(orjson.dumps(document))

    async with model(script) as served, guard(tmp_path, one_model(served.url, more=TOKENS)) as running:
        answer = await running.chat(max_tokens=10_000)
        assert answer.headers["x-ratelimit-limit-tokens"] == "1000000"
        assert int(answer.headers["x-ratelimit-remaining-tokens"]) == pytest.approx(989_999, abs=30)
        assert answer.headers["ratelimit-policy"] == '"global-tokens";q=1000000;w=2592000;qu="tokens"'
        await running.quiet()
        assert used(running) == 500


@pytest.mark.parametrize("usage", [True, False])
async def test_tokens_of_a_stream(tmp_path, usage):
    """By the usage that its end tells, else by what was seen of it, also of a long one of which parts are written."""

    async def script(call):
        await call.begin_stream()
        for _ in range(30):
            await call.chunk(chat_delta("x" * 4_000))
        if usage:
            told = {"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70}}
            await call.chunk(b"data: " + orjson.dumps(told) + b"\n\n")
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(script) as served, guard(tmp_path, one_model(served.url, more=TOKENS)) as running:
        assert (await running.chat(stream=True)).status_code == 200
        await running.quiet()
        assert used(running) == (70 if usage else 30_000)


async def test_tokens_of_a_stream_that_its_client_leaves(tmp_path):
    """What was seen until then is used, and what was reserved for the rest is not."""
    more = asyncio.Event()

    async def script(call):
        await call.begin_stream()
        await call.chunk(chat_delta("x" * 4_000))
        more.set()
        await call.closed.wait()

    async with model(script) as served, guard(tmp_path, one_model(served.url, more=TOKENS)) as running:
        reader, writer = await running.open()
        asked = {"model": "m", "stream": True, "max_tokens": 50_000, "messages": [{"role": "user", "content": "hi"}]}
        writer.write(raw_request(asked))
        await reader.readuntil(b"xxxx")
        reset(writer)
        await running.quiet()
        assert used(running) == 1000


@pytest.mark.parametrize("end", ["client leaves", "model breaks", "journal", "refused"])
async def test_what_is_held_is_given_back_however_it_ends(tmp_path, end):
    """Concurrency and reservations: nothing is held when nothing is open."""
    asked = asyncio.Event()

    async def script(call):
        asked.set()
        if end == "client leaves":
            await call.closed.wait()
        else:
            call.reset()

    limits = "limits: [{per: global, tokens: 9000000/d}, {per: client, concurrency: 5}, {per: model, concurrency: 5}]"
    async with model(script) as served, guard(tmp_path, one_model(served.url, more=limits)) as running:
        if end == "journal":
            running.proxy.journal.ready = lambda: False
        if end == "client leaves":
            _, writer = await running.open()
            writer.write(raw_request({"model": "m", "messages": [{"role": "user", "content": "hi"}]}))
            await asked.wait()
            reset(writer)
        else:
            await running.chat("forbidden phrase" if end == "refused" else "hi", max_tokens=1000)
        await running.quiet()
        table = running.proxy.meters.table
        assert table is not None
        assert all(table.held(index) == 0.0 for index, name in enumerate(table.names) if name)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("used_up", [True, False])
async def test_who_leaves_while_the_store_is_asked_holds_nothing(tmp_path, is_known, used_up):
    """A client that goes in the middle of its body leaves nothing behind, whatever is decided of it, and whether that
    is known by then or not.
    """
    limits = "limits: [{per: global, requests: 1/h, burst: 2}, {per: client, concurrency: 5}]"
    async with model() as served, guard(tmp_path, one_model(served.url, more=limits)) as running:
        proxy, lender = running.proxy, Nearby(Store())
        proxy.meters.close()
        proxy.meters = Borrowing(lender, 1.0)
        proxy._share(proxy.policy)
        for _ in range(2 if used_up else 0):
            assert (await running.chat()).status_code == 200
        lender.delay = 0.0 if is_known else 0.1
        _, writer = await running.open()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 50000\r\n\r\n{")
        waiting = await verdict_of(proxy)
        async with asyncio.timeout(5):
            while is_known and waiting.verdict is None:
                await asyncio.sleep(0.005)
        assert is_known is (waiting.verdict is not None)
        reset(writer)
        table = proxy.meters.table
        assert table is not None
        async with asyncio.timeout(5):
            while waiting.verdict is None or proxy.connections:
                await asyncio.sleep(0.005)
        assert isinstance(waiting.verdict, Denied if used_up else Held)
        assert not any(table.held(index) for index, name in enumerate(table.names) if name)


async def verdict_of(proxy: Any) -> Any:
    """What the one request waits for that is coming in."""
    async with asyncio.timeout(5):
        while True:
            for connection in proxy.connections:
                if connection.handler is not None and connection.handler.exchange.waiting is not None:
                    return connection.handler.exchange.waiting
            await asyncio.sleep(0.005)


async def test_too_many_tokens_are_refused_before_a_model_sees_them(tmp_path):
    """The message says what there was too little of; who owes tokens is refused by the head alone."""
    limits = "limits: [{per: global, tokens: 100/h}]"

    async def script(call):
        document = orjson.loads(chat_answer())
        document["usage"] = {"prompt_tokens": 100, "completion_tokens": 200, "total_tokens": 300}
        await call.answer(orjson.dumps(document))

    async with model(script) as served, guard(tmp_path, one_model(served.url, more=limits)) as running:
        assert (await running.chat()).status_code == 200
        await running.quiet()
        reader, writer = await running.open()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 5000000\r\n\r\n{")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 429 ")
        assert b'ratelimit: "global-tokens";r=0;t=' in head
        writer.close()
        answer = await running.chat()
        assert len(served.calls) == 1
    assert "100/h tokens for all together" in answer.json()["error"]["message"]


async def test_a_websocket_pays_as_it_goes(tmp_path):
    """It holds its place while it is open, its tokens count as usage is told, and when more was used than there was the
    next message ends it.
    """

    async def script(connection):
        async for _ in connection:
            usage = {"input_tokens": 300, "output_tokens": 300, "total_tokens": 600}
            await connection.send(orjson.dumps({"type": "response.done", "response": {"usage": usage}}).decode())

    limits = "limits: [{per: global, tokens: 1000/h, concurrency: 1}]"
    async with (
        websocket.model(script) as served,
        guard(tmp_path, websocket.realtime(served.url, more=limits)) as running,
    ):
        async with websocket.session(running) as connection:
            for _ in range(2):
                await connection.send('{"type":"response.create"}')
                await connection.recv()
            assert (await running.chat()).status_code == 429
            await connection.send('{"type":"response.create"}')
            event = orjson.loads(await connection.recv())
            assert event["error"]["code"] == "rate_limit_exceeded"
            with pytest.raises(ConnectionClosed):
                await connection.recv()
            assert connection.close_code == 1008
        await running.quiet()
        [exchange] = [one for one in await running.journal(2) if one["end"] == "refused" and one.get("session")]
        assert exchange["usage"]["total_tokens"] == 1200


@pytest.mark.slow
async def test_a_limit_by_command_is_in_force_on_every_worker(tmp_path):
    """For all workers together when the command ends, over a restart of a worker, and until it is taken back."""
    async with model(answer_chat) as served, operated(tmp_path, served.url) as running:
        assert await running.statuses() == {(200, "v1")}
        done = await running.order("limit", "set", "address:192.0.2.1", "requests", "2/h", "burst", "2")
        assert (done["workers"], done["late"]) == (2, [])
        assert await running.statuses(times=2) == {(200, "v1")}
        assert await running.statuses() == {(429, None)}
        assert await running.statuses("192.0.2.2") == {(200, "v1")}
        await running.order("limit", "remove", "address:192.0.2.1")
        assert await running.statuses() == {(200, "v1")}
        await running.order("limit", "set", "address:192.0.2.1", "requests", "2/h", "burst", "2")
        assert await running.statuses() == {(429, None)}
