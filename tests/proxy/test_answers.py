"""How an answer is taken: whole or as a stream."""

from __future__ import annotations

import pytest

from tests.support.guard import guard, one_model
from tests.support.model import chat_answer, model

CHAT, SPEECH = "/v1/chat/completions", "/v1/audio/speech"


@pytest.mark.parametrize(
    ("kind", "path", "stream", "whole"),
    [
        (b"application/json", CHAT, False, True),
        (b"application/json", CHAT, True, True),
        (b"Application/JSON; charset=utf-8", CHAT, False, True),
        (b"application/problem+json", SPEECH, False, True),
        (b"text/event-stream", CHAT, False, False),
        (b"text/event-stream", CHAT, True, False),
        (b"application/x-ndjson", CHAT, False, False),
        (b"application/stream+json", CHAT, False, False),
        (b"text/plain", CHAT, False, True),
        (b"text/plain", CHAT, True, False),
        (b"text/plain", SPEECH, False, False),
        (b"audio/mpeg", CHAT, False, True),
        (b"audio/mpeg", SPEECH, False, False),
        (b"", CHAT, False, True),
        (b"", SPEECH, False, False),
    ],
)
async def test_what_the_client_will_read_decides(tmp_path, kind, path, stream, whole):
    """What its clients read as a document is read whole, and keeps its length; everything else streams in chunks."""

    async def script(call):
        await call.answer(chat_answer(), kind=kind)

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running, running.client as client:
        ask = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        answer = await client.post(path, json=ask)
    assert answer.content == chat_answer()
    assert ("content-length" in answer.headers) is whole
    assert ("transfer-encoding" in answer.headers) is not whole
