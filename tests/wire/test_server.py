import asyncio
import socket
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guard.config import Http
from guard.refusal import Refusal
from guard.wire.farewell import LINGER_BYTES
from tests.support.raw import Client, connected
from tests.support.service import Service, echo, served

GET = b"GET /v1/models HTTP/1.1\r\nHost: guard\r\n\r\n"
POST = b"POST /v1/x?y HTTP/1.1\r\nHost: guard\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED_HEAD = b"POST /v1/x HTTP/1.1\r\nHost: guard\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: 1\r\n\r\n"
QUICK = Http(header_timeout=0.2, body_timeout=0.2, idle_timeout=0.2, write_timeout=0.2)


def post(size: int, *fields: bytes, version: bytes = b"1.1") -> bytes:
    """The head of a request whose body has that many bytes."""
    lines = [b"POST /v1/x HTTP/" + version, b"Host: guard", b"Content-Length: %d" % size, *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def hold(recorder):
    """Answer later."""


async def delivered(service: Service, client: Client, data: bytes) -> None:
    """Send bytes, and wait until the server has taken them."""
    expected = service.received + len(data)
    await client.send(data)
    await service.until(lambda: service.received == expected)


# One request.


@pytest.mark.parametrize("raw", [GET, POST, CHUNKED, b"\r\n" + POST], ids=["get", "post", "chunked", "empty line"])
async def test_segments_change_nothing(raw):
    """A request cut in two at any byte, or at every byte, is the same exchange."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        pieces = [
            [raw],
            *([raw[:at], raw[at:]] for at in range(1, len(raw))),
            [raw[at : at + 1] for at in range(len(raw))],
        ]
        for parts in pieces:
            for part in parts:
                await delivered(service, client, part)
            assert (await client.answer()).status == 200
    seen = {
        (one.method, one.target, one.body, tuple(one.head.headers), one.http10, one.keep_alive)
        for one in service.completed
    }
    assert len(service.completed) == len(pieces)
    assert len(seen) == 1


async def test_what_an_exchange_tells():
    """An exchange has what the wire saw: peer, method, target, fields in order with names in lower case, body."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(
            b"PUT /v1/a?b=c HTTP/1.1\r\nHost: guard\r\nX-B: 1\r\nx-a:  2 \r\nX-B: 3\r\nContent-Length: 2\r\n\r\n{}"
        )
        recorder = await service.told("request_complete")
    exchange = recorder.exchange
    assert recorder.events[:2] == ["head", "request_complete"]
    assert (exchange.peer, exchange.method, exchange.target, exchange.body) == ("127.0.0.1", "PUT", "/v1/a?b=c", b"{}")
    assert exchange.head.headers == [(b"host", b"guard"), (b"x-b", b"1"), (b"x-a", b"2"), (b"x-b", b"3")]
    assert exchange.complete
    assert exchange.received_at > 0


async def test_the_head_comes_before_the_body():
    """What can be decided without the body is decided before it is there."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(post(5) + b"hel")
        recorder = await service.told("head")
        assert recorder.events == ["head"]
        await client.send(b"lo")
        assert (await client.answer()).body == b"POST /v1/x hello"
        assert recorder.events == ["head", "request_complete"]


async def test_trailers_are_no_headers():
    """What follows the last chunk does not become part of the head."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(CHUNKED.replace(b"T: 1", b"Authorization: Bearer x"))
        await client.answer()
    assert b"authorization" not in service.completed[0].head.fields


# Connections.


async def test_a_connection_serves_many_requests():
    """Requests on one connection are answered one after the other, each with its own body."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        for number in range(50):
            body = b"x" * (number * 7 % 13)
            await client.send(post(len(body)) + body)
            assert (await client.answer()).body == b"POST /v1/x " + body
    assert len(service.completed) == 50


async def later(service: Service) -> None:
    """Answer each request in a turn of the loop of its own, as a model's answer does."""
    loop = asyncio.get_running_loop()
    service.on_request = lambda recorder: loop.call_soon(
        lambda: recorder.answer(200, b"%b %b" % (recorder.exchange.target.encode(), recorder.exchange.body))
    )


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from([b"/a", b"/b"]),
        st.sampled_from([b"X: 1", b"X: 2"]),
        st.binary(max_size=12),
        st.sampled_from(["length", "chunked"]),
    ),
    max_size=6,
)


def written(target: bytes, field: bytes, body: bytes, framing: str) -> bytes:
    """A request as it goes over the wire."""
    head = b"POST %b HTTP/1.1\r\nHost: guard\r\n%b\r\n" % (target, field)
    if framing == "length":
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    chunks = b"".join([b"1\r\n%c\r\n" % byte for byte in body])
    return head + b"Transfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunks


@given(requests=REQUESTS, data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_in_any_segments_is_answered_in_order(requests, data):
    """Whatever requests follow each other, and however they are cut, each is answered with its own, in order."""
    stream = b"".join(written(*request) for request in requests)
    places = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]

    async def story() -> list[bytes]:
        service = Service()
        await later(service)
        async with served(service) as server, connected(server.port) as client:
            for part in filter(None, parts):
                # With requests ahead of their answers the server stops reading until they are answered.
                await delivered(service, client, part)
            return [(await client.answer()).body for _ in requests]

    assert asyncio.run(story()) == [b"%b %b" % (target, body) for target, _, body, _ in requests]


async def test_the_same_head_again_is_another_request():
    """A head that comes again and again, which needs no parser, still brings its own body and length."""
    service = Service()
    await later(service)
    bodies = [b"a", b"bb", b"", b"c" * 12, b"dd", b"GET / HTTP/1.1\r\n\r\n", b"ee", b"ff"]
    async with served(service) as server, connected(server.port) as client:
        for body in bodies:
            await client.send(post(len(body)) + body)
            assert (await client.answer()).body == b"/v1/x " + body
    assert [exchange.body for exchange in service.completed] == bodies
    assert len({id(exchange) for exchange in service.completed}) == len(bodies)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST /v1/x HTTP/1.1\r\nHost: guard\r\nContent-Length: +5\r\n\r\nhello", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: guard\r\nContent-Length: 5,5\r\n\r\nhello", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: guard\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        (
            b"POST /v1/x HTTP/1.1\r\nHost: guard\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /v1/x HTTP/1.1\r\nHost: guard\r\nContent-Length: 99999999999\r\n\r\nhello", 413),
        (b"POST /v1/x HTTP/1.1\r\nHost: guard\r\nContent-Length: 99\r\n\r\n" + b"h" * 99, 413),
    ],
)
async def test_the_same_head_again_is_still_checked(raw, status):
    """A head that begins like the ones before it and is illegal is refused, and no other request's body is its own."""
    service = Service(Http(body_bytes=50))
    await later(service)
    async with served(service) as server, connected(server.port) as client:
        for _ in range(3):
            await client.send(post(5) + b"hello")
            assert (await client.answer()).status == 200
        service.on_request = lambda recorder: recorder.answer(recorder.exchange.refusal.status)
        await client.send(raw)
        assert (await client.answer()).status == status
        assert await client.rest() == b""
    assert service.handlers[-1].exchange.body in (b"", b"hello")
    assert len(service.completed) == 3


async def test_a_head_is_not_taken_for_the_one_before_it():
    """With two callers on one connection, one ahead of the other's answer, each exchange has its own caller's head."""
    service = Service()
    await later(service)
    first, second = post(5, b"X-Api-Key: one") + b"hello", post(5, b"X-Api-Key: two") + b"hello"
    async with served(service) as server, connected(server.port) as client:
        for _ in range(3):
            await client.send(first)
            await client.answer()
        service.on_request = hold
        await client.send(first)
        held = await service.told("request_complete", 3)
        await delivered(service, client, second)
        held.answer()
        (await service.told("request_complete", 4)).answer()
        await client.answer()
        await client.answer()
        await client.send(first)
        await service.told("request_complete", 5)
    assert [one.head.fields[b"x-api-key"] for one in service.completed] == [b"one"] * 4 + [b"two", b"one"]


async def test_pipelined_requests_wait_their_turn():
    """Requests sent ahead are answered in order, and none is looked at before the one ahead of it is answered."""
    service = Service()
    service.on_request = hold
    count = 20
    async with served(service) as server, connected(server.port) as client:
        await client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: guard\r\n\r\n" % number for number in range(count)))
        for number in range(count):
            recorder = await service.told("request_complete", number)
            assert len(service.handlers) == number + 1
            recorder.answer(200, b"%d" % number)
            assert (await client.answer()).body == b"%d" % number


async def test_pipelined_bodies_arrive_whole():
    """A client that sends more ahead than the server wants to read now gets all of it answered later."""
    service = Service()
    service.on_request = hold
    body = b"b" * 300_000
    async with served(service) as server, connected(server.port) as client:
        sending = asyncio.ensure_future(client.send((post(len(body)) + body) * 8))
        for number in range(8):
            recorder = await service.told("request_complete", number)
            assert recorder.exchange.body == body
            recorder.answer()
            assert (await client.answer()).status == 200
        await sending


async def test_too_many_requests_ahead_are_refused():
    """More requests ahead than `pipeline` allows end the connection, after those before them are answered."""
    service = Service(Http(pipeline=3))
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET * 6)
        statuses = []
        for number in range(5):
            recorder = await service.told("request_complete", number)
            refusal = recorder.exchange.refusal
            recorder.answer(refusal.status if refusal else 200)
            statuses.append((await client.answer()).status)
        assert await client.rest() == b""
    assert statuses == [200, 200, 200, 200, 400]


async def test_a_bad_request_behind_a_good_one_waits():
    """What is wrong with the second request is said after the first is answered, and then the connection ends."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET + b"GET / HTTP/1.1\r\nHost : x\r\n\r\n" + GET)
        (await service.told("request_complete", 0)).answer(200, b"first")
        assert (await client.answer()).body == b"first"
        bad = await service.told("request_complete", 1)
        assert bad.exchange.refusal.status == 400
        bad.answer(400)
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
    assert len(service.handlers) == 2


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (GET, True),
        (GET.replace(b"Host", b"Connection: close\r\nHost"), False),
        (GET.replace(b"Host", b"Connection: Close, x\r\nHost"), False),
        (GET.replace(b"1.1", b"1.0"), False),
        (GET.replace(b"1.1", b"1.0").replace(b"Host", b"Connection: keep-alive\r\nHost"), True),
    ],
    ids=["1.1", "1.1 close", "1.1 close in a list", "1.0", "1.0 keep-alive"],
)
async def test_who_keeps_the_connection(raw, kept):
    """HTTP/1.1 keeps a connection unless told otherwise, HTTP/1.0 does not unless asked to."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(raw)
        assert (await client.answer()).headers.get(b"connection") == (None if kept else b"close")
        assert service.handlers[0].exchange.keep_alive is kept
        if kept:
            await client.send(raw)
            assert (await client.answer()).status == 200
        else:
            assert await client.rest() == b""


@pytest.mark.parametrize("apart", [False, True], ids=["in one segment", "in two"])
async def test_nothing_follows_a_close(apart):
    """A request behind one that says `Connection: close` is nobody's, and the answer before it is whole."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        last = GET.replace(b"Host", b"Connection: close\r\nHost")
        await client.send(last if apart else last + GET)
        if apart:
            await service.told("request_complete")
            await client.send(GET)
        recorder = await service.told("request_complete")
        recorder.answer(200, b"only")
        assert (await client.answer()).body == b"only"
        assert await client.rest() == b""
    assert len(service.handlers) == 1


async def test_a_service_may_close():
    """When the service wants the connection closed, what the client sent ahead is not begun."""
    service = Service()
    service.on_request = lambda recorder: recorder.answer(200, b"last", keep_alive=False)
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET * 3)
        assert (await client.answer()).body == b"last"
        assert await client.rest() == b""
        await service.until(lambda: not service.connections)
    assert [recorder.events for recorder in service.handlers] == [["head", "request_complete"]]


async def test_an_abort_is_seen():
    """A service that breaks the connection leaves the client with half an answer, and is not told that it left."""
    service = Service()

    def break_off(recorder):
        recorder.connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        recorder.connection.abort()

    service.on_request = break_off
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.answer()
        await service.until(lambda: not service.connections)
    assert service.handlers[0].events == ["head", "request_complete"]


@pytest.mark.parametrize("where", ["head", "request"])
async def test_a_fault_breaks_the_connection(where, caplog):
    """An error in the service ends its connection and nothing else; it is told of it as of a client that left."""
    service = Service()

    def fail(_):
        raise ZeroDivisionError

    setattr(service, f"on_{where}", fail)
    async with served(service) as server:
        async with connected(server.port) as client:
            await client.send(GET)
            with suppress(ConnectionError):
                assert await client.rest() == b""
            await service.until(lambda: not service.connections)
        assert service.handlers[0].events[-1] == "client_left"
        assert service.handlers[0].events.count("client_left") == 1
        setattr(service, f"on_{where}", Service().__dict__[f"on_{where}"])
        async with connected(server.port) as client:
            await client.send(GET)
            assert (await client.answer()).status == 200
    assert "a request met a fault" in caplog.text


# Expect: 100-continue.


@pytest.mark.parametrize("word", [b"100-continue", b"100-Continue"])
async def test_an_expected_continue_is_given(word):
    """A client that asks first is told to go on once its head is accepted."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(post(5, b"Expect: " + word))
        assert await client.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hello")
        assert (await client.answer()).body == b"POST /v1/x hello"


async def test_a_refused_request_is_not_continued():
    """A client that asks first and is refused gets the answer without having sent its body."""
    service = Service()

    def refuse(exchange):
        exchange.refusal = Refusal(403, "client_blocked", "no")

    service.on_head = refuse
    async with served(service) as server, connected(server.port) as client:
        await client.send(post(5, b"Expect: 100-continue"))
        answer = await client.answer()
        assert (answer.status, answer.headers[b"connection"]) == (403, b"close")
        assert await client.rest() == b""


async def test_another_expectation_fails():
    """Only 100-continue can be expected."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(post(5, b"Expect: tea"))
        assert (await client.answer()).status == 417
        assert await client.rest() == b""
    assert service.completed == []


async def test_version_1_0_cannot_expect():
    """HTTP/1.0 has no interim answers."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(post(5, b"Expect: 100-continue", version=b"1.0") + b"hello")
        assert (await client.answer()).status == 200


async def test_an_expectation_ahead_of_its_turn_waits():
    """A request sent ahead that asks first is told to go on in its turn, and not within the answer before it."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET + post(5, b"Expect: 100-continue"))
        (await service.told("request_complete", 0)).answer(200, b"first")
        assert (await client.answer()).body == b"first"
        assert await client.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hello")
        (await service.told("request_complete", 1)).answer(200, b"second")
        assert (await client.answer()).body == b"second"


async def test_an_unknown_expectation_ahead_of_its_turn_fails():
    """Waiting does not make an unknown expectation acceptable."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET + post(5, b"Expect: tea") + b"hello")
        (await service.told("request_complete", 0)).answer()
        await client.answer()
        second = await service.told("request_complete", 1)
        assert second.exchange.refusal.status == 417


# Bounds of size and count.

BOUNDED = Http(header_bytes=2_000, header_count=10, target_bytes=100, body_bytes=1_000, trailer_bytes=2_000)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /%b HTTP/1.1\r\nHost: guard\r\n\r\n" % (b"t" * 99), 200),
        (b"GET /%b HTTP/1.1\r\nHost: guard\r\n\r\n" % (b"t" * 100), 414),
        (b"GET /%b" % (b"t" * 100), 414),
        (b"GET / HTTP/1.1\r\nHost: guard\r\n%b\r\n" % (b"X: y\r\n" * 9), 200),
        (b"GET / HTTP/1.1\r\nHost: guard\r\n%b\r\n" % (b"X: y\r\n" * 10), 431),
        (b"GET / HTTP/1.1\r\nHost: guard\r\n%b" % (b"X: y\r\n" * 11), 431),
        (b"GET / HTTP/1.1\r\nHost: guard\r\nX: %b\r\n\r\n" % (b"v" * 1_980), 200),
        (b"GET / HTTP/1.1\r\nHost: guard\r\nX: %b\r\n\r\n" % (b"v" * 1_990), 431),
        (b"GET / HTTP/1.1\r\nHost: guard\r\n%b: v\r\n\r\n" % (b"n" * 1_990), 431),
        (post(1_000) + b"b" * 1_000, 200),
        (post(1_001), 413),
        (post(10**18), 413),
        (CHUNKED_HEAD + b"3e8\r\n%b\r\n0\r\n\r\n" % (b"b" * 1_000), 200),
        (CHUNKED_HEAD + b"3e9\r\n%b" % (b"b" * 1_001), 413),
        (CHUNKED_HEAD + b"1\r\nb\r\n" * 1_001, 413),
        (CHUNKED_HEAD + b"0\r\n" + b"T: %b\r\n" % (b"t" * 100) * 21, 431),
    ],
    ids=lambda value: value if isinstance(value, int) else f"{len(value)} bytes",
)
async def test_sizes_and_counts_are_bounded(raw, status):
    """What is over a bound is refused as soon as that is known: 414 target, 431 header fields, 413 body."""
    service = Service(BOUNDED)
    async with served(service) as server, connected(server.port) as client:
        await client.send(raw)
        assert (await client.answer()).status == status
        if status != 200:
            assert await client.rest() == b""
    assert len(service.completed) == (status == 200)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: guard\r\nX: ",
        b"GET / HTTP/1.1\r\nHost: guard\r\n",
        CHUNKED_HEAD + b"1;",
        CHUNKED_HEAD + b"0",
        CHUNKED_HEAD + b"0\r\nT: ",
        CHUNKED_HEAD + b"0\r\n",
    ],
    ids=["value", "name", "chunk extension", "chunk size", "trailer's value", "trailer's name"],
)
async def test_what_does_not_end_is_not_collected(raw):
    """A name, a value or anything around a chunk that goes on for ever is refused before it has taken much memory."""
    service = Service(BOUNDED)
    async with served(service) as server, connected(server.port) as client:
        await client.send(raw)
        endless = b"0" * 512
        sent = 0
        while not service.handlers or service.handlers[-1].exchange.refusal is None:
            assert sent < 8_000
            await delivered(service, client, endless)
            sent += 512
        assert (await client.answer()).status in {400, 431}


async def test_tiny_chunks_are_put_together():
    """A body in many small chunks is kept as its bytes, not as that many pieces."""
    service = Service(Http(body_bytes=4_000_000))
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(CHUNKED_HEAD)
        pieces = 0
        for _ in range(50):
            await delivered(service, client, b"40\r\n%b\r\n" % (b"abcdefgh" * 8) * 1_000)
            (connection,) = service.connections
            pieces = max(pieces, len(connection.reader.chunks))
        await client.send(b"0\r\n\r\n")
        recorder = await service.told("request_complete")
    assert recorder.exchange.body == b"abcdefgh" * 400_000
    assert pieces <= 1_024


async def test_a_sender_of_too_much_can_read_why():
    """A client that goes on sending after it was refused is not reset before it has read the answer."""
    service = Service(Http(body_bytes=1_000))
    async with served(service) as server, connected(server.port) as client:
        body = b"b" * (LINGER_BYTES - 100_000)
        await client.send(post(len(body)) + body)
        assert (await client.answer()).status == 413
        assert await client.rest() == b""


async def pour(client: Client) -> None:
    """Send without end."""
    while True:
        client.writer.write(b"b" * 65_536)
        await client.writer.drain()


async def test_the_patience_with_such_a_sender_ends():
    """What is read and thrown away after a refusal is bounded too."""
    service = Service(Http(body_bytes=1_000))
    async with served(service) as server, connected(server.port) as client:
        await client.send(post(10**9))
        await client.answer()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(pour(client), 5)
        await service.until(lambda: not service.connections)
    assert service.received < LINGER_BYTES + 1_000_000


# Bounds of time.


@pytest.mark.parametrize(
    "sent", [b"G", GET[:-2], b"GET / HTTP/1.1\r\nHost: guard\r\nX: ", post(5), post(5) + b"hel", CHUNKED[:-5]],
    ids=["method", "head", "value", "no body", "half a body", "no last chunk"],
)  # fmt: skip
async def test_a_request_that_does_not_arrive_is_refused(sent):
    """A request that stays incomplete is answered with 408 and the connection closed."""
    service = Service(QUICK)
    async with served(service) as server, connected(server.port) as client:
        await client.send(sent)
        assert (await client.answer()).status == 408
        assert await client.rest() == b""
    assert service.completed == []
    assert len(service.handlers) == 1


@pytest.mark.parametrize("drip", [b"X: y\r\n", b"\r\n", b"x"], ids=["fields", "empty lines", "bytes"])
@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: guard\r\n", GET], ids=["fresh", "begun", "kept"])
async def test_dripping_does_not_buy_time(begun, drip):
    """Bytes that come one after the other do not put off the time by which a request has to be there."""
    service = Service(QUICK)
    async with served(service) as server, connected(server.port) as client:
        await client.send(begun)
        if begun == GET:
            await client.answer()
        loop = asyncio.get_running_loop()
        started = loop.time()
        timer: Any = None

        def send() -> None:
            nonlocal timer
            client.writer.write(drip)
            timer = loop.call_later(0.05, send)

        send()
        try:
            await service.until(
                lambda: not service.connections or (service.handlers and service.handlers[-1].exchange.refusal)
            )
        finally:
            timer.cancel()
        assert loop.time() - started < 1.5


@pytest.mark.parametrize("before", [b"", GET], ids=["fresh", "kept"])
async def test_an_idle_connection_is_closed(before):
    """A connection on which nothing comes is closed without a word."""
    service = Service(QUICK)
    async with served(service) as server, connected(server.port) as client:
        if before:
            await client.send(before)
            await client.answer()
        assert await client.rest() == b""
    assert len(service.handlers) == bool(before)


async def test_a_slow_service_is_no_slow_client():
    """While an answer is in progress no time runs out for the client."""
    service = Service(QUICK)
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET)
        recorder = await service.told("request_complete")
        asyncio.get_running_loop().call_later(0.6, recorder.answer)
        assert (await client.answer()).status == 200


# Clients that leave, and clients that do not read.


@pytest.mark.parametrize("way", ["reset", "half_close"])
@pytest.mark.parametrize(
    ("sent", "event"), [(GET, "request_complete"), (post(5) + b"hel", "head"), (GET + GET, "request_complete")],
    ids=["waiting", "sending", "ahead"],
)  # fmt: skip
async def test_a_client_that_leaves_is_noticed(way, sent, event):
    """The handler of the exchange in progress is told once, and no other is begun."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(sent)
        recorder = await service.told(event)
        if sent == GET + GET:
            # With a request waiting the server does not read, and so learns of it when it writes.
            (connection,) = service.connections
            assert not connection.transport.is_reading()
            getattr(client, way)()
            recorder.answer()
            recorder = await service.told("head", 1)
        else:
            getattr(client, way)()
        await service.told("client_left", len(service.handlers) - 1)
        await service.until(lambda: not service.connections)
    assert recorder.events.count("client_left") == 1


@pytest.mark.parametrize("sent", [b"", b"GET / HT", GET], ids=["silent", "half a head", "answered"])
async def test_a_client_that_leaves_between_requests_is_nobodys_business(sent):
    """Without an exchange in progress nobody is told."""
    service = Service()
    async with served(service) as server:
        async with connected(server.port) as client:
            await client.send(sent)
            await service.until(lambda: service.received == len(sent))
            if sent == GET:
                await client.answer()
        await service.until(lambda: not service.connections)
    assert all("client_left" not in recorder.events for recorder in service.handlers)


@pytest.mark.parametrize("body", [b"", b"hel"])
async def test_a_refused_exchange_is_told_of_once(body):
    """A client that leaves after an early refusal, its body half sent, makes no second exchange."""
    service = Service()

    def refuse(exchange):
        exchange.refusal = Refusal(403, "client_blocked", "no")

    service.on_head = refuse
    async with served(service) as server:
        async with connected(server.port) as client:
            await client.send(post(5) + body)
            assert (await client.answer()).status == 403
        await service.until(lambda: not service.connections)
    assert [recorder.events for recorder in service.handlers] == [["head", "request_complete"]]


@asynccontextmanager
async def unhurried(port: int):
    """A client whose socket holds little and which reads only when told to."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    one.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(one, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=one, limit=1_024)
    client = Client(reader, writer)
    client.writer.transport.pause_reading()
    try:
        yield client
    finally:
        writer.transport.abort()


SIZE = 20_000_000


async def test_a_slow_reader_holds_the_answer():
    """A client that does not read makes the handler pause, and resume when it has caught up."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, unhurried(server.port) as client:
        client.writer.write(GET)
        recorder = await service.told("request_complete")
        recorder.connection.write(b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n" % SIZE)
        recorder.connection.write(bytes(SIZE))
        await service.told("client_paused")
        assert "client_resumed" not in recorder.events
        client.writer.transport.resume_reading()
        answer = await client.answer()
        assert len(answer.body) == SIZE
        await service.told("client_resumed")
        recorder.finish(keep_alive=True)


async def test_a_reader_that_is_too_slow_is_cut():
    """A client that does not read for longer than the bound loses its connection, and the handler is told."""
    service = Service(QUICK)
    service.on_request = hold
    async with served(service) as server, unhurried(server.port) as client:
        client.writer.write(GET)
        recorder = await service.told("request_complete")
        recorder.connection.write(bytes(SIZE))
        await service.told("client_left")
        await service.until(lambda: not service.connections)
    assert recorder.events == ["head", "request_complete", "client_paused", "client_left"]


@pytest.mark.parametrize("keep_alive", [True, False])
async def test_the_end_of_an_answer_is_not_waited_for_for_ever(keep_alive):
    """A finished answer whose last bytes the client does not read keeps its connection for a bounded time only."""
    service = Service(QUICK)
    service.on_request = hold
    async with served(service) as server, unhurried(server.port) as client:
        client.writer.write(GET)
        recorder = await service.told("request_complete")
        transport = recorder.connection.transport
        while transport.get_write_buffer_size() == 0:
            recorder.connection.write(bytes(16_384))
            for _ in range(3):
                await asyncio.sleep(0)
        assert "client_paused" not in recorder.events
        recorder.finish(keep_alive=keep_alive)
        await asyncio.wait_for(service.until(lambda: not service.connections), 3)


# Draining.


async def test_draining_closes_what_is_idle():
    """When the server drains, a connection on which nothing is asked soon is closed, without a reset."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET)
        await client.answer()
        (connection,) = server.state.connections
        connection.shutdown()
        assert await client.rest() == b""


async def test_draining_answers_who_asks_just_then():
    """A request that meets the drain on an idle connection is answered, and its answer is the last one."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET)
        await client.answer()
        (connection,) = server.state.connections
        connection.shutdown()
        await client.send(GET)
        assert (await client.answer()).status == 200
        assert await client.rest() == b""


async def test_draining_finishes_what_is_begun():
    """An answer in progress is finished, and then the connection closed although both would keep it."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET)
        recorder = await service.told("request_complete")
        recorder.connection.shutdown()
        assert recorder.connection.draining
        recorder.answer(200, b"whole", keep_alive=True)
        assert (await client.answer()).body == b"whole"
        assert await client.rest() == b""


async def test_draining_begins_nothing_new():
    """Of requests sent ahead only the one in progress is answered."""
    service = Service()

    def drain_and_answer(recorder):
        recorder.connection.shutdown()
        recorder.answer(200, b"last", keep_alive=True)

    service.on_request = drain_and_answer
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET * 3)
        assert (await client.answer()).body == b"last"
        assert await client.rest() == b""
        await service.until(lambda: not service.connections)
    assert len(service.handlers) == 1


async def test_draining_takes_a_request_that_is_arriving():
    """A request of which half has come is not reset: it is answered, and then the connection closed."""
    service = Service()
    async with served(service) as server, connected(server.port) as client:
        await client.send(GET[:20])
        await service.until(lambda: service.received == 20)
        (connection,) = server.state.connections
        connection.shutdown()
        await client.send(GET[20:])
        assert (await client.answer()).status == 200
        assert await client.rest() == b""


async def test_a_connection_is_counted_while_it_lasts():
    """The server's own set of connections, by which it waits when draining, has each from its beginning to its end."""
    service = Service()
    async with served(service) as server:
        async with connected(server.port) as client:
            await client.send(GET)
            await client.answer()
            assert server.state.connections == service.connections != set()
        await service.until(lambda: not server.state.connections)


# Who is one too many, and who has left.


async def test_an_address_has_its_number_of_connections():
    """One connection too many is told so and closed; when another has ended there is room again."""
    service = Service(Http(connections_per_address=2))
    async with served(service) as server:
        async with connected(server.port) as first, connected(server.port) as second:
            for client in (first, second):
                await client.send(GET)
                assert (await client.answer()).status == 200
            async with connected(server.port) as third:
                answer = await third.answer()
                assert answer.status == 503
                assert b"too_many_connections" in answer.body
                assert await third.rest() == b""
        await service.until(lambda: not service.connections)
        async with connected(server.port) as fourth:
            await fourth.send(GET)
            assert (await fourth.answer()).status == 200
        await service.until(lambda: not service.connections)
        assert service.crowd.size == 0
    assert len(service.completed) == 3


@pytest.mark.parametrize("way", ["close", "reset"])
async def test_a_client_that_leaves_with_requests_waiting_is_noticed(way):
    """Nothing is read while requests wait for the one before them; that the client has gone is seen all the same."""
    service = Service()
    service.on_request = hold
    async with served(service) as server, connected(server.port) as client:
        await client.send(POST * 3)
        recorder = await service.told("request_complete")
        client.reset() if way == "reset" else client.writer.close()
        async with asyncio.timeout(1):
            await recorder.over.wait()
    assert "client_left" in recorder.events


async def test_a_body_has_to_be_there_in_the_end():
    """A sender that is never too slow for the moment still has to end some time."""
    service = Service(Http(body_timeout=10, body_rate=1, request_timeout=0.3))
    async with served(service) as server, connected(server.port) as client:
        await client.send(post(1_000))
        answer = asyncio.create_task(client.answer())
        while not answer.done():
            await client.send(b"b")
            await asyncio.sleep(0.01)
        assert (await answer).status == 408


async def test_the_bodies_that_are_held_are_bounded():
    """Large bodies count until their exchanges are over; one too many is refused while it arrives, and makes room."""
    service = Service(Http(body_bytes=4_000_000))
    service.crowd.most_held = 1_500_000
    service.on_request = hold
    async with served(service) as server, connected(server.port) as first:
        await first.send(post(1_000_000) + b"b" * 1_000_000)
        recorder = await service.told("request_complete")
        assert service.crowd.held > 500_000
        async with connected(server.port) as second:
            await second.send(post(4_000_000) + b"b" * 2_000_000)
            refused = await service.told("request_complete", 1)
            echo(refused)
            assert (await second.answer()).status == 503
        recorder.answer()
        assert (await first.answer()).status == 200
        await service.until(lambda: service.crowd.held == 0)
