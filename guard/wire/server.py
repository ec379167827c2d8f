"""The client's side of the wire: an asyncio protocol that turns bytes into exchanges, bounded in size, count and time.

uvicorn makes one `ServerConnection` per socket (its ``http=`` class) and keeps the listening, the TLS and the signals.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from fcntl import ioctl
from termios import TIOCOUTQ
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import httptools

from guard.config import Http
from guard.exchange import Exchange, Headers
from guard.refusal import Refusal
from guard.wire.address import plain_address
from guard.wire.framing import bad_request, check_method, check_target
from guard.wire.head import RequestHead
from guard.wire.repeat import Repeat, repeat_of

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

logger = logging.getLogger("guard.wire")

NEVER = float("inf")
LINGER_SECONDS = 5.0
LINGER_BYTES = 67_108_864
# Bytes a second: a body that comes at this rate is not slow, whatever its timeout.
BODY_RATE = 500
WRITE_HIGH_WATER = 65_536
MAX_CHUNKS = 1_024  # a chunk of two bytes costs fifty for as long as it is kept apart
NO_HEAD = RequestHead([], "1.0")


class Handler(Protocol):
    """What meets one exchange behind the wire."""

    def head(self) -> None:
        """The request's head is there: decide what can be decided without the body."""

    def request_complete(self) -> None:
        """The whole request is there, or as much of it as an exchange with a refusal will get."""

    def client_left(self) -> None:
        """The connection is gone; nothing can be answered any more."""

    def client_paused(self) -> None:
        """The client reads more slowly than it is written to: hold the model's answer."""

    def client_resumed(self) -> None:
        """The client has caught up."""


class Service(Protocol):
    """What a worker offers to its connections."""

    http: Http
    connections: set[ServerConnection]

    def open(self, connection: ServerConnection, exchange: Exchange) -> Handler:
        """Give the handler of a new exchange."""


class ServerConnection(asyncio.Protocol):
    """One client connection: reads requests in order, has at most one in progress, and writes what its handler says."""

    def __init__(
        self,
        config: Config | None,  # noqa: ARG002 -- uvicorn hands it to every protocol
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.service: Service = app_state["service"]
        self.http = self.service.http
        self.connections: set[Any] = server_state.connections
        self.transport: asyncio.Transport
        self.peer = ""
        self.parser = httptools.HttpRequestParser(self)
        self.reading: Exchange | None = None
        self.current: Exchange | None = None
        self.handler: Handler | None = None
        self.waiting: deque[Exchange] = deque()
        self.deadline = NEVER
        self.write_deadline = NEVER
        self.paused = False
        self.unsent = 0
        self.arriving = False
        self.deaf = False
        self.closing = False
        self.lingered = 0
        self.draining = False
        self.target = b""
        self.checked_target = b""
        self.headers: Headers = []
        self.length: bytes | None = None
        self.head = NO_HEAD
        self.again = False
        self.repeat: Repeat | None = None
        self.pattern = ("", "", False, True)
        self.header_bytes = 0
        self.chunks: list[bytes] = []
        self.gathered = bytearray()
        self.body_bytes = 0
        self.progress = 0
        self.unfinished = 0

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        peer = transport.get_extra_info("peername")
        self.peer = plain_address(peer[0]) if peer else ""
        self.connections.add(self)
        self.service.connections.add(self)
        self.deadline = monotonic() + self.http.header_timeout

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio tells it
        self.connections.discard(self)
        self.service.connections.discard(self)
        self.closing = True
        self.deadline = self.write_deadline = NEVER
        self._keep_partial_body()
        if self.handler is not None:
            self.handler.client_left()
            self.handler = self.current = None
        for exchange in self.waiting:
            self.service.open(self, exchange).client_left()
        self.waiting.clear()
        self.reading = None

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            self._discard(len(data))
            return
        between = self.current is None and not self.arriving
        if between:
            if self.repeat is not None and (body := self.repeat.body_of(data)) is not None:
                self._take_repeated(body)
                return
            self.repeat = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._stop(error)
        if self.arriving:
            self._bound_unfinished(len(data))
        if self.current is not None and self.current.refusal is not None and self.handler is not None:
            self._keep_partial_body()
            self.handler.request_complete()
        elif between and self.again:
            self._expect_repeat(data)

    def pause_writing(self) -> None:
        self.paused = True
        self.unsent = self._unsent_bytes()
        self.write_deadline = monotonic() + self.http.write_timeout
        if self.handler is not None:
            self.handler.client_paused()

    def resume_writing(self) -> None:
        self.paused = False
        self.write_deadline = NEVER
        if self.handler is not None:
            self.handler.client_resumed()

    # The parser's calls.

    def on_message_begin(self) -> None:
        if self.deaf:
            raise bad_request("the connection is closing")
        self.arriving = True
        if self.current is None:
            self.deadline = monotonic() + self.http.header_timeout
        self.target = b""
        self.headers = []
        self.length = None
        self.header_bytes = 0
        self.chunks = []
        self.gathered = bytearray()
        self.body_bytes = 0
        self.reading = None

    def on_url(self, url: bytes) -> None:
        self.target += url
        if len(self.target) > self.http.target_bytes:
            raise Refusal(
                414, "target_too_long", f"the request target is over {self.http.target_bytes} bytes", close=True
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        self.header_bytes += len(name) + len(value) + 4
        if self.header_bytes > self.http.header_bytes:
            raise _headers_too_large(f"over {self.http.header_bytes} bytes")
        if self.reading is not None:
            return  # a trailer: it never becomes a header
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
        exchange.method = method = parser.get_method().decode("ascii")
        exchange.target = self.target.decode("latin-1")
        check_method(method)
        if parser.should_upgrade():
            raise Refusal(501, "upgrade_not_supported", "protocol upgrades are not supported here", close=True)
        if self.target != self.checked_target:
            check_target(self.target)
            self.checked_target = self.target
        version = parser.get_http_version()
        head = self.head
        if self.headers != head.headers or version != head.version:
            head = self.head = RequestHead(self.headers, version)
            self.again = False
            self.repeat = None
        else:
            self.again = True
        exchange.head = head
        exchange.http10 = version == "1.0"
        exchange.keep_alive = parser.should_keep_alive()
        if self.length is not None:
            if head.chunked:
                raise bad_request("Transfer-Encoding and Content-Length contradict each other")
            if int(self.length) > self.http.body_bytes:
                raise self._body_too_large()
        if self.length is not None or head.chunked:
            self.deadline = monotonic() + self.http.body_timeout
        if self.current is None:
            self._start(exchange)
        elif len(self.waiting) >= self.http.pipeline:
            raise bad_request("too many requests ahead of their answers")
        else:
            self.waiting.append(exchange)

    def on_body(self, data: bytes) -> None:
        self.body_bytes += len(data)
        if self.body_bytes > self.http.body_bytes:
            raise self._body_too_large()
        self.deadline += len(data) / BODY_RATE
        self.chunks.append(data)
        if len(self.chunks) >= MAX_CHUNKS:
            self.gathered += b"".join(self.chunks)
            self.chunks = []

    def on_message_complete(self) -> None:
        exchange = self.reading
        if exchange is None or self.deaf:
            return
        self.arriving = False
        exchange.body = self._take_body()
        exchange.complete = True
        exchange.received_at = monotonic()
        self.deadline = NEVER
        if exchange is self.current and self.handler is not None:
            self.handler.request_complete()
        else:
            self._hold_reading()

    # The handler's calls.

    def write(self, data: bytes) -> None:
        """Send bytes of the answer in progress."""
        self.transport.write(data)

    def finish(self, *, keep_alive: bool) -> None:
        """The answer in progress is written to its end: go on with the next request, or close."""
        exchange = self.current
        self.current = self.handler = None
        if self.reading is exchange:
            self.reading = None
        if exchange is None or self.closing:
            return
        if not keep_alive or self.draining or not exchange.complete:
            self._close(linger=self.arriving or self.deaf or bool(self.waiting))
        elif self.waiting:
            self._start_next(self.waiting.popleft())
        else:
            self.deadline = monotonic() + (self.http.header_timeout if self.arriving else self.http.idle_timeout)

    def abort(self) -> None:
        """Break the connection so that the client cannot take a cut answer for a whole one."""
        self.current = self.handler = None
        self.deaf = self.closing = True
        self.transport.abort()

    # The server's calls.

    def shutdown(self) -> None:
        """The server drains (uvicorn's call): close when idle, else after the answer in progress."""
        self.draining = True
        if self.current is None and not self.arriving:
            self._close(linger=False)

    def sweep(self, now: float) -> None:
        """Act on deadlines that have passed; called several times a second."""
        if now >= self.write_deadline:
            unsent, self.unsent = self.unsent, self._unsent_bytes()
            if self.unsent < unsent:
                self.write_deadline = now + self.http.write_timeout
            else:
                logger.info("client %s does not read: connection broken", self.peer)
                self.transport.abort()
        elif now >= self.deadline:
            self.deadline = NEVER
            if self.closing:
                self.transport.abort()
            elif self.arriving:
                self._refuse(Refusal(408, "request_timeout", "the request did not arrive in time", close=True))
            elif self.current is None:
                self._close(linger=False)

    # Within.

    def _start(self, exchange: Exchange) -> None:
        self.current = exchange
        self.handler = handler = self.service.open(self, exchange)
        if exchange.refusal is None:
            handler.head()
        if exchange.head.expects and exchange.refusal is None and not exchange.http10:
            self._expect(exchange)

    def _expect_repeat(self, data: bytes) -> None:
        """The head came a second time: if `data` was one whole request, the next one like it will need no parser."""
        exchange = self.reading
        if exchange is not None and exchange.complete and not exchange.head.expects and not self.deaf:
            repeat = repeat_of(data)
            if repeat is not None and repeat.body_of(data) is not None:
                self.repeat = repeat
                self.pattern = exchange.method, exchange.target, exchange.http10, exchange.keep_alive

    def _take_repeated(self, body: bytes) -> None:
        if len(body) > self.http.body_bytes:
            self._refuse(self._body_too_large())
            return
        self.reading = exchange = Exchange()
        exchange.peer = self.peer
        exchange.head = self.head
        exchange.method, exchange.target, exchange.http10, exchange.keep_alive = self.pattern
        exchange.body = body
        exchange.complete = True
        exchange.received_at = monotonic()
        self.deadline = NEVER
        self._start(exchange)
        if self.handler is not None:
            self.handler.request_complete()

    def _start_next(self, exchange: Exchange) -> None:
        if not self.waiting and not self.transport.is_reading():
            self.transport.resume_reading()
        self._start(exchange)
        if (
            self.current is exchange
            and self.handler is not None
            and (exchange.complete or exchange.refusal is not None)
        ):
            self.handler.request_complete()

    def _expect(self, exchange: Exchange) -> None:
        if exchange.head.fields[b"expect"].lower() != b"100-continue":
            exchange.refusal = Refusal(417, "expectation_failed", "only 100-continue can be expected", close=True)
        elif not exchange.complete:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, refusal: Refusal) -> None:
        """Listen to nothing more on this connection; what it still asked for is answered with the refusal, in turn."""
        self.deaf = True
        exchange = self.reading
        if exchange is None or exchange.complete:
            exchange = self.reading = Exchange()
            exchange.head = NO_HEAD
            exchange.peer = self.peer
            exchange.target = self.target.decode("latin-1")
            if self.target:
                exchange.method = self.parser.get_method().decode("ascii")
        exchange.body = self._take_body()
        exchange.received_at = monotonic()
        exchange.refusal = exchange.refusal or refusal
        if self.current is None:
            self._start(exchange)
        elif self.current is not exchange and exchange not in self.waiting:
            self.waiting.append(exchange)
        if self.current is exchange and self.handler is not None:
            self.handler.request_complete()

    def _keep_partial_body(self) -> None:
        """What came of a body that will not be waited for belongs to the exchange: the journal shows it."""
        exchange = self.reading
        if exchange is not None and not exchange.complete and not exchange.body:
            exchange.body = self._take_body()

    def _take_body(self) -> bytes:
        chunks, self.chunks = self.chunks, []
        if self.gathered:
            gathered, self.gathered = self.gathered, bytearray()
            return bytes(gathered + b"".join(chunks))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _stop(self, error: httptools.HttpParserError) -> None:
        """The parser has stopped, by itself or because one of its calls raised."""
        cause = error.__context__
        if self.deaf:
            return
        if cause is None:
            self._refuse(bad_request(f"the request is not valid HTTP: {error}"))
        elif isinstance(cause, Refusal):
            self._refuse(cause)
        else:
            # What is at fault cannot be trusted with an answer; the client must not wait for one either.
            logger.error("a request met a fault in the guard", exc_info=cause)
            self.deaf = self.closing = True
            self.transport.abort()

    def _bound_unfinished(self, size: int) -> None:
        """httptools keeps a field until it is whole and calls nobody meanwhile, nor for what is around chunk sizes."""
        progress = len(self.target) + self.header_bytes + self.body_bytes
        self.unfinished = self.unfinished + size if progress == self.progress else 0
        self.progress = progress
        if self.unfinished > self.http.header_bytes and not self.deaf:
            self._refuse(_headers_too_large(f"over {self.http.header_bytes} bytes"))

    def _unsent_bytes(self) -> int:
        """What the client has not taken yet, in the transport's buffer and in the kernel's."""
        try:
            queued = ioctl(self.transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
        except (OSError, ValueError):  # closed, or no TCP socket
            queued = bytes(4)
        return self.transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)

    def _hold_reading(self) -> None:
        if self.waiting and self.transport.is_reading():
            self.transport.pause_reading()

    def _body_too_large(self) -> Refusal:
        return Refusal(413, "body_too_large", f"the body is over {self.http.body_bytes} bytes", close=True)

    def _close(self, *, linger: bool) -> None:
        """Close; after an answer to a request that is still arriving, wait for its sender to read the answer first.

        Closing a socket with unread input resets it, and the reset can overtake the answer (RFC 9112, section 9.6).
        """
        self.deaf = self.closing = True
        if linger and self.transport.can_write_eof() and not self.transport.is_closing():
            self.deadline = monotonic() + LINGER_SECONDS
            self.transport.write_eof()
        else:
            self.deadline = monotonic() + self.http.write_timeout
            self.transport.close()

    def _discard(self, size: int) -> None:
        self.lingered += size
        if self.lingered > LINGER_BYTES:
            self.transport.abort()


def _headers_too_large(what: str) -> Refusal:
    return Refusal(431, "headers_too_large", f"the header fields are {what}", close=True)
