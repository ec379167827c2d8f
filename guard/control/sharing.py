"""Exchanging changes with the store, as long as a process runs: two threads, one for each way.

The store may be away for as long as it likes: that is told once, and tried again, at least once a second.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from guard.config import Config
from guard.control.acks import Acks, Marks
from guard.control.follower import Follower
from guard.custody.control import ControlError
from guard.faults import Faults
from guard.proof.files import try_lock
from guard.store.changes import Known
from guard.store.errors import StoreError
from guard.store.opening import opened

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
WAIT_SECONDS = 0.25
"""How long a change of this machine's own log may wait for being sent, and a store that was emptied for being seen."""

CHANGES = "exchanging changes with the store"
ACKS = "telling the store what is in force"

logger = logging.getLogger("guard.control")


class Sharing:
    """Exchanges changes with the store from entering the context to leaving it.

    Only one process does so for a state folder; another waits for its end.

    Attributes:
        store: the store.
    """

    def __init__(self, config: Config) -> None:
        """The configuration's store, or this machine's own.

        Raises:
            OSError, ValueError: the state folder cannot be used.
        """
        state = Path(config.state)
        journal = state / config.journal.dir
        self.store = opened(config.store, state)
        marks = Marks()
        self._moved = marks.moved
        self._lock = os.open(state / "sharing.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._follower = Follower(self.store, state, journal, marks.put)
        self._acks = Acks(self.store.nodes, marks, state, journal)
        self._faults = Faults(logger)
        self._tried = threading.Event()
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, name="changes", daemon=True),
            threading.Thread(target=self._acknowledge, name="acks", daemon=True),
        ]
        self._alone = threading.Event()
        self._aside = 0

    def is_even(self, patience: float) -> bool:
        """Whether the store has what this machine's log had before; while that is found out, after so many seconds.

        Until it has, what is ordered here belongs into the log, behind the rest.
        """
        self._tried.wait(patience)
        return self._follower.is_even(self._aside)

    @property
    def known(self) -> Known:
        """What the store has for certain, as long as it loses nothing."""
        return self._follower.known

    def put_aside(self, records: int) -> None:
        """An order went into this machine's log, which has so many records with it: no later one comes before it."""
        self._aside = max(self._aside, records)

    @property
    def version(self) -> int:
        """Up to which of the store's changes this machine's log has them; 0: it is not known yet."""
        return self._follower.version if self._follower.is_even() else 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._moved.set()
        self._alone.set()
        for thread in self._threads:
            thread.join()
        self.store.close()
        os.close(self._lock)

    def _follow(self) -> None:
        while not try_lock(self._lock):
            if self._ending.wait(WAIT_SECONDS):
                return
        self._alone.set()
        pause = FIRST_PAUSE
        while not self._ending.is_set():
            went = self._try(lambda: self._follower.step(WAIT_SECONDS if self._tried.is_set() else 0.0))
            self._tried.set()
            if went:
                pause = FIRST_PAUSE
                continue
            self._ending.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        with suppress(OSError):
            self._follower.finish()

    def _acknowledge(self) -> None:
        self._alone.wait()
        while not self._ending.is_set():
            pause = LONGEST_PAUSE
            try:
                pause = self._acks.step()
                self._faults.over(ACKS)
            except (StoreError, OSError):  # the other thread meets it too, and tells of it
                pass
            except Exception as error:
                self._faults.tell(ACKS, f"a fault in the guard, {type(error).__name__}: {error}")
            self._moved.wait(pause)
        with suppress(StoreError):
            self._acks.finish()

    def _try(self, step: Callable[[], None]) -> bool:
        """Whether it went well; what did not is told once."""
        try:
            step()
        except (StoreError, ControlError, OSError) as error:
            self._faults.tell(CHANGES, str(error))
        except Exception as error:
            self._faults.tell(CHANGES, f"a fault in the guard, {type(error).__name__}: {error}")
            logger.debug(CHANGES, exc_info=True)
        else:
            self._faults.over(CHANGES)
            return True
        return False
