"""What the kernel knows of a connection."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from guard.wire.sockets import peer_address, peer_has_left, unsent_bytes
from guard.wire.sockets import reset as break_off
from tests.support.raw import reset


@asynccontextmanager
async def pair():
    """A server's side that reads nothing, and the client's."""
    made = asyncio.get_running_loop().create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport):
            transport.pause_reading()
            made.set_result(transport)

    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    transport = await made
    try:
        yield transport, reader, writer
    finally:
        server.close()
        transport.abort()
        writer.transport.abort()


async def test_a_peer_has_an_address_where_sockets_have_some():
    """It is the peer's, and empty for one at the other end of a pair of Unix sockets."""
    async with pair() as (transport, _reader, _writer):
        assert peer_address(transport) == "127.0.0.1"
    here, there = socket.socketpair()
    with there:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=here)
        assert peer_address(transport) == ""
        transport.abort()


@pytest.mark.parametrize("way", ["close", "reset"])
async def test_a_peer_that_left_is_seen_behind_what_it_said(way):
    """With its bytes still unread, a peer that has closed or reset is known to be gone; one that has not is not."""
    async with pair() as (transport, reader, writer):
        writer.write(b"unread")
        await writer.drain()
        assert not peer_has_left(transport)
        assert not reader.at_eof()
        reset(writer) if way == "reset" else writer.close()
        async with asyncio.timeout(5):
            while not peer_has_left(transport):
                await asyncio.sleep(0.005)
        transport.abort()
        await asyncio.sleep(0)
        assert peer_has_left(transport)


async def test_what_a_peer_has_not_taken_is_counted():
    """Bytes count until the peer has taken them, in this process's buffer or in the kernel's."""
    async with pair() as (transport, reader, writer):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        assert unsent_bytes(transport) == 0
        assert not reader.at_eof()
        writer.transport.pause_reading()
        transport.write(b"x" * 10_000_000)
        assert unsent_bytes(transport) > 1_000_000


@pytest.mark.parametrize("size", [0, 5, 10_000_000])
async def test_what_is_broken_off_does_not_look_ended(size):
    """The peer sees an error, whether all, some or nothing was on its way; and it takes no time."""
    async with pair() as (transport, reader, writer):
        transport.write(b"x" * size)
        break_off(transport)
        break_off(transport)
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
        assert not writer.is_closing() or reader.exception() is not None
