"""A connection to a model that has changed protocols: its bytes go to whoever asked for that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from guard.wire.upstream import UpstreamConnection

LEAVE_SECONDS = 0.5


class Listener(Protocol):
    """What is told of such a connection."""

    def model_data(self, data: bytes) -> None:
        """Bytes came."""

    def model_lost(self, error: str) -> None:
        """The connection is gone, and it was not the guard that left."""

    def model_full(self, full: bool) -> None:
        """The model does not take what was written to it, or takes it again."""


class Switched(asyncio.Protocol):
    """What takes the transport over from an `UpstreamConnection`, which still counts as open in its pool."""

    def __init__(self, connection: UpstreamConnection, listener: Listener) -> None:
        self.connection = connection
        self.transport = connection.transport
        self.listener = listener
        self._left: asyncio.TimerHandle | None = None

    def leave(self, goodbye: bytes) -> None:
        """Say goodbye; the connection is closed when the model has answered that, or after half a second."""
        if self._left is None:
            self.transport.write(goodbye)
            self._left = asyncio.get_running_loop().call_later(LEAVE_SECONDS, self.transport.abort)
            if not self.transport.is_closing() and not self.transport.is_reading():
                self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._left is None:
            self.listener.model_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.pool.forget(self.connection)
        if self._left is not None:
            self._left.cancel()
        else:
            self.listener.model_lost(f"connection lost: {exc}" if exc else "connection closed without a close frame")

    def pause_writing(self) -> None:
        self.listener.model_full(True)

    def resume_writing(self) -> None:
        self.listener.model_full(False)
