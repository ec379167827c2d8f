"""A model that answers at once, and whose streams never end."""

from __future__ import annotations

import asyncio
import re
from contextlib import AbstractAsyncContextManager

from loadtests.listening import listening

LENGTH = re.compile(rb"content-length: (\d+)")
ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello."}}]}'
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"word " * 3_000)
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        streamed = b'"stream":true' in body
        writer.write(STREAM if streamed else WHOLE)
        while streamed:
            writer.write(CHUNK)
            await writer.drain()
        await writer.drain()


def endless_model() -> AbstractAsyncContextManager[int]:
    """Such a model for the time of a block; its port."""
    return listening(_serve)
