"""Connections to one origin: the whole mutable state is a list of idle ones, a count, and who waits."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Protocol

from guard.config import Upstream
from guard.wire.address import Origin
from guard.wire.upstream import UpstreamConnection


class Taker(Protocol):
    """What asked for a connection."""

    def connected(self, connection: UpstreamConnection) -> None:
        """Here it is."""

    def upstream_failed(self, error: str, *, reached: bool) -> None:
        """None could be made."""


class Pool:
    """Keeps connections alive between exchanges, newest first, and never more than `connections` at once.

    A connection idle for longer than `keepalive` seconds is not used again: its origin may be about to close it, and a
    request lost in that race must not be sent twice.
    """

    def __init__(self, origin: Origin, bounds: Upstream, tls: ssl.SSLContext | None) -> None:
        self.origin = origin
        self.bounds = bounds
        self.tls = tls
        self.idle: list[UpstreamConnection] = []
        self.open: set[UpstreamConnection] = set()
        self.opening: dict[Taker, asyncio.Task[None]] = {}
        self.waiting: deque[Taker] = deque()
        self.closed = False

    def __repr__(self) -> str:
        return (
            f"<Pool {self.origin.authority} idle={len(self.idle)} open={len(self.open)} "
            f"opening={len(self.opening)} waiting={len(self.waiting)}>"
        )

    def take(self, *, fresh: bool = False) -> UpstreamConnection | None:
        """An idle connection, or None: then `connect` makes one. `fresh`: only a new one will do."""
        oldest = monotonic() - self.bounds.keepalive
        while self.idle and not fresh:
            connection = self.idle.pop()
            if connection.idle_since >= oldest and not connection.transport.is_closing():
                return connection
            connection.abandon()
        return None

    def connect(self, taker: Taker) -> None:
        """Make a connection for `taker`, now or when one of the others ends."""
        if len(self.open) + len(self.opening) < self.bounds.connections:
            self.opening[taker] = asyncio.get_running_loop().create_task(self._connect(taker))
        else:
            self.waiting.append(taker)

    def cancel(self, taker: Taker) -> None:
        """`taker` does not want a connection any more."""
        task = self.opening.pop(taker, None)
        if task is not None:
            task.cancel()
            self._serve_waiting()
        elif taker in self.waiting:
            self.waiting.remove(taker)

    def give_back(self, connection: UpstreamConnection) -> None:
        """The exchange on `connection` is over and nothing is unread."""
        if self.closed:
            connection.abandon()
        elif self.waiting:
            self.waiting.popleft().connected(connection)
        else:
            connection.idle_since = monotonic()
            self.idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """`connection` is closed or about to be."""
        if connection in self.open:
            self.open.discard(connection)
            if connection in self.idle:
                self.idle.remove(connection)
            self._serve_waiting()

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long; called several times a second."""
        oldest = now - self.bounds.keepalive
        while self.idle and self.idle[0].idle_since < oldest:
            self.idle[0].abandon()

    def close(self) -> None:
        """Close everything that is idle; what is busy closes when its exchange ends."""
        self.closed = True
        for connection in list(self.idle):
            connection.abandon()

    def _serve_waiting(self) -> None:
        if self.waiting and len(self.open) + len(self.opening) < self.bounds.connections:
            self.connect(self.waiting.popleft())

    async def _connect(self, taker: Taker) -> None:
        failed: Callable[[str], None] = lambda error: taker.upstream_failed(error, reached=False)  # noqa: E731
        try:
            async with asyncio.timeout(self.bounds.connect_timeout):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: UpstreamConnection(self), self.origin.host, self.origin.port, ssl=self.tls
                )
        except TimeoutError:
            self._done(taker, lambda: failed(f"connect timeout after {self.bounds.connect_timeout:g} s"))
        except (OSError, UnicodeError) as error:  # the latter for names that cannot even be asked for
            reason = getattr(error, "strerror", None) or error
            self._done(taker, lambda reason=str(reason): failed(f"cannot connect: {reason}"))  # type: ignore[misc]
        else:
            self.open.add(connection)
            self._done(taker, lambda: taker.connected(connection))

    def _done(self, taker: Taker, then: Callable[[], None]) -> None:
        self.opening.pop(taker, None)
        self._serve_waiting()
        then()
