"""The two databases of a store: what was decided, and what is so just now.

The second, beside the first, is written many times a second and is worth nothing after a restart of the machine; so it
is not synced, and who waits for changes is not woken by it.
"""

from __future__ import annotations

from pathlib import Path

from guard.store.sqlite import LIVE_SUFFIX
from guard.store.sqlite.file import File, Schema

DECIDED = Schema(
    1,
    (
        "CREATE TABLE histories (fleet TEXT PRIMARY KEY, epoch TEXT NOT NULL)",
        """CREATE TABLE changes (
            fleet TEXT NOT NULL, version INTEGER NOT NULL, id TEXT NOT NULL, record TEXT NOT NULL, link TEXT NOT NULL,
            PRIMARY KEY (fleet, version), UNIQUE (fleet, id))""",
        """CREATE TABLE bundles (
            fleet TEXT NOT NULL, name TEXT NOT NULL, offered INTEGER NOT NULL, parcel BLOB NOT NULL,
            PRIMARY KEY (fleet, name))""",
    ),
    lasting=True,
)

LIVE = Schema(
    1,
    (
        "CREATE TABLE nodes (fleet TEXT NOT NULL, node TEXT NOT NULL, at REAL NOT NULL, told BLOB NOT NULL,"
        " PRIMARY KEY (fleet, node))",
        "CREATE TABLE budgets (fleet TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, ends INTEGER NOT NULL,"
        " PRIMARY KEY (fleet, key))",
        "CREATE TABLE sharing (fleet TEXT NOT NULL, node TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (fleet, node))",
    ),
    lasting=False,
)


def decided(path: Path, timeout: float, *, own: bool = False) -> File:
    """The database of what was decided; if it is one machine's `own`, that fills it again when it is damaged."""
    return File(path, DECIDED, timeout, mends=own, shared=not own)


def live(path: Path, timeout: float) -> File:
    """The database of what is so just now."""
    return File(path.with_name(path.name + LIVE_SUFFIX), LIVE, timeout, mends=True)
