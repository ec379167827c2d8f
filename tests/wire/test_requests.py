"""Reading requests, without a socket: any split of any sequence of requests gives the same exchanges."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.config import Http
from guard.exchange import Exchange
from guard.refusal import Refusal
from guard.wire.requests import RequestReader


class Recorder:
    """Keeps what the reader tells."""

    def __init__(self) -> None:
        self.whole: list[Exchange] = []
        self.told: list[str] = []

    def request_began(self) -> None:
        self.told.append("began")

    def request_head(self, exchange: Exchange, *, body: bool) -> None:
        self.told.append(f"{exchange.method} with a body" if body else exchange.method)

    def request_body(self, size: int) -> None:
        assert size > 0

    def request_whole(self, exchange: Exchange) -> None:
        self.whole.append(exchange)

    def request_upgrade(self, exchange: Exchange) -> None:
        self.told.append(f"{exchange.method} for a WebSocket")

    def upgrade_data(self, data: bytes) -> None:
        self.told.append(f"then {data!r}")


def read(pieces: list[bytes]) -> list[tuple[object, ...]]:
    """What each exchange is, after these pieces."""
    recorder = Recorder()
    reader = RequestReader(recorder, Http())
    for piece in pieces:
        reader.feed(piece, fresh=not reader.arriving)
    return [
        (one.method, one.target, one.body, tuple(one.head.headers), one.http10, one.keep_alive)
        for one in recorder.whole
    ]


BODIES = st.binary(max_size=40)
HEADERS = st.sampled_from([b"", b"X-A: 1\r\n", b"Authorization: Bearer k\r\n", b"X-A: 1\r\nX-A: 2\r\n"])


@st.composite
def requests(draw) -> bytes:
    """One legal request: with a length, in chunks, or without a body."""
    extra, body = draw(HEADERS), draw(BODIES)
    target = draw(st.sampled_from([b"/v1/a", b"/v1/b?c=d"]))
    match draw(st.sampled_from(["length", "chunked", "none"])):
        case "length":
            return b"POST %b HTTP/1.1\r\nHost: g\r\n%bContent-Length: %d\r\n\r\n%b" % (target, extra, len(body), body)
        case "chunked":
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            head = b"PUT %b HTTP/1.1\r\nHost: g\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (target, extra)
            return head + chunk + b"0\r\n\r\n"
        case _:
            return b"GET %b HTTP/1.1\r\nHost: g\r\n%b\r\n" % (target, extra)


@given(st.lists(requests(), min_size=1, max_size=6), st.data())
def test_any_split_gives_the_same_exchanges(sent, data):
    """Byte by byte, request by request (repeated heads pass the parser by), all at once, or cut anywhere."""
    whole = b"".join(sent)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=8)))
    cut = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    expected = read([whole[at : at + 1] for at in range(len(whole))])
    assert len(expected) == len(sent)
    assert read(sent) == expected
    assert read(cut) == expected
    assert read([whole]) == expected


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /v1 HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        (b"GET http://other/ HTTP/1.1\r\nHost: g\r\n\r\n", 400),
        (b"GET /v1 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT h:1 HTTP/1.1\r\nHost: g\r\n\r\n", 405),
        (b"POST /v1 HTTP/1.1\r\nHost: g\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: g\r\n" + b"x: y\r\n" * 300 + b"\r\n", 431),
    ],
)
def test_what_is_not_legal_is_refused(data, status):
    """The refusal says what, and `stop` gives the exchange that it belongs to, for the journal."""
    reader = RequestReader(Recorder(), Http())
    with pytest.raises(Refusal) as caught:
        reader.feed(data, fresh=True)
    assert caught.value.status == status
    assert not reader.stop().complete


HEAD = b"POST /v1 HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "refused"),
    [
        ([b"40\r\n%b\r\n" % (b"d" * 64) * 1_000] * 20, False),
        ([b"1\r\na\r\n" * 100] * 20, False),
        ([b"8\r\nabcdefgh\r\n" * 1_000] * 20, True),
        ([b"1\r\na\r\n" * 1_000] * 20, True),
        ([b"10;" + b"e" * 100 + b"\r\n0123456789abcdef\r\n"] * 1_000, True),
        ([b"400;" + b"e" * 100 + b"\r\n" + b"d" * 1_024 + b"\r\n"] * 1_000, False),
    ],
    ids=[
        "chunks of lines",
        "a few tiny chunks",
        "a flood of small chunks",
        "a flood of tiny chunks",
        "a flood of extensions",
        "some extensions",
    ],
)
def test_chunks_have_more_data_than_wrapping(pieces, refused):
    """What is around the data of chunks is bounded by the data itself, beyond an allowance for short bodies."""
    reader = RequestReader(Recorder(), Http())
    reader.feed(HEAD, fresh=True)
    with pytest.raises(Refusal, match="chunks that are too small") if refused else nullcontext() as caught:
        for piece in pieces:
            reader.feed(piece, fresh=False)
    assert caught is None or (caught.value.status, caught.value.close) == (400, True)


def test_trailers_have_a_bound_of_their_own():
    """Fields behind the body are bounded whatever the head was allowed."""
    reader = RequestReader(Recorder(), Http(trailer_bytes=100))
    reader.feed(HEAD + b"0\r\n" + b"T: %b\r\n" % (b"t" * 40), fresh=True)
    with pytest.raises(Refusal, match="behind the body") as caught:
        reader.feed(b"T: %b\r\nU: " % (b"t" * 80), fresh=False)
    assert caught.value.status == 431


def test_a_connection_has_its_number_of_requests():
    """The last request that a connection may carry is told to be the last, on the parser's path and past it."""
    recorder = Recorder()
    reader = RequestReader(recorder, Http(requests_per_connection=5))
    for _ in range(5):
        reader.feed(b"POST /v1 HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\n\r\na", fresh=True)
    assert [exchange.keep_alive for exchange in recorder.whole] == [True, True, True, True, False]


def test_nothing_of_a_request_is_kept_by_its_reader():
    """Once a request is whole its bytes are the exchange's alone; those of a head are held until it is whole."""
    reader = RequestReader(Recorder(), Http())
    whole = b"POST /v1 HTTP/1.1\r\nHost: g\r\nContent-Length: 100000\r\n\r\n" + b"b" * 100_000
    for at in range(50):
        reader.feed(whole[at : at + 1], fresh=not reader.arriving)
    assert len(reader.raw) == 50
    reader.feed(whole[50:], fresh=False)
    assert [len(reader.raw), len(reader.chunks), len(reader.gathered)] == [0, 0, 0]


GET = b"GET /v1 HTTP/1.1\r\nHost: g\r\n\r\n"


@pytest.mark.parametrize(
    ("before", "legal"),
    [
        (b"\r\n", True), (b"\r\n\r\n", True), (b"\n", False), (b"\r", False), (b"\r\r\n", False), (b"\n\r\n", False),
        (b"\r\n\n", False), (b"\r\n" * 5, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pieces", [1, 2, 99], ids=["at once", "apart", "byte by byte"])
@pytest.mark.parametrize("after", [b"", GET], ids=["first", "after another"])
def test_only_a_few_empty_lines_come_before_a_request(before, legal, pieces, after):
    """RFC 9112, section 2.2: empty lines may be ignored; line ends of other kinds are no empty lines."""
    recorder = Recorder()
    reader = RequestReader(recorder, Http())
    if after:
        reader.feed(after, fresh=True)
    raw = before + GET
    cut = {1: [raw], 2: [before, GET], 99: [raw[at : at + 1] for at in range(len(raw))]}[pieces]
    with nullcontext() if legal else pytest.raises(Refusal, match="line ends"):
        for piece in cut:
            reader.feed(piece, fresh=not reader.arriving)
    assert len(recorder.whole) == bool(after) + legal


@pytest.mark.parametrize(
    ("version", "fields", "kept"),
    [
        (b"1.0", b"Connection: keep-alive\r\n", True),
        (b"1.0", b"Connection: keep-alive\r\nConnection: x, close\r\n", False),
        (b"1.0", b"Connection: Close, Keep-Alive\r\n", False),
        (b"1.0", b"", False),
        (b"1.1", b"", True),
        (b"1.1", b"Connection: keep-alive, close\r\n", False),
    ],
)
def test_a_close_wins(version, fields, kept):
    """Whatever else ``Connection`` says, a close in it ends the connection."""
    recorder = Recorder()
    reader = RequestReader(recorder, Http())
    reader.feed(b"GET / HTTP/%b\r\nHost: g\r\n%b\r\n" % (version, fields), fresh=True)
    assert [exchange.keep_alive for exchange in recorder.whole] == [kept]


def test_many_alike_in_two_parts_are_no_field_without_end():
    """Head and body come apart, as many libraries send them, over one connection: each request is judged alone."""
    head = b"POST /v1/x HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\nx-more: %b\r\n\r\n" % (b"x" * 900)
    recorder = Recorder()
    reader = RequestReader(recorder, Http())
    for _ in range(200):
        reader.feed(head, fresh=True)
        reader.feed(b"{}", fresh=False)
        reader.release(recorder.whole[-1])
    assert len(recorder.whole) == 200
