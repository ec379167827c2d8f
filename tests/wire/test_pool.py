import asyncio
import socket
import ssl

import pytest

from guard.config import Upstream
from guard.wire.address import Origin
from guard.wire.pool import Pool
from tests.support.origin import OK, REQUEST, Taker, answering, lasting, model

LAST = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


def counts(pool: Pool) -> str:
    """What `repr` says of a pool's state."""
    return repr(pool).removeprefix(f"<Pool {pool.origin.authority} ").removesuffix(">")


EMPTY = "idle=0 open=0 opening=0 waiting=0"
IDLE = "idle=1 open=1 opening=0 waiting=0"


async def until(condition) -> None:
    """Let the loop turn until the condition is true."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_connections_are_used_again():
    """One connection serves exchange after exchange."""
    async with model(lasting(OK)) as (origin, pool):
        assert counts(pool) == EMPTY
        for number in range(5):
            taker = Taker(pool, request=None).start()
            if number == 0:
                assert counts(pool) == "idle=0 open=0 opening=1 waiting=0"
            await taker.settled()
            assert counts(pool) == "idle=0 open=1 opening=0 waiting=0"
            taker.connection.send(taker, REQUEST, head_only=False)
            await taker.whole()
            assert counts(pool) == IDLE
        assert len(origin.lines) == 1
        assert taker.connection.exchanges == 5


@pytest.mark.parametrize("answer", [LAST, OK.replace(b"1.1", b"1.0"), b"HTTP/1.1 200 OK\r\n\r\nok"])
async def test_a_connection_that_ends_is_not_used_again(answer):
    """After `Connection: close`, HTTP/1.0 or an answer until the close, the next exchange has a new connection."""
    async with model(answering(answer)) as (origin, pool):
        for number in range(1, 4):
            taker = await Taker(pool).start().whole()
            assert taker.body == b"ok"
            assert counts(pool) == EMPTY
            assert len(origin.lines) == number


async def test_the_newest_is_used_first():
    """Of several idle connections the one used last is taken, so that the others can grow old."""
    async with model(lasting(OK)) as (_, pool):
        takers = [Taker(pool).start() for _ in range(3)]
        for taker in takers:
            await taker.whole()
        newest = pool.idle[-1]
        taker = Taker(pool).start()
        assert taker.connection is newest
        await taker.whole()


async def test_no_more_than_allowed():
    """With all connections in use further takers wait, in order, and get those that are given back."""
    turn = asyncio.Semaphore(0)

    async def script(line):
        while True:
            await line.request()
            await turn.acquire()
            await line.send(OK)

    async with model(script, Upstream(connections=2)) as (origin, pool):
        takers = [Taker(pool).start() for _ in range(5)]
        assert counts(pool) == "idle=0 open=0 opening=2 waiting=3"
        await takers[1].settled()
        assert counts(pool) == "idle=0 open=2 opening=0 waiting=3"
        for _ in takers:
            turn.release()
        for taker in takers:
            assert (await taker.whole()).body == b"ok"
        assert counts(pool) == "idle=2 open=2 opening=0 waiting=0"
        assert len(origin.lines) == 2


@pytest.mark.parametrize("answer", [LAST, b"garbage\r\n\r\n"], ids=["closed", "bad"])
async def test_a_connection_that_ends_makes_room(answer):
    """A taker that waits gets a new connection when one of the others ends, well or badly."""
    async with model(answering(answer), Upstream(connections=1)) as (origin, pool):
        takers = [Taker(pool).start() for _ in range(4)]
        for taker in takers:
            await taker.whole()
        assert counts(pool) == EMPTY
        assert len(origin.lines) == 4


async def test_an_abandoned_connection_makes_room():
    """A taker that waits gets its turn when another gives up."""

    async def silent(line):
        await line.closed()

    async with model(silent, Upstream(connections=1)) as (_, pool):
        first, second = Taker(pool).start(), Taker(pool).start()
        await first.settled()
        first.connection.abandon()
        assert counts(pool) == "idle=0 open=0 opening=1 waiting=0"
        await second.settled()
        assert second.connection is not first.connection


async def test_waiting_can_be_given_up():
    """A taker that does not want a connection any more is not given one, and those behind it move up."""
    async with model(lasting(OK), Upstream(connections=1)) as (_, pool):
        takers = [Taker(pool).start() for _ in range(3)]
        pool.cancel(takers[1])
        assert counts(pool) == "idle=0 open=0 opening=1 waiting=1"
        await takers[0].whole()
        await takers[2].whole()
        assert takers[1].events == []
        assert takers[1].connection is None
        assert counts(pool) == IDLE
        pool.cancel(takers[1])
        assert counts(pool) == IDLE


async def test_connecting_can_be_given_up():
    """A connection that is being made for a taker that gave up is not made, and its place goes to the next."""
    async with model(lasting(OK), Upstream(connections=1)) as (_, pool):
        first, second = Taker(pool).start(), Taker(pool).start()
        task = pool.opening[first]
        pool.cancel(first)
        assert counts(pool) == "idle=0 open=0 opening=1 waiting=0"
        await second.whole()
        assert task.cancelled()
        assert first.events == []
        assert counts(pool) == IDLE


async def test_giving_up_at_any_moment_leaks_nothing():
    """However far a connection has come when its taker gives up, afterwards the pool has no more than it says."""
    for turns in range(12):
        async with model(lasting(OK), Upstream(connections=1)) as (_, pool):
            first = Taker(pool, request=None).start()
            for _ in range(turns):
                await asyncio.sleep(0)
            if first.connection is None:
                pool.cancel(first)
                await asyncio.sleep(0)
                assert counts(pool) == EMPTY
            else:
                first.connection.abandon()
            assert (await Taker(pool).start().whole()).body == b"ok"
            assert counts(pool) == IDLE


async def test_a_connection_given_back_unused_is_used():
    """A taker that got a connection and has no use for it leaves it for the next."""
    async with model(lasting(OK)) as (origin, pool):
        first = await Taker(pool, request=None).start().settled()
        pool.give_back(first.connection)
        assert counts(pool) == IDLE
        second = Taker(pool).start()
        assert second.connection is first.connection
        await second.whole()
        assert len(origin.lines) == 1


async def test_only_a_new_connection_will_do():
    """A taker that asks for a fresh connection is not given an idle one."""
    async with model(lasting(OK)) as (origin, pool):
        first = await Taker(pool).start().whole()
        second = await Taker(pool).start(fresh=True).whole()
        assert second.connection is not first.connection
        assert counts(pool) == "idle=2 open=2 opening=0 waiting=0"
        assert len(origin.lines) == 2


async def test_an_old_connection_is_not_used():
    """A connection idle for longer than `keepalive` is closed when it would be taken."""
    async with model(lasting(OK), Upstream(keepalive=0.2)) as (origin, pool):
        first = await Taker(pool).start().whole()
        first.connection.idle_since -= 0.3
        second = await Taker(pool).start().whole()
        assert second.connection is not first.connection
        assert first.connection.transport.is_closing()
        assert counts(pool) == IDLE
        assert len(origin.lines) == 2


async def test_old_connections_are_swept():
    """A sweep closes what has been idle for too long, and nothing else."""
    async with model(lasting(OK), Upstream(keepalive=10)) as (_, pool):
        takers = [Taker(pool).start() for _ in range(3)]
        for taker in takers:
            await taker.whole()
        times = sorted(connection.idle_since for connection in pool.idle)
        busy = Taker(pool, request=None).start()
        pool.sweep(times[0] + 9)
        assert counts(pool) == "idle=2 open=3 opening=0 waiting=0"
        pool.sweep(times[-1] + 11)
        assert counts(pool) == "idle=0 open=1 opening=0 waiting=0"
        assert not busy.connection.transport.is_closing()


async def test_a_connection_that_the_model_closes_is_forgotten():
    """An idle connection that its model closes leaves the pool."""
    async with model(answering(OK)) as (_, pool):
        await Taker(pool).start().whole()
        await until(lambda: counts(pool) == EMPTY)


async def test_closing():
    """A closed pool has no idle connections, and what is busy closes when its exchange ends."""
    async with model(lasting(OK)) as (origin, pool):
        idle, busy = Taker(pool).start(), Taker(pool, request=None).start()
        await idle.whole()
        await busy.settled()
        assert counts(pool) == "idle=1 open=2 opening=0 waiting=0"
        pool.close()
        assert counts(pool) == "idle=0 open=1 opening=0 waiting=0"
        busy.connection.send(busy, REQUEST, head_only=False)
        assert (await busy.whole()).body == b"ok"
        assert counts(pool) == EMPTY
        assert busy.connection.transport.is_closing()
        assert len(origin.lines) == 2


def unused_port():
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def failed(pool: Pool) -> Taker:
    """What a taker is told when no connection can be made."""
    taker = await Taker(pool).start().whole()
    assert taker.events == ["failed"]
    assert taker.reached is False
    assert counts(pool) == EMPTY
    return taker


async def test_a_refused_connection_fails():
    """Where nobody listens the taker is told so, and that the model cannot have seen the request."""
    taker = await failed(Pool(Origin("http", "127.0.0.1", unused_port()), Upstream(), None))
    assert taker.error.startswith("cannot connect: ")


@pytest.mark.parametrize("host", ["guard.invalid", "a..b", "x" * 70 + ".invalid"])
async def test_a_host_without_address_fails(host):
    """A name that cannot be resolved, or cannot even be asked for, is a failure like any other."""
    taker = await failed(Pool(Origin("http", host, 80), Upstream(), None))
    assert taker.error.startswith("cannot connect: ")


async def test_a_slow_connect_fails():
    """A connection that takes longer than `connect_timeout` is given up."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # A listener whose queue is full leaves further connections waiting.
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        taker = await failed(Pool(Origin("http", *full.getsockname()), Upstream(connect_timeout=0.2), None))
        for one in crowd:
            one.close()
    assert taker.error == "connect timeout after 0.2 s"


async def test_a_failed_connect_makes_room():
    """Takers that wait behind one whose connection fails are tried too."""
    pool = Pool(Origin("http", "127.0.0.1", unused_port()), Upstream(connections=1), None)
    takers = [Taker(pool).start() for _ in range(3)]
    for taker in takers:
        await taker.whole()
    assert [taker.events for taker in takers] == [["failed"]] * 3
    assert counts(pool) == EMPTY


async def test_a_plain_server_is_no_tls_server():
    """A model that does not speak TLS where it should is a failure to connect."""

    async def script(line):
        await line.reader.read(100)
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with model(script) as (_, plain):
        taker = await failed(Pool(plain.origin._replace(scheme="https"), Upstream(), ssl.create_default_context()))
    assert taker.error.startswith("cannot connect: ")


async def test_a_hundred_takers_at_once():
    """Many takers over few connections all get their own answer."""

    async def script(line):
        while True:
            request = await line.request()
            name = request.split()[1]
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(name), name))

    async with model(script, Upstream(connections=7)) as (origin, pool):
        takers = [Taker(pool, b"GET /%d HTTP/1.1\r\n\r\n" % number).start() for number in range(100)]
        for number, taker in enumerate(takers):
            assert (await taker.whole()).body == b"/%d" % number
        assert counts(pool) == "idle=7 open=7 opening=0 waiting=0"
        assert len(origin.lines) == 7
