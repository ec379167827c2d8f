"""What the configuration has redacted: nowhere in the journal, everywhere else as it was."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from guard.assembly import make_policy
from guard.cli import main
from tests.cli.running import CONFIG, configure
from tests.support.guard import configure as configured
from tests.support.guard import guard, one_model
from tests.support.model import answer_chat, chat_answer, chat_delta, model
from tests.support.websocket import model as realtime_model
from tests.support.websocket import realtime, session

EMAIL = "eve.x@example.org"
REDACT = {
    "redact": [
        {"name": "email", "pattern": "[A-Za-z0-9._-]+@[A-Za-z0-9.-]+"},
        {"name": "user", "field": "/user"},
        {"name": "made", "field": "/created"},
        {"name": "item", "field": "/item/id"},
    ]
}
MORE = "journal: " + json.dumps(REDACT)


def written(folder: Path) -> bytes:
    """The journal as it is on disk."""
    return b"".join(path.read_bytes() for path in (folder / "state").rglob("*.jsonl"))


async def test_only_the_journal_is_without_it(tmp_path):
    """The model is asked and the client answered as ever; prompt, body, answer and target have marks, the same ones."""

    async def script(call):
        await call.answer(chat_answer(f"Hello {EMAIL}!"))

    async with model(script) as served, guard(tmp_path, one_model(served.url, more=MORE)) as running:
        answer = await running.chat(f"I am {EMAIL}", user="u-1977")
        assert answer.json()["choices"][0]["message"]["content"] == f"Hello {EMAIL}!"
        assert served.calls[0].document["user"] == "u-1977"
        async with running.client as client:
            await client.get(f"/nowhere/{EMAIL}")
        exchange, other = await running.journal(2)
    assert EMAIL.encode() not in written(tmp_path)
    assert b"u-1977" not in written(tmp_path)
    mark = exchange["prompt"][0].removeprefix("I am ")
    assert mark.startswith("[email:")
    assert exchange["output"] == [f"Hello {mark}!"]
    asked, told = orjson.loads(exchange["request"]["body"]), orjson.loads(exchange["response"]["body"])
    assert asked["messages"][0]["content"] == f"I am {mark}"
    assert asked["user"].startswith("[user:")
    assert told["created"].startswith("[made:")
    assert told["usage"]["total_tokens"] == 5
    assert exchange["redacted"] == {"email": 4, "user": 1, "made": 1}
    assert other["request"]["path"] == f"/nowhere/{mark}"


@pytest.mark.parametrize("part", [1, 32_768])
async def test_a_secret_in_a_stream_is_not_stored_however_it_is_cut(tmp_path, monkeypatch, part):
    """In two events at every cut, in one record or several; the bytes of the stream are only counted."""
    monkeypatch.setattr("guard.proxy.streamed.PART_BYTES", part)

    async def speak(call):
        cut = int(call.document["messages"][0]["content"])
        await call.begin_stream()
        for text in ("Mail ", EMAIL[:cut], EMAIL[cut:], " now"):
            await call.chunk(chat_delta(text))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    async with model(speak) as served, guard(tmp_path, one_model(served.url, more=MORE)) as running:
        for cut in range(1, len(EMAIL)):
            assert "[DONE]" in (await running.chat(str(cut), stream=True)).text
        exchanges = await running.journal(len(EMAIL) - 1)
    assert b"example.org" not in written(tmp_path)
    assert {text for exchange in exchanges for text in exchange["output"]} == {
        f"Mail {exchanges[0]['output'][0][5:-4]} now"
    }
    for exchange in exchanges:
        assert not exchange["response"]["body"]
        assert exchange["response"]["withheld"] > 300
        assert exchange["redacted"] == {"email": 1}


async def test_a_secret_in_a_websocket_is_not_stored(tmp_path):
    """In what the client says, and in what the model says in pieces."""

    async def speak(connection):
        async for message in connection:
            for text in ("Mail ", EMAIL[:7], EMAIL[7:], " now"):
                event = {"type": "response.output_text.delta", "response_id": "r", "item_id": "i", "delta": text}
                await connection.send(orjson.dumps(event).decode())
            await connection.send(message)
            await connection.close()

    async with realtime_model(speak) as served, guard(tmp_path, realtime(served.url, more=MORE)) as running:
        async with session(running) as client:
            item = {"id": "i-1", "type": "message", "content": [{"type": "input_text", "text": f"I am {EMAIL}"}]}
            await client.send(orjson.dumps({"type": "conversation.item.create", "item": item}).decode())
            heard = [message async for message in client]
        [exchange] = await running.journal()
    assert len(heard) == 5
    assert EMAIL[:7].encode() not in written(tmp_path)
    assert b"example.org" not in written(tmp_path)
    assert b"i-1" not in written(tmp_path)
    mark = exchange["prompt"][0].removeprefix("I am ")
    assert f"Mail {mark} now" in exchange["output"]
    assert exchange["frames"][1]["text"] is None
    assert exchange["frames"][1]["withheld"] > 50


async def test_what_is_redacted_changes_with_the_configuration(tmp_path):
    """From the next request on; the marks stay the same."""
    async with model(answer_chat) as served:
        plain = one_model(served.url)
        async with guard(tmp_path, plain) as running:
            await running.chat(EMAIL)
            running.proxy.adopt(make_policy(configured(tmp_path, plain + MORE), 2))
            await running.chat(EMAIL)
            first, second = await running.journal(2)
    assert first["prompt"] == [EMAIL]
    assert second["prompt"][0].startswith("[email:")


def test_a_pattern_that_cannot_be_used_is_told(tmp_path):
    """By `guard check` and when it is started: which file, which key, and why."""
    path = configure(tmp_path, CONFIG + 'journal: {redact: [{name: a, field: /a}, {name: b, pattern: "x(?=y)"}]}\n')
    result = CliRunner().invoke(main, ["check", "--config", path])
    assert result.exit_code == 1
    assert f"{path}: journal.redact[1].pattern: it looks around" in result.stderr
    result = CliRunner().invoke(main, ["serve", "--config", path])
    assert result.exit_code == 1
    assert "journal.redact[1].pattern: it looks around" in result.stderr


async def test_a_large_text_takes_bounded_time(tmp_path):
    """Megabytes that are nothing but matches are left out, and others are served meanwhile."""
    async with model(answer_chat) as served, guard(tmp_path, one_model(served.url, more=MORE)) as running:
        many = f"{EMAIL} " * 150_000
        began = asyncio.get_running_loop().time()
        assert (await running.chat(many)).status_code == 200
        assert asyncio.get_running_loop().time() - began < 10
        [exchange] = await running.journal()
    assert exchange["prompt"] == [f"[withheld:{len(many)}]"]
    assert b"example.org" not in written(tmp_path)
