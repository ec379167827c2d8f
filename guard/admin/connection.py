"""A connection to the admin listener: uvicorn's, with bounds on how slow a caller may be, and on how many there are."""

from __future__ import annotations

import asyncio
import socket

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from guard.wire.address import household

HEAD_SECONDS = 10.0
WRITE_SECONDS = 30.0
MOST = 512
MOST_EACH = 256
"""Of one address, so that it alone cannot keep all others out."""


def _household(connection: object) -> str:
    client: tuple[str, int] | None = getattr(connection, "client", None)
    return household(client[0]) if client is not None else ""


class AdminConnection(H11Protocol):
    """Closed where a head takes too long to come, or an answer is not taken. The gate sees how long bodies take."""

    _slow: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take one, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > MOST or self._of_same_address() > MOST_EACH:
            transport.abort()
            return
        # uvicorn writes a head and its body one by one; the body is not to wait until the head is acknowledged.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._slow = self.loop.call_later(HEAD_SECONDS, self._late, None)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first of a later head begin its time."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._forget()
        elif self._slow is None and not self._answering():
            self._slow = self.loop.call_later(HEAD_SECONDS, self._late, before)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._forget()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The caller takes no more for now."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller goes on."""
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        super().resume_writing()

    def _of_same_address(self) -> int:
        """How many connections there are from where this one is from."""
        return sum(_household(one) == _household(self) for one in self.connections)

    def _answering(self) -> bool:
        """Whether there is a call that was not answered yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _late(self, cycle: object) -> None:
        """No head has come since."""
        self._slow = None
        if self.cycle is cycle:
            self.transport.abort()

    def _forget(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
