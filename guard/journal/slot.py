"""Which log a worker writes: the first that nobody else does. It is the worker's until its process ends."""

from __future__ import annotations

import fcntl
import logging
import os
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from guard.journal.folder import sync_folder
from guard.journal.recovery import Recovered, UnfitError, recover

logger = logging.getLogger("guard.journal")


class Slot:
    """A log of its own: its name and folder, where it goes on, and the lock that keeps others out until `close`."""

    def __init__(self, folder: Path, recovered: Recovered, lock: int) -> None:
        self.folder = folder
        self.log = folder.name
        self.recovered = recovered
        self._lock = lock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let somebody else write the log."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def claim(journal: Path) -> Slot:
    """Take the first log that nobody writes, and find its end.

    A log whose end is damaged is left as it is, for evidence, and the next one taken.

    Raises:
        OSError: the folder cannot be used.
    """
    journal.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in count(1):
        slot = take(journal, f"w{number}")
        if slot is not None:
            return slot
    raise AssertionError("there are as many logs as numbers")


def take(journal: Path, log: str, *, wait: bool = False) -> Slot | None:
    """Take this log; None if somebody else writes it (`wait`: until nobody does), or its end is damaged.

    Raises:
        OSError: the folder cannot be used.
    """
    try:
        lock = os.open(journal / f"{log}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except IsADirectoryError as error:
        _leave(error)
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not (journal / log).is_dir():
            (journal / log).mkdir(mode=0o700)
            sync_folder(journal)
        return Slot(journal / log, _recovered(journal, log), lock)
    except BlockingIOError:
        os.close(lock)
    except (UnfitError, FileExistsError) as error:
        _leave(error)
        os.close(lock)
    except BaseException:
        os.close(lock)
        raise
    return None


def _recovered(journal: Path, log: str) -> Recovered:
    try:
        return recover(journal, log)
    except OSError as error:
        raise UnfitError(f"{journal / log}: its end cannot be read ({error})") from error


def _leave(error: Exception) -> None:
    logger.error("%s; the log is left as it is, and another one begun", error)
