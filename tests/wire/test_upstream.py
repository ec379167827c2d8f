import asyncio
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.wire.pool import Pool
from guard.wire.upstream import MAX_HEADER_BYTES, MAX_INTERIM, TURN_BYTES
from tests.support.origin import OK, REQUEST, Taker, answering, lasting, model

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNKS = CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"


def ok(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer whose length is told."""
    lines = [b"HTTP/1.1 " + status, *fields, b"content-length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# Whole answers: bytes, whether the request was HEAD, then status, body, and whether the connection is used again.
WHOLE = {
    "length": (ok(b"hello"), False, 200, b"hello", True),
    "no body": (ok(b""), False, 200, b"", True),
    "chunks": (CHUNKS, False, 200, b"hello", True),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\nx: y\r\nset-cookie: z\r\n\r\n", False, 200, b"a", True),
    "space after the coding": (CHUNKS.replace(b"chunked", b"chunked "), False, 200, b"hello", True),
    "until the close": (b"HTTP/1.1 200 OK\r\n\r\nhello", False, 200, b"hello", False),
    "until the close, empty": (b"HTTP/1.1 200 OK\r\n\r\n", False, 200, b"", False),
    "version 1.0": (b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", False, 200, b"hello", False),
    "version 1.0, kept": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello", False, 200, b"hello", True
    ),
    "to be closed": (ok(b"hello", b"connection: close"), False, 200, b"hello", False),
    "HEAD": (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", True, 200, b"", False),
    "HEAD, chunks": (CHUNKED, True, 200, b"", False),
    "HEAD, no framing": (b"HTTP/1.1 200 OK\r\n\r\n", True, 200, b"", False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", False, 204, b"", True),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", False, 204, b"", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", False, 304, b"", True),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", False, 304, b"", True),
    "100 before": (b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"hello"), False, 200, b"hello", True),
    "103 with fields before": (
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + ok(b"hello"), False, 200, b"hello", True
    ),
    "version 1.0, kept and closed": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive, close\r\ncontent-length: 5\r\n\r\nhello",
        False, 200, b"hello", False,
    ),
    "several before": (b"HTTP/1.1 102 Processing\r\n\r\n" * MAX_INTERIM + CHUNKS, False, 200, b"hello", True),
    "100 before HEAD": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", True, 200, b"", False),
    "error": (ok(b"oops", status=b"503 Busy"), False, 503, b"oops", True),
    "offer of an upgrade": (ok(b"hello", b"upgrade: h2c", b"connection: upgrade"), False, 200, b"hello", True),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello", False, 200, b"hello", True),
    "capitals": (b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 5\r\n\r\nhello", False, 200, b"hello", True),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "head_only", "status", "body", "reused"), WHOLE.values(), ids=WHOLE)
async def test_a_whole_answer(raw, head_only, status, body, reused):
    """An answer ends where RFC 9112 says, is told of once, and leaves a connection that is fit for another, or none."""
    async with model(answering(raw)) as (_, pool):
        taker = await Taker(pool, head_only=head_only).start().whole()
    interim = [f"interim {found.decode()}" for found in re.findall(rb"HTTP/1.1 (10[2-9])", raw)]
    assert taker.events == [*interim, "head", *(["body"] if body else []), "end"]
    assert taker.told is (b"content-length" in raw.lower() or b"chunked" in raw or status in (204, 304) or head_only)
    assert (taker.status, taker.body) == (status, body)
    assert taker.connection.reusable is reused


@pytest.mark.parametrize(
    ("raw", "head_only"), [(raw, head_only) for raw, head_only, *_ in WHOLE.values()], ids=list(WHOLE)
)
async def test_segments_change_nothing(raw, head_only):
    """An answer that comes byte by byte is the same answer."""

    async def script(line):
        await line.request()
        for at in range(len(raw)):
            await line.send(raw[at : at + 1])
            await asyncio.sleep(0)

    async with model(answering(raw)) as (_, pool):
        whole = await Taker(pool, head_only=head_only).start().whole()
    async with model(script) as (_, pool):
        slow = await Taker(pool, head_only=head_only).start().whole()
    assert (slow.events, slow.status, slow.body) == (whole.events, whole.status, whole.body)
    assert slow.headers == whole.headers


BAD = {
    "garbage": b"\x00\x01\x02\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "half a version": b"HTTP/1 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "status below 100": b"HTTP/1.1 050 X\r\ncontent-length: 0\r\n\r\n",
    "status above 599": b"HTTP/1.1 600 X\r\ncontent-length: 0\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 X\r\ncontent-length: 0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello",
    "folded value": b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 5\r\n\r\nhello",
    "space before the colon": b"HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\nhello",
    "bare CR in a value": b"HTTP/1.1 200 OK\r\nx: a\rset-cookie: b\r\ncontent-length: 5\r\n\r\nhello",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nx: \x00\r\ncontent-length: 5\r\n\r\nhello",
    "both framings": CHUNKS.replace(b"\r\n\r\n3", b"\r\ncontent-length: 5\r\n\r\n3"),
    "both framings, the other way": CHUNKS.replace(b"transfer", b"content-length: 5\r\ntransfer"),
    "the same length twice": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 4\r\n\r\nhello",
    "list of lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello",
    "length with a sign": b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
    "length below zero": b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
    "length beyond 64 bits": b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551621\r\n\r\nhello",
    "coding before chunked": CHUNKS.replace(b"chunked", b"gzip, chunked"),
    "coding after chunked": CHUNKS.replace(b"chunked", b"chunked, gzip"),
    "chunked in two fields": CHUNKS.replace(b"\r\n\r\n3", b"\r\ntransfer-encoding: chunked\r\n\r\n3"),
    "another coding": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhello",
    "chunk size that is none": CHUNKED + b"x\r\nhello\r\n0\r\n\r\n",
    "nothing after a chunk": CHUNKED + b"5\r\nhello0\r\n\r\n",
    "bare LF after a chunk": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "bare LF after a chunk size": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "length as a trailer": CHUNKED + b"1\r\na\r\n0\r\ncontent-length: 9\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "length of an interim answer": b"HTTP/1.1 103 Hints\r\ncontent-length: 0\r\n\r\n" + OK,
    "chunks of an interim answer": b"HTTP/1.1 102 X\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + OK,
    "chunks in version 1.0": CHUNKS.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "chunks of a 204": CHUNKS.replace(b"200 OK", b"204 No Content"),
    "version 2": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "version 0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "a protocol with the same words": b"RTSP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "empty line before": b"\r\n" + OK,
    "bare LF before": b"\n" + OK,
    "bare CR before": b"\r" + OK,
    "tab after the coding": CHUNKS.replace(b"chunked", b"chunked\t"),
    "101 without upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK,
    "endless interim answers": b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1) + OK,
    "too many header bytes": b"HTTP/1.1 200 OK\r\n" + b"x: %b\r\n" % (b"v" * 1_000) * 140 + b"\r\n",
    "too many trailer bytes": CHUNKED + b"0\r\n" + b"x: %b\r\n" % (b"v" * 1_000) * 140 + b"\r\n",
}  # fmt: skip


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD)
async def test_a_bad_answer_fails(raw):
    """What no client could be given is a failure, told of once, and the connection is gone."""
    async with model(answering(raw, OK)) as (_, pool):
        taker = await Taker(pool).start().whole()
        assert repr(pool).endswith("idle=0 open=0 opening=0 waiting=0>")
    assert taker.events.count("failed") == 1
    assert "end" not in taker.events
    assert taker.error.startswith("bad answer: ")
    assert taker.reached is True


@pytest.mark.parametrize(
    "begun",
    [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 ", CHUNKED + b"1;", CHUNKED + b"0\r\nx: "],
    ids=["value", "name", "reason", "chunk extension", "trailer"],
)
async def test_what_does_not_end_is_not_collected(begun):
    """A field that goes on for ever is given up after as many bytes as a head may have."""
    sent = 0

    async def script(line):
        nonlocal sent
        await line.request()
        await line.send(begun)
        while True:
            await line.send(b"x" * 16_384)
            sent += 16_384

    async with model(script) as (_, pool):
        taker = await Taker(pool).start().whole()
    assert taker.events[-1] == "failed"
    assert sent < MAX_HEADER_BYTES + 10_000_000  # what a socket's buffers hold comes on top
    assert taker.reached is True


async def test_large_bodies_are_not_bounded_here():
    """How long a body may be is for its taker to say."""
    body = b"b" * 3_000_000
    async with model(answering(ok(body))) as (_, pool):
        taker = await Taker(pool).start().whole()
    assert taker.body == body


EXTRA = {
    "another answer": ok(b"hello") + ok(b"again"),
    "a line end": ok(b"hello") + b"\r\n",
    "a line end after a line": ok(b"hello\n") + b"\n",
    "a line end after a line end": ok(b"\n") + b"\n",
    "a line end after chunks": CHUNKS + b"\r\n",
    "a bare LF after chunks": CHUNKS + b"\n",
    "a line end after no body": ok(b"") + b"\r\n",
    "a line end after a 204": b"HTTP/1.1 204 No Content\r\n\r\n" + b"\r\n",
    "garbage after a length": ok(b"hello") + b"garbage",
    "garbage after chunks": CHUNKS + b"garbage",
    "a body after 204": b"HTTP/1.1 204 No Content\r\n\r\nhello",
    "a body after HEAD": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "more after a close": ok(b"hello", b"connection: close") + b"more",
}


@pytest.mark.parametrize(("name", "raw"), EXTRA.items(), ids=EXTRA)
async def test_extra_bytes_cost_the_connection(name, raw):
    """What comes behind an answer belongs to nobody: the answer is delivered, and the connection not used again."""
    async with model(answering(raw, OK)) as (_, pool):
        taker = await Taker(pool, head_only=name == "a body after HEAD").start().whole()
        assert repr(pool).endswith("idle=0 open=0 opening=0 waiting=0>")
    assert taker.events[-1] == "end"
    assert taker.events.count("end") == 1
    assert taker.body.strip(b"\n") in (b"hello", b"")


@pytest.mark.parametrize(
    "raw", [ok(b"hello"), CHUNKS, b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"ok")], ids=["length", "chunks", "100"]
)
@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_cut_answer_is_never_whole(raw, how):
    """Cut at any byte, by a close or a reset, an answer fails; only the whole one ends, and each is told of once."""
    for at in range(len(raw) + 1):

        async def script(line, at=at):
            await line.request()
            await line.send(raw[:at])
            if how == "reset":
                line.reset()

        async with model(script) as (_, pool):
            taker = await Taker(pool).start().whole()
        assert taker.events.count("end") + taker.events.count("failed") == 1
        if at < len(raw):
            assert taker.events[-1] == "failed"
            assert taker.reached is True
        elif how == "close":
            assert taker.events[-1] == "end"


async def test_a_reset_is_no_end():
    """An answer that lasts until the close is whole when closed, and broken when reset."""

    async def script(line):
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n\r\nhel")
        while taker.body != b"hel":
            await asyncio.sleep(0)
        line.reset()

    async with model(script) as (_, pool):
        taker = Taker(pool)
        await taker.start().whole()
    assert taker.events == ["head", "body", "failed"]


ANSWERS = st.lists(
    st.sampled_from(
        [
            ok(b"one"), ok(b"two!"), ok(b""), ok(b"x" * 40), ok(b"one", b"x: 1"), ok(b"one", status=b"500 No"),
            ok(b"two!", status=b"500 No"), CHUNKS, b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" + ok(b"one"),
        ]
    ),
    min_size=1, max_size=8,
)  # fmt: skip


def meant(answer: bytes) -> tuple[int, bytes]:
    """Status and body of one of the answers above."""
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    return (status, b"hello" if answer == CHUNKS else b"" if status in (204, 304) else body)


@given(answers=ANSWERS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_sequence_of_answers_on_one_connection(answers, data):
    """Each answer on a connection is the one that was sent, whatever came before it and however it is cut."""
    cuts = [data.draw(st.integers(0, len(answer))) for answer in answers]

    async def story():
        async def script(line):
            for answer, at in zip(answers, cuts, strict=True):
                await line.request()
                if 0 < at < len(answer):
                    await line.send(answer[:at])
                    # Lets the first piece arrive alone.
                    for _ in range(3):
                        await asyncio.sleep(0)
                    answer = answer[at:]
                await line.send(answer)
            await line.closed()

        async with model(script) as (origin, pool):
            takers = [await Taker(pool).start().whole() for _ in answers]
            assert len(origin.lines) == 1
        return [(taker.status, taker.body) for taker in takers]

    assert asyncio.run(story()) == [meant(answer) for answer in answers]


async def test_the_same_fields_with_another_status_are_another_answer():
    """An answer that comes again after one with its fields and another status has its own status."""
    answers = [ok(b"a"), ok(b"b"), ok(b"c"), ok(b"d", status=b"500 No"), ok(b"e")]

    async def script(line):
        for answer in answers:
            await line.request()
            if b"500" in answer:
                await line.send(answer[:-1])
                while takers[3].status == 0:
                    await asyncio.sleep(0)
                answer = answer[-1:]
            await line.send(answer)
        await line.closed()

    takers = []
    async with model(script) as (_, pool):
        for _ in answers:
            takers.append(Taker(pool))
            await takers[-1].start().whole()
    assert [taker.status for taker in takers] == [200, 200, 200, 500, 200]
    assert b"".join(taker.body for taker in takers) == b"abcde"


async def test_a_paused_connection_is_not_passed_on_paused():
    """A taker that held the model's answer back when its end was there already leaves a connection that can be read."""

    class Holding(Taker):
        def answer_body(self, data):
            super().answer_body(data)
            self.connection.transport.pause_reading()

    async with model(lasting(OK)) as (origin, pool):
        await Holding(pool).start().whole()
        second = await Taker(pool).start().whole()
        assert second.body == b"ok"
        assert len(origin.lines) == 1


async def test_an_abandoned_answer_is_not_told_of():
    """After a connection is abandoned its taker hears nothing more, and the model sees the connection end."""
    ended = asyncio.Event()

    async def script(line):
        await line.request()
        await line.send(CHUNKED + b"3\r\nhel\r\n")
        with suppress(ConnectionError):
            await line.closed()
        ended.set()

    async with model(script) as (_, pool):
        taker = await Taker(pool).start().settled()
        taker.connection.abandon()
        assert repr(pool).endswith("idle=0 open=0 opening=0 waiting=0>")
        await asyncio.wait_for(ended.wait(), 5)
    assert taker.events in ([], ["head", "body"])


async def test_abandoned_in_the_middle_of_a_segment():
    """A taker that gives up at the head gets none of the body that came with it."""

    class Fleeing(Taker):
        def answer_head(self, status, head, length):
            super().answer_head(status, head, length)
            self.connection.abandon()
            self.over.set()

    async with model(lasting(OK)) as (_, pool):
        for _ in range(4):
            taker = await Fleeing(pool).start().whole()
            assert taker.events == ["head"]
        assert repr(pool).endswith("idle=0 open=0 opening=0 waiting=0>")


async def test_a_taker_that_fails_costs_only_its_connection():
    """An error in what takes the answer ends the exchange as a failure."""

    class Faulty(Taker):
        def answer_body(self, _data):
            raise ZeroDivisionError

    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    async with model(lasting(OK)) as (_, pool):
        taker = await Faulty(pool).start().whole()
        assert taker.events == ["head", "failed"]
        assert repr(pool).endswith("idle=0 open=0 opening=0 waiting=0>")
    assert [type(fault) for fault in faults] == [ZeroDivisionError]


@pytest.mark.parametrize("late", [OK, b"x", b"\r\n"])
async def test_bytes_while_idle_close_the_connection(late):
    """What a model says unasked is no answer to the next request: the connection is closed."""
    say = asyncio.Event()
    closed = asyncio.Event()

    async def script(line):
        await line.request()
        await line.send(OK)
        await say.wait()
        await line.send(late)
        with suppress(ConnectionError):
            await line.closed()
        closed.set()

    async with model(script) as (origin, pool):
        await Taker(pool).start().whole()
        assert repr(pool).endswith("idle=1 open=1 opening=0 waiting=0>")
        say.set()
        await asyncio.wait_for(closed.wait(), 5)
        assert repr(pool).endswith("idle=0 open=0 opening=0 waiting=0>")
        origin.script = lasting(OK)
        assert (await Taker(pool).start().whole()).body == b"ok"
        assert len(origin.lines) == 2


async def test_an_early_answer_is_an_answer():
    """A model that answers before it has read the whole request, and closes, has answered."""

    async def script(line):
        await line.reader.readuntil(b"\r\n\r\n")
        await line.send(ok(b"too much", b"connection: close", status=b"413 Too Large"))
        await line.closed()

    async with model(script) as (_, pool):
        request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n" + bytes(3_000_000)
        taker = await Taker(pool, request).start().whole()
    assert (taker.status, taker.body) == (413, b"too much")


async def test_what_a_connection_says_of_itself():
    """Its `repr` names the origin, whether it is in use, and how many exchanges it had."""
    async with model(lasting(OK)) as (_, pool):
        taker = await Taker(pool, request=None).start().settled()
        taker.connection.send(taker, REQUEST, head_only=False)
        assert repr(taker.connection) == f"<UpstreamConnection {pool.origin.authority} busy exchanges=1>"
        await taker.whole()
        assert repr(taker.connection) == f"<UpstreamConnection {pool.origin.authority} idle exchanges=1>"


BIG = bytes(range(256)) * 1_000
BIG_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BIG) + BIG


class Gradual(Taker):
    """A receiver to whom each piece is work: keeps the size of each, and may hold the connection at the first."""

    gradual = True

    def __init__(self, pool: Pool, *, holds: bool = False) -> None:
        super().__init__(pool)
        self.holds = holds
        self.sizes: list[int] = []

    def answer_body(self, data: bytes) -> None:
        super().answer_body(data)
        self.sizes.append(len(data))
        if self.holds:
            self.holds = False
            self.connection.hold()


async def test_what_is_much_work_comes_in_parts():
    """Between any two of them the loop has its turn, and the connection is as good as any other afterwards."""
    async with model(lasting(BIG_ANSWER)) as (server, pool):
        for _ in range(3):
            taker = await Gradual(pool).start().whole()
            assert taker.body == BIG
            assert max(taker.sizes) <= TURN_BYTES
        assert len(server.lines) == 1


async def test_parts_wait_while_the_receiver_holds_the_connection():
    """Nothing comes until it is released, however often that is said, and then all of it does, in order."""
    async with model(lasting(BIG_ANSWER)) as (_, pool):
        taker = Gradual(pool, holds=True).start()
        async with asyncio.timeout(5):
            while not taker.sizes:
                await asyncio.sleep(0)
        before = list(taker.sizes)
        await asyncio.sleep(0.02)
        assert taker.sizes == before
        taker.connection.release()
        taker.connection.hold()
        taker.connection.release()
        assert (await taker.whole()).body == BIG
        assert max(taker.sizes) <= TURN_BYTES


async def test_bytes_behind_an_answer_in_parts_close_the_connection():
    """What is left when the answer has ended is nobody's, and the next request gets another connection."""
    async with model(lasting(BIG_ANSWER + b"X" * TURN_BYTES * 2)) as (server, pool):
        for _ in range(2):
            assert (await Gradual(pool).start().whole()).body == BIG
        assert len(server.lines) == 2


@pytest.mark.parametrize("cut", [0, 1, TURN_BYTES, len(BIG)])
async def test_an_answer_in_parts_that_is_cut_is_told_as_cut(cut):
    """All that came of it is given first; with its last byte there it is whole."""
    async with model(answering(BIG_ANSWER[: len(BIG_ANSWER) - cut])) as (_, pool):
        taker = await Gradual(pool).start().whole()
    assert taker.events[-1] == ("failed" if cut else "end")
    assert taker.body == BIG[: len(BIG) - cut]
