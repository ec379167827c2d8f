"""A service that stands behind server connections as the proxy does: it answers, and remembers what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from uvicorn.server import ServerState

from guard.config import Http
from guard.exchange import Exchange
from guard.wire.crowd import Crowd
from guard.wire.preface import Entrance, Preface
from guard.wire.server import ServerConnection

SWEEP_SECONDS = 0.02


class Recorder:
    """The handler of one exchange: `events` are its calls in order, `over` is set when there is nothing more to do."""

    def __init__(self, service: Service, connection: ServerConnection, exchange: Exchange) -> None:
        self.service = service
        self.connection = connection
        self.exchange: Any = exchange
        self.events: list[str] = []
        self.data = b""
        self.over = asyncio.Event()

    def head(self) -> None:
        self._told("head")
        self.service.on_head(self.exchange)

    def request_complete(self) -> None:
        # As `Handler` says, an exchange with a refusal may be told so more than once.
        if not self.over.is_set() and "request_complete" not in self.events:
            self._told("request_complete")
            self.service.on_request(self)

    def client_left(self) -> None:
        self._told("client_left")
        self.over.set()

    def client_paused(self) -> None:
        self._told("client_paused")

    def client_resumed(self) -> None:
        self._told("client_resumed")

    def shut_down(self) -> None:
        self._told("shut_down")

    def client_data(self, data: bytes) -> None:
        self.data += data
        self._told("client_data")

    def answer(self, status: int = 200, body: bytes = b"", *, keep_alive: bool | None = None) -> None:
        """Give a whole answer."""
        exchange = self.exchange
        close = exchange.refusal is not None and exchange.refusal.close
        keep = exchange.keep_alive and exchange.complete and not close if keep_alive is None else keep_alive
        line = b"" if keep else b"connection: close\r\n"
        self.connection.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n%b\r\n%b" % (status, len(body), line, body))
        self.finish(keep_alive=keep)

    def finish(self, *, keep_alive: bool) -> None:
        self.connection.finish(keep_alive=keep_alive)
        self.over.set()

    def _told(self, event: str) -> None:
        self.events.append(event)
        self.service.changed.set()


def echo(recorder: Recorder) -> None:
    """Answer a refusal with its status and code, anything else with what was asked."""
    exchange = recorder.exchange
    if exchange.refusal is not None:
        recorder.answer(exchange.refusal.status, exchange.refusal.code.encode())
    else:
        recorder.answer(200, b"%b %b %b" % (exchange.method.encode(), exchange.target.encode("latin-1"), exchange.body))


class Service:
    """What connections share. `on_head` and `on_request` say what is done about an exchange; by default an echo."""

    def __init__(self, http: Http | None = None) -> None:
        self.http = http or Http()
        self.connections: set[ServerConnection] = set()
        self.crowd = Crowd(self.http)
        self.handlers: list[Recorder] = []
        self.on_head: Callable[[Exchange], None] = lambda _exchange: None
        self.on_request: Callable[[Recorder], object] = echo
        self.received = 0
        self.changed = asyncio.Event()

    def open(self, connection: ServerConnection, exchange: Exchange) -> Recorder:
        recorder = Recorder(self, connection, exchange)
        self.handlers.append(recorder)
        self.changed.set()
        return recorder

    def upgrade(self, connection: ServerConnection, exchange: Exchange) -> Recorder:
        return self.open(connection, exchange)

    @property
    def completed(self) -> list[Exchange]:
        """The exchanges that came whole and were not refused: what a model would have seen."""
        return [one.exchange for one in self.handlers if one.exchange.complete and one.exchange.refusal is None]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something that the handlers were told makes the condition true."""
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def until_counted(self, size: int) -> None:
        """Wait until there are so many connections, those that are only beginning included."""
        async with asyncio.timeout(5):
            while self.crowd.size != size:
                await asyncio.sleep(0.005)

    async def told(self, event: str, number: int = 0) -> Recorder:
        """Wait until the handler of that number was told of the event, and give it."""
        await self.until(lambda: len(self.handlers) > number and event in self.handlers[number].events)
        return self.handlers[number]


class Counted(ServerConnection):
    """A server connection that says how many bytes it was given, so that a test can cut a stream where it wants."""

    service: Service

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.service.received += len(data)
        self.service.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.service.changed.set()


class Served:
    """A running server."""

    def __init__(self, port: int, state: ServerState) -> None:
        self.port = port
        self.state = state


@asynccontextmanager
async def served(service: Service, entrance: Entrance | None = None):
    """Listen on a port of the system's choice, and sweep as the proxy does, only more often."""
    loop = asyncio.get_running_loop()
    state = ServerState()
    sweeper: asyncio.Handle | None = None
    make: Any = Counted if entrance is None else Preface
    parts = {"service": service, "entrance": entrance}
    server = await loop.create_server(lambda: make(None, state, parts), "127.0.0.1", 0)

    def sweep() -> None:
        nonlocal sweeper
        for connection in list(service.connections):
            connection.sweep(monotonic())
        sweeper = loop.call_later(SWEEP_SECONDS, sweep)

    sweep()
    try:
        yield Served(server.sockets[0].getsockname()[1], state)
    finally:
        if sweeper is not None:
            sweeper.cancel()
        server.close()
        for connection in [*service.connections, *state.connections]:
            connection.transport.abort()
        await server.wait_closed()
