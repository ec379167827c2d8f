"""Use that all workers of a node count together: cells in a file that each of them has in its memory.

The file has a fixed number of cells, is kept over restarts, and is as large when it is made as it will ever be, so that
no disk that gets full can take it away from under whoever writes to it. A cell is found by its name, a keyed hash of
what it counts, in one of a few places; when none of those is free, one of which the burst is whole again is taken.

Arrival times are written under a lock (flock) that is held for about a microsecond. Who does not get it in time goes
on without: what it counts is held until it gets it. What is held, which is also what exchanges have that are not over,
each worker notes in a column of its own, which whoever finds its worker dead clears.

Time is that of the machine's monotonic clock, and goes on over restarts of the machine by the wall clock; setting the
wall clock while it is up changes nothing.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from math import isfinite
from mmap import ACCESS_READ, mmap
from pathlib import Path
from time import monotonic, time

from guard.policy.spare import LEAST

logger = logging.getLogger("guard")

CELLS = 32_768
WINDOW = 32
"""In how many places a name may be."""

MOST_NODES = 10_000
"""More of them is no number that anybody has written here."""

COLUMNS = 32
"""How many workers can count."""

LANES = 9
"""How many numbers a cell has, besides its name and what each worker holds in it."""

LOCK_SECONDS = 0.002
CLOSED = -1
HEADER_BYTES = 4_096
MAGIC = b"guard limits 1\n\0"
SALT_BYTES = 16
BOOT_BYTES = 16
IDENTITY = struct.Struct(f"<16sQQQ{SALT_BYTES}s")  # what it is, cells, window, columns, salt; behind it its CRC-32
CLOCK = 128  # where in the header: offset, latest, wall; the boot that offset is for; columns in use; nodes
BOOT = CLOCK + 24
WIDTH = BOOT + BOOT_BYTES
NODES = WIDTH + 8

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Table:
    """The cells of a node. Its methods but `lock`, and those that count, want the lock to be held.

    A cell is an index. Its numbers are in arrays by their name; times are seconds of `now`.

    Attributes:
        names: which cells are whose; one may get another name when nothing is counted in it. 0: nobody's.
        tat: the theoretical arrival time: when the whole burst is back; of places among those in progress that were
            borrowed: a second later than now for each that other nodes need more.
        leased: units that were borrowed and not used.
        until: when those are over.
        spent: units that were used without being borrowed, or places that are given back, and not told yet.
        asked: when somebody asked for more.
        shut: until when there is no use in asking.
        doubt: until when something may be held that was used already.
        open: units that are held because they were asked for, and may not have been granted.
        share: of those in progress, how many there may be here if nothing more is heard of other nodes.
        spins: whether it is worth waiting for the lock; it was not when the last wait was in vain.
    """

    def __init__(
        self, folder: Path, *, cells: int = CELLS,
        clock: Callable[[], float] = monotonic, wall: Callable[[], float] = time, boot: bytes | None = None,
    ) -> None:  # fmt: skip
        """Open the table in this folder, or make it, and take a column of it.

        Raises:
            OSError: the folder cannot be used.
        """
        self.cells = cells
        self.clock = clock
        self.wall = wall
        self.spins = True
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._lanes = cells + WINDOW
        with _alone(folder):
            self._file = _open(folder / "table", cells)
            self._map = mmap(self._file, _size(cells))
            self._salt = IDENTITY.unpack_from(self._map)[4]
            self._view(memoryview(self._map))
            self._set_clock(_boot_id() if boot is None else boot)
            self.column, self._lock = self._claim()

    def _view(self, whole: memoryview) -> None:
        lanes = self._lanes
        self._times = whole[CLOCK : CLOCK + 24].cast("d")
        self._width = whole[WIDTH : WIDTH + 8].cast("Q")
        self._nodes = whole[NODES : NODES + 8].cast("Q")
        self.names = whole[HEADER_BYTES : HEADER_BYTES + 8 * lanes].cast("Q")
        self._numbers = numbers = [
            whole[HEADER_BYTES + 8 * lanes * (1 + lane) : HEADER_BYTES + 8 * lanes * (2 + lane)].cast("d")
            for lane in range(LANES)
        ]
        self.tat, self.leased, self.until, self.spent, self.asked, self.shut = numbers[:6]
        self.doubt, self.open, self.share = numbers[6:]
        self._counts = whole[HEADER_BYTES + 8 * (1 + LANES) * lanes :].cast("d")

    def __repr__(self) -> str:
        return f"<Table used={sum(1 for name in self.names if name)} column={self.column}>"

    def close(self) -> None:
        """Leave it to the others; a second time does nothing."""
        if self._file == CLOSED:
            return
        self.keep_time()
        self._clear(self.column)
        os.close(self._file)
        os.close(self._lock)
        self._file = self._lock = CLOSED

    # The clock.

    def now(self) -> float:
        """Seconds since the table was made."""
        return self.clock() + self._ahead

    def keep_time(self) -> None:
        """Note what time it is, for a machine that is started anew."""
        self._times[1], self._times[2] = self.now(), self.wall()

    def _set_clock(self, boot: bytes) -> None:
        self._times[0] = self._ahead = self._offset(boot)
        self._map[BOOT : BOOT + BOOT_BYTES] = boot
        self.keep_time()

    def _offset(self, boot: bytes) -> float:
        """By how much the table is ahead of the clock: as long as the machine is up that does not change."""
        offset, latest, wall = self._times
        same = self._map[BOOT : BOOT + BOOT_BYTES] == boot
        if same and isfinite(offset) and self.clock() + offset >= latest:
            return offset
        gone = self.wall() - wall
        since = latest if isfinite(latest) else 1.0
        return since + (gone if isfinite(gone) and gone > 0.0 else 0.0) - self.clock()

    # Others.

    @property
    def nodes(self) -> int:
        """Of how many nodes this was one when that was last known; 0: it never was."""
        return min(self._nodes[0], MOST_NODES)

    @nodes.setter
    def nodes(self, count: int) -> None:
        if self._nodes[0] != count:
            self._nodes[0] = count

    # The lock.

    def lock(self) -> bool:
        """Be the only one that writes; False: somebody else has been for too long."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._wait()
        if not self.spins:
            self.spins = True
        return True

    def unlock(self) -> None:
        """Let the others write."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def _wait(self) -> bool:
        until = monotonic() + LOCK_SECONDS if self.spins else 0.0
        while monotonic() < until:
            os.sched_yield()
            with suppress(BlockingIOError):
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
        self.spins = False
        return False

    # Cells.

    def name(self, what: str) -> int:
        """The name of the cell that counts this."""
        return int.from_bytes(blake2b(what.encode(), digest_size=8, key=self._salt).digest()) or 1

    def find(self, name: int, now: float) -> int | None:
        """The cell of this name, a new one if there is none; None: there is no room."""
        start = name % self.cells
        there = self.names[start : start + WINDOW].tolist()
        if name in there:
            index = start + there.index(name)
            if not all(isfinite(numbers[index]) for numbers in self._numbers):
                self._wipe(index)
            return index
        if 0 in there:
            index = start + there.index(0)
        else:
            whole = (index for index in range(start, start + WINDOW) if self._is_whole(index, now))
            found = next(whole, None)
            if found is None:
                return None
            index = found
        self._wipe(index)
        self.names[index] = name
        return index

    def seek(self, name: int) -> int | None:
        """The cell of this name, if there is one; without the lock what it tells may be over."""
        start = name % self.cells
        there = self.names[start : start + WINDOW].tolist()
        return start + there.index(name) if name in there else None

    def held(self, index: int) -> float:
        """What exchanges of all workers hold that are not over."""
        return sum(self._counts[index : self._width[0] * self._lanes : self._lanes])

    def hold(self, index: int, units: float) -> None:
        """One of this worker's holds more; while there is some the cell keeps its name."""
        self._counts[self.column * self._lanes + index] += units

    def let_go(self, index: int, units: float) -> None:
        """One of this worker's holds it no more."""
        place = self.column * self._lanes + index
        rest = self._counts[place] - units
        self._counts[place] = rest if rest > LEAST else 0.0

    def _is_whole(self, index: int, now: float) -> bool:
        # Said so that what is no number counts as nothing.
        used = self.tat[index] > now or self.until[index] > now
        return not used and not self.held(index) > 0.0

    def _wipe(self, index: int) -> None:
        for numbers in self._numbers:
            numbers[index] = 0.0

    # Columns.

    def bury(self) -> None:
        """Clear the columns of workers that have died."""
        with _alone(self._folder):
            for column in range(self._width[0]):
                if column != self.column and (lock := self._try(column)) is not None:
                    self._clear(column)
                    os.close(lock)

    def _claim(self) -> tuple[int, int]:
        """Take the first column that nobody has, and clear those of the dead."""
        mine: tuple[int, int] | None = None
        used, width = self._width[0], 0
        for column in range(COLUMNS):
            lock = self._try(column)
            if lock is None:
                width = column + 1
                continue
            if column < used:
                self._clear(column)
            if mine is None:
                mine = column, lock
            else:
                os.close(lock)
        if mine is None:
            raise OSError(f"{self._folder}: {COLUMNS} workers use it already")
        self._width[0] = max(width, mine[0] + 1)
        return mine

    def _try(self, column: int) -> int | None:
        lock = os.open(self._folder / f"{column}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock

    def _clear(self, column: int) -> None:
        start = HEADER_BYTES + 8 * (1 + LANES + column) * self._lanes
        self._map[start : start + 8 * self._lanes] = bytes(8 * self._lanes)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one that opens the table, or clears columns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Glance(Table):
    """The table as it is, to look at and not to count in."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError where there is none, ValueError where it is none, OSError if it cannot be read."""
        self.cells, self._lanes = CELLS, CELLS + WINDOW
        self.clock, self.wall = monotonic, time
        with (folder / "table").open("rb") as file:
            self._map = mmap(file.fileno(), 0, access=ACCESS_READ)
        if not _is_table(self._map[: IDENTITY.size + 4], len(self._map), CELLS):
            raise ValueError(f"{folder / 'table'} is no table of limits of this program")
        self._salt = IDENTITY.unpack_from(self._map)[4]
        self._view(memoryview(self._map))
        self._ahead = self._offset(_boot_id())

    def used(self, what: str, interval: float) -> float:
        """How many units of it are used now, or held; `interval` is that of the limit."""
        index = self.seek(self.name(what))
        if index is None:
            return 0.0
        return self.held(index) + (max(self.tat[index] - self.now(), 0.0) / interval if interval else 0.0)


def _size(cells: int) -> int:
    return HEADER_BYTES + 8 * (1 + LANES + COLUMNS) * (cells + WINDOW)


def _open(path: Path, cells: int) -> int:
    """The file at this path, which is made anew unless it is a table of this kind and size."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return _make(path, cells)
    except OSError as error:
        return _renew(path, cells, str(error))
    if _is_table(os.pread(file, IDENTITY.size + 4, 0), os.fstat(file).st_size, cells):
        return file
    os.close(file)
    return _renew(path, cells, "it is none, or of another program")


def _is_table(head: bytes, size: int, cells: int) -> bool:
    if len(head) != IDENTITY.size + 4 or size != _size(cells):
        return False
    kind, *sizes, _salt = IDENTITY.unpack_from(head)
    whole = zlib.crc32(head[: IDENTITY.size]) == int.from_bytes(head[IDENTITY.size :])
    return whole and kind == MAGIC and sizes == [cells, WINDOW, COLUMNS]


def _renew(path: Path, cells: int, reason: str) -> int:
    logger.warning("%s is made anew, and limits begin at nothing: %s", path, reason)
    return _make(path, cells)


def _make(path: Path, cells: int) -> int:
    """Make the file whole before it has its name."""
    identity = IDENTITY.pack(MAGIC, cells, WINDOW, COLUMNS, os.urandom(SALT_BYTES))
    head = identity + zlib.crc32(identity).to_bytes(4)
    clock = struct.pack("<ddd", 0.0, 1.0, time())
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix="table.")
    try:
        content = head.ljust(CLOCK, b"\0") + clock
        with os.fdopen(os.dup(descriptor), "wb") as file:
            # Zeros that are written have their room on the disk, those behind a file's end do not.
            file.write(content.ljust(_size(cells), b"\0"))
        Path(draft).rename(path)
    except BaseException:
        os.close(descriptor)
        with suppress(OSError):
            Path(draft).unlink()
        raise
    return descriptor


def _boot_id() -> bytes:
    """What tells one start of the machine from another; nothing where the system does not say."""
    try:
        return bytes.fromhex(BOOT_ID.read_text().strip().replace("-", ""))[:BOOT_BYTES].ljust(BOOT_BYTES, b"\0")
    except (OSError, ValueError):
        return bytes(BOOT_BYTES)
