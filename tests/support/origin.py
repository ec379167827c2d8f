"""A raw server in a model's place, scripted connection by connection, and what takes its answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from guard.config import Upstream
from guard.exchange import Headers
from guard.wire.address import Origin
from guard.wire.head import AnswerHead
from guard.wire.pool import Pool
from guard.wire.upstream import UpstreamConnection
from tests.support.raw import reset

REQUEST = b"GET /x HTTP/1.1\r\nhost: model\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Line:
    """One connection as the model has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """Read one whole request; IncompleteReadError when the peer has closed."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\ncontent-length: (\d+)", head)
        return head + await self.reader.readexactly(int(length[1]) if length else 0)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def closed(self) -> None:
        """Wait until the peer closes."""
        await self.reader.read()

    def reset(self) -> None:
        """Close without a goodbye: the peer's next read fails."""
        reset(self.writer)


Script = Callable[[Line], Awaitable[None]]


def answering(*answers: bytes) -> Script:
    """Give each request of a connection the next answer; after the last the connection is closed by the model."""

    async def script(line: Line) -> None:
        for answer in answers:
            await line.request()
            await line.send(answer)

    return script


def lasting(answer: bytes) -> Script:
    """Give every request the same answer, and keep the connection for as long as the guard does."""

    async def script(line: Line) -> None:
        while True:
            await line.request()
            await line.send(answer)

    return script


class Model:
    """The running server: `lines` are the connections that were made to it."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.lines: list[Line] = []
        self.tasks: list[Any] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self.lines.append(line)
        self.tasks.append(asyncio.current_task())
        try:
            await self.script(line)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


class Taker:
    """Asks a pool for a connection, sends a request, and keeps what comes of it, in order, in `events`."""

    gradual = False

    def __init__(self, pool: Pool, request: bytes | None = REQUEST, *, head_only: bool = False) -> None:
        self.pool = pool
        self.request = request
        self.head_only = head_only
        self.connection: Any = None
        self.status = 0
        self.headers: Headers = []
        self.body = b""
        self.events: list[str] = []
        self.hints = b""
        self.told: bool | None = None
        self.error = ""
        self.reached: bool | None = None
        self.has_connection = asyncio.Event()
        self.over = asyncio.Event()

    def start(self, *, fresh: bool = False) -> Self:
        """Take an idle connection or ask for one, as the relay does."""
        connection = self.pool.take(fresh=fresh)
        if connection is not None:
            self.connected(connection)
        else:
            self.pool.connect(self)
        return self

    async def whole(self) -> Self:
        """Wait for the end, good or bad."""
        await asyncio.wait_for(self.over.wait(), 5)
        return self

    async def settled(self) -> Self:
        """Wait for a connection, or for none."""
        await asyncio.wait_for(self.has_connection.wait(), 5)
        return self

    def connected(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self.has_connection.set()
        if self.request is not None:
            connection.send(self, self.request, head_only=self.head_only)

    def answer_head(self, status: int, head: AnswerHead, length: bytes | None) -> None:  # noqa: ARG002
        self.events.append("head")
        self.status = status
        self.headers = head.headers

    def answer_body(self, data: bytes) -> None:
        if self.events[-1] != "body":
            self.events.append("body")
        self.body += data

    def answer_interim(self, status: int, head: AnswerHead) -> None:
        self.events.append(f"interim {status}")
        self.hints += head.lines

    def answer_end(self, *, told: bool) -> None:
        self.told = told
        self.events.append("end")
        self.over.set()

    def upstream_failed(self, error: str, *, reached: bool) -> None:
        self.events.append("failed")
        self.error = error
        self.reached = reached
        self.has_connection.set()
        self.over.set()


@asynccontextmanager
async def model(script: Script, bounds: Upstream | None = None):
    """Run a scripted model, and give a pool of connections to it."""
    model = Model(script)
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0)
    pool = Pool(Origin("http", "127.0.0.1", server.sockets[0].getsockname()[1]), bounds or Upstream(), None)
    try:
        yield model, pool
    finally:
        server.close()
        for connection in list(pool.open):
            connection.abandon()
        for line in model.lines:
            line.writer.transport.abort()
        for task in [*model.tasks, *pool.opening.values()]:
            task.cancel()
        await asyncio.gather(*model.tasks, *pool.opening.values(), return_exceptions=True)
