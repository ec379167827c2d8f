"""A network between two processes that is slow, silent, or gone: a TCP proxy that does to bytes what it is told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any, Self

from loadtests.listening import listening


class Between:
    """Relays connections to a port of this machine, in a thread of its own.

    Attributes:
        port: where to connect to.
        delay: for how many seconds each answer is kept back.
        held: answers wait until it is False again.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        """With `tls` that is spoken to whoever connects."""
        self.port = 0
        self.delay = 0.0
        self.held = False
        self._to = port
        self._tls = tls
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._ended: asyncio.Event

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def cut(self) -> None:
        """Break every connection there is."""
        done = threading.Event()

        def abort() -> None:
            for writer in self._open:
                writer.transport.abort()
            done.set()

        self._loop.call_soon_threadsafe(abort)
        done.wait()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        async with listening(self._relay, self._tls) as self.port:
            self._ready.set()
            await self._ended.wait()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._open |= {writer, there_writer}
        try:
            pair: Any = (self._pass(reader, there_writer, False), self._pass(there_reader, writer, True))
            await asyncio.gather(*pair, return_exceptions=True)
        finally:
            self._open -= {writer, there_writer}
            there_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        while data := await reader.read(65_536):
            if answers and self.delay:
                await asyncio.sleep(self.delay)
            while answers and self.held:
                await asyncio.sleep(0.005)
            writer.write(data)
            await writer.drain()
        writer.transport.abort()
