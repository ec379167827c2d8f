"""The end of a client's connection: at once, or when the client has had the time to read the last answer.

Closing a socket with unread input resets it, and the reset can overtake the answer (RFC 9112, section 9.6). So what
still comes is read, and thrown away, for a while.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from guard.wire.sockets import reset

# A sender in full flow needs some time to come to read its answer; who asks just as an idle connection is closed should
# see the close, not a reset.
LINGER_SECONDS = 5.0
IDLE_LINGER_SECONDS = 0.5
LINGER_BYTES = 67_108_864


class Farewell:
    """One connection's end; `deadline` (monotonic seconds) is when `sweep` has something to do."""

    def __init__(self, transport: asyncio.Transport, *, linger: float, flush: float) -> None:
        """Begin it. `linger`: seconds to read on for at most; `flush`: seconds that the last bytes may take to go."""
        self.transport = transport
        self.flush = flush
        self.give_up_at = monotonic() + linger
        self.taken = 0
        self.taken_before = 0
        # TLS cannot close one side only: there the client goes by its answer's length, and is told the end later.
        self.told = transport.can_write_eof()
        if transport.is_closing() or not linger or (not self.told and linger <= IDLE_LINGER_SECONDS):
            self._close()
        elif self.told:
            self.deadline = self.give_up_at
            transport.write_eof()
        else:
            self.deadline = monotonic() + IDLE_LINGER_SECONDS

    def take(self, size: int) -> None:
        """Bytes came that nobody wants."""
        self.taken += size
        if self.taken > LINGER_BYTES:
            reset(self.transport)

    def sweep(self, now: float) -> None:
        """The deadline has passed, and the client has not closed."""
        if self.told or self.transport.is_closing() or now >= self.give_up_at:
            reset(self.transport)
        elif self.taken != self.taken_before:
            self.taken_before = self.taken
            self.deadline = now + IDLE_LINGER_SECONDS
        else:
            self._close()

    def _close(self) -> None:
        self.deadline = monotonic() + self.flush
        if not self.transport.is_closing():  # asyncio's TLS transport loses its connection when closed twice
            self.transport.close()
