"""The client's side of the wire: an asyncio protocol that takes requests in turn, and keeps the time.

uvicorn makes one `ServerConnection` per socket (its ``http=`` class), or a `guard.wire.preface.Preface` that makes one,
and keeps the listening and the signals.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from guard.exchange import Exchange
from guard.refusal import Refusal
from guard.wire.crowd import TURNED_AWAY
from guard.wire.farewell import IDLE_LINGER_SECONDS, LINGER_BYTES, LINGER_SECONDS, Farewell
from guard.wire.framing import bad_request
from guard.wire.requests import RequestReader
from guard.wire.roles import Handler, Service, Tunnel
from guard.wire.sockets import peer_address, peer_has_left, reset, unsent_bytes

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

logger = logging.getLogger("guard.wire")

NEVER = float("inf")
DRAIN_IDLE_SECONDS = 1.0
WRITE_HIGH_WATER = 65_536


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
        self.certificate: str | None = None
        self.reader = RequestReader(self, self.http)
        self.current: Exchange | None = None
        self.handler: Handler | None = None
        self.tunnel: Tunnel | None = None
        self.waiting: deque[Exchange] = deque()
        self.deadline = NEVER
        self.give_up_at = NEVER
        self.write_deadline = NEVER
        self.paused = False
        self.unsent = 0
        self.deaf = False
        self.closing = False
        self.held = 0
        self.ignored = 0
        self.farewell: Farewell | None = None
        self.draining = False

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self.peer = self.reader.peer = self.peer or peer_address(transport)
        self.connections.add(self)
        self.service.connections.add(self)
        self.deadline = monotonic() + self.http.header_timeout
        too_many = self.service.crowd.enter(self.peer)
        if too_many is not None:
            logger.info("a connection of %s is turned away: %s", self.peer, too_many)
            self.transport.write(TURNED_AWAY)
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio tells it
        self.connections.discard(self)
        self.service.connections.discard(self)
        self.service.crowd.leave(self.peer)
        self._let_go()
        self.closing = True
        self.deadline = self.write_deadline = NEVER
        self.reader.keep_partial_body()
        if self.handler is not None:
            self.handler.client_left()
            self.handler = self.current = None
        for exchange in self.waiting:
            self.service.open(self, exchange).client_left()
        self.waiting.clear()
        self.reader.close()

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            self._take_other(data)
            return
        try:
            self.reader.feed(data, fresh=self.current is None and not self.reader.arriving)
        except Refusal as refusal:
            if not self.deaf:
                self._refuse(refusal.bare())
        except Exception:
            # What is at fault cannot be trusted with an answer; the client must not wait for one either.
            logger.exception("a request met a fault in the guard")
            self.deaf = self.closing = True
            reset(self.transport)
        if self.current is not None and self.current.refusal is not None and self.handler is not None:
            self.reader.keep_partial_body()
            self.handler.request_complete()

    def pause_writing(self) -> None:
        self.paused = True
        self.unsent = unsent_bytes(self.transport)
        self.write_deadline = monotonic() + self.http.write_timeout
        if self.handler is not None:
            self.handler.client_paused()

    def resume_writing(self) -> None:
        self.paused = False
        self.write_deadline = NEVER
        if self.handler is not None:
            self.handler.client_resumed()

    # The reader's calls.

    def request_began(self) -> None:
        if self.deaf:
            raise bad_request("the connection is closing")
        now = monotonic()
        self.give_up_at = now + self.http.request_timeout
        if self.current is None:
            self.deadline = now + self.http.header_timeout

    def request_head(self, exchange: Exchange, *, body: bool) -> None:
        if body:
            self.deadline = min(monotonic() + self.http.body_timeout, self.give_up_at)
        if self.current is None:
            self._start(exchange)
        elif len(self.waiting) >= self.http.pipeline:
            raise bad_request("too many requests ahead of their answers")
        else:
            self.waiting.append(exchange)

    def request_body(self, size: int) -> None:
        self.deadline = min(self.deadline + size / self.http.body_rate, self.give_up_at)
        self.held += size
        self.service.crowd.hold(size)

    def request_whole(self, exchange: Exchange) -> None:
        exchange.received_at = monotonic()
        self.deadline = NEVER
        if exchange is self.current and self.handler is not None:
            self.handler.request_complete()
        elif self.waiting and self.transport.is_reading():
            self.transport.pause_reading()

    def request_upgrade(self, exchange: Exchange) -> None:
        if self.current is not None:
            raise bad_request("an upgrade may not be asked for ahead of answers")
        self.handler = self.tunnel = tunnel = self.service.upgrade(self, exchange)
        self.current = exchange
        tunnel.head()

    def upgrade_data(self, data: bytes) -> None:
        self.deaf = True
        if data:
            self._take_other(data)

    # The handler's calls.

    def write(self, data: bytes) -> None:
        """Send bytes of the answer in progress."""
        self.transport.write(data)

    def finish(self, *, keep_alive: bool) -> None:
        """The answer in progress is written to its end: go on with the next request, or close."""
        exchange = self.current
        self.current = self.handler = None
        self.reader.release(exchange)
        if self.held and not (self.waiting or self.reader.arriving):
            self._let_go()
        if exchange is None or self.closing:
            return
        if not keep_alive or self.draining or not exchange.complete:
            self._close(linger=LINGER_SECONDS if self.reader.arriving or self.deaf or self.waiting else 0.0)
        elif self.waiting:
            self._start_next(self.waiting.popleft())
        else:
            self.deadline = monotonic() + (self.http.header_timeout if self.reader.arriving else self.http.idle_timeout)

    def abort(self) -> None:
        """Break the connection so that the client cannot take a cut answer for a whole one."""
        self.current = self.handler = None
        self.deaf = self.closing = True
        reset(self.transport)

    # The server's calls.

    def shutdown(self) -> None:
        """The server drains (uvicorn's call): close after the next answer, or when none is asked for soon.

        An idle connection is not closed at once: its client may be asking just now, and would be reset.
        """
        self.draining = True
        if self.current is None and not self.reader.arriving:
            self.deadline = min(self.deadline, monotonic() + DRAIN_IDLE_SECONDS)

    def end(self) -> None:
        """The drain window is over: what is still open is ended, and what waits for it has been in vain."""
        self.reader.keep_partial_body()
        if self.handler is not None:
            self.handler.shut_down()
        while self.waiting:
            self.service.open(self, self.waiting.popleft()).client_left()

    def sweep(self, now: float) -> None:
        """Act on deadlines that have passed; called several times a second."""
        if now >= self.write_deadline:
            unsent, self.unsent = self.unsent, unsent_bytes(self.transport)
            if self.unsent < unsent:
                self.write_deadline = now + self.http.write_timeout
            else:
                logger.info("client %s does not read: connection broken", self.peer)
                reset(self.transport)
        elif self.waiting and peer_has_left(self.transport):
            reset(self.transport)
        elif now >= self.deadline:
            self.deadline = NEVER
            if self.farewell is not None:
                self.farewell.sweep(now)
                self.deadline = self.farewell.deadline
            elif self.reader.arriving:
                self._refuse(Refusal(408, "request_timeout", "the request did not arrive in time", close=True))
            elif self.current is None:
                self._close(linger=IDLE_LINGER_SECONDS)

    # Within.

    def _start(self, exchange: Exchange) -> None:
        self.current = exchange
        self.handler = handler = self.service.open(self, exchange)
        if exchange.refusal is None:
            handler.head()
        if exchange.head.expects and exchange.refusal is None and not exchange.http10:
            self._expect(exchange)

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

    def _let_go(self) -> None:
        """No body is held any more."""
        self.service.crowd.held -= self.held
        self.held = 0

    def _refuse(self, refusal: Refusal) -> None:
        """Listen to nothing more on this connection; what it still asked for is answered with the refusal, in turn."""
        self.deaf = True
        last = self.reader.reading
        if last is not None and last.complete and not last.keep_alive and not self.reader.arriving:
            return  # what follows the last request is none (RFC 9112, section 9.6)
        exchange = self.reader.stop()
        exchange.received_at = monotonic()
        exchange.refusal = exchange.refusal or refusal
        if self.current is None:
            self._start(exchange)
        elif self.current is not exchange and exchange not in self.waiting:
            self.waiting.append(exchange)
        if self.current is exchange and self.handler is not None:
            self.handler.request_complete()

    def _close(self, *, linger: float = 0.0) -> None:
        """Close; for up to `linger` seconds what still comes is read, and thrown away, until the client closes too."""
        self.deaf = self.closing = True
        self.farewell = Farewell(self.transport, linger=linger, flush=self.http.write_timeout)
        self.deadline = self.farewell.deadline

    def _take_other(self, data: bytes) -> None:
        """What is no HTTP belongs to the tunnel that the connection has become, or to nobody."""
        if self.tunnel is not None and self.tunnel is self.handler:
            self.tunnel.client_data(data)
        elif self.farewell is not None:
            self.farewell.take(len(data))
        else:
            # Refused, and answers to what was before it are still to come.
            self.ignored += len(data)
            if self.ignored > LINGER_BYTES:
                reset(self.transport)
