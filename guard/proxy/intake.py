"""The first half of an exchange: the request is judged by its head, finds room, is inspected and written down."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from guard.exchange import Exchange
from guard.journal.batch import Batch
from guard.journal.record import prompt_line
from guard.policy.held import Denied, Held
from guard.proxy.heads import internal_error, journal_unavailable
from guard.refusal import Refusal
from guard.stages import BODY, HEAD, SHARE, Stage
from guard.stages.limit import take
from guard.stages.reserve import estimate, settle
from guard.wire.crowd import over_capacity
from guard.wire.server import ServerConnection

if TYPE_CHECKING:
    from guard.proxy.proxy import Proxy

logger = logging.getLogger("guard.proxy")

# Below this, handing a body to a thread costs more than reading it. What a compressed one will be is not known yet.
LARGE_BYTES = 262_144
SMALL_BYTES = 2_048


class Intake:
    """A request until it may go to a model; what happens to it then is `forward`'s."""

    __slots__ = ("batch", "begun", "client", "exchange", "finished", "line", "placed", "proxy", "waits")

    stages = BODY

    def __init__(self, proxy: Proxy, client: ServerConnection, exchange: Exchange) -> None:
        self.proxy = proxy
        self.client = client
        self.exchange = exchange
        self.batch: Batch | None = None
        self.line = b""
        self.begun = False
        self.waits = False
        self.placed = False
        self.finished = False

    # The client's connection calls.

    def head(self) -> None:
        """The request's head is there; a refusal waits for what comes along of the body, for the journal."""
        self._run(HEAD)
        exchange, admission = self.exchange, self.proxy.admission
        if admission.running >= admission.most and exchange.refusal is None and admission.refuses(known=self._is_known):
            exchange.refusal = over_capacity()

    def request_complete(self) -> None:
        """The whole request is there: it may go on when there is room for it."""
        if self.begun:
            return
        self.begun = True
        exchange, proxy = self.exchange, self.proxy
        exchange.received_at = now = exchange.received_at or monotonic()
        proxy.relays.add(self)
        if exchange.waiting is None:
            self._enter(now)
        else:
            exchange.waiting.when_known(partial(self._decided, lambda: self._enter(monotonic())))

    # The worker's admission calls.

    def admitted(self) -> None:
        """There is room: inspect the request, on the loop if it is small, for nobody else should wait for a large one.

        What is inspected in the thread is nobody else's meanwhile, but that the exchange may end before it is done.
        """
        self.waits = False
        self.placed = True
        if len(self.exchange.body) < SMALL_BYTES or not self._is_large():
            self._run(self.stages)
            self._record()
        else:
            done = self.proxy.journal.loop.run_in_executor(self.proxy.reading_room, self._inspect)
            done.add_done_callback(lambda _future: self._record())

    def overloaded(self) -> None:
        """There is no room, or none in time."""
        self.waits = False
        self.refuse(over_capacity())

    # The second half.

    @abstractmethod
    def forward(self, written: bool) -> None:
        """The request is `written` down, or cannot be: send it to a model, or refuse it."""

    @abstractmethod
    def refuse(self, refusal: Refusal, *, end: str = "refused") -> None:
        """Answer in the model's place."""

    @abstractmethod
    def sweep(self, now: float) -> None:
        """Act on deadlines that have passed; `now` is monotonic seconds."""

    @abstractmethod
    def fault(self) -> None:
        """Something in the guard failed, and is being handled: nobody may be left waiting for it."""

    # Within.

    def _enter(self, now: float) -> None:
        """Find room."""
        exchange, proxy = self.exchange, self.proxy
        if exchange.refusal is not None:
            self.refuse(exchange.refusal)
        else:
            self.waits = True
            behind = now - (proxy.journal.turn_began or now)
            proxy.admission.enter(self, now, behind=behind, known=self._is_known)

    def _decided(self, go_on: Callable[[], None], verdict: Denied | Held) -> None:
        """What limits say of it is known now."""
        try:
            self._run((lambda exchange, _meters: take(exchange, verdict),))
            if self.finished:
                self._let_go()
            else:
                go_on()
        except Exception:
            logger.exception("exchange %s met a fault in the guard", self.exchange.id)
            self.fault()

    @property
    def _is_known(self) -> bool:
        return self.exchange.identity.client is not None

    def _is_large(self) -> bool:
        exchange = self.exchange
        size = len(exchange.body)
        if b"content-encoding" in exchange.head.fields:
            size *= self.proxy.http.decoded_ratio
        return size > LARGE_BYTES

    def _run(self, stages: tuple[Stage, ...]) -> None:
        exchange = self.exchange
        try:
            for stage in stages:
                stage(exchange, self.proxy.meters)
        except Refusal as refusal:
            exchange.refusal = refusal.bare()
        except Exception:
            logger.exception("exchange %s met a fault in the guard", exchange.id)
            exchange.refusal = internal_error()

    def _inspect(self) -> None:
        """In the thread: what takes long of a large request, unless nobody waits for it any more."""
        if not self.finished:
            self._run(self.stages)
        if not self.finished and self.exchange.refusal is None:
            if self.exchange.policy.limits.body:
                self._run((estimate,))
            self.line = prompt_line(self.exchange)

    def _record(self) -> None:
        exchange = self.exchange
        if self.finished:
            return
        if exchange.refusal is None and exchange.policy.limits.body:
            self._run(SHARE)
        if exchange.waiting is None:
            self._write()
        else:
            exchange.waiting.when_known(partial(self._decided, self._write))

    def _write(self) -> None:
        """Write the prompt down."""
        exchange = self.exchange
        if exchange.refusal is None and not self.proxy.journal.ready():
            exchange.refusal = journal_unavailable()
        if exchange.refusal is not None:
            self.refuse(exchange.refusal)
        else:
            line, self.line = self.line or prompt_line(exchange), b""
            self.batch = self.proxy.journal.add(line, self.forward)

    def _leave(self) -> None:
        """The exchange is over: give back what it holds of the worker's room."""
        exchange, proxy = self.exchange, self.proxy
        proxy.relays.discard(self)
        if exchange.waiting is None:
            self._let_go()
        else:
            # Whatever is decided, nobody is there for it any more.
            exchange.waiting.when_known(partial(self._decided, self._let_go))
        if self.placed:
            self.placed = False
            proxy.admission.leave()
        elif self.waits:
            proxy.admission.give_up(self)

    def _let_go(self) -> None:
        """Give back what it has of limits, and was not used."""
        held = self.exchange.held
        if held is not None and (held.running or held.reserved):
            settle(self.exchange, self.proxy.meters)
            self.proxy.meters.release(held)
