"""Keys on every way through the guard: none of them is found in what the guard writes down, logs or answers."""

import asyncio
import logging
import os
import signal
from base64 import b64encode
from pathlib import Path

import pytest
from click.testing import CliRunner

from guard.app import journal_folder
from guard.cli import main
from guard.demo.children import Child
from tests.cli.running import CONFIG, configure
from tests.support.guard import guard, one_model
from tests.support.model import answer_chat, model
from tests.support.raw import connected

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
    """Fifty keys through everything that can go wrong: none is in the journal, in the log at its loudest, or told."""
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
        written += b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*.jsonl")) + caplog.text.encode()
    assert len(written) > 10_000
    assert [n for n in range(len(REQUESTS)) if any(trace in written for trace in traces(n))] == []


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
