"""Bytes in pieces through the reader of requests, without a socket, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from guard.config import Http
from guard.exchange import Exchange, Headers
from guard.refusal import Refusal
from guard.wire.framing import upgrade_not_supported
from guard.wire.requests import RequestReader


class Asked(NamedTuple):
    """One request: names of fields in lower case, without ``Content-Length``."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    http10: bool = False
    keep_alive: bool = True


def asked(exchange: Exchange) -> Asked:
    """What an exchange asks."""
    return Asked(
        exchange.method,
        exchange.target,
        plain(exchange.head.headers),
        exchange.body,
        exchange.http10,
        exchange.keep_alive,
    )


def plain(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """Fields for comparing with a parser that gives the name of a coding, which knows no case, in small letters."""
    return tuple((name, value.lower() if name == b"transfer-encoding" else value) for name, value in headers)


class Reading:
    """A connection as the reader sees it: `requests` are those that came whole, `refusal` is what ended the reading."""

    def __init__(self, http: Http | None = None) -> None:
        self.reader = RequestReader(self, http or Http())
        self.requests: list[Asked] = []
        self.heads: list[Headers] = []
        self.refusal: Refusal | None = None

    @property
    def arriving(self) -> bool:
        """Whether a request has begun and is not whole."""
        return self.reader.arriving

    def feed(self, data: bytes, *, answered: bool = True) -> None:
        """One segment; `answered`: nothing waits for its answer, so that a head known before needs no parser."""
        if data and self.refusal is None:
            try:
                self.reader.feed(data, fresh=answered and not self.reader.arriving)
            except Refusal as refusal:
                self.refusal = refusal

    # The reader's calls.

    def request_began(self) -> None:
        """Nothing is timed here."""

    def request_head(self, exchange: Exchange, *, body: bool) -> None:  # noqa: ARG002
        self.heads.append(exchange.head.headers)

    def request_body(self, size: int) -> None:
        assert size

    def request_whole(self, exchange: Exchange) -> None:
        self.requests.append(asked(exchange))

    def request_upgrade(self, exchange: Exchange) -> None:  # noqa: ARG002
        raise upgrade_not_supported()

    def upgrade_data(self, data: bytes) -> None:
        """Nobody upgrades here."""


def read(pieces: Iterable[bytes], http: Http | None = None) -> Reading:
    """What these segments are, with every request answered before the next segment comes."""
    reading = Reading(http)
    for piece in pieces:
        reading.feed(piece)
    return reading
