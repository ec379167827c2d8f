"""A connection to a model after it has changed protocols, and how it comes to that."""

from __future__ import annotations

import asyncio

import pytest

from guard.config import Upstream
from guard.wire.head import AnswerHead
from guard.wire.switched import Switched
from guard.wire.upstream import UpstreamConnection
from tests.support.origin import OK, Line, Taker, answering, model

ASK = b"GET /ws HTTP/1.1\r\nhost: model\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
AGREED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\n"


class Owner(Taker):
    """Asks for another protocol, and keeps what comes of it."""

    def __init__(self, pool, *, accept: bool = True) -> None:
        super().__init__(pool, None)
        self.accept = accept
        self.switched_to: Switched | None = None
        self.data = b""
        self.full: list[bool] = []
        self.lost = asyncio.Event()

    def connected(self, connection: UpstreamConnection) -> None:
        super().connected(connection)
        connection.upgrade(self, ASK)

    def switched(self, connection: UpstreamConnection, head: AnswerHead) -> Switched | None:
        self.headers = head.headers
        self.switched_to = Switched(connection, self)
        self.over.set()
        return self.switched_to if self.accept else None

    def model_data(self, data: bytes) -> None:
        self.data += data

    def model_lost(self, error: str) -> None:
        self.error = error
        self.lost.set()

    def model_full(self, full: bool) -> None:
        self.full.append(full)


async def until(condition) -> None:
    """Wait for it."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("pieces", [[AGREED + b"abc"], [AGREED, b"abc"], [AGREED[:20], AGREED[20:] + b"a", b"bc"]])
async def test_bytes_behind_the_101_are_the_owners(pieces):
    """However they are cut, and after an interim answer too; the pool goes on counting the connection."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        for piece in pieces:
            await line.send(piece)
            await asyncio.sleep(0.01)
        assert await line.reader.readexactly(3) == b"bye"

    async with model(script) as (_, pool):
        owner = await Owner(pool).start().whole()
        await until(lambda: owner.data == b"abc")
        assert (b"x-a", b"b") in owner.headers
        assert len(pool.open) == 1
        assert owner.switched_to is not None
        owner.switched_to.leave(b"bye")
        await until(lambda: not pool.open)
        assert not owner.lost.is_set()


async def test_an_owner_may_give_it_up():
    """What it does not want is closed."""
    async with model(answering(AGREED, b"")) as (_, pool):
        await Owner(pool, accept=False).start().whole()
        await until(lambda: not pool.open)


async def test_leaving_waits_for_the_model_for_a_moment_only():
    """The goodbye is sent, and a model that does not close itself is left after half a second."""
    got = []

    async def script(line: Line) -> None:
        await line.request()
        await line.send(AGREED)
        got.append(await line.reader.read())

    async with model(script) as (served, pool):
        owner = await Owner(pool).start().whole()
        assert owner.switched_to is not None
        owner.switched_to.leave(b"bye")
        owner.switched_to.leave(b"again")
        await served.lines[0].send(b"not heard")
        await until(lambda: not pool.open)
        await until(lambda: got == [b"bye"])
    assert owner.data == b""
    assert not owner.lost.is_set()


async def test_a_model_that_leaves_is_told_of():
    """Its end is no goodbye."""
    async with model(answering(AGREED)) as (_, pool):
        owner = await Owner(pool).start().whole()
        await asyncio.wait_for(owner.lost.wait(), 5)
        assert owner.error == "connection closed without a close frame"
        assert not pool.open


async def test_a_model_that_does_not_read_is_told_of():
    """The owner hears that it is full, and that it is not any more."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(AGREED)
        await go.wait()
        await line.closed()

    go = asyncio.Event()
    async with model(script) as (_, pool):
        owner = await Owner(pool).start().whole()
        assert owner.switched_to is not None
        owner.switched_to.transport.write(bytes(20_000_000))
        await until(lambda: owner.full == [True])
        go.set()
        await until(lambda: owner.full == [True, False])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 101 X\r\n\r\n", "an upgrade nobody asked for"),
        (b"HTTP/1.1 101 X\r\nconnection: close\r\nupgrade: websocket\r\n\r\n" + OK, "an upgrade nobody asked for"),
        (b"HTTP/1.1 999 X\r\n\r\n", "a status that does not exist"),
    ],
)
async def test_an_answer_that_is_no_agreement_fails(answer, error):
    """A 101 without its fields changes nothing."""
    async with model(answering(answer, b"")) as (_, pool):
        owner = await Owner(pool).start().whole()
        assert error in owner.error
        assert owner.switched_to is None


async def test_an_ordinary_answer_is_one_and_its_connection_is_not_used_again():
    """What was asked for another protocol is not kept for requests, which would then be answered with a 101."""
    async with model(answering(OK, AGREED), Upstream()) as (_, pool):
        owner = await Owner(pool).start().whole()
        assert (owner.status, owner.body) == (200, b"ok")
        assert not pool.idle
