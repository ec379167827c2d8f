"""One side of a session, on a real socket: when it is pinged, when it is gone, when it is read from."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import monotonic

from guard.wire.peer import Peer
from guard.wire.websocket import SERVER, Codec, Message, Ping
from tests.support.raw import Client, connected
from tests.support.websocket import frame, masked


@asynccontextmanager
async def accepted(patience: float = 10.0):
    """A peer and the client that it is."""
    made: asyncio.Future[Peer] = asyncio.get_running_loop().create_future()

    class Link(asyncio.Protocol):
        def connection_made(self, transport):
            made.set_result(Peer(transport, Codec(SERVER, 1_000), patience))

        def data_received(self, data):
            made.result().take(data)

    server = await asyncio.get_running_loop().create_server(Link, "127.0.0.1", 0)
    try:
        async with connected(server.sockets[0].getsockname()[1]) as client:
            yield await made, client
    finally:
        server.close()
        made.result().transport.abort()


async def heard(peer: Peer, client: Client, data: bytes) -> None:
    """Send bytes and wait until the peer has them."""
    before = peer.heard_at
    await client.send(data)
    async with asyncio.timeout(5):
        while peer.heard_at == before:
            await asyncio.sleep(0.001)


async def test_silence_is_asked_about_once_and_then_counts_as_gone():
    """A ping after half of the patience, the end after all of it; any byte is a sign of life."""
    async with accepted(10) as (peer, client):
        start = peer.heard_at
        assert not peer.gone(start + 4.9)
        assert not peer.gone(start + 5.1)
        assert not peer.gone(start + 5.2)
        assert await frame(client) == (9, b"")
        assert peer.gone(start + 10)
        await heard(peer, client, masked(10))
        assert not peer.gone(monotonic() + 4)
        assert not peer.gone(monotonic() + 5.1)
        assert await frame(client) == (9, b"")


async def test_who_is_not_read_from_is_not_silent():
    """A peer that is made to wait counts as present, and its time begins anew when it is read from again."""
    async with accepted(10) as (peer, _client):
        peer.listen(False)
        assert not peer.gone(monotonic() + 100)
        before = peer.heard_at
        peer.listen(True)
        assert peer.heard_at > before
        assert peer.gone(monotonic() + 100)


async def test_what_it_says_waits_while_it_is_not_read_from():
    """Nothing is taken until it is read from again, and then all of it in order."""
    async with accepted() as (peer, client):
        peer.listen(False)
        await client.send(masked(1, b"a") + masked(1, b"b"))
        assert peer.codec.next() is None
        peer.listen(True)
        async with asyncio.timeout(5):
            while (first := peer.codec.next()) is None:
                await asyncio.sleep(0.001)
        assert (first, peer.codec.next()) == (Message(b"a", True), Message(b"b", True))


async def test_who_has_gone_is_not_written_to():
    """After the connection's end nothing is sent, and nothing is read."""
    async with accepted() as (peer, client):
        peer.transport.abort()
        peer.send(b"x")
        peer.listen(False)
        assert await client.rest() == b""


async def test_who_takes_nothing_is_gone():
    """A full peer has its patience to take something of what waits for it; as long as it does it is not gone."""
    async with accepted(10) as (peer, client):
        size = 20_000_000
        peer.send(bytes(size))
        peer.fill(True)
        peer.listen(False)
        start = peer.full_at
        assert not peer.gone(start + 9)
        left = peer.unsent
        await client.read(10_000_000)
        async with asyncio.timeout(5):
            while peer.transport.get_write_buffer_size() >= left:
                await asyncio.sleep(0.001)
        assert not peer.gone(start + 10)
        assert not peer.gone(start + 19)
        async with asyncio.timeout(5):
            while peer.transport.get_write_buffer_size() < peer.unsent:
                peer.unsent = peer.transport.get_write_buffer_size()
                await asyncio.sleep(0.05)
        assert peer.gone(start + 20)
        peer.fill(False)
        assert not peer.gone(start + 100)


async def test_a_full_peers_last_ping_is_answered_when_there_is_room():
    """Answers do not pile up for who does not read."""
    async with accepted() as (peer, client):
        peer.fill(True)
        peer.answer(Ping(b"1"))
        peer.answer(Ping(b"2"))
        peer.fill(False)
        peer.fill(True)
        peer.fill(False)
        peer.answer(Ping(b"3"))
        assert [await frame(client) for _ in range(2)] == [(10, b"2"), (10, b"3")]
