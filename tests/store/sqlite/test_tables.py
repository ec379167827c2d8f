"""The two databases of a store."""

import sqlite3
from contextlib import closing

from guard.store.sqlite.tables import decided, live


def tables(path):
    """Those that are there."""
    with closing(sqlite3.connect(path)) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_what_lasts_and_what_does_not_are_apart(tmp_path):
    """So that what is written many times a second is not synced with the rest, and wakes nobody who waits for that."""
    path = tmp_path / "store.db"
    for file in (decided(path, 5.0), live(path, 5.0)):
        file.read(lambda _: None)
        file.close()
    assert tables(path) == {"histories", "changes", "bundles"}
    assert tables(tmp_path / "store.db-live") == {"nodes", "budgets", "sharing"}
