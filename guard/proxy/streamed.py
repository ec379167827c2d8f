"""An answer that is matched and given out while it comes, piece by piece."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from guard.formats.base import StreamReader
from guard.formats.lenient import is_json
from guard.journal.record import part_line
from guard.proxy.heads import answer_head, broken_off, format_of, journal_unavailable
from guard.redaction.seams import Seams, Taken
from guard.redaction.secrets import secrets_of
from guard.refusal import Refusal
from guard.stages.scan import HeldTooMuch, StreamScan
from guard.wire.pieces import Frame, Lines, Pieces, splitter_for

if TYPE_CHECKING:
    from guard.proxy.relay import Relay
    from guard.wire.head import AnswerHead

PART_BYTES = 32_768


class Streamed:
    """Splits an answer into frames, has each matched, and gives out what may go."""

    def __init__(self, relay: Relay, head: AnswerHead) -> None:
        exchange = relay.exchange
        assert exchange.route is not None
        self.relay = relay
        self.head = head
        limit = relay.proxy.upstream.answer_bytes
        self.scan = StreamScan(exchange, limit)
        self.reader: StreamReader = exchange.route.format.stream(exchange.path)
        asked = exchange.prompt is not None and exchange.prompt.stream
        self.splitter = splitter_for(head.kind, limit, events=asked and exchange.route.format.structured(exchange.path))
        self.tells_errors = head.kind == b"text/event-stream"
        self.last = b""
        self.begun = False
        self.waiting: list[bytes] = []
        self.texts: dict[str, list[str]] = {}
        self.seams = Seams(exchange.secrets or secrets_of(exchange))
        self.withholds = False
        self.sent: list[bytes] = []
        self.sent_bytes = 0
        self.ended = ""
        self.waited = exchange.waited + monotonic() - exchange.attempts[-1].started_at
        relay.when_durable(self._begin)

    def body(self, data: bytes) -> None:
        """Take some of the body."""
        if self.ended:
            return
        try:
            self._frames(self.splitter.feed(data))
        except Refusal as refusal:
            self.refused(refusal.bare())
        except (HeldTooMuch, ValueError) as error:
            self.truncated(str(error), broken_off())

    def close(self, *, told: bool) -> None:
        """The body is whole: match what was pending, and end the stream."""
        if self.ended:
            return
        try:
            self._frames(self.splitter.close())
            if not told and not self._may_end():
                self.truncated("the connection was closed before the stream's end", broken_off())
                return
            self._emit(self.scan.close())
        except Refusal as refusal:
            self.refused(refusal.bare())
            return
        except (HeldTooMuch, ValueError) as error:
            self.truncated(str(error), broken_off())
            return
        self._end("complete")

    def truncated(self, error: str, refusal: Refusal) -> None:
        """The body will not become whole: say so in the stream, and break it off."""
        exchange = self.relay.exchange
        if exchange.attempts[-1].error is None:
            exchange.attempts[-1].error = error
        exchange.refusal = refusal
        self._say(refusal)
        self._end("truncated")

    def refused(self, refusal: Refusal) -> None:
        """The client is not given the rest: say so in the stream, and end it."""
        if self.ended:
            return
        self.relay.exchange.refusal = refusal
        self._say(refusal)
        self._end("refused")

    def cut(self) -> None:
        """The client has left: keep what there is, for the journal."""
        self._keep_rest()

    # Within.

    def _frames(self, frames: list[Frame]) -> None:
        out: list[bytes] = []
        try:
            for raw, data, aside in frames:
                deltas = self.splitter.texts(data) if isinstance(self.splitter, Pieces) else self.reader.read(data)
                for channel, text in self.seams.hide(data, deltas):
                    if not channel.startswith("="):
                        self.texts.setdefault(channel, []).append(text)
                if aside:
                    deltas = [*deltas, ("=aside", aside.decode(errors="replace"))]
                out.append(self.scan.feed(raw, deltas))
                if data:
                    self.last = data
        finally:
            # What came before a match is the client's, however the model's bytes were cut into segments.
            self._emit(b"".join(out))

    def _emit(self, data: bytes) -> None:
        if not data:
            return
        if not self.begun:
            self.waiting.append(data)
            self.relay.hold_model()
            return
        self.relay.client.write(data if self.relay.exchange.http10 else b"%x\r\n%b\r\n" % (len(data), data))
        self.sent.append(data)
        self.sent_bytes += len(data)
        if self.sent_bytes >= PART_BYTES:
            self._write_part()

    def _begin(self, durable: bool) -> None:
        relay = self.relay
        exchange = relay.exchange
        if relay.finished:
            return
        if not durable:
            self._keep_rest()
            relay.refuse(journal_unavailable())
            return
        exchange.first_byte_at = now = monotonic()
        exchange.overhead = now - exchange.received_at - self.waited
        framing = b"" if exchange.http10 else b"transfer-encoding: chunked\r\n"
        if exchange.http10 or not relay.keep_alive:
            framing += b"connection: close\r\n"
        relay.client.write(answer_head(exchange, exchange.status, self.head.lines, framing))
        self.begun = True
        waiting, self.waiting = self.waiting, []
        for data in waiting:
            self._emit(data)
        if self.ended:
            self._end(self.ended)
        elif waiting:
            relay.release_model()

    def _say(self, refusal: Refusal) -> None:
        if self.tells_errors:
            self._emit(format_of(self.relay.exchange).error_event(refusal.status, refusal.code, refusal.message))

    def _end(self, end: str) -> None:
        relay = self.relay
        self.ended = end
        if not self.begun:
            relay.stop_model()
            return
        exchange = relay.exchange
        self._keep_rest()
        # An answer ends well when it is whole, or when the client could be told in it that it is not given the rest.
        well = end == "complete" or (end == "refused" and self.tells_errors)
        if well and not exchange.http10:
            relay.client.write(b"0\r\n\r\n")
        if not well and exchange.http10:
            # Without chunks only a reset tells a broken answer from a finished one.
            relay.client.abort()
        relay.finish(end, keep_alive=end == "complete" and relay.keep_alive and not exchange.http10)

    def _may_end(self) -> bool:
        """Whether what came last can be the last: an API's last event, a whole line; of other streams nobody knows."""
        if isinstance(self.splitter, Lines):
            return is_json(self.last)
        return not self.tells_errors or self.reader.may_end(self.last)

    def _write_part(self) -> None:
        if self.relay.exchange.held is not None:
            self.relay.exchange.seen += sum([len(text) for texts in self.texts.values() for text in texts])
        body, taken = self._take(last=False)
        self.relay.proxy.tally.counts.answered += len(body)
        journal = self.relay.proxy.journal
        if not journal.shedding:
            journal.add_lazily(part_line(self.relay.exchange, body, taken, withheld=self.withholds))
        if journal.full:
            self.relay.hold_model()

    def _keep_rest(self) -> None:
        exchange = self.relay.exchange
        body, taken = self._take(last=True)
        exchange.output, exchange.redacted = taken.output, taken.counts
        exchange.answer, exchange.withheld = (b"", len(body)) if self.withholds else (body, 0)
        exchange.usage = self.reader.usage
        exchange.confidence = self.reader.confidence

    def _take(self, *, last: bool) -> tuple[bytes, Taken]:
        body = b"".join(self.sent)
        taken = self.seams.take(self.texts, last=last)
        # What is held back of the answer goes out later than its texts come, so that this lasts.
        self.withholds = self.withholds or taken.unfit
        self.sent = []
        self.sent_bytes = 0
        self.texts = {}
        return body, taken
