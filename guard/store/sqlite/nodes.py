"""The machines of a fleet in an SQLite database: a row each, what it has said and when."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from time import time

from guard.store.nodes import Node, Nodes, encoded
from guard.store.sqlite.file import File

_TOLD = "SELECT CAST(at AS REAL), CAST(told AS BLOB) FROM nodes WHERE fleet = ?"


class SqliteNodes(Nodes):
    """Those of a fleet: guards of one machine, whose clock is the store's."""

    def __init__(self, file: File, fleet: str) -> None:
        self._file = file
        self._fleet = fleet

    def tell(self, node: Node) -> None:
        """Say what a machine has, as of now."""
        row = (self._fleet, node.node, time(), encoded(node))
        self._file.write(lambda connection: connection.execute("REPLACE INTO nodes VALUES (?, ?, ?, ?)", row))

    def told(self) -> tuple[float, Iterable[tuple[float, bytes]]]:
        """The time, and what each has said when."""

        def work(connection: sqlite3.Connection) -> list[tuple[float, bytes]]:
            return connection.execute(_TOLD, (self._fleet,)).fetchall()

        return time(), self._file.read(work)

    def forget(self, *names: str) -> None:
        """These machines have ended."""
        rows = [(self._fleet, name) for name in names]
        forget = "DELETE FROM nodes WHERE fleet = ? AND node = ?"
        self._file.write(lambda connection: connection.executemany(forget, rows))
