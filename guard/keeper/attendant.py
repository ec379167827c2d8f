"""The keeper's other end, in the process that serves: starts it, starts it again when it dies, and ends it at last.

The keeper is a fresh interpreter. A pipe to its standard input carries its orders, and the pipe's end, which comes also
when this process is killed, is the word to finish.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import sysconfig
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

import guard
from guard.keeper.orders import Orders, encode

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STEADY_SECONDS = 60.0
END_SECONDS = 5.0

logger = logging.getLogger("guard.keeper")


class Attendant:
    """Sees to it that there is a keeper, from entering the context to leaving it. Traffic does not depend on it.

    Attributes:
        pid: of the keeper there is now, or was last; 0 before the first.
        starts: how often one was started.
    """

    def __init__(self, orders: Orders) -> None:
        self.pid = 0
        self.starts = 0
        self._orders = encode(orders)
        self._ending = threading.Event()
        self._keeper: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._attend, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Let the keeper finish, and end it if that takes too long. What it leaves undone the next one does."""
        self._ending.set()
        with self._lock:
            keeper = self._keeper
        if keeper is not None:
            _close(keeper)
            try:
                keeper.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                logger.warning("the keeper (process %d) does not finish, and is ended", keeper.pid)
                keeper.kill()
        self._thread.join(END_SECONDS)

    def _attend(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = monotonic()
            died = self._run()
            if self._ending.is_set():
                return
            pause = FIRST_PAUSE if monotonic() - began > STEADY_SECONDS else pause
            logger.error("the keeper %s; the next is started in %g seconds, requests go on meanwhile", died, pause)
            if self._ending.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE)

    def _run(self) -> str:
        """Start one, and wait for its end; says how that came."""
        try:
            keeper = self._start()
        except OSError as error:
            return f"cannot be started ({error})"
        if keeper is None:
            return "is not wanted any more"
        code = keeper.wait()
        _close(keeper)
        return f"(process {keeper.pid}) died, {_told(code)}"

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._ending.is_set():
                return None
            # -P and the environment: this guard's modules, and none that lie where it happens to be started.
            keeper = subprocess.Popen(
                [sys.executable, "-P", "-m", "guard.keeper"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )
            self._keeper = keeper
            self.pid = keeper.pid
            self.starts += 1
        self._order(keeper)
        return keeper

    def _order(self, keeper: subprocess.Popen[bytes]) -> None:
        assert keeper.stdin is not None
        try:
            keeper.stdin.write(self._orders)
            keeper.stdin.flush()
        except (OSError, ValueError):  # it died, or was told to end, before it had read them
            return
        logger.info("the keeper is process %d", keeper.pid)


def _close(keeper: subprocess.Popen[bytes]) -> None:
    """Say that it is to finish."""
    assert keeper.stdin is not None
    with suppress(OSError):  # it had not read all of its orders
        keeper.stdin.close()


def _environment() -> dict[str, str]:
    """This process's own, with the place of this guard's modules if Python would not look there by itself."""
    ours = str(Path(guard.__file__).parent.parent)
    if ours == sysconfig.get_path("purelib"):
        return dict(os.environ)
    path = os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def _told(code: int) -> str:
    return f"with exit code {code}" if code >= 0 else f"by signal {-code}"
