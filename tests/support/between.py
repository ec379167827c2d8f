"""A network between two processes that is slow, silent, or gone: a TCP proxy that does to bytes what it is told."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any, Self


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
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
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
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        listener = await asyncio.start_server(self._relay, "127.0.0.1", 0, ssl=self._tls)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        listener.close()
        for writer in self._open:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, there_writer}
        pair: Any = (self._pass(reader, there_writer, False), self._pass(there_reader, writer, True))
        await asyncio.gather(*pair, return_exceptions=True)
        self._open -= {writer, there_writer}
        writer.close()
        there_writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool) -> None:
        while data := await reader.read(65_536):
            if answers and self.delay:
                await asyncio.sleep(self.delay)
            while answers and self.held:
                await asyncio.sleep(0.005)
            writer.write(data)
            await writer.drain()
        writer.transport.abort()
