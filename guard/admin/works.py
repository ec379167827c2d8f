"""What the control process does besides answering calls: each in a thread of its own, step by step."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from time import time

from guard.config import Config
from guard.custody.control import ControlError
from guard.custody.snapshot import FILE, Snapshots

PAUSE_SECONDS = 1.0

logger = logging.getLogger("guard.admin")


class Work:
    """Takes a step again and again, a pause between. One that fails is told once, and tried again."""

    def __init__(self, name: str, step: Callable[[], object], pause: float = PAUSE_SECONDS) -> None:
        self.name = name
        self._step = step
        self._pause = pause
        self._ending = threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """No further step; one that is under way ends with the process."""
        self._ending.set()

    def renew(self, config: Config) -> None:
        """The configuration has changed; most work does not care."""

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._step()
                self._trouble = ""
            except (ControlError, OSError, ValueError) as error:
                self._tell(str(error))
            except Exception as error:
                self._tell(f"a fault in the guard, {type(error).__name__}: {error}")
            self._ending.wait(self._pause)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            logger.error("%s: %s", self.name, trouble)
        self._trouble = trouble


def works(config: Config) -> list[Work]:
    """What there is to do with this configuration."""
    state = Path(config.state)
    made: list[Snapshots] = []

    def snapshot() -> None:
        if not made:
            made.append(Snapshots(state / config.journal.dir, state / FILE))
        made[0].step(time())

    return [Work("snapshots of the measures", snapshot)]
