"""What a keeper is told when it starts."""

from __future__ import annotations

from pathlib import Path

import msgspec

from guard.config import Config, Journal


class Orders(msgspec.Struct, frozen=True):
    """Where the state is, and what the configuration says of the journal."""

    state: str
    journal: Journal

    @property
    def folder(self) -> Path:
        """The journal's folder."""
        return Path(self.state) / self.journal.dir

    @property
    def notes(self) -> Path:
        """The folder for what the keeper remembers over a restart; all of it can be found out anew."""
        return Path(self.state) / "keeper"


def orders(config: Config) -> Orders:
    """What a configuration has the keeper do."""
    return Orders(config.state, config.journal)


def encode(given: Orders) -> bytes:
    """Orders as one line."""
    return msgspec.json.encode(given) + b"\n"


def decode(line: bytes) -> Orders:
    """Orders from a line.

    Raises:
        ValueError: it has none.
    """
    return msgspec.json.decode(line, type=Orders)
