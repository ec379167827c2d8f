"""Stores of every kind, and what may befall them: each is emptied, or becomes again what it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support import valkey

KINDS = ("file", "server")


class InServer:
    """In a real Valkey of its own."""

    def __init__(self, server: Any) -> None:
        self.url: str = server.connection_url
        self._server = server

    def empty(self) -> None:
        """All that is there is gone."""
        with valkey.asked(self._server) as client:
            client.flushall()

    def save(self) -> Any:
        """What a replica has by now."""
        with valkey.asked(self._server, decode_responses=False) as client:
            return {key: client.dump(key) for key in client.keys("guard:*")}

    def rewind(self, saved: Any) -> None:
        """Another server takes over, that has what was saved."""
        self.empty()
        with valkey.asked(self._server) as client:
            for key, value in saved.items():
                client.restore(key, 0, value)

    def spoil(self, name: str) -> None:
        """Put something else in the place of the rules with that hash."""
        with valkey.asked(self._server) as client:
            client.hset("guard:{guard}:bundles", name, b"others")


class InFile:
    """In a database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:{path}"

    def empty(self) -> None:
        """Somebody has taken the files away."""
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink(missing_ok=True)

    def save(self) -> Any:
        """What a backup has."""
        if not self.path.exists():
            return None
        with closing(sqlite3.connect(self.path)) as database:
            return database.serialize()

    def rewind(self, saved: Any) -> None:
        """Somebody has put a backup in the place of the file."""
        self.empty()
        if saved is not None:
            self.path.write_bytes(saved)

    def spoil(self, name: str) -> None:
        """Put something else in the place of the rules with that hash."""
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute("UPDATE bundles SET parcel = ? WHERE name = ?", (b"others", name))


Kind = InServer | InFile


@contextmanager
def store(kind: str, folder: Path) -> Iterator[Kind]:
    """One of a kind."""
    if kind == "file":
        yield InFile(folder / "store.db")
        return
    with valkey.server() as server:
        yield InServer(server)
