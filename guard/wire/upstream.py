"""The model's side of the wire: one connection to an origin, carrying one exchange at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httptools

from guard.exchange import Headers
from guard.wire.framing import NO_BODY, VERSIONS, ends_with_connection
from guard.wire.head import AnswerHead
from guard.wire.repeat import Repeat, repeat_of
from guard.wire.roles import Receiver, Upgrader

if TYPE_CHECKING:
    from guard.wire.pool import Pool

MAX_HEADER_BYTES = 131_072
MAX_INTERIM = 16
# libuv reads one socket many times in a row, 256 KB each; so much of a stream of tiny events is work for seconds.
TURN_BYTES = 16_384
HTTP = b"HTTP/1."


class BadAnswer(Exception):
    """The model's framing is not one that a client could be given."""


class UpstreamConnection(asyncio.Protocol):
    """One connection to an origin. It is idle, or it has a `receiver`; anything that comes while idle closes it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.transport: asyncio.Transport
        self.parser = httptools.HttpResponseParser(self)
        self.receiver: Receiver | None = None
        self.upgrader: Upgrader | None = None
        self.headers: Headers = []
        self.length: bytes | None = None
        self.head = AnswerHead([])
        self.again = False
        self.repeat: Repeat | None = None
        self.status = 0
        self.start = self.ending = b""
        self.seen = 0
        self.rest = b""
        self.held = self.in_turn = False
        self.begun = False
        self.header_bytes = 0
        self.unfinished = 0
        self.told = False
        self.interim = 0
        self.head_only = False
        self.until_close = False
        self.in_body = False
        self.done = False
        self.reusable = False
        self.exchanges = 0
        self.idle_since = 0.0

    def __repr__(self) -> str:
        state = "idle" if self.receiver is None else "busy"
        return f"<UpstreamConnection {self.pool.origin.authority} {state} exchanges={self.exchanges}>"

    def send(self, receiver: Receiver, request: bytes, *, head_only: bool) -> None:
        """Send one whole request; its answer goes to `receiver`. `head_only`: it was HEAD, the answer has no body."""
        self.receiver = receiver
        self.headers = []
        self.length = None
        self.header_bytes = self.interim = self.unfinished = 0
        self.head_only = head_only
        if head_only:
            self.repeat = None
        self.until_close = self.in_body = self.done = self.begun = False
        self.start = self.ending = b""
        self.exchanges += 1
        self.transport.write(request)

    def upgrade(self, upgrader: Upgrader, request: bytes) -> None:
        """Send a request for another protocol; `upgrader` gets the answer."""
        self.upgrader = upgrader
        self.repeat = None
        self.send(upgrader, request, head_only=False)

    def hold(self) -> None:
        """Give the receiver nothing more for now; what the model goes on saying waits in its own socket's buffers."""
        self.held = True
        self.transport.pause_reading()

    def release(self) -> None:
        """Go on."""
        self.held = False
        self._go_on()

    def abandon(self) -> None:
        """Give the exchange in progress up: with an answer still to come the connection cannot be used again."""
        self.receiver = None
        self.pool.forget(self)
        self.transport.abort()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.receiver is None:
            self.abandon()
            return
        if self.repeat is not None and not self.begun and (body := self.repeat.body_of(data)) is not None:
            self._take_repeated(body)
        elif self.rest or (len(data) > TURN_BYTES and self.receiver.gradual):
            self.rest += data
            self._take_turns()
        else:
            self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.rest and self.receiver is not None:
            rest, self.rest = self.rest, b""
            self.reusable = False
            self._take(rest)
        if self.receiver is not None and self.until_close and exc is None:
            self._complete()
        elif self.receiver is not None:
            self._fail(f"connection lost: {exc}" if exc else "connection closed before the answer's end")
        self.pool.forget(self)
        del self.parser  # which refers to this: neither would be freed before the collector comes, and it comes seldom

    # The parser's calls.

    def on_message_begin(self) -> None:
        if self.done:
            raise BadAnswer("bytes after the answer's end")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.header_bytes += len(name) + len(value)
        if self.header_bytes > MAX_HEADER_BYTES:
            raise BadAnswer("header fields too large")
        if self.in_body:
            return  # a trailer: it never becomes a header
        name = name.lower()
        # Behind a coding the parser strips spaces only, and takes no body that ends in a tab for a chunked one.
        value = value.rstrip(b" ") if name == b"transfer-encoding" else value.rstrip(b" \t")
        if name != b"content-length":
            self.headers.append((name, value))
        elif self.length is None:
            self.length = value
        else:
            raise BadAnswer("Content-Length stands twice")

    def on_headers_complete(self) -> None:
        self.told = True
        status = self.parser.get_status_code()
        version = self.parser.get_http_version()
        if version not in VERSIONS:
            raise BadAnswer(f"the version is {version}")
        if status == 101 or self.parser.should_upgrade():
            if self.upgrader is None or not (status == 101 and self.parser.should_upgrade()):
                raise BadAnswer("an upgrade nobody asked for")
            return
        if not 100 <= status <= 599:
            raise BadAnswer(f"a status that does not exist: {status}")
        receiver = self.receiver
        if receiver is None:
            return
        if status < 200:
            self._interim(receiver, status)
            return
        head = self.head
        if self.headers != head.headers or status != self.status:
            head = self.head = AnswerHead(self.headers)
            self.again = False
            self.repeat = None
        else:
            self.again = True
        if head.coding not in {b"", b"chunked"}:
            raise BadAnswer("a transfer coding nobody asked for")
        if head.coding and (version == "1.0" or status == 204):
            raise BadAnswer(f"a transfer coding in HTTP/{version} with the status {status}")
        # llhttp has no word for "the answer to HEAD", so its state after one is of no further use.
        self.until_close = not self.head_only and ends_with_connection(status, self.length, chunked=head.coding != b"")
        once = head.closes or self.until_close or self.head_only or self.upgrader is not None
        self.reusable = self.parser.should_keep_alive() and not once
        self.in_body = True
        self.done = self.head_only
        self.status = status
        receiver.answer_head(status, head, self.length)

    def on_body(self, data: bytes) -> None:
        self.told = True
        self.seen += len(data)
        if self.receiver is not None and not self.done:
            self.receiver.answer_body(data)

    def on_message_complete(self) -> None:
        self.done = self.in_body

    # Within.

    def _take_turns(self) -> None:
        """Take what came in parts, one each turn of the loop, so that others are served in between."""
        if not self.in_turn:
            self.in_turn = True
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self.in_turn = False
        if not self.rest or self.held or self.receiver is None:
            return
        data, self.rest = self.rest[:TURN_BYTES], self.rest[TURN_BYTES:]
        self._take(data)
        self._go_on()

    def _go_on(self) -> None:
        if self.held or self.receiver is None:
            return
        if self.rest:
            self._take_turns()
        else:
            self.transport.resume_reading()

    def _take(self, data: bytes) -> None:
        whole = not self.begun
        self.begun = True
        self.told = False
        try:
            if len(self.start) < len(HTTP):
                self._check_start(data)
            in_body, self.seen = self.in_body, 0
            self.parser.feed_data(data)
        except BadAnswer as error:
            self._fail(f"bad answer: {error}")
            return
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__
            if cause is not None and not isinstance(cause, BadAnswer):
                raise cause from None
            if isinstance(error, httptools.HttpParserUpgrade) and self.upgrader is not None:
                self._switch(self.upgrader, data[error.args[0] :])
                return
            if not self.done:
                self._fail(f"bad answer: {cause or error}")
                return
            self.reusable = False
        if self.done:
            self.reusable = self.reusable and not self.rest and self._is_exact(self.ending + data, in_body=in_body)
            if whole and self.again and self.reusable and not self.interim and self.status not in NO_BODY:
                self._expect_repeat(data)
            self._complete()
        else:
            self.ending = data[-8:] if len(data) >= 8 else (self.ending + data)[-8:]
            self._bound_unfinished(len(data))

    def _switch(self, upgrader: Upgrader, rest: bytes) -> None:
        """Hand the transport over; this object is left as what the pool counts."""
        self.receiver = None
        switched = upgrader.switched(self, AnswerHead(self.headers))
        if switched is None:
            self.abandon()
            return
        self.transport.set_protocol(switched)
        if rest:
            switched.data_received(rest)

    def _check_start(self, data: bytes) -> None:
        """The parser takes other protocols' answers too, and line ends before one."""
        self.start += data[: len(HTTP) - len(self.start)]
        if not HTTP.startswith(self.start):
            raise BadAnswer("it does not begin with HTTP/1.")

    def _is_exact(self, received: bytes, *, in_body: bool) -> bool:
        """Whether nothing came behind the answer: the parser passes over line ends there without a word.

        `received` is the segment that brought the end, and what was before it; `in_body`: that was not the head.
        """
        if self.length is None or not self.seen:
            return received.endswith(b"\r\n\r\n") and not received.endswith(b"\r\n\r\n\r\n")
        if in_body:
            return self.seen == len(received) - len(self.ending)
        return received[: -self.seen].endswith(b"\r\n\r\n")

    def _interim(self, receiver: Receiver, status: int) -> None:
        headers, self.headers = self.headers, []
        if self.length is not None or any(name == b"transfer-encoding" for name, _ in headers):
            raise BadAnswer(f"a body with the status {status}")
        self.interim += 1
        if self.interim > MAX_INTERIM:
            raise BadAnswer("too many interim answers")
        if status != 100:  # which answers an expectation, and none was expressed
            receiver.answer_interim(status, AnswerHead(headers))

    def _bound_unfinished(self, size: int) -> None:
        """httptools keeps a field until it is whole and calls nobody meanwhile, nor for what is around chunk sizes."""
        self.unfinished = 0 if self.told else self.unfinished + size
        if self.unfinished > MAX_HEADER_BYTES and self.receiver is not None:
            self._fail("bad answer: header fields too large")

    def _expect_repeat(self, data: bytes) -> None:
        """The head came a second time: if `data` was one whole answer, the next one like it will need no parser."""
        repeat = repeat_of(data)
        self.repeat = repeat if repeat is not None and repeat.body_of(data) is not None else None

    def _take_repeated(self, body: bytes) -> None:
        receiver = self.receiver
        if receiver is None:
            return
        receiver.answer_head(self.status, self.head, None)
        if self.receiver is receiver:
            receiver.answer_body(body)
        if self.receiver is receiver:
            self._complete()

    def _complete(self) -> None:
        receiver, self.receiver = self.receiver, None
        if receiver is None:
            return
        # A model that answered before it had read the request would read the rest of it as the next one.
        if self.reusable and not self.transport.get_write_buffer_size():
            if not self.transport.is_reading():
                self.held = False
                self.transport.resume_reading()  # a slow client had it paused
            self.pool.give_back(self)
        else:
            self.pool.forget(self)
            self.transport.close()
        receiver.answer_end(told=not self.until_close)

    def _fail(self, error: str) -> None:
        receiver, self.receiver = self.receiver, None
        self.pool.forget(self)
        self.transport.abort()
        if receiver is not None:
            receiver.upstream_failed(error, reached=True)
