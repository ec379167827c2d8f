"""The other end of a process that works beside the one that serves: starts it, starts it again when it dies, ends it.

Such a process is a fresh interpreter. A pipe to its standard input carries its orders, a line each time there are
others, and the pipe's end, which comes also when this process is killed, is the word to finish.
"""

from __future__ import annotations

import logging
import os
import select
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

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STEADY_SECONDS = 60.0
END_SECONDS = 5.0
LISTEN_SECONDS = 0.5
BEATS = 4_096


class Attendant:
    """Sees to it that there is such a process, from entering the context to leaving it. Traffic does not depend on it.

    Attributes:
        pid: of the process there is now, or was last; 0 before the first.
        starts: how often one was started.
    """

    def __init__(self, name: str, module: str, orders: bytes, patience: float | None = None) -> None:
        """`name` is what the log calls it, `module` what Python runs, `orders` a line.

        With `patience` (seconds) the process beats on its standard output (`guard.beat`), and one that has begun to
        and is silent for so long hangs: it is killed, and another is started.
        """
        self.pid = 0
        self.starts = 0
        self._name = name
        self._module = module
        self._orders = orders
        self._patience = patience
        self._logger = logging.getLogger(module)
        self._ending = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._thread = threading.Thread(target=self._attend, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def order(self, orders: bytes) -> None:
        """Give other orders, to the process there is and to those that follow it. Nobody waits for it to listen."""
        with self._lock:
            self._orders = orders
            child = self._child
        if child is not None and child.poll() is None:
            threading.Thread(target=self._tell, args=(child, orders), name=f"{self._name} orders", daemon=True).start()

    def end(self) -> None:
        """Let the process finish, and end it if that takes too long. What it leaves undone the next one does."""
        self._ending.set()
        with self._lock:
            child = self._child
        if child is not None:
            _close(child)
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._logger.warning("the %s (process %d) does not finish, and is ended", self._name, child.pid)
                child.kill()
        self._thread.join(END_SECONDS)

    def _attend(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = monotonic()
            died = self._run()
            if self._ending.is_set():
                return
            pause = FIRST_PAUSE if monotonic() - began > STEADY_SECONDS else pause
            self._logger.error(
                "the %s %s; the next is started in %g seconds, requests go on meanwhile", self._name, died, pause
            )
            if self._ending.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE)

    def _run(self) -> str:
        """Start one, and wait for its end; says how that came."""
        try:
            child = self._start()
        except OSError as error:
            return f"cannot be started ({error})"
        if child is None:
            return "is not wanted any more"
        code = child.wait() if self._patience is None else self._listen(child, self._patience)
        _close(child)
        return f"(process {child.pid}) died, {_told(code)}"

    def _listen(self, child: subprocess.Popen[bytes], patience: float) -> int:
        """Wait for the end of a process, or bring it about when its beat stops; the exit code."""
        assert child.stdout is not None
        poll = select.poll()
        poll.register(child.stdout, select.POLLIN)
        heard, silent = False, 0.0
        with child.stdout:
            while silent < patience:
                began = monotonic()
                if poll.poll(LISTEN_SECONDS * 1_000):
                    if not child.stdout.read(BEATS):
                        return child.wait()
                    heard, silent = True, 0.0
                elif heard:
                    # Not more than was waited for: where all were stopped together nobody hangs.
                    silent += min(monotonic() - began, LISTEN_SECONDS)
            self._logger.error("the %s (process %d) hangs, and is killed", self._name, child.pid)
            child.kill()
            return child.wait()

    def _start(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._ending.is_set():
                return None
            # -P and the environment: this guard's modules, and none that lie where it happens to be started. Without a
            # buffer, so that closing the pipe does not wait for who writes to a process that does not read.
            child = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-P", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL if self._patience is None else subprocess.PIPE,
                env=_environment(),
                bufsize=0,
            )
            self._child = child
            self.pid = child.pid
            self.starts += 1
            orders = self._orders
        if self._tell(child, orders):
            self._logger.info("the %s is process %d", self._name, child.pid)
        return child

    def _tell(self, child: subprocess.Popen[bytes], orders: bytes) -> bool:
        """Whether it could be told; not one that died, or was told to end, before it had read all of it."""
        assert child.stdin is not None
        with self._telling:
            try:
                while orders:
                    orders = orders[child.stdin.write(orders) :]
            except (OSError, ValueError):
                return False
        return True


def _close(child: subprocess.Popen[bytes]) -> None:
    """Say that it is to finish."""
    assert child.stdin is not None
    with suppress(OSError):
        child.stdin.close()


def _environment() -> dict[str, str]:
    """This process's own, with the place of this guard's modules if Python would not look there by itself."""
    ours = str(Path(guard.__file__).parent.parent)
    if ours == sysconfig.get_path("purelib"):
        return dict(os.environ)
    path = os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def _told(code: int) -> str:
    return f"with exit code {code}" if code >= 0 else f"by signal {-code}"
