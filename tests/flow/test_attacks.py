"""What hostile clients and broken models have tried, against a whole guard."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
import socket

import httpx
import openai
import orjson
import pytest

from tests.support.guard import guard, one_model, raw_request
from tests.support.model import chat_answer, chat_delta, model
from tests.support.raw import connected

ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
STREAM = {**ASK, "stream": True}
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n"
JSON_HEAD = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
SLOW_READER_BYTES = 8_192
BIG_USAGE = b'"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615}'
LEAK = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"secret\\u002dtoken%b"}}]%b}'


def tag_of(body: bytes) -> str:
    """The prompt of a request, which its answer repeats."""
    return str(orjson.loads(body)["messages"][0]["content"])


async def slow_socket(port: int) -> socket.socket:
    """A client whose kernel takes little, so that what it does not read waits in the guard."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_READER_BYTES)
    taken.setblocking(False)
    await asyncio.get_running_loop().sock_connect(taken, ("127.0.0.1", port))
    return taken


# Each answer to its own request.


async def test_tagged_requests_get_their_own_answers(tmp_path):
    """However models end their answers and connections, no client is given what another asked for."""
    rng = random.Random(1)
    ways = ("plain", "split", "extra", "junk", "close", "reset", "chunked", "interim")

    async def script(call):
        body = chat_answer(f"<{tag_of(call.body)}>" + "p" * rng.choice([0, 3_000]))
        whole = JSON_HEAD % (200, len(body)) + body
        match rng.choice(ways):
            case "split":
                at = rng.randrange(len(whole))
                await call.send(whole[:at])
                await asyncio.sleep(0)
                await call.send(whole[at:])
            case "extra":
                await call.send(whole + b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nFOREIGN")
            case "junk":
                await call.send(whole + b"FOREIGN")
            case "close":
                await call.send(whole)
                call.writer.close()
            case "reset":
                await call.send(whole[: rng.randrange(len(whole))])
                call.reset()
            case "chunked":
                await call.begin_stream(b"application/json")
                await call.chunk(body)
                await call.end_stream()
            case "interim":
                await call.send(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + whole)
            case _:
                await call.send(whole)

    async def asking(running, name):
        async with connected(running.port) as client:
            for number in range(60):
                tag = f"{name}.{number}"
                document = {"model": "m", "messages": [{"role": "user", "content": tag}]}
                await client.send(raw_request(document))
                answer = await client.answer()
                assert answer.status in (200, 502)
                assert (b"<%b>" % tag.encode() in answer.body) == (answer.status == 200)
                assert b"FOREIGN" not in answer.body

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        await asyncio.gather(*[asking(running, name) for name in range(8)])


@pytest.mark.parametrize("first", [200, 500])
async def test_a_status_stays_with_its_answer(tmp_path, first):
    """Answers with the same header fields and other statuses, whole and in pieces, keep their own status."""
    other = 700 - first
    statuses = [first, first, first, other, first, first]
    left = iter(statuses)

    async def script(call):
        status = next(left)
        await call.send(JSON_HEAD % (status, 2) + (b"{}" if status == first else b"{"))
        if status != first:
            await asyncio.sleep(0.01)
            await call.send(b"}")

    async with (
        model(script) as served,
        guard(tmp_path, one_model(served.url)) as running,
        connected(running.port) as client,
    ):
        found = []
        for _ in statuses:
            await client.send(raw_request(ASK))
            found.append((await client.answer()).status)
    assert found == statuses


async def test_bytes_behind_a_304_are_nobody_s_answer(tmp_path):
    """An answer that has no body has none either when its head is known already and its length counts some bytes."""
    forged = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"
    bodies = iter([b"", b"", b"", forged])

    async def script(call):
        await call.answer(next(bodies), status=304)

    async with (
        model(script) as served,
        guard(tmp_path, one_model(served.url)) as running,
        connected(running.port) as client,
    ):
        for _ in range(4):
            await client.send(raw_request(ASK))
            assert (await client.answer(head_only=True)).status == 304
        await client.send(b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
        assert (await client.answer()).body == b'{"status":"ok"}\n'


async def test_an_interim_answer_has_no_body(tmp_path):
    """A 103 that claims a length leaves open where the answer begins: the client gets neither."""
    real = JSON_HEAD % (200, 2) + b"{}"

    async def script(call):
        await call.send(b"HTTP/1.1 103 Early Hints\r\ncontent-length: %d\r\n\r\n" % len(real) + real)

    async with (
        model(script) as served,
        guard(tmp_path, one_model(served.url)) as running,
        connected(running.port) as client,
    ):
        for _ in range(3):
            await client.send(raw_request(ASK))
            assert (await client.answer()).status == 502


REQUEST = raw_request(ASK)
LENGTH = re.search(rb"content-length: (\d+)", REQUEST)[1]  # type: ignore[index]  # it has one
SECOND = b"GET /v1/models HTTP/1.1\r\nhost: g\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (REQUEST + SECOND, [200, 200]),
        (REQUEST * 3, [200] * 3),
        (REQUEST.replace(b": " + LENGTH, b": -" + LENGTH), [400]),
        (REQUEST.replace(b": " + LENGTH, b": +" + LENGTH), [400]),
        (REQUEST.replace(b": " + LENGTH, b": %b, %b" % (LENGTH, LENGTH)), [400]),
        (REQUEST.replace(b"host: g\r\n", b"host: g\r\ncontent-length: 3\r\n"), [400]),
        (REQUEST.replace(b"host: g\r\n", b"host: g\r\ntransfer-encoding: chunked\r\n"), [400]),
        (REQUEST.replace(b"\r\n", b"\n"), [400]),
        (REQUEST.replace(b"/v1/chat", b"/nowhere"), [404]),
        (HEAD + b"content-length: %d\r\n\r\n%b" % (len(SECOND), SECOND), [415]),
    ],
)
async def test_a_known_head_is_no_way_past_the_parser(tmp_path, data, statuses):
    """On a connection whose head is known, anything but that head again is judged as on a fresh one."""

    async def script(call):
        await call.answer(b"{}")

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        for known in (0, 3):
            async with connected(running.port) as client:
                for _ in range(known):
                    await client.send(REQUEST)
                    assert (await client.answer()).status == 200
                await client.send(data)
                assert [(await client.answer()).status for _ in statuses] == statuses


# Nothing of a blocked match.


@pytest.mark.parametrize("kind", [b"application/json", b"text/plain"])
@pytest.mark.parametrize(
    "body",
    [
        LEAK % (b"", b""),
        LEAK % (b"", b',"logprob":NaN'),
        LEAK % (b" \\ud83d", b""),
        b"\xef\xbb\xbf" + LEAK % (b"", b""),
        (LEAK % (b"", b"")).decode().encode("utf-16"),
        (LEAK % (b"", b"")).decode().encode("utf-16-le"),
    ],
)
async def test_what_a_client_reads_as_json_is_matched_as_json(tmp_path, kind, body):
    """A blocked phrase in escapes is found in all that the clients' parsers take: NaN, lone surrogates, BOM, UTF-16."""

    async def script(call):
        await call.answer(body, kind=kind)

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat()
    assert "secret-token" not in json.dumps(answer.json())


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"application/octet-stream"])
async def test_events_under_another_name_are_matched_as_events(tmp_path, kind):
    """The clients do not look at the content type of a stream they asked for, so nothing may depend on it."""

    async def script(call):
        await call.begin_stream(kind)
        for text in ("Sure: secret", "-token"):
            await call.chunk(chat_delta(text))
        await call.end_stream()

    async with (
        model(script) as served,
        guard(tmp_path, one_model(served.url)) as running,
        connected(running.port) as client,
    ):
        await client.send(raw_request(STREAM, headers="connection: close\r\n"))
        whole = await client.rest()
    assert not (b"secret" in whole and b"-token" in whole)


async def test_a_coding_is_not_hidden_by_a_second_one(tmp_path):
    """An answer in gzip cannot be inspected, also when another line says that it is plain."""

    async def script(call):
        body = gzip.compress(chat_answer("secret-token"))
        await call.answer(body, extra=b"content-encoding: gzip\r\ncontent-encoding: identity\r\n")

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        assert (await running.chat()).status_code == 502


@pytest.mark.parametrize("kind", [b"text/plain", b"application/x-ndjson"])
async def test_a_blocked_stream_without_events_does_not_look_whole(tmp_path, kind):
    """Where no error can be said in the stream, it has to break off."""

    async def script(call):
        await call.begin_stream(kind)
        await call.chunk(b"hello\n")
        await call.chunk(b"secret-token\n")
        await call.end_stream()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        with pytest.raises(httpx.RemoteProtocolError):
            await running.chat(stream=True)


# Nobody is left waiting.


@pytest.mark.parametrize("stream", [False, True])
async def test_a_usage_beyond_all_numbers_ends_like_any_other(tmp_path, stream):
    """An answer whose token counts no journal can hold leaves the client's connection in order, and a record."""

    async def script(call):
        if not stream:
            await call.answer(b'{"choices":[],' + BIG_USAGE + b"}")
            return
        await call.begin_stream()
        await call.chunk(b'data: {"choices":[],' + BIG_USAGE + b',"x":NaN}\n\n')
        await call.end_stream()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await asyncio.wait_for(running.chat(stream=stream), 3)
        [exchange] = await running.journal()
    assert answer.status_code == 200
    assert exchange["end"] == "complete"


@pytest.mark.parametrize("way", ["complete", "blocked", "reset", "cut", "left", "left early", "too large", "unknown"])
async def test_what_was_held_is_given_back(tmp_path, way):
    """However a request ends, the next one is within a limit of one at a time."""

    async def script(call):
        match way:
            case "blocked":
                await call.begin_stream()
                await call.chunk(chat_delta("secret-token"))
                await call.end_stream()
            case "reset":
                call.reset()
            case "cut":
                await call.begin_stream()
                await call.chunk(chat_delta("half"))
                call.reset()
            case "left":
                await call.closed.wait()
            case _:
                await call.answer(chat_answer())

    requests = {
        "left early": raw_request(ASK)[:-5],
        "too large": HEAD + b"content-length: 99999999\r\n\r\n",
        "unknown": raw_request(ASK, headers="expect: the-unexpected\r\n"),
    }
    more = "limits: [{per: global, concurrency: 1}]"
    async with model(script) as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        for _ in range(3):
            async with connected(running.port) as client:
                await client.send(requests.get(way, raw_request(STREAM)))
                if way == "left":
                    await served.received.wait()
                    served.received.clear()
                elif way != "left early":
                    assert b" 429 " not in await client.reader.readuntil(b"\r\n")
        found = await running.journal(3)
    assert 429 not in [exchange["response"]["status"] for exchange in found]


async def test_a_connection_whose_request_is_not_sent_is_not_used_again(tmp_path):
    """A model that answers without reading the request has the next one come on another connection."""
    stuck = asyncio.Event()

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(JSON_HEAD % (200, 2) + b"{}")
        if int(re.search(rb"content-length: (\d+)", head)[1]) > 1_000_000:  # type: ignore[index]  # the guard sends one
            writer.transport.pause_reading()
            await stuck.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with guard(tmp_path, one_model(url, more="upstream: {first_byte_timeout: 1}")) as running:
        large = await running.chat("x" * 9_000_000)
        small = await running.chat("small")
        stuck.set()
    server.close()
    assert (large.status_code, small.status_code) == (200, 200)


async def test_a_body_over_the_cap_is_told_to_a_client_that_is_still_sending(tmp_path):
    """The official client, which writes all before it reads, gets 413 and not a broken connection."""
    async with (
        model() as served,
        guard(tmp_path, one_model(served.url)) as running,
        openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="sk-x", max_retries=0) as client,
    ):
        with pytest.raises(openai.APIStatusError) as error:
            await client.completions.create(model="m", prompt="x" * 20_000_000)
    assert error.value.status_code == 413


# Slow is not silent.


async def test_a_slow_body_that_goes_on_is_waited_for(tmp_path):
    """`body_timeout` bounds how long a body makes no progress, not how long it takes."""
    async with (
        model() as served,
        guard(tmp_path, one_model(served.url, more="data: {http: {body_timeout: 0.4}}")) as running,
        connected(running.port) as client,
    ):
        request = raw_request({**ASK, "user": "x" * 400})
        for at in range(0, len(request), 60):
            await client.send(request[at : at + 60])
            await asyncio.sleep(0.1)
        assert (await client.answer()).status == 200


async def test_a_slow_reader_that_goes_on_gets_all(tmp_path):
    """`write_timeout` bounds how long a client takes no bytes, not how long it takes for them all."""
    answer = chat_answer("x" * 8_000_000)
    received = 0

    async def script(call):
        await call.answer(answer)

    async with (
        model(script) as served,
        guard(tmp_path, one_model(served.url, more="data: {http: {write_timeout: 0.5}}")) as running,
    ):
        with await slow_socket(running.port) as client:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, raw_request(ASK))
            try:
                while received < len(answer) and (piece := await loop.sock_recv(client, 65_536)):
                    received += len(piece)
                    await asyncio.sleep(0.002)
            except ConnectionError:
                pass
    assert received >= len(answer)


async def test_a_client_that_does_not_read_holds_back_the_next_answer_too(tmp_path):
    """A stream behind an answer that nobody reads stays with its model, as one does in front of a slow reader."""
    sent = 0

    async def script(call):
        nonlocal sent
        if b"stream" not in call.body:
            await call.answer(chat_answer("x" * 8_000_000))
            return
        await call.begin_stream()
        while not call.closed.is_set() and sent < 10_000_000:
            await call.chunk(chat_delta("x" * 60_000))
            sent += 60_000

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        with await slow_socket(running.port) as client:
            await asyncio.get_running_loop().sock_sendall(client, raw_request(ASK) + raw_request(STREAM))
            held_back = False
            async with asyncio.timeout(10):
                while not held_back and sent < 10_000_000:
                    await asyncio.sleep(0.01)
                    streams = [relay.upstream for relay in running.proxy.relays]
                    held_back = any(stream is not None and not stream.transport.is_reading() for stream in streams)
    assert held_back


# What came is written down.


@pytest.mark.parametrize(("path", "end"), [("/v1/chat/completions", "client_disconnected"), ("/nowhere", "refused")])
async def test_what_came_of_a_body_is_in_the_journal(tmp_path, path, end):
    """An exchange that ends before its body is there, refused or abandoned, has as much of it as arrived."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        async with connected(running.port) as client:
            head = HEAD.replace(b"/v1/chat/completions", path.encode())
            await client.send(head + b'content-length: 99\r\n\r\n{"half":')
            if end == "refused":
                assert (await client.answer()).status == 404
            else:
                async with asyncio.timeout(3):
                    while not any(connection.reader.body_bytes for connection in running.proxy.connections):
                        await asyncio.sleep(0.005)
        [exchange] = await running.journal()
    assert exchange["end"] == end
    assert exchange["request"]["body"] == '{"half":'
    assert exchange["timings"]["total_us"] < 10_000_000
