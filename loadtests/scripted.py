"""A model that h11 reads for: it writes down every request that it got, and answers in many ways, always to the tag."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import h11
import orjson

from loadtests.listening import listening

WAYS = ("plain", "plain", "plain", "split", "chunked", "interim", "close")
EVENTS = 6


class Seen(NamedTuple):
    """A request as the model got it: its tag by header, by target and by prompt (None: it has no body)."""

    header: str
    target: str
    prompt: str | None


class ScriptedModel:
    """`seen` is every request in order, `faults` what was no request at all to h11, `port` where it listens."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seen: list[Seen] = []
        self.faults: list[str] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        unread = b""
        while (asked := await self._request(reader, unread)) is not None:
            request, body, unread = asked
            if not await self._answer(writer, request, body):
                break

    async def _request(self, reader: asyncio.StreamReader, unread: bytes) -> tuple[h11.Request, bytes, bytes] | None:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(unread) if unread else None
        request, body = None, b""
        try:
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    data = await reader.read(65_536)
                    if not data and request is None and not connection.trailing_data[0]:
                        return None
                    connection.receive_data(data)
                elif isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage) and request is not None:
                    return request, body, connection.trailing_data[0]
                else:
                    raise h11.RemoteProtocolError(f"{event!r} where a request was expected")
        except h11.RemoteProtocolError as error:
            self.faults.append(str(error))
            return None

    async def _answer(self, writer: asyncio.StreamWriter, request: h11.Request, body: bytes) -> bool:
        """Answer; whether the connection goes on."""
        tag = dict(request.headers).get(b"x-tag", b"").decode()
        document = orjson.loads(body) if body else None
        prompt = document["messages"][0]["content"] if document is not None else None
        self.seen.append(Seen(tag, request.target.decode().rpartition("=")[2], prompt))
        way = self.rng.choice(WAYS)
        lines = b"x-tag: %b\r\n%b" % (tag.encode(), b"connection: close\r\n" if way == "close" else b"")
        if document is not None and document.get("stream"):
            await self._stream(writer, tag, lines)
            return way != "close"
        answer = orjson.dumps({"object": "list", "choices": [{"index": 0, "message": {"content": f"<{tag}>"}}]})
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + lines
        whole = head + b"content-length: %d\r\n\r\n%b" % (len(answer), b"" if request.method == b"HEAD" else answer)
        if way == "chunked" and request.method != b"HEAD":
            whole = head + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(answer), answer)
        if way == "interim":
            whole = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + whole
        if way == "split":
            at = self.rng.randrange(1, len(whole))
            writer.write(whole[:at])
            await asyncio.sleep(0)
            whole = whole[at:]
        writer.write(whole)
        await writer.drain()
        return way != "close"

    async def _stream(self, writer: asyncio.StreamWriter, tag: str, lines: bytes) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n%b\r\n" % lines
        )
        for number in range(EVENTS):
            delta = {"choices": [{"index": 0, "delta": {"content": f"<{tag}.{number}>"}}]}
            event = b"data: %b\n\n" % orjson.dumps(delta)
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()


@asynccontextmanager
async def scripted(seed: int) -> AsyncIterator[ScriptedModel]:
    """Such a model for the time of the block."""
    model = ScriptedModel(seed)
    async with listening(model.serve) as model.port:
        yield model
