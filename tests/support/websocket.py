"""Both ends of a WebSocket: models and clients of the `websockets` library, and a client of raw frames."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from guard.wire.handshake import answer_lines
from tests.support.guard import one_model
from tests.support.raw import PATIENCE, Client, connected

Script = Callable[[ServerConnection], Awaitable[None]]
REALTIME = "/v1/realtime?model=m-1"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Model:
    """A model that speaks WebSocket: `opened` are its connections, `heard` all messages that it got."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.opened: list[ServerConnection] = []
        self.heard: list[str | bytes] = []
        self.over = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, connection: ServerConnection) -> None:
        self.opened.append(connection)
        try:
            await self.script(connection)
            await connection.wait_closed()
        except ConnectionClosed:
            await connection.wait_closed()
        finally:
            self.over.set()

    async def closed(self) -> tuple[int | None, str | None]:
        """How the last connection was closed, once it is."""
        await asyncio.wait_for(self.over.wait(), PATIENCE)
        return self.opened[-1].close_code, self.opened[-1].close_reason


async def quiet(connection: ServerConnection) -> None:
    """The script of a model that only listens."""
    async for _ in connection:
        pass


@asynccontextmanager
async def model(script: Script | None = None, **more: Any):
    """Run a model for the time of a test; without a script it echoes."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            served.heard.append(message)
            await connection.send(message)

    served = Model(script or echo)
    async with serve(served.serve, "127.0.0.1", 0, ping_interval=None, close_timeout=2, **more) as server:
        served.port = next(iter(server.sockets)).getsockname()[1]
        yield served
        for connection in served.opened:
            connection.transport.abort()


def realtime(url: str, *, route: str = "", more: str = "") -> str:
    """The configuration of one OpenAI route with WebSockets."""
    return one_model(url, route=f"websocket: true, {route}", more=more)


def session(running: Any, path: str = REALTIME, **more: Any) -> connect:
    """A client's session with a guard."""
    return connect(f"ws://127.0.0.1:{running.port}{path}", ping_interval=None, close_timeout=2, **more)


def handshake(*fields: str, path: str = REALTIME, version: str = "13", key: str = KEY, line: str = "") -> bytes:
    """A client's handshake as bytes."""
    lines = [
        line or f"GET {path} HTTP/1.1", "host: g", "connection: keep-alive, Upgrade", "upgrade: WebSocket",
        f"sec-websocket-version: {version}", f"sec-websocket-key: {key}", *fields,
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode()


def masked(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """One frame of a client."""
    return Frame(Opcode(opcode), data, fin).serialize(mask=True)


def plain(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """One frame of a server."""
    return Frame(Opcode(opcode), data, fin).serialize(mask=False)


def agree(request: bytes, protocol: bytes | None = None, extra: bytes = b"") -> bytes:
    """A raw model's 101 to a handshake."""
    return b"HTTP/1.1 101 X\r\n" + answer_lines(header(request, b"sec-websocket-key"), protocol) + extra + b"\r\n"


def header(request: bytes, name: bytes) -> bytes:
    """A field of a request; empty if it is not there."""
    fields = (line.partition(b": ") for line in request.split(b"\r\n"))
    return next((value for found, _, value in fields if found == name), b"")


async def frame(client: Client) -> tuple[int, bytes]:
    """The next whole frame from a server: opcode and payload."""
    head = await client.read(2)
    assert head[0] & 0x70 == 0
    assert head[1] & 0x80 == 0
    length = head[1]
    if length >= 126:
        length = int.from_bytes(await client.read(2 if length == 126 else 8))
    return head[0] & 0x0F, await client.read(length)


async def close_of(client: Client) -> tuple[int, str]:
    """The code and reason of the close frame that comes, whatever comes before it."""
    opcode = 0
    while opcode != 8:
        opcode, payload = await frame(client)
    return int.from_bytes(payload[:2]), payload[2:].decode()


@asynccontextmanager
async def raw_session(port: int, *fields: str):
    """A client of raw frames whose handshake is done."""
    async with connected(port) as client:
        await client.send(handshake(*fields))
        head = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert head.startswith(b"HTTP/1.1 101 ")
        yield client
