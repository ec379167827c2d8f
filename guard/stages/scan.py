"""Scan: match the output rules, on a whole answer or a stream, so that nothing of a blocked match is released."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from guard.exchange import Exchange
from guard.formats.base import Output
from guard.stages.filter import blocked

if TYPE_CHECKING:
    from guard.ruleset.pair import Stream
    from guard.ruleset.rule import Rule

MAX_CHANNELS = 1_024
MAX_HELD_BYTES = 1_048_576


class HeldTooMuch(Exception):
    """The answer makes the guard hold back more than it is willing to; the message says what."""


def scan_whole(exchange: Exchange, output: Output) -> None:
    """Match a whole answer; Refusal when it must not reach the client."""
    matched = exchange.policy.rules.output.scan("\n".join(output.texts + output.others))
    if matched:
        _judge(exchange, matched)


class StreamScan:
    """Matches an answer while it streams, one matcher for each channel of text, and decides which pieces may go out.

    A text on a channel whose name begins with ``=`` is whole in itself (see `StreamReader`) and matched alone. Pieces
    leave in the order they came. One leaves when all text it carries, on every channel, is past the point where a
    blocking match could still begin.
    """

    def __init__(self, exchange: Exchange, limit: int = MAX_HELD_BYTES) -> None:
        """`limit` is how many bytes may be held back."""
        self._limit = limit
        self._exchange = exchange
        self._matcher = exchange.policy.rules.output
        self._streams: dict[str, Stream] = {}
        self._fed: dict[str, int] = {}
        self._held: deque[tuple[bytes, list[tuple[str, int]]]] = deque()
        self._held_bytes = 0

    @property
    def held(self) -> int:
        """How many pieces are held back."""
        return len(self._held)

    def feed(self, raw: bytes, deltas: list[tuple[str, str]]) -> bytes:
        """Take a piece and the texts in it; give the bytes that may go out now.

        Raises:
            Refusal: a blocking rule has matched; nothing more may go out.
            HeldTooMuch: too many channels, or too many bytes held back.
        """
        if self._matcher.empty:
            return raw
        ends = []
        for channel, text in deltas:
            if channel.startswith("="):
                matched = self._matcher.scan(text)
                if matched:
                    _judge(self._exchange, matched)
                continue
            matched = self._stream(channel).feed(text)
            if matched:
                _judge(self._exchange, matched)
            self._fed[channel] = end = self._fed[channel] + len(text)
            ends.append((channel, end))
        self._held.append((raw, ends))
        self._held_bytes += len(raw)
        return self._release()

    def close(self) -> bytes:
        """The answer has ended: match what was pending, give everything held.

        Raises:
            Refusal: a blocking rule has matched at the very end.
        """
        for stream in self._streams.values():
            matched = stream.close()
            if matched:
                _judge(self._exchange, matched)
        return self._empty()

    def end(self, channel: str) -> bytes:
        """The text of a channel has ended, and the next on it is another; give the bytes that may go out now.

        Raises:
            Refusal: a blocking rule has matched at its end.
        """
        stream = self._streams.pop(channel, None)
        if stream is None:
            return b""
        del self._fed[channel]
        matched = stream.close()
        if matched:
            _judge(self._exchange, matched)
        for _, ends in self._held:
            ends[:] = [end for end in ends if end[0] != channel]
        return self._release()

    def let_go(self) -> bytes:
        """Give everything held; the texts go on being matched."""
        return self._empty()

    def _stream(self, channel: str) -> Stream:
        stream = self._streams.get(channel)
        if stream is None:
            if len(self._streams) >= MAX_CHANNELS:
                raise HeldTooMuch(f"the answer has more than {MAX_CHANNELS} channels of text")
            stream = self._streams[channel] = self._matcher.stream()
            self._fed[channel] = 0
        return stream

    def _empty(self) -> bytes:
        rest = b"".join([raw for raw, _ in self._held])
        self._held.clear()
        self._held_bytes = 0
        return rest

    def _release(self) -> bytes:
        released = []
        held = self._held
        streams = self._streams
        while held and all(end <= streams[channel].releasable for channel, end in held[0][1]):
            released.append(held.popleft()[0])
        out = released[0] if len(released) == 1 else b"".join(released)
        self._held_bytes -= len(out)
        if self._held_bytes > self._limit:
            raise HeldTooMuch(f"more than {self._limit} bytes of the answer wait for its text to go on")
        return out


def _judge(exchange: Exchange, matched: tuple[Rule, ...]) -> None:
    for rule in matched:
        if not any(finding["rule"] == rule.id and finding["target"] == "output" for finding in exchange.findings):
            exchange.note(rule.id, "output", rule.mode, rule.action)
    if any(rule.mode == "enforce" and rule.action == "block" for rule in matched):
        raise blocked("answer")
