"""A model and clients that keep every id they see, to hold a journal against."""

from __future__ import annotations

import asyncio
import random
import re
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import orjson

from loadtests.journal import records
from loadtests.listening import listening

ID = re.compile(rb"x-guard-id: ([0-9a-f-]+)")
LENGTH = re.compile(rb"content-length: (\d+)")
ANSWER = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello."}}]}'
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"word " * 40)
EVENTS = 4
LAST = b"data: [DONE]\n\n"


class Ledger:
    """The ids that the model was sent and that clients were given, and how often each status came."""

    def __init__(self) -> None:
        self.model: set[str] = set()
        self.clients: set[str] = set()
        self.statuses: dict[int, int] = {}

    def missing(self, journal: Path) -> set[str]:
        """The ids of which no record is in the journal."""
        return (self.model | self.clients) - ids(journal)

    def forget(self) -> None:
        """Begin anew."""
        self.__init__()  # type: ignore[misc]


def ids(journal: Path) -> set[str]:
    """Every id that a record in a journal has."""
    return {record["id"] for record in records(journal) if "id" in record}


def model(ledger: Ledger) -> AbstractAsyncContextManager[int]:
    """A model for the time of a block, which answers at once; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await _answer(reader, writer, ledger)

    return listening(serve)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ledger: Ledger) -> None:
    """Take one request, keep its id, and answer it."""
    head = await reader.readuntil(b"\r\n\r\n")
    if found := ID.search(head):
        ledger.model.add(found[1].decode())
    length = LENGTH.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    if b'"stream":true' not in body:
        writer.write(WHOLE)
    else:
        writer.write(STREAM)
        for event in [EVENT] * EVENTS + [LAST]:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def prompt(rng: random.Random, size: int) -> bytes:
    """A request, now and then one that streams or is refused."""
    text = "a forbidden phrase" if rng.random() < 0.1 else "words " * (rng.randrange(1, size) // 6)
    document = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": rng.random() < 0.3}
    body = orjson.dumps(document)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-type: application/json\r\n"
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)


async def client(port: int, ledger: Ledger, rng: random.Random, size: int = 3_000) -> None:
    """Ask one thing after the other over one connection until the guard is gone; keep each id as soon as it is seen."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                writer.write(prompt(rng, size))
                head = await reader.readuntil(b"\r\n\r\n")
                if found := ID.search(head):
                    ledger.clients.add(found[1].decode())
                status = int(head[9:12])
                ledger.statuses[status] = ledger.statuses.get(status, 0) + 1
                if length := LENGTH.search(head):
                    await reader.readexactly(int(length[1]))
                else:
                    await reader.readuntil(b"\r\n0\r\n\r\n")
        finally:
            writer.transport.abort()
