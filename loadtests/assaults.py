"""The attacks: each is one conversation with the guard, had again and again; what it comes to is one word.

The word is the status of the answer, ``closed`` or ``reset`` when the guard ended the connection without one, ``open``
when it did neither for as long as anybody waits.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import NamedTuple

from loadtests.asker import TOO_LARGE
from tests.support.raw import Client, connected

LONGEST_WAIT = 30.0
ENDLESS_BYTES = 64_000_000
SMALL_WINDOW = 4_096
NOT_READING = 5.0
BUFFERED_BYTES = 16_000_000  # more than kernels keep for a connection

Conversation = Callable[[int], Awaitable[str]]


class Attack(NamedTuple):
    """One attack: how a connection of it goes, what it may come to, and what it may cost.

    `abreast` is how many connections are open at a time, `grows` how many bytes the guard may grow by (None: as it
    must, for what is open; it is told and not judged).
    """

    name: str
    conversation: Conversation
    allowed: frozenset[str]
    abreast: int = 8
    grows: int | None = None
    once: bool = False


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
EXPECT = b"expect: 100-continue\r\n"
OVER = b"content-length: %d\r\n" % TOO_LARGE
ASK = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
STREAM = ASK[:-1] + b',"stream":true}'
STATUS = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) ")
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)


def asking(body: bytes) -> bytes:
    """A whole chat request."""
    return HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)


# How a conversation goes.


def flood(pieces: Callable[[], Iterable[bytes]]) -> Conversation:
    """Send as fast as the guard takes it, until it answers or closes."""

    async def conversation(port: int) -> str:
        async with connected(port) as client:
            return await _send_until_answered(client, pieces())

    return conversation


def drip(begun: bytes, piece: bytes, pause: float) -> Conversation:
    """Send the beginning, and then a little now and then."""

    async def conversation(port: int) -> str:
        async with connected(port) as client:
            client.writer.write(begun)
            feeding = asyncio.create_task(_drip(client, piece, pause))
            try:
                return await _outcome(client)
            finally:
                feeding.cancel()

    return conversation


def slow_reader(request: bytes) -> Conversation:
    """Ask for what is long, and read nothing."""

    async def conversation(port: int) -> str:
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", port))
            await loop.sock_sendall(client, request)
            await asyncio.sleep(NOT_READING)
            try:
                async with asyncio.timeout(LONGEST_WAIT):
                    return await _drained(client)
            except TimeoutError:
                return "open"
            except ConnectionError:
                return "reset"

    return conversation


def half_closed(request: bytes) -> Conversation:
    """Send, and say that nothing more will come; the answer is still awaited."""

    async def conversation(port: int) -> str:
        async with connected(port) as client:
            await client.send(request)
            client.half_close()
            return await _outcome(client)

    return conversation


async def churn(port: int) -> str:
    """Connect, and be gone: before a byte, or in the middle of a request."""
    for begun in (b"", HEAD, asking(ASK)[:-3], asking(ASK)):
        async with connected(port) as client:
            if begun:
                await client.send(begun)
            client.reset()
    return "gone"


async def refused(port: int) -> str:
    """One request after the other that is refused, on one connection."""
    async with connected(port) as client:
        for _ in range(200):
            await client.send(b"GET /nowhere HTTP/1.1\r\nhost: g\r\n\r\n")
            status = (await client.answer()).status
            if status != 404:
                return str(status)
    return "404"


async def silent(port: int) -> str:
    """Connect, say nothing, and wait for the end."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        try:
            await loop.sock_connect(client, ("127.0.0.1", port))
            async with asyncio.timeout(LONGEST_WAIT):
                return "closed" if not await loop.sock_recv(client, 1) else "answered"
        except TimeoutError:
            return "open"
        except ConnectionError:
            return "reset"


# What is sent.


def endless(begun: bytes, piece: bytes) -> Callable[[], Iterator[bytes]]:
    """A beginning, and then the same for ever, in segments of a good size."""
    segment = piece * max(16_384 // len(piece), 1)
    return lambda: chain([begun], repeat(segment, ENDLESS_BYTES // len(segment)))


def once(data: bytes) -> Callable[[], Iterator[bytes]]:
    """These bytes."""
    return lambda: iter([data])


REFUSED = frozenset({"431"})
TOO_LONG = frozenset({"413"})
BAD = frozenset({"400"})
LATE = frozenset({"408"})
FIVE = 5_000_000

ATTACKS = (
    Attack("header fields, endless bytes", flood(endless(HEAD, b"x: %b\r\n" % (b"v" * 1_000))), REFUSED, grows=FIVE),
    Attack("header fields, endless in number", flood(endless(HEAD, b"x:\r\n")), REFUSED, grows=FIVE),
    Attack("one endless field", flood(endless(HEAD + b"x: ", b"v")), REFUSED, grows=FIVE),
    Attack("one endless field name", flood(endless(HEAD, b"n")), REFUSED, grows=FIVE),
    Attack("an endless target", flood(endless(b"GET /", b"t")), frozenset({"414"}), grows=FIVE),
    Attack("an endless method", flood(endless(b"", b"P")), BAD, grows=FIVE),
    Attack("empty lines without end", flood(endless(b"", b"\r\n")), BAD | LATE | REFUSED | {"closed"}, grows=FIVE),
    Attack("an endless chunk extension", flood(endless(CHUNKED + b"1;", b"e")), REFUSED, grows=FIVE),
    Attack("endless trailers", flood(endless(CHUNKED + b"0\r\n", b"x: y\r\n")), REFUSED, grows=FIVE),
    Attack("tiny chunks", flood(endless(CHUNKED, b"1\r\na\r\n")), TOO_LONG | BAD | REFUSED),
    Attack("a body over the cap", flood(endless(HEAD + OVER + b"\r\n", b"b")), TOO_LONG, grows=FIVE),
    Attack("a body over the cap, in chunks", flood(endless(CHUNKED, b"400\r\n%b\r\n" % (b"b" * 1_024))), TOO_LONG),
    Attack("a body over the cap, with Expect", flood(once(HEAD + OVER + EXPECT + b"\r\n")), TOO_LONG, grows=FIVE),
    Attack("silent connections", silent, frozenset({"closed", "reset"}), once=True),
    Attack("a head byte by byte", drip(HEAD, b"x", 0.1), LATE, abreast=200),
    Attack("a body byte by byte", drip(HEAD + b"content-length: 9999\r\n\r\n{", b" ", 0.1), LATE, abreast=200),
    Attack("half a head and silence", drip(HEAD, b"", 1), LATE, abreast=200),
    Attack("readers that do not read", slow_reader(asking(STREAM)), frozenset({"reset", "closed"}), abreast=20),
    Attack("pipelining without reading", flood(endless(b"", asking(ASK))), BAD | {"200", "reset"}),
    Attack("refused requests", refused, frozenset({"404", "429"})),
    Attack("connections that come and go", churn, frozenset({"gone"}), abreast=32),
    Attack("half-closed behind a request", half_closed(asking(ASK)), frozenset({"200", "closed"})),
    Attack("half-closed in a request", half_closed(asking(ASK)[:-5]), frozenset({"closed", "400", "408"})),
    Attack("garbage", flood(once(bytes(range(128, 256)) * 64)), BAD, grows=FIVE),
    Attack("HTTP/2 without being asked", flood(once(PREFACE)), BAD | {"505"}, grows=FIVE),
    Attack("TLS on the plain port", flood(once(CLIENT_HELLO)), BAD, grows=FIVE),
)


# Within.


async def _send_until_answered(client: Client, pieces: Iterable[bytes]) -> str:
    sending = asyncio.create_task(_send(client, pieces))
    try:
        return await _outcome(client)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(client: Client, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        client.writer.write(piece)
        await client.writer.drain()


async def _drip(client: Client, piece: bytes, pause: float) -> None:
    while not client.writer.transport.is_closing():
        await asyncio.sleep(pause)
        client.writer.write(piece)


async def _outcome(client: Client) -> str:
    """The status of the last answer before the guard closed, or how it closed without one."""
    status = ""
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            while True:
                line = await client.reader.readline()
                if not line:
                    return status or "closed"
                found = STATUS.findall(line)
                status = found[-1].decode() if found else status
    except TimeoutError:
        return f"{status} and open".strip() if status else "open"
    except (ConnectionError, ValueError):
        return status or "reset"


async def _drained(client: socket.socket) -> str:
    """Read what is left; the guard has closed if there is an end to it."""
    loop, left = asyncio.get_running_loop(), BUFFERED_BYTES
    while left > 0:
        data = await loop.sock_recv(client, 262_144)
        if not data:
            return "closed"
        left -= len(data)
    return "open"
