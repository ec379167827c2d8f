"""A database in a file, in WAL mode: several processes of one machine read it while one of them writes.

Each piece of work is one transaction with a bound on its time. Where the file was taken away, or exchanged, the next
piece of work goes to the one that is there then. What fails has its connection closed with it: whether a write came to
the disk that the system could not write is nothing to build on.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple, TypeVar

from guard.proof.files import try_lock
from guard.store.errors import StoreError, plain
from guard.store.sqlite.mounts import network

APPLICATION = 0x67756172
"""By which SQLite (and `file`) knows whose a database is: "guar"."""
STEP_SECONDS = 0.005
CACHE_KIB = 16_384
"""So that what is written at random places of an index is not read again and again."""
SIDES = ("-wal", "-shm")
MARKS = ("application_id", "user_version")

Found = TypeVar("Found")
Work = Callable[[sqlite3.Connection], Found]


class Schema(NamedTuple):
    """What tables there are, as the statements that make them, and the number by which that is known.

    `lasting`: whether what was written has to outlast a loss of power.
    """

    number: int
    statements: tuple[str, ...]
    lasting: bool


class _Busy(Exception):
    """Another process keeps it."""


class File:
    """One database, from any thread; opened when there is first something to do. It gives out texts as bytes.

    Attributes:
        path: where it is.
        timeout: how long (seconds) it may be waited for others.
    """

    def __init__(
        self, path: Path, schema: Schema, timeout: float, *, mends: bool = False, shared: bool = False
    ) -> None:
        """`mends`: whether one that is damaged is set aside, so that the next piece of work finds a new one. `shared`:
        whether others write to it, who must be on this machine then.
        """
        self.path = path
        self.timeout = timeout
        self._schema = schema
        self._mends = mends
        self._shared = shared
        self._connection: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._lock = threading.Lock()

    def write(self, work: Work[Found]) -> Found:
        """Do some work that changes it, all of it or nothing; nobody else changes it meanwhile.

        Raises:
            StoreError: it cannot be opened, read or written, or others hold it for too long.
        """
        return self._do(work, "BEGIN IMMEDIATE")

    def read(self, work: Work[Found]) -> Found:
        """Do some work that reads it as it is at one time.

        Raises:
            StoreError: likewise.
        """
        return self._do(work, "BEGIN")

    def stamp(self) -> tuple[int, int, int]:
        """Another one once anybody else has changed it, for who is here only to see that; quick.

        Raises:
            StoreError: likewise.
        """
        with self._told(), self._alone():
            (version,) = self._opened().execute("PRAGMA data_version").fetchone()
            return (*self._inode, version)

    def close(self) -> None:
        """Let go of it, until there is something to do again."""
        with self._lock:
            self._close()

    def _do(self, work: Work[Found], begin: str) -> Found:
        with self._told(), self._alone():
            connection = self._opened()
            connection.execute(begin)
            try:
                found = work(connection)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One thread at a time: others of this process wait no longer than other processes."""
        if not self._lock.acquire(timeout=self.timeout):
            raise _Busy
        try:
            yield
        except sqlite3.Error as error:
            if _code(error) != sqlite3.SQLITE_BUSY:
                self._close()
            if self._mends and _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                self._set_aside()
            raise
        finally:
            self._lock.release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong, in the guard's words."""
        try:
            yield
        except _Busy:
            raise self._error(f"others hold it for more than {self.timeout:g} seconds") from None
        except sqlite3.Error as error:
            what, unsure = _words(error, self.timeout)
            raise self._error(what, unsure=unsure) from None
        except OSError as error:
            raise self._error(f"it cannot be opened ({error.strerror})") from None

    def _error(self, what: str, *, unsure: bool = False) -> StoreError:
        return StoreError(f"the store {self.path}: {what}", unsure=unsure)

    def _opened(self) -> sqlite3.Connection:
        """The connection to what is there now."""
        if self._connection is not None and _inode(self.path) != self._inode:
            self._close()
        if self._connection is None:
            self._check_place()
            self._create()
            self._inode = _inode(self.path)
            connection = sqlite3.connect(
                self.path, timeout=self.timeout, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            connection.text_factory = bytes  # for there may be anything
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _check_place(self) -> None:
        if self._shared and (kind := network(self.path.parent)):
            what = f"it is on a network file system ({kind}), where machines do not see each other's changes"
            raise self._error(f"{what}; expected a disk of this machine's, or a Redis for several machines")

    def _create(self) -> None:
        """Make an empty file that only its owner reads, if there is none; what lay beside an earlier one is not its."""
        # To open it and close it again would end what SQLite holds of it in this process.
        if os.path.lexists(self.path):
            return
        with self._turn():
            if not os.path.lexists(self.path):
                self._drop_sides()
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the only process that says which file is there: what lies beside one in use is never taken from it."""
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            until = monotonic() + self.timeout
            while not try_lock(folder):
                if monotonic() > until:
                    raise _Busy
                sleep(STEP_SECONDS)
            yield
        finally:
            os.close(folder)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """See whose it is, and make the tables where it is new."""
        connection.execute("BEGIN")  # others may be making it
        self._check(connection)
        connection.execute("COMMIT")
        _use_wal(connection, monotonic() + self.timeout)
        connection.execute(f"PRAGMA synchronous={'FULL' if self._schema.lasting else 'OFF'}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.execute("BEGIN IMMEDIATE")
        if self._check(connection):
            for statement in self._schema.statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={self._schema.number}")
        connection.execute("COMMIT")

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Whether it is new, and has no tables yet; if it has some, they are the ones that this guard knows."""
        application, number = (connection.execute(f"PRAGMA {what}").fetchone()[0] for what in MARKS)
        if (application, number) == (0, 0) and connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
            return True
        if application != APPLICATION:
            raise self._error("it is another program's database")
        if number != self._schema.number:
            raise self._error(f"its tables are of number {number}, and this guard knows {self._schema.number}")
        return False

    def _close(self) -> None:
        given, self._connection = self._connection, None
        if given is not None:
            with suppress(sqlite3.Error):
                given.close()

    def _set_aside(self) -> None:
        """Whoever wants to look at it finds it beside. Where others have done so already, a new one is there."""
        with self._turn():
            if _inode(self.path) == self._inode:
                self.path.replace(self.path.with_name(self.path.name + "-damaged"))
                self._drop_sides()

    def _drop_sides(self) -> None:
        for side in SIDES:
            self.path.with_name(self.path.name + side).unlink(missing_ok=True)


def _use_wal(connection: sqlite3.Connection, until: float) -> None:
    """Set the mode, which the file keeps; while others set it too SQLite does not wait for them by itself."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
            sleep(STEP_SECONDS)
        else:
            return


def _inode(path: Path) -> tuple[int, int]:
    """Which file is there now; 0, 0: none."""
    try:
        found = os.stat(path)  # noqa: PTH116  the quicker of the two
    except FileNotFoundError:
        return 0, 0
    return found.st_dev, found.st_ino


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary code."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _words(error: sqlite3.Error, timeout: float) -> tuple[str, bool]:
    """What is the matter, and whether what was asked may have been done."""
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"others hold it for more than {timeout:g} seconds", False
        case sqlite3.SQLITE_FULL:
            return "its disk is full", False
        case sqlite3.SQLITE_READONLY:
            return "it is read-only", False
        case sqlite3.SQLITE_CANTOPEN:
            return f"it cannot be opened ({plain(error)})", False
        case sqlite3.SQLITE_CORRUPT:
            return f"it is damaged ({plain(error)})", False
        case sqlite3.SQLITE_NOTADB:
            return "it is no database", False
        case _:
            return f"it cannot be read or written ({plain(error)})", True
