"""Reading requests, without a socket: any split of any sequence of requests gives the same exchanges."""

from __future__ import annotations

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
        (b"CONNECT h:1 HTTP/1.1\r\nHost: g\r\n\r\n", 501),
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
