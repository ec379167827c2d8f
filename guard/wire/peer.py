"""One side of an open WebSocket: its codec on its transport, and how long nothing was heard from it."""

from __future__ import annotations

import asyncio
from time import monotonic

from guard.wire.websocket import Codec, Ping


class Peer:
    """A client or a model. `full`: it does not take what it is sent as fast as that comes."""

    __slots__ = ("codec", "full", "full_at", "heard_at", "owed", "patience", "pinged", "transport", "unsent")

    def __init__(self, transport: asyncio.Transport, codec: Codec, patience: float) -> None:
        """`patience`: seconds without a sign of life after which it counts as gone; it is pinged after half of them."""
        self.transport = transport
        self.codec = codec
        self.patience = patience
        self.full = False
        self.full_at = 0.0
        self.unsent = 0
        self.owed: Ping | None = None
        self.heard_at = monotonic()
        self.pinged = False

    def take(self, data: bytes) -> None:
        """Bytes came."""
        self.heard_at = monotonic()
        self.pinged = False
        self.codec.feed(data)

    def send(self, data: bytes) -> None:
        """Write bytes that the codec made; who has gone is not written to."""
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def answer(self, ping: Ping) -> None:
        """Answer a ping; who is full has the last one answered when there is room again (RFC 6455, section 5.5.3)."""
        if self.full:
            self.owed = ping
        else:
            self.send(self.codec.pong(ping))

    def fill(self, full: bool) -> None:
        """It takes no more for now, or takes more again."""
        self.full = full
        if not full and self.owed is not None:
            owed, self.owed = self.owed, None
            self.send(self.codec.pong(owed))
        self.full_at = monotonic()
        self.unsent = self.transport.get_write_buffer_size()

    def listen(self, on: bool) -> None:
        """Read from it, or let what it says wait in its own socket's buffers. Who is not read from is not silent."""
        if self.transport.is_closing() or on == self.transport.is_reading():
            return
        if on:
            self.heard_at = monotonic()
            self.pinged = False
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def gone(self, now: float) -> bool:
        """Whether it has been silent, or has taken nothing, for too long; asks it for a sign of life before."""
        if self.full and now >= self.full_at + self.patience:
            unsent, self.unsent, self.full_at = self.unsent, self.transport.get_write_buffer_size(), now
            if self.unsent >= unsent:
                return True
        if not self.transport.is_reading():
            return False
        silence = now - self.heard_at
        if silence >= self.patience / 2 and not self.pinged:
            self.pinged = True
            self.send(self.codec.ping())
        return silence >= self.patience
