"""A client that asks in every way there is, tags what it asks, and holds every answer against its tag."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable

import orjson

from loadtests.scripted import EVENTS
from tests.support.raw import Answer, Client

TAG = re.compile(rb"<([a-z0-9]+-[0-9]+)")
TOO_LARGE = 99_999_999
Way = Callable[["Asker"], Awaitable[None]]


class Mismatch(Exception):
    """An answer that is not the one to what was asked."""


class Asker:
    """One client: a connection at a time, one way of asking after the other.

    `asked` counts requests by way; `forwarded` are the tags that a model has to have seen, `maybe` those that it may
    have; `mismatches` says what went wrong.
    """

    def __init__(self, port: int, name: str, seed: int) -> None:
        self.port = port
        self.name = name
        self.rng = random.Random(seed)
        self.number = 0
        self.client: Client | None = None
        self.asked: Counter[str] = Counter()
        self.forwarded: set[str] = set()
        self.maybe: set[str] = set()
        self.mismatches: list[str] = []

    async def ask(self, requests: int) -> None:
        """Ask so many requests, or a few more."""
        while self.asked.total() < requests:
            way = self.rng.choice(WAYS)
            try:
                await way(self)
            except (Mismatch, OSError, EOFError, TimeoutError, ValueError) as error:
                self.mismatches.append(f"{self.name}: {way.__name__.strip('_')}: {type(error).__name__} {error}")
                self._leave()
        self._leave()

    async def _connection(self) -> Client:
        if self.client is None:
            self.client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        return self.client

    def _leave(self, *, reset: bool = False) -> None:
        client, self.client = self.client, None
        if client is not None and reset:
            client.reset()
        elif client is not None:
            client.writer.transport.abort()

    def _tag(self, way: str) -> str:
        self.number += 1
        self.asked[way] += 1
        return f"{self.name}-{self.number}"

    # Ways of asking.

    async def _plain(self) -> None:
        await self._one("plain", self._post)

    async def _chunked(self) -> None:
        await self._one("chunked", self._post_chunked)

    async def _in_pieces(self) -> None:
        tag = self._tag("in pieces")
        client = await self._connection()
        for piece in self._cut(self._post(tag)):
            await client.send(piece)
            await asyncio.sleep(0)
        self._check(tag, await client.answer())

    async def _pipelined(self) -> None:
        client = await self._connection()
        tags = [self._tag("pipelined") for _ in range(self.rng.randint(2, 6))]
        makers = [self.rng.choice((self._post, self._post_chunked, self._get)) for _ in tags]
        await client.send(b"".join(maker(tag) for maker, tag in zip(makers, tags, strict=True)))
        for tag in tags:
            self._check(tag, await client.answer())

    async def _get_one(self) -> None:
        await self._one("GET", self._get)

    async def _head(self) -> None:
        tag = self._tag("HEAD")
        client = await self._connection()
        await client.send(self._get(tag).replace(b"GET", b"HEAD", 1))
        answer = await client.answer(head_only=True)
        if answer.status != 200 or answer.headers.get(b"x-tag") != tag.encode():
            raise Mismatch(f"{tag} was answered {answer}")
        self.forwarded.add(tag)

    async def _expected(self) -> None:
        tag = self._tag("Expect")
        client = await self._connection()
        head, _, body = self._post(tag, b"expect: 100-continue\r\n").partition(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        interim = await client.read(25)
        if interim != b"HTTP/1.1 100 Continue\r\n\r\n":
            raise Mismatch(f"{tag} was told {interim!r} before its body")
        await client.send(body)
        self._check(tag, await client.answer())

    async def _expected_in_vain(self) -> None:
        tag = self._tag("Expect, refused")
        client = await self._connection()
        await client.send(self._headed(tag, b"expect: 100-continue\r\ncontent-length: %d\r\n" % TOO_LARGE))
        await self._refused(tag, client, 413)

    async def _too_large(self) -> None:
        tag = self._tag("too large")
        client = await self._connection()
        await client.send(self._headed(tag, b"content-length: %d\r\n" % TOO_LARGE) + b'{"half":')
        await self._refused(tag, client, 413)

    async def _unknown(self) -> None:
        tag = self._tag("unknown path")
        client = await self._connection()
        await client.send(self._post(tag).replace(b"/v1/", b"/no/", 1))
        self._check_refusal(tag, await client.answer(), 404)

    async def _blocked(self) -> None:
        tag = self._tag("blocked")
        client = await self._connection()
        await client.send(self._post(tag, content=f"{tag} a forbidden phrase"))
        self._check_refusal(tag, await client.answer(), 400)

    async def _blocked_between(self) -> None:
        client = await self._connection()
        before, blocked, after = (self._tag("blocked between") for _ in range(3))
        bad = self._post(blocked, content=f"{blocked} a forbidden phrase")
        await client.send(self._post(before) + bad + self._post_chunked(after))
        self._check(before, await client.answer())
        self._check_refusal(blocked, await client.answer(), 400)
        self._check(after, await client.answer())

    async def _streamed(self) -> None:
        tag = self._tag("streamed")
        client = await self._connection()
        await client.send(self._post(tag, stream=True))
        answer = await client.answer()
        found = re.findall(rb"<([^>]*)>", answer.body)
        if found != [b"%b.%d" % (tag.encode(), number) for number in range(EVENTS)] or b"[DONE]" not in answer.body:
            raise Mismatch(f"{tag} was streamed {answer.body!r}")
        self.forwarded.add(tag)

    async def _cut_short(self) -> None:
        tag = self._tag("cut in the stream")
        client = await self._connection()
        await client.send(self._post(tag, stream=True))
        self.maybe.add(tag)
        part = await client.reader.read(self.rng.choice((1, 300, 600)))
        self._only(tag, part)
        self._leave(reset=self.rng.random() < 0.5)

    async def _cut_in_answer(self) -> None:
        tag = self._tag("cut in the answer")
        client = await self._connection()
        await client.send(self._post(tag) * self.rng.choice((1, 1, 3)))
        self.maybe.add(tag)
        await asyncio.sleep(self.rng.choice((0, 0.001, 0.003)))
        self._leave(reset=self.rng.random() < 0.5)

    async def _cut_in_body(self) -> None:
        tag = self._tag("cut in the body")
        client = await self._connection()
        request = self.rng.choice((self._post, self._post_chunked))(tag)
        await client.send(request[: self.rng.randrange(1, len(request))])
        await asyncio.sleep(self.rng.choice((0, 0.001)))
        self._leave(reset=self.rng.random() < 0.5)

    # Within.

    async def _one(self, way: str, make: Callable[[str], bytes]) -> None:
        tag = self._tag(way)
        client = await self._connection()
        await client.send(make(tag))
        self._check(tag, await client.answer())

    async def _refused(self, tag: str, client: Client, status: int) -> None:
        self._check_refusal(tag, await client.answer(), status)
        rest = await client.rest()
        if rest:
            raise Mismatch(f"behind the refusal of {tag} came {rest!r}")
        self._leave()

    def _check(self, tag: str, answer: Answer) -> None:
        if (
            answer.status != 200
            or answer.headers.get(b"x-tag") != tag.encode()
            or f"<{tag}>".encode() not in answer.body
        ):
            raise Mismatch(f"{tag} was answered {answer}")
        self._only(tag, answer.body)
        self.forwarded.add(tag)
        self._follow(answer)

    def _check_refusal(self, tag: str, answer: Answer, status: int) -> None:
        if answer.status != status or b"x-tag" in answer.headers:
            raise Mismatch(f"{tag} was answered {answer}")
        self._only(tag, answer.body)
        self._follow(answer)

    def _only(self, tag: str, data: bytes) -> None:
        foreign = {found.decode() for found in TAG.findall(data)} - {tag}
        # A cut may go through the tag itself.
        if any(not tag.startswith(other) for other in foreign):
            raise Mismatch(f"{tag} was given what belongs to {foreign}")

    def _follow(self, answer: Answer) -> None:
        if answer.headers.get(b"connection") == b"close":
            self._leave()

    def _cut(self, data: bytes) -> list[bytes]:
        places = sorted(self.rng.randrange(len(data)) for _ in range(4))
        return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if start < end]

    def _headed(self, tag: str, lines: bytes) -> bytes:
        name = tag.encode()
        return b"POST /v1/chat/completions?tag=%b HTTP/1.1\r\nhost: g\r\nx-tag: %b\r\n%b\r\n" % (name, name, lines)

    def _post(self, tag: str, lines: bytes = b"", *, content: str | None = None, stream: bool = False) -> bytes:
        body = self._body(tag, content, stream=stream)
        return self._headed(tag, lines + b"content-length: %d\r\n" % len(body)) + body

    def _post_chunked(self, tag: str) -> bytes:
        pieces = self._cut(self._body(tag, None, stream=False))
        chunks = b"".join(b"%x;n=%d\r\n%b\r\n" % (len(piece), at, piece) for at, piece in enumerate(pieces))
        return self._headed(tag, b"transfer-encoding: chunked\r\n") + chunks + b"0\r\nx-trailer: y\r\n\r\n"

    def _get(self, tag: str) -> bytes:
        name = tag.encode()
        return b"GET /v1/models?tag=%b HTTP/1.1\r\nhost: g\r\nx-tag: %b\r\n\r\n" % (name, name)

    def _body(self, tag: str, content: str | None, *, stream: bool) -> bytes:
        pad = "p" * self.rng.choice((0, 0, 50, 5_000))
        document = {"model": "m", "messages": [{"role": "user", "content": content or tag}], "user": pad}
        return orjson.dumps({**document, "stream": True} if stream else document)


WAYS: tuple[Way, ...] = (
    *[Asker._plain] * 6,
    *[Asker._pipelined] * 2,
    Asker._chunked, Asker._in_pieces, Asker._get_one, Asker._head, Asker._expected, Asker._expected_in_vain,
    Asker._too_large, Asker._unknown, Asker._blocked, Asker._blocked_between, Asker._streamed, Asker._cut_short,
    Asker._cut_in_answer, Asker._cut_in_body,
)  # fmt: skip
