"""A model that can do so much and no more: a number of slots, each busy for a while with one request.

python -m loadtests.slots --listen 127.0.0.1:9001 --slots 16 --seconds 0.02
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

import click
import httptools
import uvloop

ANSWER = (Path(__file__).parent / "answer.json").read_bytes()
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)


class Slots:
    """Requests wait here for one of the slots, without bound: the model itself refuses nobody."""

    def __init__(self, number: int, seconds: float) -> None:
        self.free = number
        self.seconds = seconds
        self.waiting: deque[Connection] = deque()

    def ask(self, connection: Connection) -> None:
        """Answer when a slot has been busy with it."""
        if self.free:
            self.free -= 1
            asyncio.get_running_loop().call_later(self.seconds, self._done, connection)
        else:
            self.waiting.append(connection)

    def _done(self, connection: Connection) -> None:
        self.free += 1
        if not connection.transport.is_closing():
            connection.transport.write(WHOLE)
        if self.waiting:
            self.ask(self.waiting.popleft())


class Connection(asyncio.Protocol):
    """Hands each request to the slots."""

    transport: asyncio.Transport

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Read."""
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self.slots.ask(self)


async def serve(port: int, slots: Slots) -> None:
    """Serve on loopback until the process is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(slots), "127.0.0.1", port, backlog=4_096)
    await server.serve_forever()


@click.command(help="A model that can do so much and no more.")
@click.option("--port", type=int, required=True)
@click.option("--slots", type=click.IntRange(1), required=True)
@click.option("--seconds", type=float, required=True, help="How long a slot is busy with each request.")
def main(port: int, slots: int, seconds: float) -> None:
    """Serve."""
    uvloop.run(serve(port, Slots(slots, seconds)))


if __name__ == "__main__":
    main()
