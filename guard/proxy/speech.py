"""What a model says over a WebSocket: matched across its messages, written down, and given out as far as it may be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple

from guard.formats.base import Output
from guard.formats.lenient import recoded
from guard.journal.record import frame_line
from guard.redaction.seams import Pieces, Seams
from guard.redaction.secrets import secrets_of
from guard.stages.scan import StreamScan, scan_whole

if TYPE_CHECKING:
    from guard.exchange import Exchange, Finding
    from guard.formats.base import SessionReader
    from guard.journal.writer import Journal
    from guard.wire.websocket import Message

# Where an API does not tell when a text ends, what is held back of it is given out when nothing more came for so long.
HOLD_SECONDS = 1.0


class Said(NamedTuple):
    """A message that is not decided on yet; `output`: its texts by channel."""

    at: float
    message: Message
    output: list[tuple[str, str]]
    findings: list[Finding]


class Speech:
    """Takes the model's messages, gives the bytes that may go out, and journals each message when that is decided.

    `count` is how many came. Every method that gives bytes may raise what `StreamScan` does: a Refusal when an enforced
    rule has matched, and then nothing more may go out.
    """

    def __init__(
        self,
        exchange: Exchange,
        reader: SessionReader,
        journal: Journal,
        limit: int,
        found: Callable[[list[Finding]], None],
    ) -> None:
        """`limit` is how many bytes may be held back; `found` is told the rules that matched in each message."""
        self.reader = reader
        self.count = 0
        self._exchange = exchange
        self._journal = journal
        self._found = found
        self._scan = StreamScan(exchange, limit)
        self._held: deque[Said] = deque()
        self._seams = Seams(exchange.secrets or secrets_of(exchange))
        self._heard_at = 0.0

    def take(self, message: Message, frame: bytes) -> Iterator[bytes]:
        """Take a message and the bytes that would give it to the client."""
        exchange = self._exchange
        exchange.findings = []
        texts = self._texts(message)
        told = self._seams.hide(message.content, texts)
        output = [(channel, text) for channel, text in told if not channel.startswith("=")]
        if exchange.held is not None:
            exchange.seen += sum([len(text) for _, text in output])
        self._held.append(Said(time(), message, output, exchange.findings))
        self._heard_at = monotonic()
        self.count += 1
        yield self._released(self._scan.feed(frame, texts))
        for channel in self.reader.ended or ():
            yield self._released(self._scan.end(channel))

    def overdue(self, now: float) -> bool:
        """Whether something is held that nobody will tell the end of."""
        return bool(self._held) and self.reader.ended is None and now >= self._heard_at + HOLD_SECONDS

    def let_go(self) -> bytes:
        """Judge what is held as if its texts had ended here, and give it out; they go on being matched."""
        texts: dict[str, str] = {}
        for channel, text in (pair for said in self._held for pair in said.output):
            texts[channel] = texts.get(channel, "") + text
        scan_whole(self._exchange, Output(list(texts.values()), [], None, None))
        return self._released(self._scan.let_go())

    def close(self) -> bytes:
        """The model says nothing more."""
        return self._released(self._scan.close())

    def withhold(self) -> None:
        """What is held is not given out, and nothing more will come."""
        while self._held:
            self._write_down(passed=False)
        rest = self._seams.take({}, last=True)
        self._exchange.output, self._exchange.redacted = rest.output, rest.counts

    def _texts(self, message: Message) -> list[tuple[str, str]]:
        content = message.content if message.legible else recoded(message.content)
        return self.reader.read(content) if content is not None else []

    def _released(self, data: bytes) -> bytes:
        while len(self._held) > self._scan.held:
            self._write_down(passed=True)
        return data

    def _write_down(self, *, passed: bool) -> None:
        said = self._held.popleft()
        self._found(said.findings)
        pieces: Pieces = {}
        for channel, text in said.output:
            pieces.setdefault(channel, []).append(text)
        texts = self._seams.take(pieces, last=False)
        line = frame_line(
            self._exchange, "model", said.message, at=said.at, passed=passed, texts=texts, findings=said.findings,
            shed=self._journal.shedding,
        )  # fmt: skip
        self._journal.add_lazily(line)
