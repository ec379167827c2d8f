"""A client of raw bytes: what it sends is what the test wrote, and what it reads is what came."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

PATIENCE = 5.0


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection without a goodbye. A socket that lingers for no time is reset (POSIX, SO_LINGER)."""
    if not writer.transport.is_closing():
        descriptor = writer.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(descriptor)) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Answer(NamedTuple):
    """One answer as it came."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Client:
    """One connection. Every read gives up after a few seconds, so that a test fails where it would hang."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer: Any = writer

    async def send(self, data: bytes) -> None:
        """Send bytes; a peer that has closed already is the reader's to notice."""
        self.writer.write(data)
        try:
            await asyncio.wait_for(self.writer.drain(), PATIENCE)
        except ConnectionError:
            return

    async def answer(self, *, head_only: bool = False) -> Answer:
        """Read one answer that tells its length, or comes in chunks; hints ahead of it (103) are passed over."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        first, *lines = head[:-4].split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if first.split()[1] == b"103":
            return await self.answer(head_only=head_only)
        if headers.get(b"transfer-encoding") == b"chunked" and not head_only:
            return Answer(int(first.split()[1]), headers, await self._chunks())
        length = 0 if head_only else int(headers.get(b"content-length", b"0"))
        body = await asyncio.wait_for(self.reader.readexactly(length), PATIENCE)
        return Answer(int(first.split()[1]), headers, body)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE), 16):
            body += (await asyncio.wait_for(self.reader.readexactly(size + 2), PATIENCE))[:-2]
        await asyncio.wait_for(self.reader.readexactly(2), PATIENCE)
        return body

    async def rest(self) -> bytes:
        """Everything until the peer closes its side; a reset is an error."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE)

    async def last_words(self) -> bytes:
        """Everything until the peer closes or resets the connection."""
        try:
            return await self.rest()
        except (ConnectionError, ssl.SSLError):
            return b""

    async def read(self, size: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)

    def half_close(self) -> None:
        self.writer.write_eof()

    def reset(self) -> None:
        reset(self.writer)


@asynccontextmanager
async def connected(port: int, **options: Any) -> AsyncIterator[Client]:
    """A client for the time of a test; `options` are asyncio's, for TLS."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()
