"""Bytes in pieces through an upstream connection, without a socket, and what its taker heard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from guard.config import Upstream
from guard.exchange import Headers
from guard.wire.address import Origin
from guard.wire.head import AnswerHead
from guard.wire.pool import Pool
from guard.wire.upstream import UpstreamConnection
from tests.support.reading import plain

ORIGIN = Origin("http", "model", 80)
REQUEST = b"GET / HTTP/1.1\r\nhost: model\r\n\r\n"


class Memory(asyncio.Transport):
    """A transport to nowhere: everything written is gone at once."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sent."""

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def is_reading(self) -> bool:
        return True

    def abort(self) -> None:
        self.closing = True

    def close(self) -> None:
        self.closing = True


class Heard:
    """What one taker was told; `end` is ``end``, ``failed``, or empty while more may come."""

    gradual = False

    def __init__(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self.status = 0
        self.head = AnswerHead([])
        self.body = b""
        self.end = ""
        self.error = ""

    @property
    def reused(self) -> bool:
        """Whether the connection may carry another exchange."""
        return self.connection in self.connection.pool.idle

    @property
    def headers(self) -> Headers:
        """The answer's fields, without ``Content-Length``."""
        return self.head.headers

    @property
    def said(self) -> tuple[object, ...]:
        """All of it, for comparing: how the body was cut into calls is not part of it."""
        return self.status, plain(self.headers), self.body, self.end

    def answer_interim(self, status: int, head: AnswerHead) -> None:  # noqa: ARG002
        assert 100 < status < 200
        assert not self.status

    def answer_head(self, status: int, head: AnswerHead, length: bytes | None) -> None:  # noqa: ARG002
        assert not self.status
        assert not self.end
        self.status = status
        self.head = head

    def answer_body(self, data: bytes) -> None:
        assert self.status
        assert not self.end
        self.body += data

    def answer_end(self, *, told: bool) -> None:  # noqa: ARG002
        assert self.status
        assert not self.end
        self.end = "end"

    def upstream_failed(self, error: str, *, reached: bool) -> None:
        assert reached
        assert not self.end
        self.end, self.error = "failed", error


class Line:
    """One connection to a model: ask, then say what the model sends."""

    def __init__(self, bounds: Upstream | None = None) -> None:
        self.pool = Pool(ORIGIN, bounds or Upstream(), None)
        self.connection = UpstreamConnection(self.pool)
        self.connection.connection_made(Memory())
        self.pool.open.add(self.connection)

    @property
    def usable(self) -> bool:
        """Whether it may carry an exchange."""
        return self.connection.receiver is None and not self.connection.transport.is_closing()

    def ask(self, *, head_only: bool = False) -> Heard:
        """Send a request: GET, or HEAD."""
        self.pool.take()
        heard = Heard(self.connection)
        self.connection.send(heard, REQUEST, head_only=head_only)
        return heard

    def say(self, pieces: Iterable[bytes], *, close: bool = False) -> None:
        """These segments come from the model, as long as the connection is open, and then perhaps its end."""
        for piece in pieces:
            if piece and not self.connection.transport.is_closing():
                self.connection.data_received(piece)
        if close:
            self.connection.connection_lost(None)


def hear(pieces: Iterable[bytes], *, head_only: bool = False, close: bool = False) -> Heard:
    """What a taker hears of these segments on a new connection."""
    line = Line()
    heard = line.ask(head_only=head_only)
    line.say(pieces, close=close)
    return heard
