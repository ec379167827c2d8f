"""What a request can and cannot make the guard do, as the model's raw socket and the client's see it."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.guard import guard, one_model, raw_request
from tests.support.model import chat_answer, model
from tests.support.raw import connected

ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


async def test_no_request_leads_anywhere_but_to_the_models(tmp_path):
    """Whatever a request names, as target, host, forwarding field or in its document, nothing else is connected to."""
    visits = []

    def visited(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(writer)
        writer.close()

    decoy = await asyncio.start_server(visited, "127.0.0.1", 0)
    there = f"127.0.0.1:{decoy.sockets[0].getsockname()[1]}"
    targets = [
        f"http://{there}/v1/chat/completions", f"//{there}/v1/chat/completions", f"/v1/@{there}/", f"/v1/?url=http://{there}/",
        f"@{there}/v1/", f"/v1/\\@{there}/", f"/v1/%0d%0aHost:%20{there}/", f"/v1/http://{there}/", there,
    ]  # fmt: skip
    fields = [
        f"host: {there}", f"x-forwarded-host: {there}", f"forwarded: host={there}", f"x-original-url: http://{there}/",
        f"x-rewrite-url: http://{there}/", f"x-openai-base-url: http://{there}/v1", f"proxy: http://{there}",
        f"x-http-host-override: {there}", f"referer: http://{there}/",
    ]  # fmt: skip
    documents = [
        {**ASK, name: f"http://{there}/v1"} for name in ("api_base", "base_url", "url", "webhook", "callback_url")
    ]
    requests = [f"POST {target} HTTP/1.1\r\nhost: g\r\ncontent-length: 0\r\n\r\n".encode() for target in targets]
    requests += [
        raw_request(ASK).replace(
            b"host: g\r\n", (b"" if field.startswith("host") else b"host: g\r\n") + field.encode() + b"\r\n"
        )
        for field in fields
    ]
    requests += [raw_request(document) for document in documents]
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        for request in requests:
            async with connected(running.port) as client:
                await client.send(request)
                assert (await client.answer()).status in (200, 400, 404)
        assert all(call.header(b"host") == served.url[7:].encode() for call in served.calls)
        assert len(served.calls) >= len(fields) + len(documents)
    decoy.close()
    assert visits == []


async def test_what_a_connection_lists_ends_at_the_guard(tmp_path):
    """Hop-by-hop fields, and those that ``Connection`` names, are dropped both ways; what the guard adds stays."""
    dropped = b"keep-alive: 1\r\nte: trailers\r\nx-hop: 1\r\nproxy-authorization: Basic x\r\n"
    dropped += b"connection: x-hop, x-guard-id\r\n"

    async def script(call):
        await call.answer(chat_answer(), extra=dropped + b"x-guard-policy: forged\r\nx-end: 1\r\n")

    async with (
        model(script) as served,
        guard(tmp_path, one_model(served.url)) as running,
        connected(running.port) as client,
    ):
        await client.send(raw_request(ASK, headers=(dropped + b"x-end: 1\r\n").decode()))
        answer = await client.answer()
        (call,) = served.calls
    for headers in (answer.headers, dict(call.headers)):
        assert not {b"keep-alive", b"te", b"x-hop", b"proxy-authorization", b"connection"} & headers.keys()
        assert headers[b"x-end"] == b"1"
        assert headers[b"via"] == b"1.1 guard"
        assert len(headers[b"x-guard-id"]) > 10
    assert answer.headers[b"x-guard-policy"] == b"1"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_to_a_model_has_one_framing(tmp_path, method, chunked):
    """However the client told the body's length, the model is told by one Content-Length, or by none of no body."""
    body = b'{"model":"m","messages":[]}'
    told = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % len(body)
    sent = b"%x\r\n%b\r\n0\r\nx-trailer: 1\r\n\r\n" % (len(body), body) if chunked else body
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        for framing, content in ((told, sent), (b"x-none: 1", b"")):
            async with connected(running.port) as client:
                line = b"%b /v1/chat/completions HTTP/1.1\r\nhost: g\r\n%b\r\n\r\n" % (method.encode(), framing)
                await client.send(line + content)
                assert (await client.answer(head_only=method == "HEAD")).status == 200
    with_body, without = served.calls
    assert [name for name, _ in with_body.headers].count(b"content-length") == 1
    assert with_body.body == body
    assert without.header(b"content-length") == (b"0" if method in ("POST", "PUT", "PATCH") else None)
    for call in served.calls:
        assert call.header(b"transfer-encoding") is None
        assert call.header(b"x-trailer") is None


@pytest.mark.parametrize("repeat", [False, True])
async def test_what_may_have_reached_a_model_is_not_sent_again(tmp_path, repeat):
    """A model that dies over a request has seen it: only where the route allows repeating does another get it."""

    async def dying(call):
        call.reset()

    async with model(dying) as first, model() as second:
        config = one_model(first.url, second.url, route=f"repeat: {str(repeat).lower()}")
        async with guard(tmp_path, config) as running:
            answer = await running.chat()
    assert answer.status_code == (200 if repeat else 502)
    assert (len(first.calls), len(second.calls)) == (1, int(repeat))
