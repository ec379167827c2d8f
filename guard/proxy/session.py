"""An open WebSocket between a client and a model: each message is inspected, written down and given on, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import time
from typing import TYPE_CHECKING

from guard.journal.record import frame_line
from guard.proxy.heads import broken_off, format_of, journal_unavailable
from guard.proxy.relay import nothing_waits
from guard.proxy.speech import Speech
from guard.refusal import Refusal
from guard.stages.message import read_message
from guard.stages.reserve import check_share, settle, tokens_in
from guard.stages.scan import HeldTooMuch
from guard.wire.switched import Switched
from guard.wire.websocket import Close, Message, Ping, Violation

if TYPE_CHECKING:
    from guard.proxy.upgrade import Upgrade
    from guard.wire.peer import Peer
    from guard.wire.upstream import UpstreamConnection

# Who sends thousands of tiny frames at once has to share the loop with everybody else.
FRAMES_A_TURN = 32
GOING_AWAY = 1001
UNSUPPORTED = 1003
BAD_DATA = 1007
POLICY = 1008
INTERNAL = 1011
CODES = {
    "unsupported_media_type": UNSUPPORTED, "invalid_json": BAD_DATA, "shutting_down": GOING_AWAY,
    "session_timeout": GOING_AWAY, "journal_unavailable": INTERNAL, "internal_error": INTERNAL,
    "upstream_error": INTERNAL,
}  # fmt: skip
"""What a session is closed with, by the code of the refusal that ends it; any other is a matter of policy."""

# What a model may close with and have said all it wanted: 1005 is no code at all, 3000 and above are the API's own.
WELL = frozenset({1000, GOING_AWAY, 1005})
OWN = 3000


class Session:
    """Takes messages from both sides, one after the other, each only when there is room for it on the other.

    A client's message goes on when its record is written; what a model says reaches the client when the records of all
    messages that went before it are on disk. `over`: how the session ends is decided.
    """

    def __init__(self, relay: Upgrade, client: Peer, model: Peer, connection: UpstreamConnection) -> None:
        exchange = relay.exchange
        assert exchange.route is not None
        self.relay = relay
        self.client = client
        self.model = model
        self.switched = Switched(connection, self)
        self.speech = Speech(
            exchange,
            exchange.route.format.session(exchange.path),
            relay.proxy.journal,
            relay.proxy.upstream.answer_bytes,
            relay.proxy.tally.found,
        )
        self.waiting: list[bytes] = []
        self.asked = 0
        self.open = False
        self.asking = False
        self.over = False
        self.end = ""

    # The connections call.

    def begin(self, early: bytes) -> None:
        """The client has its 101; `early` is what it sent before that."""
        self.open = True
        self.client.take(early)
        self.go_on()

    def client_data(self, data: bytes) -> None:
        """Bytes came from the client."""
        if not self.over:
            self.client.take(data)
            self._hear_client()

    def client_full(self, full: bool) -> None:
        """The client takes no more for now, or takes more again."""
        self.client.fill(full)
        self.go_on()

    def client_left(self) -> None:
        """The client's connection is gone."""
        self._decide("client_disconnected", None, Close(GOING_AWAY, "the client has left"), by="client")
        self.relay.finish(self.end)

    def model_data(self, data: bytes) -> None:
        """Bytes came from the model."""
        self.model.take(data)
        self._hear_model()

    def model_full(self, full: bool) -> None:
        """The model takes no more for now, or takes more again."""
        self.model.fill(full)
        self.go_on()

    def model_lost(self, error: str) -> None:
        """The model's connection is gone."""
        if self.open:
            self.fail(error, broken_off())
        else:
            self.relay.lost(error)

    # The worker calls.

    def sweep(self, now: float) -> None:
        """Ask a silent side for a sign of life, and end the session where none came."""
        if self.over:
            return
        if self.client.gone(now):
            self.client_left()
            self.relay.client.abort()
        elif self.model.gone(now):
            self.fail(f"idle timeout after {self.model.patience:g} s", broken_off())
        elif self.speech.overdue(now):
            self._speak(self.speech.let_go)

    def shut_down(self) -> None:
        """The drain window is over."""
        refusal = Refusal(503, "shutting_down", "the guard is shutting down")
        self.fail(refusal.message, refusal)

    def time_is_over(self) -> None:
        """The session has lasted for as long as it may."""
        refusal = Refusal(408, "session_timeout", "the session has lasted for as long as it may")
        self.fail(refusal.message, refusal)

    # Ends.

    def refuse(self, refusal: Refusal) -> None:
        """The session ends because of what was said in it, or who says it."""
        self._stop("refused", refusal, Close(CODES.get(refusal.code, POLICY), refusal.message))

    def fail(self, error: str, refusal: Refusal) -> None:
        """The session breaks off; `error` is for the journal, `refusal` for the client."""
        if not self.over:
            attempt = self.relay.exchange.attempts[-1]
            attempt.error = attempt.error or error
            self._stop("truncated", refusal, Close(CODES.get(refusal.code, POLICY), refusal.message))

    def abandon(self) -> None:
        """It will not begin: leave the model."""
        self.over = True
        self.switched.leave(self.model.codec.close(GOING_AWAY, ""))

    # Listening.

    def go_on(self) -> None:
        """There may be room for more, on one side or in the journal."""
        self._hear_client()
        self._hear_model()

    def _hear_client(self) -> None:
        """Take what the client says for as long as there is room for it."""
        try:
            more = self._hear(self.client, self._client_may_speak, self._ask, self._client_closes)
        except Violation as violation:
            self._stop(
                "refused",
                Refusal(400, "bad_frame", str(violation)),
                Close(violation.code, str(violation)),
                tell=False,
            )
        except Exception:
            self.relay.fault()
        else:
            if more:
                asyncio.get_running_loop().call_soon(self._hear_client)
            self.client.listen(self.over or (self._client_may_speak() and not more))

    def _hear_model(self) -> None:
        """Take what the model says for as long as there is room for it."""
        try:
            more = self._hear(self.model, self._model_may_speak, self._answer, self._model_closes)
        except Violation as violation:
            self.relay.exchange.attempts[-1].error = f"bad frame: {violation}"
            self._stop("upstream_error", broken_off(), Close(violation.code, str(violation)))
        except Exception:
            self.relay.fault()
        else:
            if more:
                asyncio.get_running_loop().call_soon(self._hear_model)
            self.model.listen(self.over or (self._model_may_speak() and not more))

    # That one side is full must not keep it from speaking: it may be waiting for just that before it reads on.

    def _client_may_speak(self) -> bool:
        return self.open and not (self.over or self.asking or self.model.full or self.relay.proxy.journal.full)

    def _model_may_speak(self) -> bool:
        return self.open and not (self.over or self.waiting or self.client.full or self.relay.proxy.journal.full)

    def _hear(
        self,
        peer: Peer,
        may_speak: Callable[[], bool],
        on_message: Callable[[Message], None],
        on_close: Callable[[Close], None],
    ) -> bool:
        """Take frames; returns whether to go on in the loop's next turn."""
        for _ in range(FRAMES_A_TURN):
            if not may_speak():
                return False
            match peer.codec.next():
                case None:
                    return False
                case Message() as message:
                    on_message(message)
                case Ping() as ping:
                    peer.answer(ping)
                case Close() as close:
                    on_close(close)
        return True

    # What the client says.

    def _ask(self, message: Message) -> None:
        """Inspect a message, write it down, and then give it on, or end the session."""
        exchange = self.relay.exchange
        exchange.findings = []
        self.asking = True
        self.asked += 1
        refusal = None
        content = b""
        try:
            content = read_message(exchange, self.relay.proxy.meters, message)
            check_share(exchange, self.relay.proxy.meters)
        except Refusal as refused:
            refusal = refused.bare()
        self.relay.proxy.tally.found(exchange.findings)
        prompt = exchange.prompt.texts if exchange.prompt is not None else []
        if exchange.held is not None:
            before = exchange.expected or (0, 0)
            exchange.expected = before[0] + tokens_in(prompt), 0
        line = frame_line(
            exchange, "client", message, at=time(), passed=refusal is None, texts=prompt, findings=exchange.findings
        )
        forward = partial(self._forward, Message(content, message.text))
        self.relay.batch = self.relay.proxy.journal.add(line, forward if refusal is None else nothing_waits)
        if refusal is not None:
            self.refuse(refusal)

    def _forward(self, message: Message, written: bool) -> None:
        if self.over:
            return
        if not written:
            self.fail("the journal cannot be written", journal_unavailable())
            return
        self.model.send(self.model.codec.message(message))
        self.asking = False
        self._hear_client()

    def _client_closes(self, close: Close) -> None:
        self._decide("complete", None, close, by="client")
        self.client.send(self.client.codec.close(*close))
        self.relay.finish(self.end)

    # What the model says.

    def _answer(self, message: Message) -> None:
        """Match a message, with what was said before it, and give out what may go."""
        try:
            for data in self.speech.take(message, self.client.codec.message(message)):
                self._give(data)
        except Refusal as refusal:
            self.refuse(refusal.bare())
        except HeldTooMuch as error:
            self.fail(str(error), broken_off())
        exchange = self.relay.exchange
        if exchange.held is not None:
            exchange.usage = self.speech.reader.usage
            settle(exchange, self.relay.proxy.meters)

    def _speak(self, released: Callable[[], bytes]) -> None:
        """Give out what was held."""
        try:
            self._give(released())
        except Refusal as refusal:
            self.refuse(refusal.bare())

    def _give(self, data: bytes) -> None:
        """Give out what was released, when what was asked before it is on disk."""
        batch = self.relay.batch
        if not data:
            return
        if not self.waiting and batch is not None and batch.durable:
            self.client.send(data)
            return
        self.waiting.append(data)
        if len(self.waiting) == 1:
            self.relay.when_durable(self._flush)

    def _flush(self, durable: bool) -> None:
        waiting, self.waiting = self.waiting, []
        if durable:
            self.client.send(b"".join(waiting))
            self._hear_model()
        else:
            self.fail("the journal cannot be written", journal_unavailable())

    def _model_closes(self, close: Close) -> None:
        self._speak(self.speech.close)
        if self.over:
            return
        well = close.code in WELL or close.code >= OWN
        if not well:
            self.relay.exchange.attempts[-1].error = f"closed with {close.code}: {close.reason}"
        self._stop("complete" if well else "upstream_error", None, close, by="model", tell=False)

    # Ending.

    def _stop(self, end: str, refusal: Refusal | None, close: Close, *, by: str = "guard", tell: bool = True) -> None:
        """End the session on both sides; the client hears of it, and why, when all that led to it is on disk."""
        if not self.over:
            self._decide(end, refusal, close, by=by)
            self.relay.when_durable(lambda _durable: self._say_goodbye(refusal if tell else None, close))

    def _say_goodbye(self, refusal: Refusal | None, close: Close) -> None:
        if self.relay.finished:
            return
        if refusal is not None:
            format = format_of(self.relay.exchange)
            error = format.error_message(refusal.status, refusal.code, refusal.message)
            self.client.send(self.client.codec.message(Message(error, text=True)))
        self.client.send(self.client.codec.close(*close))
        self.client.listen(True)
        self.relay.finish(self.end)

    def _decide(self, end: str, refusal: Refusal | None, close: Close, *, by: str) -> None:
        """Settle how the session ends, and leave the model."""
        if self.over:
            return
        exchange = self.relay.exchange
        self.over = True
        self.end = end
        self.speech.withhold()
        exchange.findings = []
        exchange.refusal = refusal
        exchange.usage = self.speech.reader.usage
        exchange.confidence = self.speech.reader.confidence
        messages = {"client": self.asked, "model": self.speech.count}
        exchange.session = {"closed_by": by, "code": close.code, "reason": close.reason, "messages": messages}
        self.switched.leave(self.model.codec.close(*close))
