"""Exchanges by the time they began, however many there are: beyond what may be in memory they wait in a file."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from operator import itemgetter
from types import TracebackType
from typing import IO, Any, Self

import orjson

from guard.evidence.joining import Line

MEMORY_BYTES = 33_554_432
_SIZES = struct.Struct("<dQ")

Item = tuple[float, bytes]
"""When an exchange began, and what is to be told of it."""


class Items:
    """Gathers exchanges as lines of JSON, whole, or (`brief`) as much as a line for people needs."""

    def __init__(self, *, brief: bool = False) -> None:
        self._brief = brief
        self._found: list[Item] = []

    def add(self, exchange: Line) -> None:
        """Keep one."""
        self._found.append((exchange["at"] or 0.0, orjson.dumps(shortened(exchange) if self._brief else exchange)))

    def take(self) -> list[Item]:
        """Those kept."""
        return self._found


class Ordered:
    """Takes items in any order and gives them back by time. The file has no name, and is gone with the process."""

    def __init__(self, memory: int = MEMORY_BYTES) -> None:
        self._memory = memory
        self._items: list[Item] = []
        self._size = 0
        self._runs: list[IO[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def put(self, item: Item) -> None:
        """Take one."""
        self._items.append(item)
        self._size += len(item[1]) + 100
        if self._size > self._memory:
            self._spill()

    def items(self) -> Iterator[Item]:
        """All of them."""
        self._items.sort(key=itemgetter(0))
        return merge(*map(_read, self._runs), self._items, key=itemgetter(0))

    def _spill(self) -> None:
        self._items.sort(key=itemgetter(0))
        run = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
        for at, data in self._items:
            run.write(_SIZES.pack(at, len(data)) + data)
        self._runs.append(run)
        self._items, self._size = [], 0


def shortened(exchange: dict[str, Any]) -> dict[str, Any]:
    """What a line for people needs."""
    request, response = exchange["request"] or {}, exchange["response"]
    names = ("id", "at", "client", "model", "version", "end", "reason", "timings")
    return {
        **{name: exchange[name] for name in names},
        "prompt": [text[:200] for text in exchange["prompt"][-1:]],
        "request": {"body": (request.get("body") or "")[:200]},
        "response": {"status": response.get("status")},
    }


def _read(run: IO[bytes]) -> Iterator[Item]:
    run.seek(0)
    while sizes := run.read(_SIZES.size):
        at, size = _SIZES.unpack(sizes)
        yield at, run.read(size)
