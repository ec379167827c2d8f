"""Open WebSockets between real clients and real models, with the guard between them."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from time import monotonic
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from guard.assembly import make_policy
from guard.proxy import session as sessions
from guard.proxy import speech
from tests.support.guard import configure, guard
from tests.support.origin import Line
from tests.support.origin import model as raw_model
from tests.support.raw import PATIENCE, connected
from tests.support.websocket import (
    agree,
    close_of,
    frame,
    handshake,
    masked,
    model,
    plain,
    quiet,
    raw_session,
    realtime,
    session,
)

TEXT, BINARY, MORE, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
RULES_AT_END = """
- id: output-block
  title: Blocks a number at the end
  level: critical
  target: output
  match: {regex: 'zq[0-9]{5}$'}
  action: block
  mode: enforce
  tests: {match: ["zq12345"], no_match: ["zq12345 "]}
"""


def event(kind: str, **more: Any) -> str:
    """One event as text."""
    return orjson.dumps({"type": kind, **more}).decode()


def delta(text: str, item: str = "i") -> str:
    """A piece of what a model says."""
    return event("response.output_text.delta", response_id="r", item_id=item, content_index=0, delta=text)


def done(item: str = "i") -> str:
    """The end of it."""
    return event("response.output_text.done", response_id="r", item_id=item, content_index=0, text="")


def says(*messages: str | bytes):
    """The script of a model that says these as soon as it hears anything, and then listens."""

    async def script(connection) -> None:
        await connection.recv()
        for message in messages:
            await connection.send(message)
        await quiet(connection)

    return script


async def until(condition) -> None:
    """Wait for it."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)


async def end_of(client) -> tuple[list[Any], int | None]:
    """Everything that a client gets until it is closed, and the code."""
    got = []
    try:
        while True:
            got.append(await asyncio.wait_for(client.recv(), PATIENCE))
    except ConnectionClosed:
        return got, client.close_code


# What passes.


async def test_messages_pass_both_ways_and_are_journaled(tmp_path):
    """Text and binary come through as they are, in order; the journal has one exchange with all of them."""
    said: list[str | bytes] = ['{"type":"x","text":"héllo"}', b"\x00\xff\x01", '{"a":1}', b'{"in":"binary"}', b"words"]
    async with model() as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            for message in said:
                await client.send(message)
                assert await client.recv() == message
        [exchange] = await running.journal()
    assert served.heard == said
    assert (exchange["request"]["method"], exchange["request"]["path"]) == ("GET", "/v1/realtime?model=m-1")
    assert (exchange["end"], exchange["response"]["status"], exchange["version"]) == ("complete", 101, "v1")
    assert exchange["session"] == {
        "closed_by": "client", "code": 1000, "reason": "", "messages": {"client": 5, "model": 5},
    }  # fmt: skip
    told = [(one["from"], one.get("text", one.get("base64")), one["passed"]) for one in exchange["frames"]]
    assert told[:4] == [
        ("client", said[0], True), ("model", said[0], True), ("client", "AP8B", True), ("model", "AP8B", True),
    ]  # fmt: skip


async def test_texts_are_told_apart_from_their_documents(tmp_path):
    """The journal's prompt and output are what was said, over all messages."""
    ask = event("conversation.item.create", item={"type": "message", "content": [{"type": "input_text", "text": "Hi"}]})
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    script = says(delta("He"), delta("llo"), done(), event("response.done", response={"id": "r", "usage": usage}))
    async with model(script) as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            await client.send(ask)
            for _ in range(4):
                await client.recv()
        [exchange] = await running.journal()
    assert (exchange["prompt"], exchange["output"]) == (["Hi"], ["Hello"])
    assert exchange["usage"] == usage


async def test_what_is_inspected_is_what_is_forwarded(tmp_path):
    """A document goes on in its canonical form, and fragments as one message; the journal has what came."""
    async with model() as served, guard(tmp_path, realtime(served.url)) as running:
        async with raw_session(running.port) as client:
            await client.send(masked(TEXT, b'{"a": ', fin=False) + masked(PING, b"p") + masked(MORE, b'"\\u0062"}'))
            assert await frame(client) == (PONG, b"p")
            assert await frame(client) == (TEXT, b'{"a":"b"}')
            await client.send(masked(CLOSE, b"\x03\xe8"))
            assert await close_of(client) == (1000, "")
        [exchange] = await running.journal()
    assert served.heard == ['{"a":"b"}']
    assert exchange["frames"][0]["text"] == '{"a": "\\u0062"}'


async def test_many_messages_in_one_segment_keep_their_order(tmp_path):
    """Thousands of tiny messages at once come through, all of them in order; so does what follows the handshake."""
    async with model() as served, guard(tmp_path, realtime(served.url)) as running, connected(running.port) as client:
        early = b"".join(masked(TEXT, b"[%d]" % number) for number in range(1_000))
        await client.send(handshake() + early)
        await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        for number in range(1_000):
            assert await frame(client) == (TEXT, b"[%d]" % number)
        await client.send(b"".join(masked(PING, b"%d" % number) for number in range(1_000)))
        for number in range(1_000):
            assert await frame(client) == (PONG, b"%d" % number)


async def test_pings_are_answered_and_not_passed_on(tmp_path):
    """Each side's pings are the guard's to answer."""
    async with model(quiet) as served, guard(tmp_path, realtime(served.url)) as running, session(running) as client:
        await asyncio.wait_for(await client.ping(b"a"), PATIENCE)
        await asyncio.wait_for(await served.opened[0].ping(b"b"), PATIENCE)


# What is refused.


@pytest.mark.parametrize(
    ("sent", "code", "closed"),
    [
        ('{"text":"a forbidden phrase"}', "content_policy_violation", 1008),
        ('{"text":"a \\u0066orbidden phrase"}', "content_policy_violation", 1008),
        (b"a forbidden phrase", "content_policy_violation", 1008),
        ('{"a":1,"a":2}', "invalid_json", 1007),
        ("no JSON", "unsupported_media_type", 1003),
    ],
)
async def test_a_refused_message_ends_the_session(tmp_path, sent, code, closed):
    """The model never gets it, the client gets an error event and a close, and the journal has it as not passed."""
    async with model() as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            await client.send('{"ok":1}')
            assert await client.recv() == '{"ok":1}'
            await client.send(sent)
            got, ended = await end_of(client)
        assert (await served.closed())[0] == closed
        [exchange] = await running.journal()
    assert ended == closed
    assert [orjson.loads(message)["type"] for message in got] == ["error"]
    assert orjson.loads(got[0])["error"]["code"] == code
    assert served.heard == ['{"ok":1}']
    assert (exchange["end"], exchange["reason"]) == ("refused", code)
    assert [one["passed"] for one in exchange["frames"]] == [True, True, False]
    assert exchange["session"]["closed_by"] == "guard"
    found = [(one["rule"], one["target"]) for one in exchange["findings"]]
    assert found == ([("prompt-block", "prompt")] if closed == 1008 else [])


async def test_a_rule_that_only_watches_is_noted_each_time(tmp_path):
    """Findings stand with the messages they are about, in the order of these."""
    async with model() as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            for text in ("a watched phrase", "fine", "some odd  words", "a watched phrase"):
                await client.send(event("x", text=text))
                await client.recv()
        [exchange] = await running.journal()
    rules = [one["rule"] for one in exchange["findings"]]
    assert rules == ["prompt-shadow", "prompt-flag", "prompt-shadow"]


@pytest.mark.parametrize(
    "pieces",
    [
        [delta("secret-token"), done()],
        [delta("secret-token"), event("response.done", response={"id": "r"})],
        [delta("the secr"), delta("et-tok"), delta("en is")],
        [delta("zq12"), event("response.output_audio.delta", delta="AAAA"), delta("3456"), done()],
        [*map(delta, "secret-token"), done()],
        [event("response.done", response={"output": [{"content": [{"text": "the secret-token"}]}]})],
        [b"the secret-token in a binary message"],
        [b'{"text":"the \\u0073ecret-token in a binary message"}'],
        ['{"text":"the secret-token"}'.encode("utf-16")],
        ["the secret-token in plain words"],
    ],
)
async def test_no_message_with_part_of_a_blocked_match_is_given_out(tmp_path, pieces):
    """However the model cuts what a rule blocks, the client gets what came before it, an error and a close."""
    before = [delta("Hello there.", "before"), done("before")]
    async with model(says(*before, *pieces)) as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            await client.send("{}")
            got, code = await end_of(client)
        assert (await served.closed())[0] == 1008
        [exchange] = await running.journal()
    assert code == 1008
    assert got[:2] == before
    assert orjson.loads(got[-1])["error"]["code"] == "content_policy_violation"
    assert len(got) == 3
    assert (exchange["end"], exchange["reason"]) == ("refused", "content_policy_violation")
    passed = [one["passed"] for one in exchange["frames"] if one["from"] == "model"]
    assert passed[:2] == [True, True]
    assert not any(passed[2:])
    assert len(passed) > 2
    assert {one["rule"] for one in exchange["findings"]} == {"output-block"}


async def test_what_may_begin_a_match_is_held_until_its_text_goes_on_or_ends(tmp_path):
    """Held messages keep their place before those behind them, and come out in order when the text has ended."""
    go = asyncio.Event()

    async def script(connection) -> None:
        await connection.send(delta("the sec"))
        await connection.send(event("response.output_audio.delta", delta="AAAA"))
        await go.wait()
        await connection.send(done())
        await quiet(connection)

    async with model(script) as served, guard(tmp_path, realtime(served.url)) as running, session(running) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.2)
        go.set()
        kinds = [orjson.loads(await client.recv())["type"] for _ in range(3)]
    assert kinds == ["response.output_text.delta", "response.output_audio.delta", "response.output_text.done"]


async def test_where_texts_do_not_end_what_is_held_comes_out_after_a_while(tmp_path, monkeypatch):
    """An API that nobody knows is not kept waiting; what goes on to be a match is found all the same."""
    monkeypatch.setattr(speech, "HOLD_SECONDS", 0.1)
    config = realtime("{url}").replace("openai", "generic")
    async with (
        model(says('{"text":"the secret-to"}')) as served,
        guard(tmp_path, config.replace("{url}", served.url)) as running,
        session(running) as client,
    ):
        await client.send("{}")
        assert await asyncio.wait_for(client.recv(), PATIENCE) == '{"text":"the secret-to"}'
        await served.opened[0].send('{"text":"ken is"}')
        got, code = await end_of(client)
    assert (len(got), code) == (1, 1008)


async def test_what_comes_out_after_a_while_is_judged_as_a_whole_text(tmp_path, monkeypatch):
    """A match that only waits for its text to go on is none the less one."""
    monkeypatch.setattr(speech, "HOLD_SECONDS", 0.1)
    config = realtime("{url}").replace("openai", "generic")
    async with (
        model(says('{"text":"the secret-"}', '{"text":"token"}')) as served,
        guard(tmp_path, config.replace("{url}", served.url)) as running,
    ):
        async with session(running) as client:
            await client.send("{}")
            got, code = await end_of(client)
        [exchange] = await running.journal()
    assert (len(got), code) == (1, 1008)
    assert orjson.loads(got[0])["error"]["code"] == "content_policy_violation"
    assert [one["rule"] for one in exchange["findings"]] == ["output-block"]


# Ends.


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (3000, "x"), (4999, "é")])
async def test_a_clients_close_is_the_models(tmp_path, code, reason):
    """Both get the same code and reason, and the session is complete."""
    async with model(quiet) as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            await client.close(code, reason)
        assert await served.closed() == (code, reason)
        [exchange] = await running.journal()
    assert exchange["end"] == "complete"
    assert (exchange["session"]["code"], exchange["session"]["reason"]) == (code, reason)


@pytest.mark.parametrize(
    ("code", "end"),
    [(1000, "complete"), (1001, "complete"), (4000, "complete"), (1011, "upstream_error"), (1013, "upstream_error")],
)
async def test_a_models_close_is_the_clients(tmp_path, code, end):
    """With what was held before it; an error of the model's is one in the journal."""

    async def script(connection) -> None:
        await connection.send(delta("the sec"))
        await connection.close(code, "why")

    async with model(script) as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            got, closed = await end_of(client)
            assert client.close_reason == "why"
        [exchange] = await running.journal()
    assert (got, closed) == ([delta("the sec")], code)
    assert (exchange["end"], exchange["session"]["closed_by"]) == (end, "model")


async def test_a_close_without_a_code_stays_one(tmp_path):
    """Nobody invents a reason."""
    async with model(quiet) as served, guard(tmp_path, realtime(served.url)) as running:
        async with raw_session(running.port) as client:
            await client.send(masked(CLOSE))
            assert await frame(client) == (CLOSE, b"")
            assert await client.rest() == b""
        assert (await served.closed())[0] == 1005
        [exchange] = await running.journal()
    assert exchange["session"]["code"] == 1005


async def test_a_blocked_match_at_a_models_close_is_not_given_out(tmp_path):
    """What its last words turn out to be decides."""

    async def script(connection) -> None:
        await connection.send(delta("zq12345"))
        await connection.close(1000)

    async with (
        model(script) as served,
        guard(tmp_path, realtime(served.url), rules=RULES_AT_END) as running,
        session(running) as client,
    ):
        got, code = await end_of(client)
    assert (len(got), code) == (1, 1008)
    assert "zq" not in got[0]


async def test_a_client_that_is_gone_leaves_the_model_within_a_second(tmp_path):
    """A connection without a goodbye is one of the guard's to the model."""
    async with model(quiet) as served, guard(tmp_path, realtime(served.url)) as running:
        async with raw_session(running.port) as client:
            await client.send(masked(TEXT, b"{}"))
            client.reset()
        started = monotonic()
        assert (await served.closed())[0] == 1001
        assert monotonic() - started < 1
        [exchange] = await running.journal()
        await until(lambda: not next(iter(running.proxy._pools.values())).open)
    assert exchange["end"] == "client_disconnected"
    assert exchange["frames"][0]["text"] == "{}"


async def test_a_model_that_is_gone_is_an_error_for_the_client(tmp_path):
    """It hears of it, and the journal says that the session was cut."""

    async def script(connection) -> None:
        await connection.send(delta("the sec"))
        await connection.recv()
        connection.transport.abort()

    async with model(script) as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:
            await client.send("{}")
            got, code = await end_of(client)
        [exchange] = await running.journal()
    assert (len(got), code) == (1, 1011)
    assert orjson.loads(got[0])["error"]["code"] == "upstream_error"
    assert (exchange["end"], exchange["reason"]) == ("truncated", "upstream_error")
    assert "connection" in exchange["attempts"][0]["error"]
    assert {one["from"]: one["passed"] for one in exchange["frames"]} == {"client": True, "model": False}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x01a", 1002),
        (masked(TEXT, b"\xff"), 1007),
        (masked(TEXT, b"x" * 101), 1009),
        (masked(TEXT, b"a", fin=False) + masked(TEXT, b"b"), 1002),
    ],
    ids=["no mask", "no UTF-8", "too long", "a text within a text"],
)
async def test_a_client_that_breaks_the_protocol_is_closed(tmp_path, sent, code):
    """With the code for what it did, on both sides."""
    config = realtime("{url}", more="data: {http: {body_bytes: 100}}")
    async with model(quiet) as served, guard(tmp_path, config.replace("{url}", served.url)) as running:
        async with raw_session(running.port) as client:
            await client.send(sent)
            assert (await close_of(client))[0] == code
            assert await client.rest() == b""
        assert (await served.closed())[0] == code
        [exchange] = await running.journal()
    assert (exchange["end"], exchange["reason"], exchange["session"]["code"]) == ("refused", "bad_frame", code)


@pytest.mark.parametrize(
    ("sent", "code"),
    [(masked(TEXT, b"a"), 1002), (plain(TEXT, b"\xff"), 1007), (plain(TEXT, b"x" * 101), 1009), (b"\xc1\x00", 1002)],
    ids=["mask", "no UTF-8", "too long", "reserved bit"],
)
async def test_a_model_that_breaks_the_protocol_is_closed(tmp_path, sent, code):
    """With the code for what it did, on both sides; the client hears that it was the model."""
    got = []

    async def script(line: Line) -> None:
        request = await line.request()
        await line.send(agree(request) + sent)
        got.append(await line.reader.read(100))

    more = "upstream: {answer_bytes: 100}"
    async with raw_model(script) as (_, pool):
        url = f"http://127.0.0.1:{pool.origin.port}"
        async with guard(tmp_path, realtime(url, more=more)) as running:
            async with raw_session(running.port) as client:
                opcode, error = await frame(client)
                assert (await close_of(client))[0] == code
            [exchange] = await running.journal()
        await until(lambda: got)
    assert (opcode, orjson.loads(error)["error"]["code"]) == (TEXT, "upstream_error")
    assert got[0][:2] == bytes([0x88, 0x80 | (got[0][1] & 0x7F)])
    assert exchange["end"] == "upstream_error"
    assert exchange["attempts"][0]["error"].startswith("bad frame: ")


async def test_a_policy_that_blocks_a_caller_closes_its_session(tmp_path):
    """At once, on both sides; another's goes on."""
    trust = "identify: {trusted_proxies: [127.0.0.1]}"
    async with model() as served, guard(tmp_path, realtime(served.url, more=trust)) as running:
        bad, good = "203.0.113.9", "203.0.113.8"
        async with (
            session(running, additional_headers={"x-forwarded-for": bad}) as one,
            session(running, additional_headers={"x-forwarded-for": good}) as other,
        ):
            blocks = realtime(served.url, more=f"{trust}\nblocks: [{{ip: {bad}}}]")
            running.proxy.adopt(make_policy(configure(tmp_path, blocks)))
            got, code = await end_of(one)
            await other.send("{}")
            assert await other.recv() == "{}"
        exchanges = await running.journal(2)
    assert code == 1008
    assert orjson.loads(got[0])["error"]["code"] == "client_blocked"
    assert sorted((one["end"], one["reason"] or "") for one in exchanges) == [
        ("complete", ""), ("refused", "client_blocked"),
    ]  # fmt: skip


async def test_the_end_of_the_drain_window_closes_both_sides(tmp_path):
    """Both are told that the guard goes away."""
    async with model(quiet) as served, guard(tmp_path, realtime(served.url)) as running, session(running) as client:
        running.proxy.stop()
        got, code = await end_of(client)
        assert (await served.closed())[0] == 1001
        [exchange] = await running.journal()
    assert (len(got), code) == (1, 1001)
    assert (exchange["end"], exchange["reason"]) == ("truncated", "shutting_down")


async def test_a_session_may_be_given_a_time(tmp_path):
    """Without `session_timeout` the total timeout of requests does not cut it; with it, it ends then."""
    config = realtime("{url}", more="upstream: {total_timeout: 0.2}")
    async with model() as served:
        async with guard(tmp_path, config.replace("{url}", served.url)) as running, session(running) as client:
            await asyncio.sleep(0.4)
            await client.send("{}")
            assert await client.recv() == "{}"
        limited = realtime(served.url, more="upstream: {session_timeout: 0.2}")
        async with guard(tmp_path, limited) as running, session(running) as client:
            got, code = await end_of(client)
    assert (orjson.loads(got[0])["error"]["code"], code) == ("session_timeout", 1001)


async def test_a_silent_side_is_pinged_and_then_left(tmp_path):
    """Signs of life keep a session open without a message; without them it ends, on either side."""
    timeouts = "data: {http: {idle_timeout: 0.4}}\nupstream: {idle_timeout: 0.4}"
    async with model(quiet) as served, guard(tmp_path, realtime(served.url, more=timeouts)) as running:
        async with session(running) as client:
            await asyncio.sleep(1)
            assert client.close_code is None
        async with raw_session(running.port) as deaf:
            assert await frame(deaf) == (PING, b"")
            with suppress(ConnectionError):
                await deaf.rest()
        exchanges = await running.journal(2)
    assert [one["end"] for one in exchanges] == ["complete", "client_disconnected"]

    async def deaf_script(line: Line) -> None:
        await line.send(agree(await line.request()))
        await line.reader.read()

    async with raw_model(deaf_script) as (_, pool):
        url = f"http://127.0.0.1:{pool.origin.port}"
        (tmp_path / "b").mkdir()
        async with guard(tmp_path / "b", realtime(url, more=timeouts)) as running:
            async with session(running) as client:
                got, code = await end_of(client)
            [exchange] = await running.journal()
    assert (orjson.loads(got[0])["error"]["code"], code) == ("upstream_error", 1011)
    assert exchange["attempts"][0]["error"] == "idle timeout after 0.4 s"


# The journal, and how much is held.


async def test_an_answer_waits_until_what_was_asked_is_on_disk(tmp_path, monkeypatch):
    """While the sync of a client's message has not returned, nothing that the model says reaches the client."""
    go = threading.Event()
    go.set()
    sync = os.fdatasync

    def slow_sync(descriptor):
        go.wait(10)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow_sync)
    async with model() as served, guard(tmp_path, realtime(served.url)) as running, session(running) as client:
        await client.send("[1]")
        assert await client.recv() == "[1]"
        go.clear()
        await client.send("[2]")
        await until(lambda: "[2]" in served.heard)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.2)
        go.set()
        assert await asyncio.wait_for(client.recv(), PATIENCE) == "[2]"


async def test_without_a_journal_a_session_ends(tmp_path, monkeypatch):
    """A message that cannot be written down goes nowhere."""
    write = os.write
    broken = False

    def fail(descriptor, data):
        if broken and b'"kind":"frame"' in data:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", fail)
    async with model() as served, guard(tmp_path, realtime(served.url)) as running, session(running) as client:
        broken = True
        await client.send("[1]")
        got, code = await end_of(client)
    assert served.heard == []
    assert (orjson.loads(got[0])["error"]["code"], code) == ("journal_unavailable", 1011)


async def test_a_slow_client_makes_the_model_wait(tmp_path):
    """What the client does not read stays with the model, and all of it comes when it reads on."""
    sent = 0
    count, size = 400, 60_000

    async def script(connection) -> None:
        nonlocal sent
        for number in range(count):
            await connection.send(b"\xff%d;" % number + bytes(size))
            sent += 1
        await quiet(connection)

    async with (
        model(script) as served,
        guard(tmp_path, realtime(served.url)) as running,
        connected(running.port) as client,
    ):
        await client.send(handshake())
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.3)
        assert sent < count
        [connection] = running.proxy.connections
        assert connection.transport.get_write_buffer_size() <= 65_536 + 2 * (size + 100)
        await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        for number in range(count):
            opcode, content = await frame(client)
            assert opcode == BINARY
            assert content.startswith(b"\xff%d;" % number)


async def test_a_slow_model_makes_the_client_wait(tmp_path):
    """What the model does not read stays with the client."""
    go = asyncio.Event()
    heard = []

    async def script(connection) -> None:
        await go.wait()
        heard.extend([message[:8] async for message in connection])

    sent = 0
    count, size = 400, 60_000
    async with model(script, max_queue=1) as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running) as client:

            async def speak() -> None:
                nonlocal sent
                for number in range(count):
                    await client.send(b"\xff%06d;" % number + bytes(size))
                    sent += 1

            speaking = asyncio.create_task(speak())
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.3)
            assert sent < count
            [relay] = running.proxy.relays
            assert relay.session.model.transport.get_write_buffer_size() <= 65_536 + 2 * (size + 100)
            go.set()
            await speaking
        await served.closed()
    assert heard == [b"\xff%06d;" % number for number in range(count)]


async def test_sides_that_do_not_read_while_they_write_do_not_block_each_other(tmp_path):
    """Each says all it has before it reads; the other's words wait for it."""
    count, size = 300, 60_000

    async def script(connection) -> None:
        for _ in range(count):
            await connection.send(b"\xff" + bytes(size))
        served.heard += [await connection.recv() for _ in range(count)]

    async with (
        model(script, max_queue=None) as served,
        guard(tmp_path, realtime(served.url)) as running,
        connected(running.port) as client,
    ):
        await client.send(handshake())
        for _ in range(count):
            await client.send(masked(BINARY, b"\xff" + bytes(size)))
        await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        for _ in range(count):
            assert (await frame(client))[0] == BINARY
        await until(lambda: len(served.heard) == count)


async def test_a_fault_ends_the_session(tmp_path, monkeypatch):
    """Nobody is left waiting for what failed in the guard."""

    def fail(*_: Any) -> bytes:
        raise RuntimeError("a fault")

    monkeypatch.setattr(sessions, "read_message", fail)
    async with model(quiet) as served, guard(tmp_path, realtime(served.url)) as running, session(running) as client:
        await client.send("{}")
        got, code = await end_of(client)
    assert (orjson.loads(got[0])["error"]["code"], code) == ("internal_error", 1011)
