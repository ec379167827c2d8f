"""A server on a port of the system's choice, whose connections end with it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Have each connection served, for the time of the block; the port.

    With `tls` that is spoken. A connection ends when `serve` returns, or with the block; that it breaks meanwhile is
    no error.
    """
    serving: set[asyncio.Task[None]] = set()
    writers: set[asyncio.StreamWriter] = set()
    over = False

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        writers.discard(writer)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whom the system let in before the listener was closed may come after it.
        if over:
            writer.transport.abort()
            return
        writers.add(writer)
        task = asyncio.create_task(served(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, backlog=2_048)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over = True
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
