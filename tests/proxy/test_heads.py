"""What the guard says of itself, and how its refusals look."""

from __future__ import annotations

import pytest

from tests.support.guard import guard
from tests.support.model import model

CONFIG = """
blocks: [{ip: 127.0.0.1}]
models: {chat: {versions: {v1: {url: "http://127.0.0.1:1"}}, active: v1}}
routes:
  - {path: /v1/messages, format: anthropic, model: chat}
  - {path: /v1/, format: openai, model: chat}
  - {path: /predict, format: generic, model: chat}
"""


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/chat/completions", lambda body: (body["error"]["type"], body["error"]["code"], body["error"]["param"])),
        ("/v1/messages", lambda body: (body["type"], body["error"]["type"])),
        ("/predict", lambda body: (body["error"]["code"],)),
    ],
)
async def test_a_refusal_has_the_shape_of_the_api_that_was_called(tmp_path, path, where):
    """OpenAI's clients, Anthropic's and others each get an error that they can read."""
    expected = {
        "/v1/chat/completions": ("permission_error", "client_blocked", None),
        "/v1/messages": ("error", "permission_error"),
        "/predict": ("client_blocked",),
    }
    async with guard(tmp_path, CONFIG) as running, running.client as client:
        answer = await client.post(path, json={"messages": []})
        assert answer.status_code == 403
        assert where(answer.json()) == expected[path]
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-guard-policy"] == "1"
        assert "x-guard-model" not in answer.headers
        assert (await running.journal())[0]["id"] == answer.headers["x-guard-id"]


async def test_what_a_model_says_of_the_guard_is_not_believed(tmp_path):
    """A model cannot forge the guard's own headers, nor hop-by-hop ones."""

    async def script(call):
        await call.answer(
            b"{}", extra=b"x-guard-id: forged\r\nkeep-alive: 5\r\nconnection: x-mine\r\nx-mine: 1\r\nx-kept: 1\r\n"
        )

    text = CONFIG.replace("blocks: [{ip: 127.0.0.1}]", "")
    async with model(script) as served, guard(tmp_path, text.replace("http://127.0.0.1:1", served.url)) as running:
        answer = await running.chat()
    assert answer.headers["x-guard-id"] != "forged"
    assert answer.headers["x-kept"] == "1"
    assert answer.headers["via"] == "1.1 guard"
    assert not {"keep-alive", "x-mine"} & set(answer.headers)
