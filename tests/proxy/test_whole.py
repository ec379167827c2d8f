"""An answer that is read whole: it is the model's, byte for byte, or nothing of it is given out."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.guard import guard, one_model
from tests.support.model import chat_answer, model


async def test_an_answer_comes_back_unchanged_and_both_sides_are_in_the_journal(tmp_path):
    """What the model said is what the client gets, byte for byte, and the journal has prompt and output in full."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat("hello\r\n\x00\x1b[31m \U0001f600")
        assert answer.status_code == 200
        assert answer.content == chat_answer()
        [exchange] = await running.journal()
    assert exchange["id"] == answer.headers["x-guard-id"]
    assert exchange["end"] == "complete"
    assert exchange["prompt"] == ["hello\r\n\x00\x1b[31m \U0001f600"]
    assert exchange["output"] == ["Hello there."]
    assert exchange["usage"] == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    assert exchange["request"]["body"].encode() == served.calls[0].body
    assert exchange["response"] == {"status": 200, "body": chat_answer().decode()}
    assert exchange["attempts"][0]["version"] == "v1"
    assert exchange["version"] == answer.headers["x-guard-model"] == "v1"
    assert int(answer.headers["x-guard-overhead-us"]) < 1_000_000
    assert exchange["timings"]["total_us"] >= exchange["timings"]["upstream_us"]


async def test_a_blocked_output_is_replaced(tmp_path):
    """The client gets a refusal without a byte of the answer; the journal has what the model said."""

    async def leak(call):
        await call.answer(chat_answer("here is the secret-token for you"))

    async with model(leak) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat()
        [exchange] = await running.journal()
    assert answer.status_code == 400
    assert b"secret" not in answer.content
    assert answer.json()["error"]["code"] == "content_policy_violation"
    assert exchange["end"] == "refused"
    assert exchange["output"] == ["here is the secret-token for you"]
    assert exchange["findings"] == [{"rule": "output-block", "target": "output", "mode": "enforce", "action": "block"}]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_requests_without_a_body_pass_through(tmp_path, method):
    """Listing models and the like is relayed and journaled as it is."""

    async def listing(call):
        body = b'{"object":"list","data":[]}'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        await call.send(head if call.head.startswith(b"HEAD") else head + body)

    async with model(listing) as served, guard(tmp_path, one_model(served.url)) as running:
        async with running.client as client:
            for _ in range(2):
                answer = await client.request(method, "/v1/models?limit=2")
                assert answer.status_code == 200
                assert answer.headers["content-length"] == "27"
                assert answer.content == (b"" if method == "HEAD" else b'{"object":"list","data":[]}')
        found = await running.journal(2)
    assert [exchange["request"]["path"] for exchange in found] == ["/v1/models?limit=2"] * 2
    assert served.calls[0].head.startswith(f"{method} /v1/models?limit=2 HTTP/1.1".encode())


async def test_a_truncated_answer_is_an_error_and_its_beginning_is_kept(tmp_path):
    """Half an answer is not given out; the journal has what came of it."""

    async def break_off(call):
        await call.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"half":')
        call.reset()

    async with model(break_off) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat()
        [exchange] = await running.journal()
    assert answer.status_code == 502
    assert (exchange["end"], exchange["output"]) == ("truncated", ['{"half":'])


async def test_an_answer_over_the_cap_is_an_error(tmp_path):
    """An answer that must be read whole may not be of any size."""

    async def big(call):
        await call.answer(b'"' + b"x" * 10_000 + b'"')

    more = "upstream: {answer_bytes: 5000}"
    async with model(big) as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        answer = await running.chat()
        [exchange] = await running.journal()
    assert answer.status_code == 502
    assert "over 5000 bytes" in exchange["attempts"][0]["error"]


@pytest.mark.parametrize(
    ("status", "head"),
    [(204, b"HTTP/1.1 204 No Content\r\n\r\n"), (304, b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n")],
)
async def test_answers_that_have_no_body_have_none(tmp_path, status, head):
    """204 and 304 end with their head, and the connections on both sides go on."""

    async def script(call):
        await call.send(head)

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        async with running.client as client:
            for _ in range(2):
                answer = await client.get("/v1/models")
                assert (answer.status_code, answer.content) == (status, b"")
        assert served.connections == 1


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n", "length twice"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n", "both framings"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n", "an upgrade"),
        (b"garbage\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n", "a coding nobody asked for"),
    ],
)
async def test_an_answer_that_cannot_be_trusted_is_502(tmp_path, head, kind):
    """Bad framing or an unreadable coding from a model is an error to the client and ends the model's connection."""

    async def script(call):
        await call.send(head + b"\r\nabc")

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        assert (await running.chat()).status_code == 502, kind
        [exchange] = await running.journal()
        async with asyncio.timeout(2):
            await served.calls[0].closed.wait()
    assert exchange["end"] == "upstream_error"
