"""An answer that is read to its end, matched, and only then given out; a blocked one is replaced."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import orjson

from guard.exchange import Exchange
from guard.formats import lenient
from guard.formats.base import Format, Output
from guard.proxy.heads import answer_head, broken_off, connection_line, journal_unavailable
from guard.refusal import Refusal
from guard.stages.scan import scan_whole
from guard.wire.framing import NO_BODY

if TYPE_CHECKING:
    from guard.proxy.relay import Relay
    from guard.wire.head import AnswerHead

JSON_TYPES = (b"/json", b"+json")


class Whole:
    """Collects an answer and judges it at its end."""

    __slots__ = ("content", "head", "length", "relay")

    def __init__(self, relay: Relay, head: AnswerHead, length: bytes | None) -> None:
        self.relay = relay
        self.head = head
        self.length = length
        self.content: bytes | bytearray = b""

    def body(self, data: bytes) -> None:
        """Take some of the body."""
        if not self.content:
            self.content = data
        else:
            # Most answers come in one piece; of many small ones the list would cost more than the bytes.
            if type(self.content) is bytes:
                self.content = bytearray(self.content)
            self.content += data
        if len(self.content) > self.relay.proxy.upstream.answer_bytes:
            self.truncated(f"the answer is over {self.relay.proxy.upstream.answer_bytes} bytes", broken_off())

    def close(self, *, told: bool) -> None:
        """The body is whole: judge it, and give it out when its prompt is on disk."""
        relay = self.relay
        exchange = relay.exchange
        body = self._read()
        if not told and self._has_to_be_json() and not lenient.is_json(body):
            self.truncated("the connection was closed before the document's end", broken_off())
            return
        try:
            if body:
                output = _read_output(exchange, body)
                scan_whole(exchange, output)
        except Refusal as refusal:
            relay.refuse(refusal.bare())
            return
        exchange.answer = body
        relay.when_durable(self._give)

    def truncated(self, error: str, refusal: Refusal) -> None:
        """The body will not become whole: nothing has gone out yet, so the client gets an honest error."""
        relay = self.relay
        relay.exchange.output = [self._read().decode(errors="replace")]
        if relay.exchange.attempts[-1].error is None:
            relay.exchange.attempts[-1].error = error
        relay.refuse(refusal, end="truncated")

    def refused(self, refusal: Refusal) -> None:
        """The client is not given it: nothing has gone out yet, so it gets the refusal instead."""
        self.relay.exchange.output = self.relay.exchange.output or [self._read().decode(errors="replace")]
        self.relay.refuse(refusal)

    def cut(self) -> None:
        """The client has left: keep what there is, for the journal."""
        body = self._read()
        if body and not self.relay.exchange.output:
            self.relay.exchange.output = [body.decode(errors="replace")]

    def _has_to_be_json(self) -> bool:
        """By its type, or as what was asked for; an error may be a page of whatever server made it."""
        return self.head.kind.endswith(JSON_TYPES) or self.relay.exchange.status < 300

    def _read(self) -> bytes:
        return bytes(self.content)

    def _give(self, durable: bool) -> None:
        relay = self.relay
        exchange = relay.exchange
        if relay.finished:
            return
        if not durable:
            relay.refuse(journal_unavailable())
            return
        exchange.first_byte_at = now = monotonic()
        exchange.overhead = now - exchange.received_at - exchange.waited
        keep = relay.keep_alive
        framing = self._length() + connection_line(exchange, keep=keep)
        relay.client.write(answer_head(exchange, exchange.status, self.head.lines, framing) + exchange.answer)
        relay.finish("complete", keep_alive=keep)

    def _length(self) -> bytes:
        exchange = self.relay.exchange
        if exchange.method == "HEAD":
            return b"content-length: %b\r\n" % self.length if self.length is not None else b""
        return b"content-length: %d\r\n" % len(exchange.answer) if exchange.status not in NO_BODY else b""


def _read_output(exchange: Exchange, body: bytes) -> Output:
    route = exchange.route
    assert route is not None
    try:
        output = route.format.output(exchange.path, orjson.loads(body))
    except orjson.JSONDecodeError:
        output = _read_odd_output(route.format, exchange.path, body)
    exchange.output = output.texts
    exchange.usage = output.usage
    exchange.confidence = output.confidence
    return output


def _read_odd_output(format: Format, path: str, body: bytes) -> Output:
    found = lenient.read(body)
    output = Output([found.text] if found.text else [], [], None, None)
    for document in found.documents:
        one = format.output(path, document)
        output.texts += map(lenient.scalar, one.texts)
        output.others += map(lenient.scalar, one.others)
        output.usage = output.usage or one.usage
        output.confidence = output.confidence or one.confidence
    return output
