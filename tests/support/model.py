"""A model endpoint that says exactly the bytes a test wants, and remembers exactly the bytes it got."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

Script = Callable[["Call"], Awaitable[None]]


class Call:
    """One request as the model got it, and the means to answer."""

    def __init__(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.head = head
        self.body = body
        self.writer = writer
        self.closed = asyncio.Event()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        lines = self.head.split(b"\r\n")[1:]
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines if line)]

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)

    @property
    def document(self):
        return orjson.loads(self.body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self, body: bytes, *, status: int = 200, kind: bytes = b"application/json", extra: bytes = b""
    ) -> None:
        await self.send(
            b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n%b"
            % (status, kind, len(body), extra, body)
        )

    async def begin_stream(self, kind: bytes = b"text/event-stream") -> None:
        await self.send(b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % kind)

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def end_stream(self) -> None:
        await self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        self.writer.transport.abort()


class Model:
    """A raw HTTP server: `calls` are the requests it got, `connections` how many connections were made."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.calls: list[Call] = []
        self.connections = 0
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.tasks: list[Any] = []
        self.received = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        self.tasks.append(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                call = Call(head[:-2], b"", writer)
                call.body = await reader.readexactly(int(call.header(b"content-length") or 0))
                self.calls.append(call)
                self.received.set()
                watch = asyncio.create_task(self._watch(reader, call))
                await self.script(call)
                watch.cancel()
                if writer.transport.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for call in self.calls:
                if call.writer is writer:
                    call.closed.set()
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader, call: Call) -> None:
        # The guard sends no second request before the first is answered, so an end of input here is its leaving.
        while not reader.at_eof() and reader.exception() is None:
            await asyncio.sleep(0.005)
        call.closed.set()


def chat_answer(content: str = "Hello there.", model: str = "m-1") -> bytes:
    """A chat completion as OpenAI words it."""
    return orjson.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }
    )


def chat_delta(content: str, index: int = 0) -> bytes:
    """One event of a streamed chat completion."""
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": index, "delta": {"content": content}}]}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


async def answer_chat(call: Call) -> None:
    """The script of a model that works."""
    await call.answer(chat_answer())


def stream_of(*texts: str) -> Script:
    """The script of a model that streams these texts and ends well."""

    async def script(call: Call) -> None:
        await call.begin_stream()
        for text in texts:
            await call.chunk(chat_delta(text))
        await call.chunk(b"data: [DONE]\n\n")
        await call.end_stream()

    return script


@asynccontextmanager
async def model(script: Script = answer_chat):
    """Run a model for the time of a test."""
    served = Model(script)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for writer in served.writers:
            writer.transport.abort()
        async with asyncio.timeout(5):
            await asyncio.gather(*served.tasks, return_exceptions=True)
