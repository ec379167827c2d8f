"""What is fuzzed: for each part that reads bytes from outside, what must hold whatever they are.

An input's first byte says how the rest is cut into segments, so that inputs that were found stay what they are when
they are mutated further. A target returns, or raises: an AssertionError when something does not hold, anything else
when an error was raised that the part does not declare.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from guard.settings import SettingsError, load
from guard.wire.address import parse_address, parse_listen, parse_url
from guard.wire.body import MAX_DEPTH, BadBody, parse
from guard.wire.forwarding import client_address
from guard.wire.networks import Networks
from guard.wire.pieces import Events, Frame, Lines, Pieces
from tests.support.hearing import Line, hear
from tests.support.judge import judge_answer, judge_requests
from tests.support.reading import Reading, read

ROOT = Path(__file__).parent.parent
BORDER = b"\n--\n"
FRAME_BYTES = 64
MANY = 256  # cuts: one at every byte where there are no more bytes than that
SECRET = "sk-from-the-environment"
CLIENT, PROXY, STRANGER = "198.51.100.7", "192.0.2.1", "203.0.113.9"


class Target(NamedTuple):
    """One part: `judge` is given one input, `seeds` are inputs to begin with."""

    judge: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def cut(data: bytes) -> list[bytes]:
    """The segments that an input stands for."""
    rng, data = random.Random(data[0]), data[1:]
    count = rng.choice((0, 1, 2, 8, MANY))
    places = range(1, len(data)) if count > len(data) else sorted(rng.randrange(len(data) + 1) for _ in range(count))
    return [piece for piece in map(data.__getitem__, map(slice, [0, *places], [*places, len(data)])) if piece]


def requests(data: bytes) -> None:
    """A client's bytes are refused or the requests that an independent parser reads, in any segments."""
    if data:
        judge_requests(cut(data))


def answers(data: bytes) -> None:
    """A model's bytes fail or are the answer that an independent parser reads, in any segments."""
    if data:
        judge_answer(cut(data), head_only=data[0] & 3 == 1, close=data[0] & 4 == 4)


def repeated_requests(data: bytes) -> None:
    """What follows a head that is known is what it is on a connection of its own."""
    first, border, second = data.partition(BORDER)
    known, once = Reading(), read([first])
    if not border or once.refusal is not None or once.arriving or len(once.requests) != 1:
        return
    for _ in range(3):
        known.feed(first)
    if not once.requests[0].keep_alive:
        return
    assert known.requests == once.requests * 3
    known.feed(second)
    fresh = read([second])
    assert known.requests[3:] == fresh.requests
    assert (known.refusal is None) == (fresh.refusal is None)
    assert known.arriving == fresh.arriving


def repeated_answers(data: bytes) -> None:
    """What follows a head that is known is what it is on a connection of its own."""
    first, border, second = data.partition(BORDER)
    once = hear([first])
    if not border or not second or not once.reused:
        return
    line = Line()
    for _ in range(3):
        heard = line.ask()
        line.say([first])
        assert (heard.said, heard.reused) == (once.said, True)
    heard = line.ask()
    line.say([second])
    fresh = hear([second])
    assert (heard.said, heard.reused) == (fresh.said, fresh.reused)


def splitters(data: bytes) -> None:
    """No byte of a stream is lost or added, its frames do not depend on its segments, and what waits is bounded."""
    if not data:
        return
    pieces, stream = cut(data), data[1:]
    for kind in (Events, Lines):
        whole, frames = _frames(kind(), [stream]), _frames(kind(), pieces)
        assert frames == whole
        assert b"".join(frame.raw for frame in whole) == stream
        bounded = kind(limit=FRAME_BYTES)
        with suppress(ValueError):
            for piece in pieces:
                bounded.feed(piece)
                assert len(bounded.rest) <= FRAME_BYTES
    text = Pieces(text=True)
    assert b"".join(frame.raw for frame in _frames(text, pieces)) == stream
    said = "".join(said for piece in pieces for _, said in text.texts(piece))
    # What a stream breaks off in the middle of is no character.
    assert stream.decode(errors="replace").startswith(said)


def forwarding(data: bytes) -> None:
    """Nothing that a client says of itself changes whom a trusted proxy saw, and it says nothing without one."""
    trusted = Networks([PROXY])
    value = data.replace(b"\r", b"").replace(b"\n", b"")
    for name, hop in ((b"x-forwarded-for", b"%b"), (b"forwarded", b"for=%b;proto=https")):
        own = hop % CLIENT.encode()
        for headers in ([(name, value), (name, own)], [(name, value + b", " + own)]):
            assert client_address(PROXY, headers, trusted) == CLIENT
            assert client_address(STRANGER, headers, trusted) == STRANGER
        parse_address(client_address(PROXY, [(name, value)], trusted))
    text = data.decode("latin-1")
    for reader in (parse_listen, parse_url):
        with suppress(ValueError):
            reader(text)


def bodies(data: bytes) -> None:
    """A body is refused, or it has one meaning, and that meaning is what goes on."""
    try:
        document, canonical = parse(data)
    except BadBody:
        return
    assert orjson.loads(canonical) == document
    assert parse(canonical) == (document, canonical)
    # Whole numbers beyond 64 bits are floats to some and not to others: here they are compared as orjson has them.
    assert json.loads(data, parse_int=orjson.loads, object_pairs_hook=_distinct) == document
    assert _depth(document) <= MAX_DEPTH


def settings(data: bytes) -> None:
    """A configuration is read, or refused with problems that can be told."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        Path(file.name).write_bytes(data)
        try:
            load(Path(file.name), {"KEY": SECRET})
        except SettingsError as error:
            told = str(error)
        else:
            return
    assert told
    assert SECRET not in told


def _frames(splitter: Events | Lines | Pieces, pieces: list[bytes]) -> list[Frame]:
    return [frame for piece in pieces for frame in splitter.feed(piece)] + splitter.close()


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def _depth(document: Any) -> int:
    if not isinstance(document, dict | list):
        return 0
    return 1 + max(map(_depth, document.values() if isinstance(document, dict) else document), default=0)


POST = b"POST /v1/x HTTP/1.1\r\nHost: g\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 5\r\nX: y\r\n\r\nhello"
CHUNKS = b'Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n02;x="y"\r\nlo\r\n0\r\nt: u\r\n\r\n'

TARGETS = {
    "requests": Target(
        requests,
        (
            b"\0" + POST + LENGTH + b"GET / HTTP/1.1\r\nhost:g\r\nConnection: close\r\n\r\n",
            b"\1" + POST + CHUNKS + POST + LENGTH,
            b"\2GET / HTTP/1.0\r\nConnection: keep-alive, x\r\nExpect: 100-continue\r\n\r\nHEAD /?a HTTP/1.0\r\n\r\n",
            b"\3\r\nGET /v1/%41 HTTP/1.1\r\nHost: [::1]:80\r\nUpgrade: h2c\r\nAccept: a/b, c/d;q=0.1\r\n\r\n",
        ),
    ),
    "answers": Target(
        answers,
        (
            b"\0HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK + LENGTH,
            b"\2" + OK + CHUNKS,
            b"\4HTTP/1.0 200 OK\r\n\r\nhello",
            b"\1" + OK + b"Content-Length: 9\r\nConnection: close\r\n\r\n",
            b"\0HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n",
        ),
    ),
    "repeated requests": Target(
        repeated_requests, (POST + LENGTH + BORDER + POST + LENGTH, POST + LENGTH + BORDER + POST + CHUNKS)
    ),
    "repeated answers": Target(
        repeated_answers, (OK + LENGTH + BORDER + OK + LENGTH, OK + LENGTH + BORDER + OK + CHUNKS)
    ),
    "splitters": Target(
        splitters,
        (
            b"\0data: a\n\ndata: b\r\n\r\n: c\revent: d\r\r",
            b'\1{"a":1}\n{"b":2}\r\n\n',
            b"\2event: message_start\ndata: {}\n\nid: 1\ndata: \xf0\x9f\x98\x80\xe2\x80\xa8\n\ndata: [DONE]\n\n",
        ),
    ),
    "forwarding": Target(
        forwarding, (b"10.0.0.1, [2001:db8::1]:80", b'for="[2001:db8::17]:4711";by=_x, for=unknown', b"http://h:80/v1")
    ),
    "bodies": Target(
        bodies,
        (
            b'{"model":"m","messages":[{"role":"user","content":"hi"}],"n":1,"x":[1.5e3,null,true]}',
            b'{ "a" : "\\ud83d\\ude00\\u0061" , "b" : -0.0 , "c": 18446744073709551616 }',
            b"[" * 64 + b"]" * 64,
        ),
    ),
    "settings": Target(
        settings,
        (
            (ROOT / "config" / "guard.yaml").read_bytes(),
            b"models: {m: {versions: {v: {url: 'http://h', key: '${KEY}'}}, active: v}}\n"
            b"routes: [{path: /, format: generic, model: m, prompt: [/a/*]}]\n",
            b"a: &a [1, 0x1f, 1e3, ~, !!str x]\nb: *a\n? [c]\n: |\n  d\n",
        ),
    ),
}
