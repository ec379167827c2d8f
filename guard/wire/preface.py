"""What comes before HTTP on a connection: a PROXY header, a TLS handshake, or both in this order; then it hands over.

uvicorn makes a `Preface` per socket where the listener has one of the two, and a `ServerConnection` where it has none.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, Any

from guard.wire.address import parse_address
from guard.wire.networks import Networks
from guard.wire.proxy_protocol import BadHeader, parse
from guard.wire.roles import Service
from guard.wire.server import DRAIN_IDLE_SECONDS, ServerConnection
from guard.wire.sockets import peer_address
from guard.wire.tls import fingerprint

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

logger = logging.getLogger("guard.wire")


class Entrance:
    """How a worker's connections begin. Both parts may be replaced: connections to come go by the new ones.

    Attributes:
        tls: what handshakes are made under; None: plain HTTP.
        balancers: who must begin each connection with a PROXY header; None: nobody.
    """

    def __init__(self, tls: ssl.SSLContext | None, balancers: Networks | None) -> None:
        self.tls = tls
        self.balancers = balancers

    def wants_header(self, peer: str) -> bool:
        """Whether a connection from this address begins with a PROXY header."""
        try:
            return self.balancers is not None and self.balancers.find(parse_address(peer)) is not None
        except ValueError:  # a Unix socket's peer
            return False


class Preface(asyncio.Protocol):
    """The beginning of one connection, which has `data.http.header_timeout` to be over."""

    def __init__(
        self,
        config: Config | None,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        service: Service = app_state["service"]
        self.entrance: Entrance = app_state["entrance"]
        self.http = service.http
        self.connections: set[Any] = server_state.connections
        self.crowd = service.crowd
        self.worker = config, server_state, app_state
        self.transport: asyncio.Transport
        self.timer: asyncio.TimerHandle
        self.peer = ""
        self.received = b""
        self.counted: str | None = None
        self.connection: EncryptedConnection | None = None
        self.draining = False

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.connections.add(self)
        self.timer = asyncio.get_running_loop().call_later(self.http.header_timeout, self._too_slow)
        self.peer = peer_address(transport)
        if not self.entrance.wants_header(self.peer):
            self._go_on(self.peer)

    def data_received(self, data: bytes) -> None:
        self.received += data
        try:
            header = parse(self.received)
        except BadHeader as error:
            logger.warning("%s: connection broken, its PROXY header cannot be used: %s", self.peer, error)
            self.transport.abort()
            return
        if header is not None:
            self.received = self.received[header.size :]
            self._go_on(header.source or self.peer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio tells it
        self._over()

    # The server's call.

    def shutdown(self) -> None:
        """The server drains: who is not done soon is not waited for, who is may still ask once."""
        self.draining = True
        self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(DRAIN_IDLE_SECONDS, self._too_slow)
        if self.connection is not None:
            self.connection.draining = True

    # Within.

    def _go_on(self, source: str) -> None:
        """The header is read, or none is wanted: `source` is whose connection it is."""
        context = self.entrance.tls
        if context is not None:
            self._encrypt(EncryptedConnection(self.transport, self._over, *self.worker), source, context)
            return
        self._over()
        connection = ServerConnection(*self.worker)
        connection.peer = source
        self.transport.set_protocol(connection)
        connection.connection_made(self.transport)
        if self.draining:
            connection.shutdown()
        if self.received:
            connection.data_received(self.received)

    def _encrypt(self, connection: EncryptedConnection, source: str, context: ssl.SSLContext) -> None:
        """Leave the transport to TLS, which tells the connection of itself when the handshake is done."""
        too_many = self.crowd.enter(source)
        self.counted = source
        if too_many is not None:
            logger.info("a connection of %s is turned away: %s", source, too_many)
            self.transport.abort()
            return
        self.connection = connection
        connection.peer = source
        connection.draining = self.draining
        loop = asyncio.get_running_loop()
        handshake: asyncio.Future[None] = loop.create_future()
        handshake.add_done_callback(self._shaken)
        tls = Tls(
            loop, connection, context, handshake, server_side=True,
            ssl_handshake_timeout=ceil(self.http.header_timeout), ssl_shutdown_timeout=self.http.write_timeout,
        )  # fmt: skip
        # A transport that is reading goes on in the way of the protocol it began with.
        self.transport.pause_reading()
        self.transport.set_protocol(tls)
        tls.connection_made(self.transport)
        tls.feed(self.received)
        self.transport.resume_reading()

    def _shaken(self, handshake: asyncio.Future[None]) -> None:
        error = handshake.exception()
        if error is not None:
            logger.info("%s: TLS handshake failed: %s", self.peer, error)
        self._over()

    def _too_slow(self) -> None:
        if self.transport.get_protocol() is self:
            logger.warning("%s: connection broken, its PROXY header did not come in time", self.peer)
        else:
            logger.info("%s: connection broken, its TLS handshake took too long", self.peer)
        self.transport.abort()

    def _over(self) -> None:
        if self.counted is not None:  # from here on the connection counts itself
            self.crowd.leave(self.counted)
            self.counted = None
        self.timer.cancel()
        self.connections.discard(self)


class Tls(SSLProtocol):
    """asyncio's TLS, also for what was received before it took over."""

    # Of memory held for each connection; asyncio's own choice is four times that.
    max_size = 65_536

    def feed(self, data: bytes) -> None:
        """Take bytes as if the transport had read them just now."""
        while data:
            buffer = self.get_buffer(len(data))
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            self.buffer_updated(size)
            data = data[size:]


class EncryptedConnection(ServerConnection):
    """A connection under TLS, whose client may have shown a certificate.

    `carrier` is the transport below TLS; `shaken` is called when the handshake is done.
    """

    def __init__(
        self,
        carrier: asyncio.Transport,
        shaken: Callable[[], None],
        config: Config | None,
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        super().__init__(config, server_state, app_state)
        self.carrier = carrier
        self.shaken = shaken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.shaken()
        self.certificate = fingerprint(transport.get_extra_info("ssl_object"))
        super().connection_made(transport)

    def _close(self, *, linger: float = 0.0) -> None:
        super()._close(linger=linger)
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            # All is on its way, our goodbye too; the client's own is not waited for (RFC 8446, section 6.1).
            self.carrier.close()
