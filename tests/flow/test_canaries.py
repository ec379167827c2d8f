"""Keys on every way through the guard: none of them is found in what the guard writes down, logs or answers."""

import asyncio
import logging
import os
import signal
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from websockets.exceptions import ConnectionClosed

from guard.assembly import journal_folder
from guard.cli import main
from guard.demo.children import Child
from tests.cli.running import CONFIG, configure
from tests.support.guard import guard, one_model
from tests.support.model import answer_chat, chat_answer, chat_delta, model
from tests.support.raw import connected
from tests.support.websocket import model as realtime_model
from tests.support.websocket import realtime, session

BODY = b'{"model":"m-1","messages":[{"role":"user","content":"hi"}]}'

# One request each, with a key (`@K@`, or `@B@`: user and key in base64) where clients put them, rightly or wrongly.
HEADS = {
    "bearer": b"authorization: Bearer @K@",
    "bearer in small letters": b"authorization: bearer @K@",
    "no scheme": b"authorization: @K@",
    "an unknown scheme": b"authorization: Token @K@",
    "a scheme run together": b"authorization: Bearer@K@",
    "several words": b"authorization: Bearer @K@ @K@",
    "basic": b"authorization: Basic @B@",
    "digest": b'authorization: Digest username="a", response="@K@"',
    "two schemes": b"authorization: Bearer @K@, Basic @B@",
    "not ASCII": b"authorization: Bearer \xe9@K@",
    "x-api-key": b"x-api-key: @K@",
    "api-key": b"api-key: @K@",
    "two keys": b"authorization: Bearer @K@\r\nx-api-key: another",
    "two keys, the other way": b"authorization: Bearer another\r\napi-key: @K@",
    "twice": b"authorization: Bearer @K@\r\nauthorization: Bearer @K@",
    "proxy-authorization": b"proxy-authorization: Basic @B@",
    "cookie": b"cookie: session=@K@; api_key=@K@",
    "a header nobody knows": b"x-my-secret: @K@",
    "a header's name": b"@K@: 1",
    "an underscore twin": b"x_api_key: @K@",
    "x-forwarded-for": b"x-forwarded-for: @K@",
    "forwarded": b'forwarded: for="@K@"',
    "expect": b"expect: @K@",
    "content-encoding": b"content-encoding: @K@",
    "content-type": b"content-type: @K@",
    "transfer-encoding": b"transfer-encoding: @K@",
    "connection": b"connection: @K@",
    "upgrade": b"connection: upgrade\r\nupgrade: @K@",
    "a host of its own": b"host: @K@",
    "a folded header": b"authorization: Bearer\r\n @K@",
    "a bad header": b"authorization Bearer @K@",
    "a header with a NUL": b"authorization: Bearer @K@\0",
}
TARGETS = {
    "api_key": b"/v1/chat/completions?api_key=@K@",
    "key, as Gemini has it": b"/v1/models?key=@K@",
    "an encoded name": b"/v1/chat/completions?api%5Fkey=@K@",
    "behind a semicolon": b"/v1/chat/completions?a=b;access_token=@K@",
    "no such route": b"/nowhere?token=@K@",
    "dot segments": b"/v1/../admin?password=@K@",
    "an absolute target": b"http://me:@K@@host/v1/chat/completions",
    "a fragment": b"/v1/chat/completions#secret=@K@",
    "not ASCII": b"/v1/\xe9?api_key=@K@",
    "too long": b"/v1/?api_key=@K@&x=" + b"x" * 9_000,
}
LINES = {
    "a method": b"@K@ /v1/models HTTP/1.1\r\nhost: g\r\n\r\n",
    "a version": b"GET /v1/models @K@\r\nhost: g\r\n\r\n",
    "connect": b"CONNECT me:@K@@host:443 HTTP/1.1\r\nhost: g\r\n\r\n",
    "garbage": b"\x16\x03@K@",
    "an unfinished head": b"POST /v1/models?api_key=@K@ HTTP/1.1\r\nauthorization: Bearer @K@\r\nx-a",
    "a body too large": b"POST /v1/models HTTP/1.1\r\nhost: g\r\nx-api-key: @K@\r\ncontent-length: 99999999\r\n\r\n",
    "a chunk size": b"POST /v1/models HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n@K@\r\n",
    "a trailer": b"POST /v1/models HTTP/1.1\r\nhost: g\r\ntransfer-encoding: chunked\r\n\r\n0\r\napi-key: @K@\r\n\r\n",
}
REQUESTS = [
    *(b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n%b\r\ncontent-length: %d\r\n\r\n%b" % (head, len(BODY), BODY)
      for head in HEADS.values()),
    *(b"POST %b HTTP/1.1\r\nhost: g\r\ncontent-length: %d\r\n\r\n%b" % (target, len(BODY), BODY)
      for target in TARGETS.values()),
    *LINES.values(),
]  # fmt: skip

GUARDS = {
    "who serves": "",
    "who wants known keys": "identify: {unknown: refuse, trusted_proxies: [127.0.0.1]}\nclients: {app: {key: another}}",
    "who blocks": "blocks: [{ip: 127.0.0.1}]",
    "who limits": "limits: [{per: client, requests: 1/h}, {per: global, concurrency: 1}]",
    "whose model is gone": "upstream: {connect_timeout: 0.5}",
    "whose journal cannot be written": "",
    "who is at fault": "",
}


def canary(number: int) -> bytes:
    """A key like no other."""
    return b"canary%03dkey" % number


def traces(number: int) -> list[bytes]:
    """What a key leaves behind: itself, and the middle of its base64 at each of three offsets."""
    key = canary(number)
    return [key, *(b64encode(b"x" * offset + key)[4:-4] for offset in range(3))]


def fill_the_disk(running) -> None:
    """Let the journal's open file take nothing more, and no other be made."""
    device = os.open("/dev/full", os.O_WRONLY)
    os.dup2(device, running.proxy.journal.log._segment.fd)
    os.close(device)
    folder = journal_folder(running.config)
    folder.rename(folder.with_name("away"))
    folder.write_text("")


def fault(exchange, _meters) -> None:
    """A stage that is at fault, with all that it was given in its traceback."""
    raise RuntimeError(exchange)


async def tell(port: int, request: bytes) -> bytes:
    """All that the guard answers to one request."""
    async with connected(port) as client:
        await client.send(request)
        client.half_close()
        answer: bytes = await client.last_words()
        return answer


@pytest.mark.parametrize("kind", GUARDS)
async def test_no_key_leaves_a_trace(tmp_path, kind, caplog, monkeypatch):
    """Fifty keys through all that can go wrong: none is in the journal, the counts, the log at its loudest, or told."""
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    assert len(REQUESTS) == 50
    written = b""
    async with model(answer_chat) as served:
        url = "http://127.0.0.1:1" if kind == "whose model is gone" else served.url
        async with guard(tmp_path, one_model(url, more=GUARDS[kind])) as running:
            if kind == "whose journal cannot be written":
                await running.chat()
                fill_the_disk(running)
            if kind == "who is at fault":
                monkeypatch.setattr("guard.proxy.relay.Relay.stages", (fault,))
            for number, request in enumerate(REQUESTS):
                me = b64encode(b"me:" + canary(number))
                written += await tell(running.port, request.replace(b"@K@", canary(number)).replace(b"@B@", me))
            await running.quiet()
        kept = [path for path in (tmp_path / "state").rglob("*") if path.suffix in {".jsonl", ".counts"}]
        assert {path.suffix for path in kept} == {".jsonl", ".counts"}
        written += b"".join(path.read_bytes() for path in kept) + caplog.text.encode()
    assert len(written) > 10_000
    assert [n for n in range(len(REQUESTS)) if any(trace in written for trace in traces(n))] == []


@pytest.mark.slow
def test_no_key_of_the_configuration_is_told(tmp_path):
    """Whatever is wrong beside a key or with it, `check`, `serve` and the log of a reload do not say it."""
    wrong = [
        "clients: {app: {key: @K@, key_hash: @K@}}",
        "clients: {app: {key: @K@}, web: {key: @K@}}",
        "clients: {app: {key: '@K@ '}}",
        "clients: {app: {key: [@K@]}}",
        "clients: {app: {key @K@}}",
        "clients: {app: @K@}",
        "clients: {app: {kye: @K@}}",
        "clients: {app: {key: *@K@}}",
        "clients: {app: {key: '@K@}}",
        "clients: @K@",
        "blocks: [@K@]",
        "blocks: [{key: @K@, ip: 10.0.0.1}]",
        "blocks: [{key: '${X}@K@'}]",
        "identify: {unknown: maybe}\nclients: {app: {key: @K@}}",
    ]
    path = Path(configure(tmp_path))
    told = ""
    for number, line in enumerate(wrong):
        path.write_text(CONFIG + line.replace("@K@", canary(number).decode()))
        for name in ("check", "serve"):
            result = CliRunner().invoke(main, [name, "--config", str(path)])
            assert result.exit_code == 1
            told += result.output
    path.write_text(CONFIG)
    with Child("guard", ["serve", "--json", "--config", str(path)], tmp_path) as child:
        child.first_line()
        for number, line in enumerate(wrong):
            path.write_text(CONFIG + line.replace("@K@", canary(number).decode()))
            child.process.send_signal(signal.SIGHUP)
            while child.log.read_text().count("changes nothing") <= number:
                assert child.process.poll() is None
        told += child.log.read_text()
    assert [n for n in range(len(wrong)) if canary(n).decode() in told] == []


KEY = "canary/key+Of=One0123456789"
CARRIERS: dict[str, tuple[str, dict[str, str]]] = {
    "bearer": ("", {"authorization": f"Bearer {KEY}"}),
    "x-api-key": ("", {"x-api-key": KEY}),
    "api-key": ("", {"api-key": KEY}),
    "basic": ("", {"authorization": "Basic " + b64encode(f"me:{KEY}".encode()).decode()}),
    "query": ("?api_key=canary%2Fkey%2BOf%3DOne0123456789", {}),
}
ASKING = {"model": "m", "user": KEY, "messages": [{"role": "user", "content": f"is {KEY} my key?\nescaped: {KEY}"}]}


def stored(folder: Path) -> tuple[bytes, list[dict[str, object]]]:
    """The journal as it is on disk, and its records."""
    data = b"".join(path.read_bytes() for path in sorted((folder / "state").rglob("*.jsonl")))
    return data, [orjson.loads(line) for line in data.splitlines()]


def strings(value: object) -> list[str]:
    """Every string in a value, those in documents within strings too."""
    if isinstance(value, str):
        try:
            return [value, *strings(orjson.loads(value))] if value[:1] in "{[" else [value]
        except orjson.JSONDecodeError:
            return [value]
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in strings(part)]


def untold(folder: Path, *secrets: str) -> None:
    """None of the secrets is in the journal, in whatever escapes; and there are marks in their place."""
    data, records = stored(folder)
    told = strings(records)
    assert len(told) > 20
    assert [secret for secret in secrets if secret.encode() in data or any(secret in text for text in told)] == []
    assert b"[key:" in data


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_key_that_is_repeated_is_not_stored(tmp_path, carrier):
    """In the body, the query, an answer, an error, a blocked prompt and a request that is no JSON."""

    async def echo(call):
        if b"fail" in call.body:
            await call.answer(orjson.dumps({"error": {"message": f"wrong key: {KEY}"}}), status=401)
        else:
            await call.answer(chat_answer(f"Your key is {KEY}.").replace(b"+", b"\\u002b").replace(b"/", b"\\/"))

    query, headers = CARRIERS[carrier]
    path = f"/v1/chat/completions{query}{'&' if query else '?'}q={KEY}"
    async with model(echo) as served, guard(tmp_path, one_model(served.url)) as running, running.client as client:
        for document in (
            ASKING,
            {**ASKING, "metadata": {"x": "fail"}},
            {**ASKING, "messages": [f"forbidden phrase {KEY}"]},
        ):
            answer = await client.post(path, json=document, headers=headers)
        assert answer.status_code == 400
        assert KEY in (await client.post(path, json=ASKING, headers=headers)).json()["choices"][0]["message"]["content"]
        assert orjson.loads(served.calls[0].body) == ASKING
        kind = {"content-type": "application/json"}
        assert (await client.post(path, content=f'{{"a": {KEY}'.encode(), headers=headers | kind)).status_code == 400
        exchanges = await running.journal(5)
    untold(tmp_path, KEY)
    [mark] = {text[text.index("[key:") :][:22] for text in exchanges[0]["prompt"][:1]}
    assert exchanges[0]["output"] == [f"Your key is {mark}."]
    if carrier not in ("basic", "query"):
        assert mark == f"[key:{exchanges[0]['client']['key']}]"


async def test_a_key_in_a_stream_is_not_stored_however_it_is_cut(tmp_path):
    """In two events at every cut, and letter by letter: neither texts nor the events that are kept make the key."""
    cuts = [*([KEY[:cut], KEY[cut:]] for cut in range(1, len(KEY))), list(KEY)]

    async def speak(call):
        await call.begin_stream()
        for text in ("It is ", *cuts[int(call.document["messages"][0]["content"])], ", is it?"):
            await call.chunk(chat_delta(text))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(speak) as served, guard(tmp_path, one_model(served.url)) as running:
        for number in range(len(cuts)):
            answer = await running.chat(str(number), stream=True, headers={"x-api-key": KEY})
            assert said_in(answer.text) == f"It is {KEY}, is it?"
        exchanges = await running.journal(len(cuts))
    untold(tmp_path, KEY)
    for exchange in exchanges:
        mark = f"[key:{exchange['client']['key']}]"
        assert exchange["output"] == [f"It is {mark}, is it?"]
        assert not exchange["response"]["body"]
        assert exchange["response"]["withheld"] > 300
        assert exchange["redacted"] == {"key": 1}


def said_in(events: str) -> str:
    """The text that a stream's events make."""
    found = [orjson.loads(line[6:]) for line in events.splitlines() if line.startswith("data: {")]
    return "".join(event["choices"][0]["delta"]["content"] for event in found)


async def test_a_key_between_two_records_of_a_stream_is_not_stored(tmp_path, monkeypatch):
    """Where every event has a record of its own, no more than its first three letters are in those."""
    monkeypatch.setattr("guard.proxy.streamed.PART_BYTES", 1)
    pieces = [KEY[at : at + 2] for at in range(0, len(KEY), 2)]

    async def speak(call):
        await call.begin_stream()
        for text in ("It is ", *pieces, ", is it?"):
            await call.chunk(chat_delta(text))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(speak) as served, guard(tmp_path, one_model(served.url)) as running:
        await running.chat(stream=True, headers={"x-api-key": KEY})
        [exchange] = await running.journal()
    untold(tmp_path, KEY)
    assert said_in(exchange["response"]["body"]) in ("", "It is ", "It is ca")
    assert exchange["output"] == [f"It is [key:{exchange['client']['key']}], is it?"]


async def test_a_key_in_a_websocket_is_not_stored(tmp_path):
    """In the handshake's subprotocol, in what the client says, in what the model says in pieces, in its last words."""

    async def speak(connection):
        async for message in connection:
            place = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
            for at in range(0, len(KEY), 3):
                event = {"type": "response.output_text.delta", **place, "delta": KEY[at : at + 3]}
                await connection.send(orjson.dumps(event).decode())
            event = {"type": "response.output_text.done", **place, "text": KEY}
            await connection.send(orjson.dumps(event).decode())
            await connection.send(message)
            await connection.close(4000, f"bye {KEY}")

    async with realtime_model(speak) as served, guard(tmp_path, realtime(served.url)) as running:
        async with session(running, additional_headers={"authorization": f"Bearer {KEY}"}) as client:
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"I am {KEY}"}]}
            await client.send(orjson.dumps({"type": "conversation.item.create", "item": item}).decode())
            heard = []
            with suppress(ConnectionClosed):
                while True:
                    heard.append(orjson.loads(await client.recv()))
        [exchange] = await running.journal()
    assert "".join(event.get("delta", "") for event in heard) == KEY
    untold(tmp_path, KEY)
    mark = f"[key:{exchange['client']['key']}]"
    assert exchange["prompt"] == [f"I am {mark}"]
    assert mark in exchange["output"]
    assert exchange["session"]["reason"] == f"bye {mark}"
    kept = [orjson.loads(frame["text"]).get("delta", "") for frame in exchange["frames"] if frame["text"]]
    assert "".join(kept) in (KEY[:3], "")


async def test_keys_of_the_configuration_are_not_stored(tmp_path):
    """Neither the one that models are asked with, which one echoes in an error, nor another client's in a prompt."""

    async def echo(call):
        await call.answer(b'{"error":{"message":"invalid: %b"}}' % (call.header(b"authorization") or b""), status=401)

    clients = "clients: {a: {key: key-of-client-a}, b: {key: key-of-client-b}, c: {key: key-of-client-c}}"
    async with model(echo) as served:
        text = one_model(served.url, more=clients).replace(f'"{served.url}"', f'"{served.url}", key: key-of-the-model')
        async with guard(tmp_path, text) as running:
            answer = await running.chat("key-of-client-b", headers={"x-api-key": "key-of-client-a"})
            await running.journal()
    assert "key-of-the-model" in answer.text
    untold(tmp_path, "key-of-the-model", "key-of-client-a", "key-of-client-b")


async def test_what_is_too_short_for_a_key_is_a_word(tmp_path):
    """A key of a few letters would be replaced in every text that has them."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        await running.chat("Hello there", headers={"x-api-key": "Hello"})
        [exchange] = await running.journal()
    assert exchange["prompt"] == ["Hello there"]
    assert "redacted" not in exchange
