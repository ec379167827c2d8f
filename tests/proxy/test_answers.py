"""How an answer is taken: whole or as a stream."""

from __future__ import annotations

import pytest

from tests.support.guard import guard, one_model
from tests.support.model import chat_answer, model


@pytest.mark.parametrize(
    ("kind", "whole"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=utf-8", True),
        (b"application/problem+json", True),
        (b"text/event-stream", False),
        (b"text/plain", False),
        (b"audio/mpeg", False),
        (b"", False),
    ],
)
async def test_the_content_type_decides(tmp_path, kind, whole):
    """JSON is read whole and keeps its length; everything else streams in chunks."""

    async def script(call):
        await call.answer(chat_answer(), kind=kind)

    async with model(script) as served, guard(tmp_path, one_model(served.url)) as running:
        answer = await running.chat()
    assert answer.content == chat_answer()
    assert ("content-length" in answer.headers) is whole
    assert ("transfer-encoding" in answer.headers) is not whole
