"""Shipping: every record of every log into a Redis stream, in order for each log, at least once.

An entry has the fields ``node``, ``log``, ``seq`` and ``record`` (the line as it is in the journal). The first three
name the record, so that whoever reads the stream can drop what comes twice: after a break, what was sent and not yet
noted down as received is sent again. Only records that are on disk are sent.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from guard import config
from guard.journal.folder import logs
from guard.keeper.cursor import Cursor, CursorError, Line, Place
from guard.keeper.standing import Standing
from guard.proof.files import replace
from guard.proof.node import node_name

if TYPE_CHECKING:
    from redis import Redis

BATCH_RECORDS = 500
BATCH_BYTES = 1_048_576
NOTE_SECONDS = 1.0
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
FILE = "shipped.json"


class ShipError(Exception):
    """Nothing can be shipped; the message says why."""


class Kept(msgspec.Struct, frozen=True):
    """How far a log was shipped: the record to come, and where that is."""

    seq: int
    base: int
    offset: int


class Shipped(msgspec.Struct, frozen=True):
    """What was shipped into which stream."""

    stream: str
    logs: dict[str, Kept]


class Shipper:
    """Sends what is new, and remembers how far it came."""

    def __init__(self, state: Path, journal: Path, sink: config.RedisSink, notes: Path, standing: Standing) -> None:
        self._state = state
        self._journal = journal
        self._sink = sink
        self._path = notes / FILE
        self._standing = standing
        self._kept = _read(self._path, sink.stream)
        self._cursors: dict[str, Cursor] = {}
        self._noted_at = monotonic()
        self._client: Redis | None = None

    def step(self) -> None:
        """Send all that is on disk and was not sent, a batch of each log in turn.

        Raises:
            ShipError: it cannot be shipped at all.
            CursorError: a record cannot be read; those of other logs are sent all the same.
            OSError: a file cannot be read or written.
            redis.RedisError: the sink is not there, or refuses.
        """
        client = self._client = self._client or _connected(self._sink)
        unread = None
        names = logs(self._journal)
        try:
            while names:
                sent = []
                for log in names:
                    try:
                        if self._send(client, log):
                            sent.append(log)
                    except CursorError as error:
                        unread = error
                names = sent
        finally:
            self._note()
        if unread is not None:
            raise unread

    def _send(self, client: Redis, log: str) -> bool:
        """Send a batch; whether there was one. The place moves on when the sink has it."""
        cursor = self._cursor(log)
        before = cursor.seq, cursor.place
        lines = cursor.read(self._standing.durable.get(log, 0), BATCH_RECORDS, BATCH_BYTES)
        if lines:
            try:
                self._add(client, log, lines)
            except BaseException:
                self._cursors[log] = Cursor(self._journal, log, *before)
                raise
        self._kept[log] = Kept(cursor.seq, *cursor.place)
        self._standing.shipped[log] = cursor.seq
        if monotonic() - self._noted_at >= NOTE_SECONDS:
            self._note()
        return bool(lines)

    def _add(self, client: Redis, log: str, lines: list[Line]) -> None:
        node = node_name(self._state)
        with client.pipeline(transaction=False) as pipeline:
            for line in lines:
                pipeline.xadd(
                    self._sink.stream,
                    {"node": node, "log": log, "seq": line.seq, "record": line.data},
                    maxlen=self._sink.max_entries,
                    approximate=True,
                )
            pipeline.execute()

    def _cursor(self, log: str) -> Cursor:
        if log not in self._cursors:
            kept = self._kept.get(log) or Kept(0, -1, 0)
            self._cursors[log] = Cursor(self._journal, log, kept.seq, Place(kept.base, kept.offset))
        return self._cursors[log]

    def _note(self) -> None:
        """Remember what the sink has."""
        shipped = msgspec.json.encode(Shipped(self._sink.stream, self._kept), order="sorted")
        if not self._path.exists() or self._path.read_bytes() != shipped:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            replace(self._path, shipped)
        self._noted_at = monotonic()


def faults() -> tuple[type[Exception], ...]:
    """How shipping fails where the guard is not at fault."""
    expected: tuple[type[Exception], ...] = (ShipError, CursorError, OSError)
    try:
        from redis import RedisError
    except ImportError:
        return expected
    return (*expected, RedisError)


def _connected(sink: config.RedisSink) -> Redis:
    try:
        from redis import Redis
    except ImportError:
        get = f"{sys.executable} -m pip install 'guard-gateway[redis]'"
        raise ShipError(f"the library redis is not installed; get it with: {get}") from None
    assert sink.url is not None
    return Redis.from_url(sink.url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=ANSWER_SECONDS)


def _read(path: Path, stream: str) -> dict[str, Kept]:
    """How far each log was shipped into this stream; into another one nothing was."""
    try:
        shipped = msgspec.json.decode(path.read_bytes(), type=Shipped)
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError:  # it is worth no more than that some records are sent again
        return {}
    return shipped.logs if shipped.stream == stream else {}
