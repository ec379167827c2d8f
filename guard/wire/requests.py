"""From bytes to exchanges: reads a client's requests, one after the other, under bounds of size and count.

There is no socket here and no clock: whoever owns the reader feeds it and is told what came.
"""

from __future__ import annotations

from typing import Protocol

import httptools

from guard.config import Http
from guard.exchange import Exchange, Headers
from guard.refusal import Refusal
from guard.wire.framing import (
    are_empty_lines,
    bad_request,
    check_line,
    check_method,
    check_target,
    upgrade_not_supported,
)
from guard.wire.handshake import asks_websocket
from guard.wire.head import RequestHead
from guard.wire.repeat import Repeat, repeat_of

MAX_CHUNKS = 1_024  # a chunk of two bytes costs fifty for as long as it is kept apart
PART_BYTES = 65_536
LINE_BYTES = 128  # of a request line, beside its target, and of what may be before it
LEAST_CHUNK = 8  # times the bytes around it
NO_HEAD = RequestHead([], "1.0")


class Listener(Protocol):
    """What is told of requests as they come; each call may raise `Refusal`, which ends the reading."""

    def request_began(self) -> None:
        """The first byte of a request."""

    def request_head(self, exchange: Exchange, *, body: bool) -> None:
        """A legal head; `body`: a body follows."""

    def request_body(self, size: int) -> None:
        """That many bytes of the body."""

    def request_whole(self, exchange: Exchange) -> None:
        """The request is complete."""

    def request_upgrade(self, exchange: Exchange) -> None:
        """A legal head that asks for a WebSocket; the request is complete next, and then the connection changes."""

    def upgrade_data(self, data: bytes) -> None:
        """What followed that request, and is no HTTP."""


class RequestReader:
    """Reads requests. `reading` is the exchange whose bytes came last, `arriving` whether more of it is to come."""

    def __init__(self, listener: Listener, http: Http) -> None:
        self.listener = listener
        self.http = http
        self.peer = ""
        self.parser = httptools.HttpRequestParser(self)
        self.reading: Exchange | None = None
        self.arriving = False
        self.raw: bytes | bytearray = b""
        self.first = False
        self.served = 0
        self.target = b""
        self.checked_target = b""
        self.headers: Headers = []
        self.length: bytes | None = None
        self.header_bytes = 0
        self.trailer_bytes = 0
        self.overhead = 0
        self.counted = 0
        self.chunks: list[bytes] = []
        self.gathered = bytearray()
        self.body_bytes = 0
        self.head = NO_HEAD
        self.again = False
        self.repeat: Repeat | None = None
        self.pattern = ("", "", False)
        self.progress = 0
        self.unfinished = 0

    def feed(self, data: bytes, *, fresh: bool) -> None:
        """Take bytes; `fresh`: nothing is arriving and nothing waits, so that they begin a request of their own.

        Raises:
            Refusal: what came is no legal request, or a listener will not have it. No more may be fed.
        """
        if fresh:
            if self.repeat is not None and (body := self.repeat.body_of(data)) is not None:
                self._take_repeated(body)
                return
            self.repeat = None
        in_body = self.arriving and self.reading is not None
        self._keep_raw(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise (error.__context__ or bad_request(f"the request is not valid HTTP: {error}")) from None
        except httptools.HttpParserUpgrade as upgrade:
            self.listener.upgrade_data(data[upgrade.args[0] :])
            return
        if self.arriving:
            self._bound_unfinished(len(data))
            self._count_body(len(data), in_body=in_body)
        elif fresh and self.again:
            self._expect_repeat(data)
        if self.first and not self.arriving:
            if not are_empty_lines(self.raw, unfinished=True):
                raise bad_request("before the request line are line ends other than CRLF, or too many")
        elif not self.arriving or self.reading is not None:
            self.raw = b""

    def stop(self) -> Exchange:
        """No more will be fed: the exchange that was arriving, or else one for what could not be read."""
        exchange = self.reading
        if exchange is None or exchange.complete:
            exchange = self.reading = Exchange()
            exchange.head = NO_HEAD
            exchange.peer = self.peer
            # What follows a request that was the last one is none, and has nothing of that.
            if self.arriving and self.target:
                exchange.target = self.target.decode("latin-1")
                exchange.method = self.parser.get_method().decode("ascii")
        self._keep_part(exchange)
        return exchange

    def keep_partial_body(self) -> None:
        """What came of a body that will not be waited for belongs to the exchange: the journal shows its beginning."""
        exchange = self.reading
        if exchange is not None and not exchange.complete:
            self._keep_part(exchange)

    def close(self) -> None:
        """Nothing more will be fed: let go of who refers to this, so that all of it is freed at once, without a
        collector that comes seldom.
        """
        del self.parser, self.listener

    def release(self, exchange: Exchange | None) -> None:
        """The exchange is over; hold nothing of it."""
        if self.reading is exchange:
            self.reading = None

    # The parser's calls.

    def on_message_begin(self) -> None:
        self.listener.request_began()
        self.arriving = True
        self.target = b""
        self.headers = []
        self.length = None
        self.header_bytes = 0
        self.trailer_bytes = 0
        self.overhead = 0
        self.counted = 0
        self.chunks = []
        self.gathered = bytearray()
        self.body_bytes = 0
        self.progress = 0
        self.unfinished = 0
        self.reading = None

    def on_url(self, url: bytes) -> None:
        self.target += url
        if len(self.target) > self.http.target_bytes:
            raise Refusal(
                414, "target_too_long", f"the request target is over {self.http.target_bytes} bytes", close=True
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.reading is not None:
            self._bound_trailers(len(name) + len(value) + 4)
            return  # it never becomes a header
        self.header_bytes += len(name) + len(value) + 4
        if self.header_bytes > self.http.header_bytes:
            raise _headers_too_large(f"over {self.http.header_bytes} bytes")
        name = name.lower()
        value = value.rstrip(b" \t")
        if name == b"content-length":
            if self.length is not None:
                raise bad_request("the header content-length stands twice")
            self.length = value
        else:
            self.headers.append((name, value))
            if len(self.headers) > self.http.header_count:
                raise _headers_too_large(f"more than {self.http.header_count}")

    def on_headers_complete(self) -> None:
        parser = self.parser
        self.reading = exchange = Exchange()
        exchange.head = NO_HEAD
        exchange.peer = self.peer
        verb = parser.get_method()
        version = parser.get_http_version()
        exchange.method = method = verb.decode("ascii")
        exchange.target = self.target.decode("latin-1")
        check_line(verb, self.target, version, self.raw, first=self.first)
        self.first = False
        check_method(method)
        upgrade = parser.should_upgrade()
        if upgrade and not asks_websocket(self.headers):
            raise upgrade_not_supported()
        if self.target != self.checked_target:
            check_target(self.target)
            self.checked_target = self.target
        exchange.head = head = self._head(version)
        exchange.http10 = version == "1.0"
        self.served += 1
        exchange.keep_alive = (
            parser.should_keep_alive() and not head.closes and self.served < self.http.requests_per_connection
        )
        if self.length is not None:
            if head.chunked:
                raise bad_request("Transfer-Encoding and Content-Length contradict each other")
            self._bound_body(int(self.length))
        if upgrade:
            if self.length is not None or head.chunked:
                raise bad_request("a handshake has no body")
            exchange.keep_alive = False  # whatever becomes of it: the parser reads no request behind this one
            self.listener.request_upgrade(exchange)
            return
        self.listener.request_head(exchange, body=self.length is not None or head.chunked)

    def on_body(self, data: bytes) -> None:
        # Called for each chunk, of which a segment can hold thousands.
        self.body_bytes += len(data)
        if self.body_bytes > self.http.body_bytes:
            self._bound_body(self.body_bytes)
        self.chunks.append(data)
        if len(self.chunks) >= MAX_CHUNKS:
            self.gathered += b"".join(self.chunks)
            self.chunks = []

    def on_message_complete(self) -> None:
        exchange = self.reading
        if exchange is not None:
            self.arriving = False
            exchange.body = self._take_body()
            exchange.complete = True
            self.listener.request_whole(exchange)

    # Within.

    def _head(self, version: str) -> RequestHead:
        head = self.head
        self.again = self.headers == head.headers and version == head.version
        if not self.again:
            head = self.head = RequestHead(self.headers, version)
            self.repeat = None
        return head

    def _expect_repeat(self, data: bytes) -> None:
        """The head came a second time: if `data` was one whole request, the next one like it will need no parser."""
        exchange = self.reading
        if exchange is not None and exchange.complete and exchange.keep_alive and not exchange.head.expects:
            repeat = repeat_of(data)
            if repeat is not None and repeat.body_of(data) is not None:
                self.repeat = repeat
                self.pattern = exchange.method, exchange.target, exchange.http10

    def _take_repeated(self, body: bytes) -> None:
        self._bound_body(len(body))
        self.reading = exchange = Exchange()
        exchange.peer = self.peer
        exchange.head = self.head
        exchange.method, exchange.target, exchange.http10 = self.pattern
        self.served += 1
        exchange.keep_alive = self.served < self.http.requests_per_connection
        exchange.body = body
        exchange.complete = True
        self.listener.request_head(exchange, body=False)
        self.listener.request_whole(exchange)

    def _keep_part(self, exchange: Exchange) -> None:
        # Not all of it: a flood of what is refused for its size would be written down at that size.
        exchange.body = exchange.body or self._take_body()[:PART_BYTES]

    def _take_body(self) -> bytes:
        chunks, self.chunks = self.chunks, []
        if self.gathered:
            gathered, self.gathered = self.gathered, bytearray()
            return bytes(gathered + b"".join(chunks))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _bound_body(self, size: int) -> None:
        if size > self.http.body_bytes:
            raise Refusal(413, "body_too_large", f"the body is over {self.http.body_bytes} bytes", close=True)

    def _keep_raw(self, data: bytes) -> None:
        """The head as it is received, for what the parser does not tell of it; most come in one piece."""
        if not self.raw:
            self.raw = data
            self.first = not self.arriving
            return
        if type(self.raw) is not bytearray:
            self.raw = bytearray(self.raw)
        # Of one that came on its own only the first line is of interest, and that has a bound.
        self.raw += data[: max(self.http.target_bytes + LINE_BYTES - len(self.raw), 0)] if self.first else data

    def _bound_trailers(self, size: int) -> None:
        self.trailer_bytes += size
        if self.trailer_bytes > self.http.trailer_bytes:
            raise _headers_too_large(f"over {self.http.trailer_bytes} bytes, behind the body")

    def _count_body(self, received: int, *, in_body: bool) -> None:
        """So many bytes were received, and the body goes on. What is around chunks is bounded by what is in them: more
        is a sender of tiny ones, each of which costs as much work as a large one, or of extensions.
        """
        size, self.counted = self.body_bytes - self.counted, self.body_bytes
        if size:
            self.listener.request_body(size)
        if in_body and self.head.chunked:
            self.overhead += received - size
            if self.overhead - self.trailer_bytes > self.http.chunk_overhead_bytes + self.body_bytes // LEAST_CHUNK:
                raise bad_request("the body is in chunks that are too small, or have too many extensions")

    def _bound_unfinished(self, size: int) -> None:
        """httptools keeps a field until it is whole and calls nobody meanwhile, nor for what is around chunk sizes."""
        progress = len(self.target) + self.header_bytes + self.trailer_bytes + self.body_bytes
        self.unfinished = self.unfinished + size if progress == self.progress else 0
        self.progress = progress
        if self.unfinished > self.http.header_bytes:
            raise _headers_too_large(f"over {self.http.header_bytes} bytes")


def _headers_too_large(what: str) -> Refusal:
    return Refusal(431, "headers_too_large", f"the header fields are {what}", close=True)
