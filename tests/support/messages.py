"""Strategies: legal messages of either side, odd spellings included, each with what it means."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from tests.support.reading import Asked

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=8).map(str.encode)
# Names that mean something to the guard would have to stand once, or to be right.
NAME = TOKEN.map(lambda token: b"X-" + token)
SPACE = st.sampled_from([b"", b" ", b"\t", b" \t ", b"  "])
WORD = st.binary(min_size=1, max_size=12).map(
    lambda some: bytes(33 + byte % 94 if byte < 128 else byte for byte in some)
)
VALUE = st.one_of(st.just(b""), WORD, st.tuples(WORD, st.sampled_from([b" ", b"\t"]), WORD).map(b"".join))
BODY = st.binary(max_size=40)
PATH = st.text("abcXYZ019-_~!$&'()*+,;=:@/", max_size=12).map(str.encode)
QUERY = st.one_of(
    st.just(b""), st.text("abc019-._~!$&'()*+,;=:@/?%", max_size=12).map(lambda text: b"?" + text.encode())
)

Field = tuple[bytes, bytes]


class Question(NamedTuple):
    """A request as bytes, what it asks, and its head with a gap for another length (None: it has no length)."""

    raw: bytes
    asked: Asked
    head: tuple[bytes, bytes] | None

    def again(self, body: bytes) -> Question:
        """The same head with another body."""
        assert self.head is not None
        raw = b"%b%d%b%b" % (self.head[0], len(body), self.head[1], body)
        return Question(raw, self.asked._replace(body=body), self.head)


class Said(NamedTuple):
    """A model's answer as bytes, interim ones before it, and what it says.

    `kept`: it leaves the connection fit for another; `close`: its end is the connection's.
    """

    raw: bytes
    status: int
    headers: tuple[Field, ...]
    body: bytes
    head_only: bool
    kept: bool
    close: bool
    head: tuple[bytes, bytes] | None

    def again(self, body: bytes) -> Said:
        """The same head with another body."""
        assert self.head is not None
        raw = b"%b%d%b%b" % (self.head[0], len(body), self.head[1], body)
        return self._replace(raw=raw, body=body)


@st.composite
def fields(draw: st.DrawFn) -> list[tuple[bytes, Field]]:
    """Some fields: the line, and the name and value that it has."""
    found = []
    for name, value in draw(st.lists(st.tuples(NAME, VALUE), max_size=4)):
        line = b"%b:%b%b%b\r\n" % (name, draw(SPACE), value, draw(SPACE))
        found.append((line, (name.lower(), value)))
    return found


@st.composite
def spelled(draw: st.DrawFn, name: bytes, value: bytes, after: st.SearchStrategy[bytes] = SPACE) -> tuple[bytes, Field]:
    """One field, its name in capitals or not, with some space around its value."""
    written = draw(st.sampled_from([name, name.title(), name.upper(), name[:-1] + name[-1:].upper()]))
    return b"%b:%b%b%b\r\n" % (written, draw(SPACE), value, draw(after)), (name, value)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """A body in chunks, with extensions and trailers."""
    out = []
    while body:
        size = draw(st.integers(1, len(body)))
        number = draw(st.sampled_from([b"%x", b"%X", b"0%x", b"000%X"])) % size
        out.append(b"%b%b\r\n%b\r\n" % (number, draw(EXTENSIONS), body[:size]))
        body = body[size:]
    trailers = [line for line, _ in draw(fields())]
    return b"".join([*out, draw(st.sampled_from([b"0", b"000"])), draw(EXTENSIONS), b"\r\n", *trailers, b"\r\n"])


# A tab behind `chunked` is refused, from either side.
SPACES = st.sampled_from([b"", b" ", b"  "])
EXTENSIONS = st.lists(
    st.sampled_from([b";a", b";a=b", b';a="b c"', b";name=%41", b';q=""']), max_size=2
).map(b"".join)  # fmt: skip
CONNECTION = st.sampled_from([None, None, b"keep-alive", b"close", b"Keep-Alive, X-A", b"x-b , CLOSE", b"x-a"])


def keeps(connection: bytes | None, *, http10: bool) -> bool:
    """Whether a message with this ``Connection`` leaves the connection open (RFC 9112, section 9.3)."""
    options = [option.strip().lower() for option in (connection or b"").split(b",")]
    return b"close" not in options and (not http10 or b"keep-alive" in options)


@st.composite
def questions(draw: st.DrawFn, *, repeatable: bool = False) -> Question:
    """One legal request; `repeatable`: with a length, and another may follow."""
    http10 = draw(st.booleans()) and not repeatable
    framing = draw(st.sampled_from(["length"] * 3 + ["none", "none" if http10 else "chunked"] * (not repeatable)))
    method = draw(st.sampled_from([b"POST", b"PUT", b"PATCH", b"DELETE", b"GET", b"HEAD", b"OPTIONS"]))
    target = b"/" + draw(PATH) + draw(QUERY)
    connection = draw(CONNECTION) if not repeatable else None
    body = draw(BODY) if framing != "none" else b""
    lines = draw(fields())
    if not http10 or draw(st.booleans()):
        lines.append(draw(spelled(b"host", draw(st.sampled_from([b"g", b"guard.example:80", b"[::1]:8080"])))))
    if connection is not None:
        lines.append(draw(spelled(b"connection", connection)))
    if draw(st.booleans()) and framing != "none" and not repeatable:
        lines.append(draw(spelled(b"expect", b"100-continue")))
    if framing == "chunked":
        line, field = draw(spelled(b"transfer-encoding", b"chunked", SPACES))
        lines.append((line.replace(b"chunked", draw(st.sampled_from([b"chunked", b"Chunked"]))), field))
    lines = draw(st.permutations(lines))
    start = b"%b %b HTTP/1.%d\r\n" % (method, target, not http10)
    asked = Asked(
        method.decode(),
        target.decode(),
        tuple(field for _, field in lines),
        body,
        http10,
        keeps(connection, http10=http10),
    )
    raw, head = draw(_framed(start, [line for line, _ in lines], framing, body, tight=repeatable))
    return Question(raw, asked, head)


@st.composite
def answers(draw: st.DrawFn, *, repeatable: bool = False) -> Said:
    """One legal answer, to GET or HEAD; `repeatable`: with a length, and another may follow."""
    http10, head_only = (draw(st.integers(0, 3)) == 0 and not repeatable for _ in range(2))
    status = draw(st.sampled_from([200, 201, 400, 404, 429, 503] + [204, 304] * (not repeatable)))
    # No coding in a 204 (RFC 9112, section 6.1).
    coded = "close" if http10 or status == 204 else "chunked"
    framing = draw(st.sampled_from(["length"] * 3 + ["close", coded] * (not repeatable)))
    connection = draw(CONNECTION) if not repeatable else None
    lines = draw(fields())
    if connection is not None:
        lines.append(draw(spelled(b"connection", connection)))
    if framing == "chunked":
        lines.append(draw(spelled(b"transfer-encoding", b"chunked", SPACES)))
    lines = draw(st.permutations(lines))
    start = b"HTTP/1.%d %d%b\r\n" % (not http10, status, draw(st.sampled_from([b" OK", b" ", b" Not Found, \xe9"])))
    empty = head_only or status in (204, 304)
    body = draw(BODY)
    raw, head = draw(_framed(start, [line for line, _ in lines], framing, body, tight=repeatable))
    if empty:
        raw, head, body = raw[: raw.index(b"\r\n\r\n") + 4], None, b""
    close = framing == "close" and not empty
    interim = draw(st.lists(st.sampled_from(INTERIM), max_size=2)) if not (http10 or repeatable) else []
    kept = keeps(connection, http10=http10) and not close and not head_only
    if interim and head is not None:
        head = b"".join(interim) + head[0], head[1]
    return Said(
        b"".join(interim) + raw, status, tuple(field for _, field in lines), body, head_only, kept, close, head
    )  # fmt: skip


INTERIM = [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"]


@st.composite
def _framed(
    draw: st.DrawFn, start: bytes, lines: list[bytes], framing: str, body: bytes, *, tight: bool
) -> tuple[bytes, tuple[bytes, bytes] | None]:
    """The whole message; a length stands somewhere among the fields, `tight`: with nothing behind its digits."""
    if framing != "length":
        coded = draw(chunked(body)) if framing == "chunked" else body
        return b"".join([start, *lines, b"\r\n", coded]), None
    at = draw(st.integers(0, len(lines)))
    line, _ = draw(spelled(b"content-length", b"#", st.just(b"") if tight else SPACE))
    before, _, after = line.partition(b"#")
    head = b"".join([start, *lines[:at], before]), b"".join([after, *lines[at:], b"\r\n"])
    return b"%b%d%b%b" % (head[0], len(body), head[1], body), head


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes in segments: one, some, or one for each byte."""
    if draw(st.integers(0, 5)) == 0:
        return [data[at : at + 1] for at in range(len(data))]
    places = sorted(draw(st.sets(st.integers(1, max(len(data) - 1, 1)), max_size=6)))
    return [piece for piece in map(data.__getitem__, map(slice, [0, *places], [*places, len(data)])) if piece]


FRAMING = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b",", b";", b"=", b'"', b"0", b"1", b"f", b"-", b"+", b"\x00", b"\x0b",
     b"\xa0", b"\r\n ", b"0\r\n\r\n", b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n", b"chunked", b"close",
     b"connection: close\r\n", b"host: h\r\n", b"upgrade: h2c\r\n", b"HTTP/1.1", b"HTTP/1.0", b"GET / HTTP/1.1\r\n"]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """The same bytes with a few of them changed, put in or taken out, mostly where framing is."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        if draw(st.booleans()):
            # The next place where something ends or begins.
            ends = [place for mark in (b"\r\n", b":", b"HTTP") if (place := data.find(mark, at)) >= 0]
            at = min(ends, default=at) + draw(st.integers(0, 2))
        replaced = draw(st.sampled_from([0, 0, 1, 1, 2]))
        put = draw(st.one_of(FRAMING, st.binary(max_size=1)))
        data = data[:at] + put + data[at + replaced :]
    return data
