"""A request's whole way, with a real client, a real guard and a model that says what the test wants."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from tests.support.guard import guard, one_model, raw_request
from tests.support.model import answer_chat, chat_answer, chat_delta, model


@pytest.mark.parametrize(
    ("content", "status", "end", "findings"),
    [
        ("a forbidden phrase", 400, "refused", [("prompt-block", "enforce", "block")]),
        ("a FORBIDDEN\u200b phrase", 400, "refused", [("prompt-block", "enforce", "block")]),
        ("a watched phrase", 200, "complete", [("prompt-shadow", "shadow", "block")]),
        ("odd   words", 200, "complete", [("prompt-flag", "enforce", "flag")]),
        ("nothing", 200, "complete", []),
    ],
)
async def test_prompt_rules_block_flag_or_watch(tmp_path, content, status, end, findings):
    """A blocked prompt never reaches the model; a flagged or watched one does, and each match is in the journal."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat(content)
        [exchange] = await running.journal()
        assert answer.status_code == status
        assert len(served.calls) == (status == 200)
        if status == 400:
            assert answer.json()["error"]["code"] == "content_policy_violation"
    assert exchange["end"] == end
    assert [(f["rule"], f["mode"], f["action"]) for f in exchange["findings"]] == findings
    assert exchange["prompt"] == [content]
    assert {f["target"] for f in exchange["findings"]} <= {"prompt"}


@pytest.mark.parametrize(
    ("route", "status", "served_by", "errors"),
    [
        ("repeat: true", 200, "v2", 2),
        ("repeat: false", 502, "v1", 1),
    ],
)
async def test_a_version_that_cannot_be_reached_is_passed_over_where_the_route_allows(
    tmp_path, route, status, served_by, errors
):
    """The fallback answers when the active version refuses connections, and every attempt is in the journal."""
    async with model() as gone:
        pass
    async with model() as served, guard(tmp_path, one_model(gone.url, served.url, route=route)) as running:
        answer = await running.chat()
        [exchange] = await running.journal()
    assert answer.status_code == status
    assert answer.headers["x-guard-model"] == exchange["version"] == served_by
    assert len(exchange["attempts"]) == errors
    assert exchange["attempts"][0]["version"] == "v1"
    assert "cannot connect" in exchange["attempts"][0]["error"]


@pytest.mark.parametrize("failing", [429, 500, 503])
async def test_a_failing_version_is_passed_over_before_the_first_byte(tmp_path, failing):
    """429 and 5xx of the active version are not the client's last word while there is a fallback."""

    async def fail(call):
        await call.answer(b'{"error":{"message":"no"}}', status=failing)

    async with (
        model(fail) as first,
        model() as second,
        guard(tmp_path, one_model(first.url, second.url, route="repeat: true")) as running,
    ):
        answer = await running.chat()
        [exchange] = await running.journal()
    assert answer.status_code == 200
    assert [(a["version"], a["status"]) for a in exchange["attempts"]] == [("v1", failing), ("v2", 200)]


async def test_the_last_version_s_failure_is_passed_on(tmp_path):
    """When no version is left, the client gets what the model said, not an invention of the guard's."""

    async def fail(call):
        await call.answer(b'{"error":{"message":"no"}}', status=503)

    async with model(fail) as served, guard(tmp_path, one_model(served.url, route="repeat: true")) as running:
        answer = await running.chat()
    assert answer.status_code == 503
    assert answer.content == b'{"error":{"message":"no"}}'


@pytest.mark.parametrize(("route", "status", "calls"), [("repeat: true", 200, 1), ("repeat: false", 504, 0)])
async def test_a_hung_version_is_given_up_on(tmp_path, route, status, calls):
    """No first byte in time: the next version where the route allows repeating, 504 where it does not."""

    async def hang(call):
        await call.closed.wait()

    more = "upstream: {first_byte_timeout: 0.2}"
    async with (
        model(hang) as first,
        model() as second,
        guard(tmp_path, one_model(first.url, second.url, route=route, more=more)) as running,
    ):
        answer = await running.chat()
        [exchange] = await running.journal()
        async with asyncio.timeout(2):
            await first.calls[0].closed.wait()
    assert answer.status_code == status
    assert len(second.calls) == calls
    assert "first byte timeout" in exchange["attempts"][0]["error"]


async def test_a_client_that_leaves_stops_the_model(tmp_path):
    """The model's connection is closed within a second, and what it said until then is in the journal."""

    async def talk(call):
        await call.begin_stream()
        await call.chunk(chat_delta("A first word."))
        await call.closed.wait()

    ask = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    async with model(talk) as served, guard(tmp_path, one_model(served.url)) as running:
        async with running.client as client, client.stream("POST", "/v1/chat/completions", json=ask) as answer:
            async for line in answer.aiter_lines():
                if line:
                    break
        async with asyncio.timeout(1):
            await served.calls[0].closed.wait()
        [exchange] = await running.journal()
    assert exchange["end"] == "client_disconnected"
    assert exchange["output"] == ["A first word."]


async def test_a_refused_connection_leaves_no_trace_of_the_key(tmp_path):
    """The key that a client showed stands nowhere in the journal, in no form that leads back to it."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        await running.chat(headers={"authorization": "Bearer sk-canary-123456"})
        await running.chat("a forbidden phrase", headers={"x-api-key": "sk-canary-123456"})
        first, second = await running.journal(2)
        text = "".join(path.read_text() for path in (tmp_path / "state" / "journal").rglob("*.jsonl"))
    assert "canary" not in text
    assert first["client"]["key"] == second["client"]["key"] != ""


async def test_requests_on_one_connection_are_answered_in_order(tmp_path):
    """Pipelined requests get their own answers, in the order they were sent."""

    async def echo(call):
        await call.answer(chat_answer(call.document["messages"][0]["content"]))

    async with model(echo) as served, guard(tmp_path, one_model(served.url)) as running:
        reader, writer = await running.open()
        for number in range(20):
            writer.write(raw_request({"model": "m", "messages": [{"role": "user", "content": f"n{number}"}]}))
        for number in range(20):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = orjson.loads(await reader.readexactly(length))
            assert body["choices"][0]["message"]["content"] == f"n{number}"
        writer.close()
        assert served.connections == 1
        assert len(await running.journal(20)) == 20


async def test_a_path_that_no_route_names_is_404_and_in_the_journal(tmp_path):
    """Nothing goes to a model that the configuration does not send there."""
    async with model() as served, guard(tmp_path, one_model(served.url)) as running:
        async with running.client as client:
            answer = await client.post("/v2/chat", json={"messages": []})
        [exchange] = await running.journal()
        assert served.calls == []
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert (exchange["end"], exchange["reason"]) == ("refused", "not_found")


async def test_limits_answer_429_with_when_to_come_back(tmp_path):
    """Over the limit: 429 with Retry-After and the RateLimit fields; the model never sees it."""
    more = "limits: [{per: address, requests: 1/h, burst: 2}]"
    async with model() as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        answers = [await running.chat() for _ in range(4)]
        found = await running.journal(4)
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert int(answers[2].headers["retry-after"]) == pytest.approx(3600, abs=5)
    assert answers[2].headers["ratelimit"].startswith('"address";r=0')
    assert answers[2].headers["x-ratelimit-remaining-requests"] == "0"
    assert len(served.calls) == 2
    assert [exchange["reason"] for exchange in found] == [None, None, "rate_limit_exceeded", "rate_limit_exceeded"]


async def test_concurrency_is_given_back(tmp_path):
    """A limit of one at a time refuses the second while the first runs, and not after."""
    go = asyncio.Event()

    async def wait(call):
        await go.wait()
        await answer_chat(call)

    more = "limits: [{per: global, concurrency: 1}]"
    async with model(wait) as served, guard(tmp_path, one_model(served.url, more=more)) as running:
        first = asyncio.create_task(running.chat())
        await served.received.wait()
        assert (await running.chat()).status_code == 429
        go.set()
        assert (await first).status_code == 200
        await running.quiet()
        assert (await running.chat()).status_code == 200
