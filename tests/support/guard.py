"""A guard on a real socket, in the test's own loop: the same parts that `guard serve` puts together."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import orjson
import yaml
from uvicorn.server import ServerState

from guard.app import protocol
from guard.assembly import balancers, decide, journal_folder, open_journal
from guard.config import Config
from guard.evidence.reader import exchanges
from guard.proxy.proxy import Proxy
from guard.wire.preface import Entrance

RULES = """
- id: prompt-block
  title: Blocks a phrase in prompts
  level: high
  target: prompt
  match: {any: ["forbidden phrase"]}
  action: block
  mode: enforce
  tests: {match: ["a forbidden phrase here"], no_match: ["a phrase"]}
- id: prompt-shadow
  title: Only watches
  level: low
  target: prompt
  match: {any: ["watched phrase"]}
  action: block
  mode: shadow
  tests: {match: ["a watched phrase here"], no_match: ["a phrase"]}
- id: prompt-flag
  title: Flags
  level: low
  target: prompt
  match: {regex: 'odd\\s+words'}
  action: flag
  mode: enforce
  tests: {match: ["some odd  words"], no_match: ["words"]}
- id: output-block
  title: Blocks a secret in outputs
  level: critical
  target: output
  match: {any: ["secret-token"], regex: 'zq[0-9]{6}'}
  action: block
  mode: enforce
  tests: {match: ["the secret-token is", "zq123456"], no_match: ["a token"]}
"""


class Guard:
    """A running guard: its URL, its parts, and its journal as an operator reads it."""

    def __init__(self, proxy: Proxy, port: int, config: Config) -> None:
        self.proxy = proxy
        self.port = port
        self.config = config
        self.url = f"http://127.0.0.1:{port}"

    @property
    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=10)

    async def chat(self, content: str = "hi", *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        async with self.client as client:
            document = {"model": "m-1", "messages": [{"role": "user", "content": content}], **more}
            return await client.post("/v1/chat/completions", json=document, headers=headers)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def journal(self, count: int = 1) -> list[dict[str, Any]]:
        """All exchanges in the journal, once there are `count` finished ones."""
        folder = journal_folder(self.config)
        async with asyncio.timeout(5):
            while True:
                found = [exchange for exchange in exchanges(folder) if exchange["end"] is not None]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        """Wait until no exchange is open."""
        async with asyncio.timeout(5):
            while self.proxy.relays:
                await asyncio.sleep(0.005)


def configure(folder: Path, text: str, *, rules: str = RULES) -> Config:
    """A configuration from YAML, its state and rules in the test's folder."""
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "10-test.yaml").write_text(rules)
    document = {"state": str(folder / "state"), "rules": {"dir": str(folder / "rules")}, **yaml.safe_load(text)}
    return msgspec.convert(document, Config, strict=False)


def one_model(*urls: str, route: str = "", more: str = "") -> str:
    """YAML for one OpenAI route to a model with versions v1, v2 … at these URLs, tried in that order."""
    versions = ", ".join(f'v{number}: {{url: "{url}"}}' for number, url in enumerate(urls, 1))
    fallback = ", ".join(f"v{number}" for number in range(2, len(urls) + 1))
    return f"""
models:
  chat: {{versions: {{{versions}}}, active: v1, fallback: [{fallback}]}}
routes:
  - {{path: /v1/, format: openai, model: chat, {route}}}
{more}
"""


def raw_request(document: Any, *, version: str = "1.1", headers: str = "") -> bytes:
    """A chat request as bytes, for tests that look at the bytes of the answer."""
    body = orjson.dumps(document)
    head = f"POST /v1/chat/completions HTTP/{version}\r\nhost: g\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


@asynccontextmanager
async def guard(folder: Path, text: str, *, rules: str = RULES, host: str = "127.0.0.1"):
    """Run a guard for the time of a test."""
    config = configure(folder, text, rules=rules)
    loop = asyncio.get_running_loop()
    policy, tls = decide(config)
    proxy = Proxy(config, policy, open_journal(config, policy))
    proxy.start()
    state = ServerState()
    parts = {"service": proxy, "entrance": Entrance(tls, balancers(config, policy))}
    make: Any = protocol(config)
    server = await loop.create_server(lambda: make(None, state, parts), host, 0)
    try:
        yield Guard(proxy, server.sockets[0].getsockname()[1], config)
    finally:
        server.close()
        proxy.stop()
        for connection in [*proxy.connections, *state.connections]:
            connection.transport.abort()
        await proxy.emptied()
