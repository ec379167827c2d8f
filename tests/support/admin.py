"""The admin API on a real socket in the test's own loop, and operators of every role who may call it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from guard.admin.audit import Audit
from guard.admin.operators import ROLES, digest, new_token
from guard.admin.serving import serve
from guard.config import Admin, Client, Config, Identify, Model, Route, Rules, Version
from guard.control.desk import Desk
from guard.control.sharing import Sharing
from guard.custody.control import append_all, change_record
from guard.proof.node import node_name
from tests.support.journals import records

REASON = {"reason": "a test"}


def config(folder: Path, **admin: Any) -> Config:
    """A configuration of two models and one client, its state in the test's folder."""
    versions = {name: Version(url="http://127.0.0.1:9") for name in ("v1", "v2")}
    chat = Model(versions=versions, active="v1", fallback=("v2",))
    return Config(
        models={"chat": chat, "embed": Model(versions={"e1": Version(url="http://127.0.0.1:9")}, active="e1")},
        routes=(Route(path="/v1/", format="openai", model="chat"),),
        clients={"web": Client(key="sk-web", account="acme")},
        identify=Identify(session_header="x-session"),
        state=str(folder),
        rules=Rules(dir=None),
        admin=replace(Admin(listen="127.0.0.1:0"), **admin),
    )


class Api:
    """The API: its URL, its desk, and tokens by role; `local` is this machine's own."""

    def __init__(self, desk: Desk, url: str, tokens: dict[str, str], end: Callable[[], None]) -> None:
        self.desk = desk
        self.end = end
        self.url = url
        self.tokens = tokens

    @property
    def port(self) -> int:
        port = httpx.URL(self.url).port
        assert port is not None
        return port

    def client(self, role: str | None = "commander", **more: Any) -> httpx.AsyncClient:
        """A caller of that role; None: without a token."""
        headers = {"authorization": f"Bearer {self.tokens[role]}"} if role is not None else {}
        return httpx.AsyncClient(base_url=self.url, headers={**headers, **more.pop("headers", {})}, timeout=10, **more)

    def audit(self) -> list[dict[str, Any]]:
        """What the audit log has, but for segments' first records."""
        return [one for one in records(self.desk.journal, "audit") if one["kind"] != "segment"]

    async def audited(self, count: int) -> list[dict[str, Any]]:
        """The same, once there are so many."""
        async with asyncio.timeout(10):
            while len(found := self.audit()) < count:
                await asyncio.sleep(0.01)
        return found


async def pages(client: httpx.AsyncClient, path: str, **query: Any) -> list[list[Any]]:
    """A whole list, page by page."""
    found: list[list[Any]] = []
    following: str | None = ""
    while following is not None:
        more = {"cursor": following} if following else {}
        page = (await client.get(path, params={**query, **more})).json()
        found.append(page["items"])
        following = page["next"]
    return found


@asynccontextmanager
async def admin(folder: Path, **section: Any):
    """Serve the API for the time of a test."""
    settings = config(folder, **section)
    desk = Desk(settings)
    desk.journal.mkdir(parents=True, exist_ok=True)
    tokens = {role: new_token() for role in (*ROLES, "local")}
    operators = [
        change_record(
            {"type": "add-operator", "name": f"a-{role}", "role": role, "token": digest(tokens[role])}, reason="r"
        )
        for role in ROLES
    ]
    append_all(desk.journal, operators)
    opened: asyncio.Queue[str] = asyncio.Queue()
    ended = asyncio.Event()
    with Sharing(settings) as desk.sharing, Audit(desk.journal, node_name(folder)) as audit:
        task = asyncio.create_task(serve(desk, audit, tokens["local"], opened.put_nowait, ended))
        try:
            yield Api(desk, await asyncio.wait_for(opened.get(), 10), tokens, ended.set)
        finally:
            ended.set()
            await task
