"""One exchange on its way: to a model version, the next one if need be, and back to the client."""

from __future__ import annotations

from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING

from guard.exchange import Attempt, Exchange
from guard.journal.batch import Action
from guard.journal.record import outcome_line
from guard.journal.refusals import caller_of
from guard.proxy.answers import Answer, open_answer
from guard.proxy.heads import (
    broken_off,
    interim_head,
    internal_error,
    journal_unavailable,
    no_answer,
    refusal_body,
    refusal_head,
    shutting_down,
)
from guard.proxy.intake import Intake, logger
from guard.proxy.request import request_to_model
from guard.proxy.streamed import Streamed
from guard.refusal import Refusal
from guard.wire.server import NEVER, ServerConnection

if TYPE_CHECKING:
    from guard.proxy.proxy import Proxy
    from guard.wire.head import AnswerHead
    from guard.wire.upstream import UpstreamConnection


class Relay(Intake):
    """Meets the client's connection, the model's and the journal; each calls it when something came."""

    __slots__ = ("answer", "deadline", "forwarded", "give_up_at", "tried", "upstream")

    def __init__(self, proxy: Proxy, client: ServerConnection, exchange: Exchange) -> None:
        super().__init__(proxy, client, exchange)
        self.upstream: UpstreamConnection | None = None
        self.answer: Answer | None = None
        self.forwarded = False
        self.tried = 0
        self.deadline = NEVER
        self.give_up_at = NEVER

    # The client's connection calls, once its request is whole.

    def client_left(self) -> None:
        """Nobody is there to be answered: stop the model, keep what it said so far."""
        if not self.finished:
            if self.answer is not None:
                self.answer.cut()
            self.finish("client_disconnected")

    def client_paused(self) -> None:
        """The client is slow: let the model wait."""
        self.hold_model()

    def client_resumed(self) -> None:
        """The client has caught up."""
        self.release_model()

    # The journal calls.

    def forward(self, written: bool) -> None:
        """The prompt is written down: now it may go to a model."""
        if self.finished:
            return
        if not written:
            self.refuse(journal_unavailable())
            return
        self.forwarded = True
        self.give_up_at = monotonic() + self.proxy.upstream.total_timeout
        self._try_next()

    # The model's connection calls.

    def connected(self, connection: UpstreamConnection) -> None:
        """Here is a connection to the version being tried."""
        if self.finished:
            connection.pool.give_back(connection)
            return
        self.upstream = connection
        self.deadline = monotonic() + self.proxy.upstream.first_byte_timeout
        exchange = self.exchange
        connection.send(self, request_to_model(exchange), head_only=exchange.method == "HEAD")
        if self.client.paused:
            self.hold_model()

    @property
    def gradual(self) -> bool:
        """Whether the answer is matched event by event."""
        return isinstance(self.answer, Streamed)

    def answer_interim(self, status: int, head: AnswerHead) -> None:
        """The model says something ahead of its answer, e.g. 103 (Early Hints): the client may know, once it may know
        anything.
        """
        exchange = self.exchange
        if not exchange.http10:
            self.when_durable(lambda durable: self._send_interim(interim_head(status, head.lines)) if durable else None)

    def answer_head(self, status: int, head: AnswerHead, length: bytes | None) -> None:
        """The model answers: take it, or try the next version when this is a failure that another may not have."""
        attempt = self.exchange.attempts[-1]
        attempt.status = status
        if (status == 429 or status >= 500) and self._can_try_another():
            self._end_attempt(None)
            self.stop_model()
            self._try_next()
            return
        self.deadline = monotonic() + self.proxy.upstream.idle_timeout
        self.answer = open_answer(self, status, head, length)

    def answer_body(self, data: bytes) -> None:
        """Some of the model's answer."""
        if self.answer is not None and not self.finished:
            self.deadline = monotonic() + self.proxy.upstream.idle_timeout
            try:
                self.answer.body(data)
            except Exception:
                self.fault()

    def answer_end(self, *, told: bool) -> None:
        """The model's answer is whole, as its framing has `told`, or as its connection's close seems to say."""
        self.upstream = None
        self.deadline = NEVER
        self._end_attempt(None)
        if self.answer is not None and not self.finished:
            try:
                self.answer.close(told=told)
            except Exception:
                self.fault()

    def upstream_failed(self, error: str, *, reached: bool) -> None:
        """The version tried gave no (whole) answer; `reached`: it may have seen the request."""
        stale = reached and self.upstream is not None and self.upstream.exchanges > 1 and self.answer is None
        self.upstream = None
        self._end_attempt(error)
        if self.finished:
            return
        if self.answer is not None:
            self.answer.truncated(error, broken_off())
        elif stale and self.exchange.route is not None and self.exchange.route.repeat:
            self.tried -= 1
            self._try_next(fresh=True)
        elif self._can_try_another():
            self._try_next()
        else:
            self.refuse(no_answer(timeout="timeout" in error), end="upstream_error")

    # The answer calls.

    @property
    def keep_alive(self) -> bool:
        """Whether the client's connection outlives this exchange."""
        return self.exchange.keep_alive and not self.client.draining

    def when_durable(self, action: Action) -> None:
        """Call `action` when the request's record is on disk, or cannot be."""
        if self.batch is None:
            action(True)
        else:
            self.batch.when_durable(action)

    def refuse(self, refusal: Refusal, *, end: str = "refused") -> None:
        """Answer in the model's place, when the record that it happened is on disk, if there is to be one."""
        exchange, journal = self.exchange, self.proxy.journal
        exchange.refusal = refusal
        self.stop_model()
        exchange.overhead = monotonic() - exchange.received_at - exchange.waited
        exchange.status = refusal.status
        body = refusal_body(exchange, refusal)
        exchange.answer = b"" if exchange.method == "HEAD" else body
        send = partial(self._send_refusal, refusal, len(body))
        if self._is_counted(refusal.code, refusal.status):
            self._over(end)
            send(False)
        elif journal.ready():
            journal.add(self._outcome(end), nothing_waits).when_durable(send)
        else:
            journal.add_lazily(self._outcome(end))
            send(False)

    def finish(self, end: str, *, keep_alive: bool = False) -> None:
        """The exchange is over, in one of the ways that the journal knows."""
        if self.upstream is not None or self.answer is None:
            self.stop_model()
        if end == "client_disconnected" and self._is_counted(_why_unanswered(self.exchange), 0):
            self._over(end)
        else:
            self.proxy.journal.add_lazily(self._outcome(end))
        self.client.finish(keep_alive=keep_alive)

    def hold_model(self) -> None:
        """Read nothing more from the model for now; what it goes on saying waits in its own socket's buffers."""
        if self.upstream is not None:
            self.upstream.hold()
            self.deadline = NEVER

    def release_model(self) -> None:
        """Read on, unless it is the client that cannot take more."""
        if self.upstream is not None and not self.client.paused:
            self.deadline = monotonic() + self.proxy.upstream.idle_timeout
            self.upstream.release()

    def stop_model(self) -> None:
        """Take no more from the model, if it is still at it; the attempt is over."""
        self.deadline = NEVER
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            self._end_attempt(None)
            upstream.abandon()
        elif self.exchange.version is not None and self.answer is None:
            self.proxy.pool(self.exchange.version).cancel(self)

    # The worker calls.

    def sweep(self, now: float) -> None:
        """Act on deadlines that have passed."""
        if now < self.deadline and now < self.give_up_at:
            return
        bounds = self.proxy.upstream
        if now >= self.give_up_at:
            self.tried = len(self.exchange.route.model.versions) if self.exchange.route is not None else 0
            error = f"total timeout after {bounds.total_timeout:g} s"
        elif self.answer is not None:
            error = f"idle timeout after {bounds.idle_timeout:g} s"
        else:
            error = f"first byte timeout after {bounds.first_byte_timeout:g} s"
        self.deadline = self.give_up_at = NEVER
        self.stop_model()
        self.upstream_failed(error, reached=True)

    def shut_down(self) -> None:
        """The drain window is over: end the answer with a word about it."""
        if self.finished:
            return
        self.begun = True
        self.stop_model()
        refusal = shutting_down()
        if self.answer is not None:
            self.answer.truncated(refusal.message, refusal)
        else:
            self.refuse(refusal)

    def cut(self, refusal: Refusal) -> None:
        """An operator will have no more of it: the exchange ends here, whatever was still to come."""
        if self.finished:
            return
        self.stop_model()
        if self.answer is not None:
            self.proxy.tally.counts.cut += 1
            self.answer.refused(refusal)
        else:
            self.begun = True
            self.client.reader.keep_partial_body()
            self.refuse(refusal)

    # Within.

    def fault(self) -> None:
        """Something in the guard failed: nobody may be left waiting for it."""
        logger.exception("exchange %s met a fault in the guard", self.exchange.id)
        if not self.finished:
            self.stop_model()
            if isinstance(self.answer, Streamed):
                self.answer.truncated("a fault in the guard", internal_error())
            else:
                self.refuse(internal_error())
        elif self.client.current is self.exchange:
            # The fault came while the end was written down: at least the client is not left waiting.
            self.client.abort()

    def _can_try_another(self) -> bool:
        route = self.exchange.route
        return route is not None and route.repeat and self.tried < len(route.model.versions)

    def _try_next(self, *, fresh: bool = False) -> None:
        exchange = self.exchange
        route = exchange.route
        assert route is not None
        exchange.version = version = route.model.versions[self.tried]
        self.tried += 1
        exchange.attempts.append(Attempt(version, monotonic()))
        pool = self.proxy.pool(version)
        connection = pool.take(fresh=fresh)
        if connection is not None:
            self.connected(connection)
        else:
            # Includes the wait for one of the pool's connections, which `connect_timeout` does not bound.
            self.deadline = monotonic() + self.proxy.upstream.first_byte_timeout
            pool.connect(self)

    def _end_attempt(self, error: str | None) -> None:
        exchange = self.exchange
        attempt = exchange.attempts[-1]
        attempt.error = attempt.error or error
        if attempt.ms:
            return
        took = monotonic() - attempt.started_at
        attempt.ms = took * 1000
        exchange.waited += took

    def _is_counted(self, reason: str, status: int) -> bool:
        """Whether the exchange, of which nothing is written yet, is one too many of its kind to be written down."""
        if self.forwarded or self.batch is not None:
            return False
        exchange, journal = self.exchange, self.proxy.journal
        room = journal.ready() and not journal.full
        return self.proxy.refusals.counted(caller_of(exchange), reason, status, time(), len(exchange.body), room=room)

    def _over(self, end: str) -> None:
        self.exchange.end = end
        self.finished = True
        self.answer = None
        self.deadline = self.give_up_at = NEVER
        self.proxy.tally.ended(self.exchange)
        if self.proxy.tracer is not None:
            self.proxy.tracer.ended(self.exchange)
        self._leave()

    def _outcome(self, end: str) -> bytes:
        exchange = self.exchange
        exchange.end = end
        line = outcome_line(exchange, forwarded=self.forwarded, shed=self.proxy.journal.shedding)
        self._over(end)
        return line

    def _send_interim(self, head: bytes) -> None:
        if not self.finished and not self.exchange.first_byte_at:
            self.client.write(head)

    def _send_refusal(self, refusal: Refusal, size: int, recorded: bool) -> None:
        """Answer; without its id if nothing that has it is on disk, for nobody could look it up."""
        exchange = self.exchange
        if self.client.current is not exchange:
            return
        if not recorded and (self.batch is None or not self.batch.durable):
            exchange.id = ""
        keep = self.keep_alive and exchange.complete and not refusal.close
        self.client.write(refusal_head(exchange, refusal, size, keep=keep) + exchange.answer)
        self.client.finish(keep_alive=keep)


def _why_unanswered(exchange: Exchange) -> str:
    """Under what it is counted that a client left before anything could be answered."""
    return exchange.refusal.code if exchange.refusal is not None else "client_disconnected"


def nothing_waits(_written: bool) -> None:
    """The action after a write that is only made soon because its sync is waited for."""
