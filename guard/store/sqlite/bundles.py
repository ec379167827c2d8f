"""Parcels of rules in an SQLite database: a row each, numbered by when it was last offered."""

from __future__ import annotations

import sqlite3

from guard.store import bundles
from guard.store.sqlite.file import File

_PARCEL = "SELECT CAST(parcel AS BLOB) FROM bundles WHERE fleet = ? AND name = ?"
_TOUCH = """REPLACE INTO bundles VALUES
    (:fleet, :name, (SELECT ifnull(max(offered), 0) + 1 FROM bundles WHERE fleet = :fleet), :parcel)"""
_DROP = """DELETE FROM bundles WHERE fleet = :fleet AND offered <=
    (SELECT offered FROM bundles WHERE fleet = :fleet ORDER BY offered DESC LIMIT 1 OFFSET :kept)"""


class SqliteBundles(bundles.Bundles):
    """Those of a fleet."""

    def __init__(self, file: File, fleet: str) -> None:
        self.address = str(file.path)
        self._file = file
        self._fleet = fleet

    def fetch(self, name: str) -> bytes | None:
        """What is there by that hash."""

        def work(connection: sqlite3.Connection) -> bytes | None:
            found = connection.execute(_PARCEL, (self._fleet, name)).fetchone()
            return found[0] if found else None

        return self._file.read(work)

    def put(self, name: str, data: bytes) -> None:
        """Offer a parcel to all; those that were offered last stay."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_TOUCH, {"fleet": self._fleet, "name": name, "parcel": data})
            connection.execute(_DROP, {"fleet": self._fleet, "kept": bundles.KEPT})

        self._file.write(work)
