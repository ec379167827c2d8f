"""An answer that streams: piece by piece as it comes, and nothing of a blocked match."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from tests.support.guard import guard, one_model, raw_request
from tests.support.model import chat_delta, model, stream_of


async def test_a_stream_passes_as_it_comes(tmp_path):
    """Each event reaches the client before the model sends the next one, and the journal has the joined text."""
    ask = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    turn = asyncio.Event()

    async def script(call):
        await call.begin_stream()
        for text in ("One ", "two ", "three."):
            await call.chunk(chat_delta(text))
            async with asyncio.timeout(5):
                await turn.wait()
            turn.clear()
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        lines = []
        async with running.client as client, client.stream("POST", "/v1/chat/completions", json=ask) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            async for line in answer.aiter_lines():
                if line:
                    lines.append(line)
                    turn.set()
        [exchange] = await running.journal()
    assert [orjson.loads(line[6:])["choices"][0]["delta"]["content"] for line in lines[:3]] == [
        "One ",
        "two ",
        "three.",
    ]
    assert lines[3] == "data: [DONE]"
    assert exchange["output"] == ["One two three."]
    assert exchange["end"] == "complete"
    assert exchange["response"]["body"].count("data: ") == 4


@pytest.mark.parametrize("cut", range(1, len("secret-token")))
async def test_nothing_of_a_blocked_match_in_a_stream_is_released(tmp_path, cut):
    """Wherever the model cuts the phrase into events, the client sees none of it, and an error event in its place."""
    texts = ("Sure: ", "secret-token"[:cut], "secret-token"[cut:], " and more")
    async with model(stream_of(*texts)) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat(stream=True)
        [exchange] = await running.journal()
    events = [orjson.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    said = "".join(event["choices"][0]["delta"]["content"] for event in events if "choices" in event)
    assert said == "Sure: "
    assert "event: error" in answer.text
    assert "[DONE]" not in answer.text
    assert events[-1]["error"]["code"] == "content_policy_violation"
    assert exchange["end"] == "refused"
    assert "secret-token" in exchange["output"][0]
    assert "secret" not in exchange["response"]["body"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_truncated_answer_is_never_ended_cleanly(tmp_path, stream):
    """When the model's answer breaks off, the client can tell, and the journal says so."""

    async def break_off(call):
        if stream:
            await call.begin_stream()
            await call.chunk(chat_delta("Half of"))
        else:
            await call.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{")
        call.reset()

    async with model(break_off) as served, guard(tmp_path, one_model(served.url)) as running:
        if stream:
            reader, writer = await running.open()
            writer.write(raw_request({"model": "m", "stream": True, "messages": []}))
            whole = await reader.read()
            writer.close()
            assert b"Half of" in whole
            assert b"event: error" in whole
            assert not whole.endswith(b"0\r\n\r\n")
        else:
            assert (await running.chat()).status_code == 502
        [exchange] = await running.journal()
    assert exchange["end"] == "truncated"


async def test_a_stalled_reader_holds_the_model_back(tmp_path):
    """With a client that reads nothing, the guard takes from the model no more than its buffers hold."""
    sent = 0

    async def pour(call):
        nonlocal sent
        await call.begin_stream()
        piece = chat_delta("x" * 1_000)
        while not call.closed.is_set():
            await call.chunk(piece)
            sent += len(piece)

    async with model(pour) as served, guard(tmp_path, one_model(served.url)) as running:
        reader, writer = await running.open()
        writer.write(raw_request({"model": "m", "stream": True, "messages": []}))
        await reader.readexactly(1_000)
        before = -1
        async with asyncio.timeout(20):
            while before != sent:
                before = sent
                await asyncio.sleep(0.3)
        relay = next(iter(running.proxy.relays))
        buffered = relay.client.transport.get_write_buffer_size()
        assert buffered <= 400_000
        writer.transport.abort()
        [exchange] = await running.journal()
    assert exchange["end"] == "client_disconnected"


ASK = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("kind", "pieces", "output"),
    [
        (b"application/x-ndjson", [b'{"text":"one"}\n{"te', b'xt":"two"}\n'], "onetwo"),
        (b"text/plain; charset=utf-8", [b"caf\xc3", b"\xa9 au lait"], "café au lait"),
        (b"audio/mpeg", [b"\xff\xfb\x90", b"\x00\x01"], None),
        (
            b"text/event-stream",
            [b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\r\n', b"\r\n: ping\r\n\r\n"],
            "x",
        ),
    ],
)
async def test_streams_of_other_kinds_pass_unchanged(tmp_path, kind, pieces, output):
    """Lines, text, binary and oddly framed events reach the client byte for byte, and their text the journal."""

    async def script(call):
        await call.begin_stream(kind)
        for piece in pieces:
            await call.chunk(piece)
        await call.end_stream()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        async with running.client as client:
            answer = await client.post("/v1/audio/speech", json=ASK)
        [exchange] = await running.journal()
    assert answer.content == b"".join(pieces)
    assert exchange["end"] == "complete"
    assert "".join(exchange["output"]) == (output or "")


@pytest.mark.parametrize("cut", range(1, 12))
async def test_a_phrase_in_plain_text_is_blocked_wherever_it_is_cut(tmp_path, cut):
    """A stream that is no events is matched as text, and the connection breaks off before the phrase."""
    phrase = b"secret-token"

    async def script(call):
        await call.begin_stream(b"text/plain")
        await call.chunk(b"Sure: " + phrase[:cut])
        await call.chunk(phrase[cut:] + b" and more")
        await call.end_stream()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        reader, writer = await running.open()
        writer.write(raw_request(ASK, headers="connection: close\r\n").replace(b"chat/completions", b"audio/speech"))
        whole = await reader.read()
        writer.close()
        [exchange] = await running.journal()
    assert b"sec" not in whole
    assert not whole.endswith(b"0\r\n\r\n")
    assert exchange["end"] == "refused"


async def test_a_long_stream_is_journaled_in_parts(tmp_path):
    """What streams for long is written down as it goes, so that memory stays bounded and a crash loses little."""
    texts = [f"word{number} " * 40 for number in range(300)]
    async with model(stream_of(*texts)) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat(stream=True)
        [exchange] = await running.journal()
        lines = "".join(path.read_text() for path in (tmp_path / "state" / "journal").rglob("*.jsonl")).splitlines()
    assert sum('"kind":"part"' in line for line in lines) >= 2
    assert exchange["output"] == ["".join(texts)]
    assert exchange["response"]["body"] == answer.text


async def test_a_http_1_0_client_gets_a_stream_without_chunks(tmp_path):
    """The end is then told by the connection's close."""
    async with model(stream_of("Hello")) as served, guard(tmp_path, one_model(served.url)) as running:
        reader, writer = await running.open()
        writer.write(raw_request(ASK, version="1.0"))
        whole = await reader.read()
        writer.close()
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body == chat_delta("Hello") + b"data: [DONE]\n\n"


async def test_an_event_without_end_is_not_waited_for(tmp_path):
    """A model that never ends an event cannot make the guard collect it without bound."""

    async def script(call):
        await call.begin_stream()
        for _ in range(40):
            await call.chunk(b"data: " + b"x" * 50_000)

    more = "upstream: {answer_bytes: 1000000}"
    async with model(script) as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        reader, writer = await running.open()
        writer.write(raw_request(ASK))
        whole = await reader.read()
        writer.close()
        [exchange] = await running.journal()
    assert b"event: error" in whole
    assert exchange["end"] == "truncated"
    assert "longer than" in exchange["attempts"][0]["error"]


async def test_two_choices_are_matched_apart(tmp_path):
    """A phrase spread over two choices is no match, and a phrase within one is, however the choices interleave."""

    async def script(call):
        await call.begin_stream()
        for index, text in call.document["turns"]:
            await call.chunk(chat_delta(text, index))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        apart = await running.chat(stream=True, turns=[(0, "secret"), (1, "-token")])
        within = await running.chat(stream=True, turns=[(0, "secret"), (1, "hello"), (0, "-token"), (1, "!")])
        first, second = await running.journal(2)
    assert "[DONE]" in apart.text
    assert "secret" not in within.text
    assert first["output"] == ["secret", "-token"]
    assert (first["end"], second["end"]) == ("complete", "refused")


@pytest.mark.parametrize(
    "frame",
    [
        b": the secret-token is here\n\n",
        b"id: secret-token\n\n",
        b"event: secret-token\ndata: {}\n\n",
        b"\xef\xbb\xbfdata: secret-token\n\n",
        b'\xef\xbb\xbfdata: {"choices":[{"index":0,"delta":{"content":"secret\\u002dtoken"}}]}\n\n',
        b"secret-token\n\n",
        b"data: not json but secret-token\n\n",
        b'data: {"unknown":{"shape":["secret-token"]}}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"secret-token":1}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":\ndata: {"content":"secret-token"}}]}\n\n',
    ],
)
async def test_there_is_no_place_in_an_event_to_hide_in(tmp_path, frame):
    """Comments, ids, names, unknown fields and shapes are matched as text."""

    async def script(call):
        await call.begin_stream()
        await call.chunk(chat_delta("Sure: "))
        await call.chunk(frame)
        await call.end_stream()

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat(stream=True)
        [exchange] = await running.journal()
    assert b"secret-token" not in answer.content
    assert exchange["end"] == "refused"
