"""The end of a connection, on real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from guard.wire.farewell import LINGER_BYTES, Farewell
from tests.support.raw import connected

ANSWER = b"the last answer"


class Ending(asyncio.Protocol):
    """A connection that says its last word, and ends."""

    def __init__(self, linger: float) -> None:
        self.linger = linger
        self.lost = asyncio.Event()
        self.farewell: Farewell

    def connection_made(self, transport):
        transport.write(ANSWER)
        self.farewell = Farewell(transport, linger=self.linger, flush=1.0)

    def data_received(self, data):
        self.farewell.take(len(data))

    def connection_lost(self, exc):  # noqa: ARG002
        self.lost.set()


@asynccontextmanager
async def ending(linger: float):
    """A client of such a connection, and the connection."""
    made: list[Ending] = []

    def make() -> Ending:
        made.append(Ending(linger))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    async with connected(server.sockets[0].getsockname()[1]) as client:
        assert await client.read(len(ANSWER)) == ANSWER
        yield client, made[0]
    server.close()


@pytest.mark.parametrize("linger", [0.0, 5.0])
async def test_the_client_sees_the_end_at_once(linger):
    """Whether it is read on or not, the client is told at once that there is no more."""
    started = monotonic()
    async with ending(linger) as (client, _):
        assert await client.rest() == b""
    assert monotonic() - started < 2


async def test_a_sender_is_listened_to_until_it_closes():
    """What it still sends does not reset it; when it closes, that is the end."""
    async with ending(5.0) as (client, connection):
        for _ in range(20):
            await client.send(b"x" * 100_000)
        assert await client.rest() == b""
        client.writer.close()
        async with asyncio.timeout(2):
            await connection.lost.wait()


async def test_patience_with_a_sender_ends():
    """Too much, or for too long, and the connection is reset."""
    async with ending(5.0) as (client, connection):
        connection.farewell.take(LINGER_BYTES + 1)
        async with asyncio.timeout(2):
            await connection.lost.wait()
    async with ending(5.0) as (client, connection):
        connection.farewell.sweep(connection.farewell.deadline)
        async with asyncio.timeout(2):
            await connection.lost.wait()
        assert client.reader.exception() is None or isinstance(client.reader.exception(), ConnectionError)
