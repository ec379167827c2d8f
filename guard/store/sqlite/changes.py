"""The changes of a fleet in an SQLite database: a row each, its record as JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import sha1
from json import dumps
from secrets import token_hex
from threading import Event
from time import monotonic

from guard.store.changes import (
    BATCH,
    BATCH_BYTES,
    NOTHING,
    WORDS_BYTES,
    Added,
    Changes,
    Entry,
    Known,
    Page,
    Published,
    Stored,
    stored,
    text,
)
from guard.store.errors import StoreError
from guard.store.sqlite.file import File

POLL_SECONDS = 0.01
"""Where other guards write to it; what this process writes is known at once."""

_LAST = "SELECT version, link FROM changes WHERE fleet = ? ORDER BY version DESC LIMIT 1"
_LINK = "SELECT link FROM changes WHERE fleet = ? AND version = ?"
_NEXT = "SELECT version, id, record, link FROM changes WHERE fleet = ? AND version > ? ORDER BY version LIMIT ?"
_EPOCH = "SELECT epoch FROM histories WHERE fleet = ?"
_KNOWN = "SELECT id, version FROM changes WHERE fleet = ? AND id IN (SELECT value FROM json_each(?))"
_ADD = "INSERT INTO changes VALUES (?, ?, ?, ?, ?)"

MOST = 2**53
"""As in a Redis: no version is as large."""


class SqliteChanges(Changes):
    """Those of a fleet; `watch` is the same file once more, for who waits for what others write.

    Where it is one machine's `own`, its changes keep the numbers that they had, as long as each is higher than the
    last.
    """

    def __init__(self, file: File, watch: File, fleet: str, *, own: bool = False) -> None:
        self.address = str(file.path)
        self._own = own
        self._written = Event()
        self._file = file
        self._watch = watch
        self._fleet = fleet

    def add(self, entries: Sequence[Entry], if_version: int | None = None, after: Known = NOTHING) -> Added:
        """Add changes in one step; who waits in this process is woken."""
        added = self._file.write(lambda connection: self._add(connection, entries, if_version, after))
        self._written.set()
        return added

    def known(self, ids: Sequence[str]) -> Published:
        """Those of these ids (some) that the store has."""

        def work(connection: sqlite3.Connection) -> Published:
            epoch = self._epoch(connection) if self._last(connection)[0] else ""
            return Published(epoch, self._known(connection, ids))

        return self._file.read(work)

    def read(self, after: int, count: int = BATCH) -> Page:
        """The changes after that version, at most so many."""

        def work(connection: sqlite3.Connection) -> Page:
            before = self._link(connection, after)
            version, _ = self._last(connection)
            epoch = self._epoch(connection) if version else ""
            return Page(epoch, version, before, self._next(connection, after, count))

        return self._file.read(work)

    def wait(self, after: int, seconds: float) -> bool:
        """Wait for a change: a look whether anybody has written, again and again."""
        until = monotonic() + seconds
        seen = None
        while True:
            now = self._watch.stamp()
            if now != seen:
                seen = now
                if self.version() > after:
                    return True
            rest = until - monotonic()
            if rest <= 0:
                return False
            self._written.wait(rest if self._own else min(POLL_SECONDS, rest))
            self._written.clear()

    def _add(
        self, connection: sqlite3.Connection, entries: Sequence[Entry], if_version: int | None, after: Known
    ) -> Added:
        last, link = self._last(connection)
        if after.epoch and (not last or self._epoch(connection) != after.epoch):
            raise self._lost()
        if after.version and self._link(connection, after.version) != after.link:
            raise self._lost()
        known = self._known(connection, [entry.id for entry in entries])
        missing = {entry.id: entry for entry in entries if entry.id not in known}
        if missing and if_version not in (None, last):
            return Added(last, None)
        if not last:
            connection.execute("REPLACE INTO histories VALUES (?, ?)", (self._fleet, token_hex(8)))
        epoch = self._epoch(connection)
        rows = []
        for id_, line, number in missing.values():
            known[id_] = last = max(last + 1, number if self._own else 0)
            link = sha1(f"{link or epoch}{id_}".encode(), usedforsecurity=False).hexdigest()
            rows.append((self._fleet, last, id_, line.decode(), link))
        connection.executemany(_ADD, rows)
        return Added(last, [known[entry.id] for entry in entries], epoch)

    def _next(self, connection: sqlite3.Connection, after: int, count: int) -> list[Stored]:
        found: list[Stored] = []
        room = BATCH_BYTES
        for version, id_, line, link in connection.execute(_NEXT, (self._fleet, after, count)):
            # Somebody else may have put there what is no text, or so long that who reads it is never done with it.
            fit = all(isinstance(word, bytes) for word in (id_, line, link)) and len(id_) + len(link) <= WORDS_BYTES
            line_ = line if fit and len(line) <= BATCH_BYTES else b""
            room -= len(line_)
            if room < 0 and found:
                break
            found.append(stored(version, id_ if fit else b"", line_, _word(link)))
        return found

    def _last(self, connection: sqlite3.Connection) -> tuple[int, str]:
        """The version of the last one and its link."""
        version, link = connection.execute(_LAST, (self._fleet,)).fetchone() or (0, b"")
        if not isinstance(version, int) or version >= MOST:
            name = _word(version) or str(version)
            what = f"somebody put change {name} there, and none can follow: delete it, and the machines fill it again"
            raise StoreError(f"the store {self.address}: {what}")
        return version, _word(link)

    def _link(self, connection: sqlite3.Connection, version: int) -> str:
        """Of the change with that version; "": there is none."""
        found = connection.execute(_LINK, (self._fleet, version)).fetchone()
        return _word(found[0]) if found else ""

    def _epoch(self, connection: sqlite3.Connection) -> str:
        found = connection.execute(_EPOCH, (self._fleet,)).fetchone()
        return _word(found[0]) if found else ""

    def _known(self, connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, int]:
        found = connection.execute(_KNOWN, (self._fleet, dumps(ids)))
        return {_word(id_): version for id_, version in found}


def _word(value: object) -> str:
    """A word of the guard's, or as much of what somebody else has put there."""
    return text(value[:WORDS_BYTES]) if isinstance(value, bytes) else ""
