"""A request for a WebSocket on its way: through the stages and the journal to a model, whose 101 opens a session."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from guard.exchange import Exchange
from guard.proxy.heads import answer_head, internal_error, journal_unavailable
from guard.proxy.intake import logger
from guard.proxy.relay import Relay
from guard.proxy.request import handshake_to_model
from guard.proxy.session import Session
from guard.stages import UPGRADE
from guard.wire.handshake import (
    FIELDS,
    BadHandshake,
    answer_lines,
    check_answer,
    new_key,
    without_handshake,
)
from guard.wire.headers import dropped_by_connection, returned
from guard.wire.peer import Peer
from guard.wire.server import NEVER, ServerConnection
from guard.wire.switched import Switched
from guard.wire.websocket import CLIENT, SERVER, Codec

if TYPE_CHECKING:
    from guard.proxy.proxy import Proxy
    from guard.refusal import Refusal
    from guard.wire.head import AnswerHead
    from guard.wire.upstream import UpstreamConnection

EARLY_BYTES = 65_536


class Upgrade(Relay):
    """Until the model agrees this is an exchange like any other, and its answer one like any other if it does not."""

    __slots__ = ("agreed", "early", "key", "offered", "session")

    stages = UPGRADE

    def __init__(self, proxy: Proxy, client: ServerConnection, exchange: Exchange) -> None:
        super().__init__(proxy, client, exchange)
        self.early = b""
        self.key = b""
        self.offered: list[bytes] = []
        self.agreed: Session | None = None  # the model's word is there, and waits for the disk
        self.session: Session | None = None

    # The client's connection calls.

    def client_data(self, data: bytes) -> None:
        """Bytes behind the handshake; what comes before its answer has to wait for that."""
        if self.session is not None:
            self.session.client_data(data)
            return
        self.early += data
        if len(self.early) > EARLY_BYTES:
            self.client.transport.pause_reading()

    def client_left(self) -> None:
        """Nobody is there any more."""
        if self.session is None:
            super().client_left()
        elif not self.finished:
            self.session.client_left()

    def client_paused(self) -> None:
        """The client is slow: let the model wait."""
        if self.session is None:
            super().client_paused()
        else:
            self.session.client_full(True)

    def client_resumed(self) -> None:
        """The client has caught up."""
        if self.session is None:
            super().client_resumed()
        else:
            self.session.client_full(False)

    # The model's connection calls.

    def connected(self, connection: UpstreamConnection) -> None:
        """Here is a connection: ask for the WebSocket, with a key of the guard's own."""
        if self.finished:
            connection.pool.give_back(connection)
            return
        self.upstream = connection
        self.deadline = monotonic() + self.proxy.upstream.first_byte_timeout
        self.key = new_key()
        request, self.offered = handshake_to_model(self.exchange, self.key)
        connection.upgrade(self, request)

    def switched(self, connection: UpstreamConnection, head: AnswerHead) -> Switched | None:
        """The model agrees: open a session, once the record that it was asked for is on disk."""
        exchange = self.exchange
        exchange.attempts[-1].status = 101
        try:
            chosen = check_answer(head.headers, self.key, self.offered)
        except BadHandshake as error:
            self.upstream_failed(f"bad answer: {error}", reached=True)
            return None
        self.upstream = None
        self._end_attempt(None)
        self.agreed = session = self._session(connection)
        self.when_durable(lambda durable: self._open(session, head, chosen, durable=durable))
        return session.switched

    # The session calls.

    def lost(self, error: str) -> None:
        """The model is gone before the client has heard of its agreement."""
        self.agreed = None
        self.upstream_failed(error, reached=True)

    # The worker calls.

    def sweep(self, now: float) -> None:
        """Act on deadlines that have passed."""
        if self.session is None:
            super().sweep(now)
        elif now >= self.give_up_at:
            self.session.time_is_over()
        else:
            self.session.sweep(now)

    def shut_down(self) -> None:
        """The drain window is over."""
        if self.session is None:
            super().shut_down()
        else:
            self.session.shut_down()

    def cut(self, refusal: Refusal) -> None:
        """An operator will have no more of it."""
        if self.session is None:
            super().cut(refusal)
        elif not self.session.over:
            self.proxy.tally.counts.cut += 1
            self.session.refuse(refusal)

    def stop_model(self) -> None:
        """Take no more from the model, also where it has agreed already."""
        agreed, self.agreed = self.agreed, None
        if agreed is not None:
            agreed.abandon()
        super().stop_model()

    def release_model(self) -> None:
        """Read on, and in a session from both sides."""
        if self.session is None:
            super().release_model()
        else:
            self.session.go_on()

    def fault(self) -> None:
        """Something in the guard failed."""
        if self.session is None:
            super().fault()
            return
        logger.exception("exchange %s met a fault in the guard", self.exchange.id)
        self.session.fail("a fault in the guard", internal_error())

    # Within.

    def _session(self, connection: UpstreamConnection) -> Session:
        bounds, http = self.proxy.upstream, self.proxy.http
        client = Peer(self.client.transport, Codec(SERVER, http.body_bytes), http.idle_timeout)
        model = Peer(connection.transport, Codec(CLIENT, bounds.answer_bytes), bounds.idle_timeout)
        client.fill(self.client.paused)
        self.deadline = NEVER
        return Session(self, client, model, connection)

    def _open(self, session: Session, head: AnswerHead, chosen: bytes | None, *, durable: bool) -> None:
        exchange = self.exchange
        if self.agreed is not session:
            return
        if not durable:
            self.refuse(journal_unavailable())
            return
        self.agreed, self.session = None, session
        limit = self.proxy.upstream.session_timeout
        self.give_up_at = monotonic() + limit if limit is not None else NEVER
        exchange.status = 101
        exchange.first_byte_at = now = monotonic()
        exchange.overhead = now - exchange.received_at - exchange.waited
        key = next(value for name, value in exchange.head.headers if name == FIELDS + b"key")
        lines = returned(without_handshake(head.headers), dropped_by_connection(head.headers))
        self.client.write(answer_head(exchange, 101, lines, answer_lines(key, chosen)))
        early, self.early = self.early, b""
        session.begin(early)

    def _try_next(self, *, fresh: bool = False) -> None:  # noqa: ARG002 -- a session is worth a connection of its own
        super()._try_next(fresh=True)
