"""From a client's handshake to a model's, and what becomes of those that come to nothing."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
import trustme
from websockets.exceptions import InvalidStatus

from guard.assembly import make_policy
from tests.support.guard import configure, guard, one_model, raw_request
from tests.support.model import answer_chat, chat_answer
from tests.support.model import model as http_model
from tests.support.origin import Line, Script
from tests.support.origin import model as raw_model
from tests.support.raw import PATIENCE, Answer, connected
from tests.support.websocket import (
    REALTIME,
    agree,
    close_of,
    frame,
    handshake,
    header,
    masked,
    model,
    quiet,
    raw_session,
    realtime,
    session,
)

KEY_NAME = "openai-insecure-api-key."


@asynccontextmanager
async def behind(script: Script, folder: Path, *, route: str = "", more: str = ""):
    """A guard before a raw model; its requests are in the list."""
    async with raw_model(script) as (served, pool):
        config = realtime(f"http://127.0.0.1:{pool.origin.port}", route=route, more=more)
        async with guard(folder, config) as running:
            yield running, served


def answering(answer: bytes, got: list[bytes] | None = None) -> Script:
    """A raw model that gives this answer to a handshake; `{key}` is filled in by `agree`."""

    async def script(line: Line) -> None:
        request = await line.request()
        if got is not None:
            got.append(request)
        await line.send(answer or agree(request))
        await line.closed()

    return script


async def ask(port: int, *fields: str, **more: str) -> Answer:
    """The ordinary answer to a handshake, after which the connection is closed."""
    async with connected(port) as client:
        await client.send(handshake(*fields, **more))
        answer: Answer = await client.answer()
        assert await client.rest() == b""
    return answer


# What the client may ask.


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (handshake(version="8"), 426, "websocket_version_not_supported"),
        (handshake(key="c2hvcnQ="), 400, "bad_request"),
        (handshake("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="), 400, "bad_request"),
        (handshake("host: h"), 400, "bad_request"),
        (handshake("content-length: 1") + b"a", 400, "bad_request"),
        (handshake("transfer-encoding: chunked") + b"0\r\n\r\n", 400, "bad_request"),
        (handshake(line=f"POST {REALTIME} HTTP/1.1"), 400, "bad_request"),
        (handshake(line=f"GET {REALTIME} HTTP/1.0"), 400, "bad_request"),
        (handshake("upgrade: h2c"), 501, "upgrade_not_supported"),
        (handshake("sec-websocket-protocol: a b"), 400, "bad_request"),
        (handshake(path="/v2/realtime"), 404, "not_found"),
        (handshake(path="/healthz"), 501, "upgrade_not_supported"),
        (
            b"GET /v1/x HTTP/1.1\r\nhost: g\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\r\n",
            501,
            "upgrade_not_supported",
        ),
    ],
)
async def test_refused_handshakes(tmp_path, sent, status, code):
    """They are answered as any refusal, the connection is closed, and no model hears of them."""
    async with model() as served, guard(tmp_path, realtime(served.url)) as running:
        async with connected(running.port) as client:
            await client.send(sent)
            answer = await client.answer()
            assert await client.rest() == b""
        [exchange] = await running.journal()
    assert (answer.status, orjson.loads(answer.body)["error"]["code"]) == (status, code)
    assert answer.headers[b"connection"] == b"close"
    assert (status == 426) == (answer.headers.get(b"sec-websocket-version") == b"13")
    assert served.opened == []
    assert (exchange["end"], exchange["reason"]) == ("refused", code)
    assert "frames" not in exchange


async def test_other_routes_refuse_as_before(tmp_path):
    """Where a route does not allow them there are no WebSockets."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await ask(running.port)
    assert (answer.status, orjson.loads(answer.body)["error"]["code"]) == (501, "upgrade_not_supported")
    assert served.opened == []


async def test_a_handshake_does_not_overtake_answers(tmp_path):
    """Behind a request whose answer is still to come it is refused, in its turn; behind an answered one it is not."""
    go = asyncio.Event()

    async def script(call) -> None:
        await go.wait()
        await call.answer(chat_answer())

    async with http_model(script) as served, guard(tmp_path, realtime(served.url)) as running:
        async with connected(running.port) as client:
            await client.send(raw_request({"model": "m", "messages": []}) + handshake())
            async with asyncio.timeout(PATIENCE):
                await served.received.wait()
            go.set()
            assert (await client.answer()).status == 200
            assert (await client.answer()).status == 400
            assert await client.rest() == b""
        async with connected(running.port) as client:
            await client.send(raw_request({"model": "m", "messages": []}))
            assert (await client.answer()).status == 200
            await client.send(handshake())
            assert (await client.answer()).status == 200  # the model knows no WebSocket, and answers as to any request
    assert len(served.calls) == 3


async def test_limits_count_a_session_for_as_long_as_it_is_open(tmp_path):
    """A session is one request, and holds its place among those that are open at a time."""
    limit = "limits: [{per: client, concurrency: 1}]"
    async with model() as served, guard(tmp_path, realtime(served.url, more=limit)) as running:
        async with session(running):
            assert (await ask(running.port)).status == 429
        await running.quiet()
        async with session(running):
            pass


async def test_known_clients_blocks_and_keys(tmp_path):
    """Who asks for a WebSocket is judged like anybody."""
    more = "identify: {unknown: refuse}\nclients: {a: {key: ka}, b: {key: kb}}\nblocks: [{client: b}]"
    async with model() as served, guard(tmp_path, realtime(served.url, more=more)) as running:
        assert (await ask(running.port)).status == 401
        assert (await ask(running.port, "authorization: Bearer kb")).status == 403
        assert (await ask(running.port, f"sec-websocket-protocol: {KEY_NAME}kb")).status == 403
        both = (f"sec-websocket-protocol: {KEY_NAME}ka", "api-key: kb")
        assert (await ask(running.port, *both)).status == 400
        async with session(running, additional_headers={"authorization": "Bearer ka"}):
            pass
        exchanges = await running.journal(5)
    assert exchanges[-1]["client"]["name"] == "a"
    assert len(served.opened) == 1


# What the model is asked, and how the client is answered.


async def test_the_guards_own_handshake(tmp_path):
    """A key and an offer of its own, nothing of the client's, and no extension."""
    got: list[bytes] = []
    fields = (
        "sec-websocket-extensions: permessage-deflate", "sec_websocket_extensions: x", "x-a: b", "origin: http://o",
        "sec-websocket-protocol: realtime, v1", "authorization: Bearer k",
    )  # fmt: skip

    async def script(line: Line) -> None:
        got.append(await line.request())
        await line.send(agree(got[0], b"v1", b"x-model: y\r\nset-cookie: a=b\r\n"))
        await line.closed()

    async with behind(script, tmp_path) as (running, _), connected(running.port) as client:
        await client.send(handshake(*fields))
        head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE)
    [request] = got
    assert request.startswith(b"GET /v1/realtime?model=m-1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert header(request, b"sec-websocket-key") != header(handshake(), b"sec-websocket-key")
    assert header(request, b"sec-websocket-version") == b"13"
    assert header(request, b"sec-websocket-protocol") == b"realtime, v1"
    assert (header(request, b"x-a"), header(request, b"authorization")) == (b"b", b"Bearer k")
    assert b"extensions" not in request
    assert request.count(b"\r\nconnection: ") == request.count(b"\r\nupgrade: ") == 1
    assert head.startswith(b"HTTP/1.1 101 ")
    assert header(head, b"sec-websocket-accept") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert header(head, b"sec-websocket-protocol") == b"v1"
    assert (header(head, b"x-model"), header(head, b"via")) == (b"y", b"1.1 guard")
    assert header(head, b"x-guard-id") == header(request, b"x-guard-id") != b""
    assert header(head, b"x-guard-model") == b"v1"
    assert head.count(b"sec-websocket-accept") == 1


async def test_a_key_among_the_subprotocols_is_a_secret(tmp_path):
    """It is passed on where the client's own key is to be used, and stands in no record."""
    got: list[bytes] = []
    offer = f"sec-websocket-protocol: realtime, {KEY_NAME}sk-canary, v1"
    async with behind(answering(b"", got), tmp_path) as (running, _):
        async with raw_session(running.port, offer) as client:
            await client.send(masked(8, b"\x03\xe8"))
            await close_of(client)
        [exchange] = await running.journal()
    assert header(got[0], b"sec-websocket-protocol") == f"realtime, {KEY_NAME}sk-canary, v1".encode()
    assert exchange["client"]["key"] is not None
    files = list((tmp_path / "state" / "journal").rglob("*.jsonl"))
    assert files
    assert not any(b"canary" in path.read_bytes() for path in files)


async def test_a_versions_own_key_and_name_replace_the_clients(tmp_path):
    """The client's key is not forwarded in any form, and the model is asked for by its real name."""
    got: list[bytes] = []
    async with raw_model(answering(b"", got)) as (_, pool):
        config = realtime(f"http://127.0.0.1:{pool.origin.port}").replace(
            f'url: "http://127.0.0.1:{pool.origin.port}"',
            f'url: "http://127.0.0.1:{pool.origin.port}/base", key: sk-own, name: "gpt real"',
        )
        async with guard(tmp_path, config) as running:
            fields = (f"sec-websocket-protocol: realtime, {KEY_NAME}sk-canary", "x-b: c")
            async with connected(running.port) as client:
                await client.send(handshake(*fields, path="/v1/realtime?a=b&mo%64el=m-1&c"))
                await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE)
    assert got[0].startswith(b"GET /base/v1/realtime?a=b&model=gpt%20real&c HTTP/1.1\r\n")
    assert header(got[0], b"authorization") == b"Bearer sk-own"
    assert header(got[0], b"sec-websocket-protocol") == b"realtime"
    assert b"canary" not in got[0]


# What the model may answer.


async def test_an_ordinary_answer_is_given_as_one(tmp_path):
    """A model that refuses a WebSocket tells the client why; the journal has it like any answer."""
    body = b'{"error":{"message":"no"}}'
    answer = b"HTTP/1.1 403 X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    async with behind(answering(answer), tmp_path) as (running, _):
        got = await ask(running.port)
        with pytest.raises(InvalidStatus):
            await session(running)
        exchanges = await running.journal(2)
    assert (got.status, got.body) == (403, body)
    assert [(one["end"], one["response"]["status"]) for one in exchanges] == [("complete", 403)] * 2
    assert "frames" not in exchanges[0]


async def test_an_ordinary_answer_is_inspected_as_one(tmp_path):
    """Its body does not get by the output rules."""
    body = b'{"error":{"message":"the secret-token is"}}'
    answer = b"HTTP/1.1 403 X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    async with behind(answering(answer), tmp_path) as (running, _):
        got = await ask(running.port)
    assert (got.status, orjson.loads(got.body)["error"]["code"]) == (400, "content_policy_violation")


async def test_a_streamed_answer_is_one_too(tmp_path):
    """However the model frames it."""
    answer = b"HTTP/1.1 404 X\r\ntransfer-encoding: chunked\r\ncontent-type: text/plain\r\n\r\n2\r\nno\r\n0\r\n\r\n"
    async with behind(answering(answer), tmp_path) as (running, _), connected(running.port) as client:
        await client.send(handshake())
        whole = await client.rest()
    assert whole.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nno\r\n0\r\n\r\n" in whole
    assert b"\r\nconnection: close\r\n" in whole


BAD = {
    "wrong accept": b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n",
    "no accept": b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "no upgrade": b"HTTP/1.1 101 X\r\n\r\n",
    "no HTTP": b"\x81\x01a",
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
async def test_a_101_that_is_none_is_a_bad_gateway(tmp_path, answer):
    """The client gets 502, and the journal says what was wrong."""
    async with behind(answering(answer), tmp_path) as (running, served):
        got = await ask(running.port)
        [exchange] = await running.journal()
        assert len(served.lines) == 1
    assert got.status == 502
    assert exchange["end"] == "upstream_error"
    assert exchange["attempts"][0]["error"]


@pytest.mark.parametrize(
    ("protocol", "extra"), [(b"other", b""), (None, b"sec-websocket-extensions: permessage-deflate\r\n")]
)
async def test_a_model_may_not_choose_what_was_not_offered(tmp_path, protocol, extra):
    """Neither a subprotocol nor an extension."""

    async def script(line: Line) -> None:
        await line.send(agree(await line.request(), protocol, extra))
        await line.closed()

    async with behind(script, tmp_path) as (running, _):
        assert (await ask(running.port, "sec-websocket-protocol: realtime")).status == 502


@pytest.mark.parametrize("failure", [b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n", BAD["wrong accept"]])
async def test_the_next_version_is_asked_where_that_is_allowed(tmp_path, failure):
    """A version that cannot open a session is one that failed."""
    async with raw_model(answering(failure)) as (_, pool), model() as served:
        config = one_model(f"http://127.0.0.1:{pool.origin.port}", served.url, route="websocket: true, repeat: true")
        async with guard(tmp_path, config) as running:
            async with session(running) as client:
                await client.send("{}")
                assert await client.recv() == "{}"
            [exchange] = await running.journal()
    assert (exchange["version"], [one["status"] for one in exchange["attempts"]][-1]) == ("v2", 101)
    assert len(exchange["attempts"]) == 2


async def test_a_model_that_does_not_answer_is_a_timeout(tmp_path):
    """As for any request."""
    more = "upstream: {first_byte_timeout: 0.1}"
    async with behind(answering(b"HTTP/1.1 100 C\r\n\r\n"), tmp_path, more=more) as (running, _):
        assert (await ask(running.port)).status == 504


# What happens meanwhile.


async def test_the_client_is_answered_when_the_record_is_on_disk(tmp_path, monkeypatch):
    """Until then it hears nothing of the model's agreement, and a model that leaves meanwhile is an error."""
    go = threading.Event()
    sync = os.fdatasync

    def slow_sync(descriptor):
        go.wait(10)
        sync(descriptor)

    async with model(quiet) as served, guard(tmp_path, realtime(served.url)) as running:
        monkeypatch.setattr(os, "fdatasync", slow_sync)
        for leaves in (False, True):
            go.clear()
            served.opened.clear()
            async with connected(running.port) as client:
                await client.send(handshake())
                async with asyncio.timeout(PATIENCE):
                    while not served.opened:
                        await asyncio.sleep(0.005)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(client.reader.read(1), 0.2)
                if leaves:
                    served.opened[0].transport.abort()
                    async with asyncio.timeout(PATIENCE):
                        while any(relay.agreed for relay in running.proxy.relays):
                            await asyncio.sleep(0.005)
                go.set()
                head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE)
                assert head.startswith(b"HTTP/1.1 502 " if leaves else b"HTTP/1.1 101 ")


async def test_without_a_journal_no_session_opens(tmp_path, monkeypatch):
    """The client gets 503 and the model a goodbye."""
    sync = os.fdatasync
    broken = False

    def fail(descriptor):
        if broken:
            raise OSError(5, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", fail)
    async with model(quiet) as served, guard(tmp_path, realtime(served.url)) as running:
        broken = True
        assert (await ask(running.port)).status == 503
        if served.opened:
            assert (await served.closed())[0] == 1001


@pytest.mark.parametrize("what", ["leaves", "block", "shut down"])
async def test_what_ends_a_handshake_ends_the_models(tmp_path, what):
    """A client that leaves or is blocked, or the drain window's end, while the model has not answered."""
    left = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.closed()
        left.set()

    async with behind(script, tmp_path) as (running, served), connected(running.port) as client:
        await client.send(handshake())
        async with asyncio.timeout(PATIENCE):
            while not served.lines:
                await asyncio.sleep(0.005)
        if what == "leaves":
            client.reset()
        elif what == "block":
            blocks = realtime("http://127.0.0.1:1", more="blocks: [{ip: 127.0.0.1}]")
            running.proxy.adopt(make_policy(configure(tmp_path, blocks)))
            assert (await client.answer()).status == 403
        else:
            running.proxy.stop()
            assert (await client.answer()).status == 503
        await asyncio.wait_for(left.wait(), 1)
        [exchange] = await running.journal()
    assert exchange["end"] == ("client_disconnected" if what == "leaves" else "refused")


async def test_frames_before_the_answer_wait_for_it(tmp_path):
    """A client that talks before it is answered is not read from without bound, and nothing is lost."""
    go = asyncio.Event()

    async def script(line: Line) -> None:
        request = await line.request()
        await go.wait()
        await line.send(agree(request))
        await line.closed()

    async with behind(script, tmp_path) as (running, _), connected(running.port) as client:
        await client.send(handshake())
        pinged = [b"%d" % number for number in range(12_000)]
        sending = asyncio.create_task(client.send(b"".join(masked(9, number) for number in pinged)))
        async with asyncio.timeout(PATIENCE):
            while not any(len(relay.early) > 65_536 for relay in running.proxy.relays):
                await asyncio.sleep(0.005)
        [relay] = running.proxy.relays
        assert not relay.client.transport.is_reading()
        go.set()
        await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        for number in pinged:
            assert await frame(client) == (10, number)
        await sending


async def test_a_model_behind_tls(tmp_path):
    """The session runs over the connection's encryption like anything else."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with model(ssl=context) as served:
        url = f"https://localhost:{served.port}"
        config = realtime(url).replace(f'url: "{url}"', f'url: "{url}", ca: "{tmp_path / "ca.pem"}"')
        async with guard(tmp_path, config) as running:
            async with session(running) as client:
                await client.send('{"a":"%s"}' % ("x" * 200_000))
                assert len(await client.recv()) == 200_008
            assert (await served.closed())[0] == 1000


async def test_plain_requests_on_the_route_are_as_before(tmp_path):
    """A route with WebSockets serves requests too."""
    async with http_model(answer_chat) as served, guard(tmp_path, realtime(served.url)) as running:
        assert (await running.chat()).status_code == 200
