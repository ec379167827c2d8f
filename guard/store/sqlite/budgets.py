"""The budgets that nodes share in an SQLite database: a row each. What is done with it is done in a thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import time_ns
from typing import TypeVar

from guard.lending import Ask
from guard.store.budgets import SECOND, Answer, Budgets, Told, told
from guard.store.errors import StoreError
from guard.store.sqlite.budget import Asked, Budget, ask, new
from guard.store.sqlite.file import File

Found = TypeVar("Found")

LAST = 2**62
"""No time is later: SQLite's whole numbers have 64 bits."""

_VALUE = "SELECT CAST(value AS BLOB) FROM budgets WHERE fleet = ? AND key = ? AND ends > ?"
_WRITE = "REPLACE INTO budgets VALUES (?, ?, ?, ?)"
# A clock that was set back: what is noted in times to come would be there for ever.
_MISSED = "DELETE FROM sharing WHERE fleet = ? AND abs(at - ?) > ?"
_OVER = "DELETE FROM budgets WHERE fleet = ? AND ends <= ?"


class SqliteBudgets(Budgets):
    """Those of a fleet: guards of one machine, whose clock is the store's."""

    def __init__(self, file: File, fleet: str) -> None:
        self.address = str(file.path)
        self._file = file
        self._fleet = fleet
        self._thread = ThreadPoolExecutor(1, "budgets")

    async def ask(self, node: str, life: float, nodes: int, asks: Sequence[Ask]) -> Sequence[Answer]:
        """Ask for a node."""

        def work(connection: sqlite3.Connection) -> list[Answer]:
            asked = Asked(node, round(life * SECOND), nodes, _now())
            return [self._answer(connection, one.key, told(one), asked) for one in asks]

        return await self._do(lambda: self._file.write(work))

    async def beat(self, node: str, missed: float) -> int:
        """Say that a node is there; how many are."""

        def work(connection: sqlite3.Connection) -> int:
            now = _now() / SECOND
            connection.execute(_OVER, (self._fleet, _now()))
            connection.execute(_MISSED, (self._fleet, now, missed))
            connection.execute("REPLACE INTO sharing VALUES (?, ?, ?)", (self._fleet, node, now))
            (count,) = connection.execute("SELECT count(*) FROM sharing WHERE fleet = ?", (self._fleet,)).fetchone()
            return int(count)

        return await self._do(lambda: self._file.write(work))

    async def close(self) -> None:
        """Close the file; it is opened when it is asked again. Where the disk says nothing, it stays as it is."""
        with suppress(StoreError):
            await self._do(self._file.close)

    async def _do(self, work: Callable[[], Found]) -> Found:
        """Do it in the thread. A disk that says nothing keeps nobody waiting for longer than others would."""
        try:
            async with asyncio.timeout(2 * self._file.timeout):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            what = f"it does not answer within {2 * self._file.timeout:g} seconds"
            raise StoreError(f"the store {self.address}: {what}", unsure=True) from None

    def _answer(self, connection: sqlite3.Connection, key: str, told: Told, asked: Asked) -> Answer:
        found = connection.execute(_VALUE, (self._fleet, key, asked.now)).fetchone()
        try:
            budget = Budget.read(bytes(found[0]).decode()) if found else new(told, asked.now)
        except ValueError:  # somebody else has written it
            budget = new(told, asked.now)
        answer, lasts = ask(budget, told, asked)
        if lasts is not None:
            connection.execute(_WRITE, (self._fleet, key, budget.written(), min(asked.now + lasts, LAST)))
        return answer


def _now() -> int:
    """The machine's time in microseconds since the epoch."""
    return time_ns() // 1_000
