"""What an independent parser, h11, makes of bytes: the judge of where one message ends and the next begins."""

from __future__ import annotations

import re
from typing import NamedTuple

import h11

from tests.support.reading import Asked

PATIENCE = 1 << 24  # bytes that a head may have before h11 gives up: none of its business here
# What the guard takes and h11 does not, without a doubt about where a message begins or ends: line ends before it or
# behind it (RFC 9112, section 2.2), several spaces in a request line (section 3), any reason phrase, as it is dropped.
LINE_ENDS = b"\r\n"
SPACES = re.compile(rb"(?<=^)([A-Z]+) +(/[^ \r\n]*) +(?=HTTP/1)")
INTERIM = re.compile(rb"HTTP/1\.[01] 1\d\d(?: [^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n[\r\n]*")
REASON = re.compile(rb"(?<=^HTTP/1\.[01] \d\d\d) [^\r\n]*")


class Requests(NamedTuple):
    """The requests in some bytes; `error` is why no more can be read, `more` whether one has begun and not ended."""

    requests: list[Asked]
    error: str
    more: bool


class Answer(NamedTuple):
    """The final answer in some bytes; `end` is ``end``, ``failed``, or empty while more has to come."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    end: str
    reusable: bool = False
    error: str = ""


def requests_in(data: bytes) -> Requests:
    """Read requests one after the other, until one says that it is the last (RFC 9112, section 9.6)."""
    found: list[Asked] = []
    while True:
        data = SPACES.sub(rb"\1 \2 ", data.lstrip(LINE_ENDS), count=1)
        if not data:
            return Requests(found, "", more=False)
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=PATIENCE)
        connection.receive_data(data)
        try:
            one = _request(connection)
        except h11.RemoteProtocolError as error:
            return Requests(found, str(error), more=False)
        if one is None:
            return Requests(found, "", more=True)
        found.append(one)
        if not one.keep_alive:
            return Requests(found, "", more=False)
        data = connection.trailing_data[0]


def answer_in(data: bytes, *, head_only: bool, close: bool) -> Answer:
    """Read the final answer to a GET or HEAD; `close`: the connection ended behind these bytes."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=PATIENCE)
    connection.send(h11.Request(method="HEAD" if head_only else "GET", target="/", headers=[("host", "model")]))
    connection.send(h11.EndOfMessage())
    data = data.lstrip(LINE_ENDS)
    while (interim := INTERIM.match(data)) is not None:
        data = data[interim.end() :]
    connection.receive_data(REASON.sub(b" X", data, count=1))
    status, headers, body = 0, tuple[tuple[bytes, bytes], ...](), bytearray()
    closed = keep_alive = False
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            return Answer(status, headers, bytes(body), "failed", error=str(error))
        if isinstance(event, h11.Response):
            status, headers = event.status_code, _fields(event)
            keep_alive = _keeps_alive(event, http10=event.http_version == b"1.0")
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            reusable = keep_alive and not closed and not connection.trailing_data[0].strip(LINE_ENDS)
            return Answer(status, headers, bytes(body), "end", reusable)
        elif event is h11.NEED_DATA and close and not closed:
            closed = True
            connection.receive_data(b"")
        elif not isinstance(event, h11.InformationalResponse):
            return Answer(status, headers, bytes(body), "failed" if closed else "")


def _request(connection: h11.Connection) -> Asked | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            http10 = head.http_version == b"1.0"
            target = head.target.decode("latin-1")
            keep_alive = _keeps_alive(head, http10=http10)
            return Asked(head.method.decode(), target, _fields(head), bytes(body), http10, keep_alive)
        else:
            return None


def _fields(message: h11.Request | h11.Response) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, value) for name, value in message.headers if name != b"content-length")


def _keeps_alive(head: h11.Request | h11.Response, *, http10: bool) -> bool:
    """RFC 9112, section 9.3."""
    listed = b",".join(value for name, value in head.headers if name == b"connection").lower()
    options = {option.strip(b" \t") for option in listed.split(b",")}
    return b"keep-alive" in options if http10 else b"close" not in options
