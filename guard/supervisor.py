"""What watches over the workers: starts them, starts those anew that die or hang, and ends them all.

A worker hangs when its loop turns no more, whether it computes for ever, waits for something that never comes, or is
stopped: its pulse stands still for `patience` seconds of this process's own. It is killed, for nothing less is sure to
end it; what it had acknowledged is on disk.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from copy import copy
from pathlib import Path
from socket import socket
from time import monotonic, sleep
from types import FrameType

import uvicorn
from msgspec.structs import replace
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from guard.custody.supervision import Supervision, read, write
from guard.pulse import RESTING, Pulse
from guard.server import Server
from guard.worker import LAST_WORDS, Worker

logger = logging.getLogger("guard")

# A worker that dies younger than that is started anew after a pause, which gets longer each time.
STEADY_SECONDS = 60.0
LONGEST_PAUSE = 60.0
# Between two looks that lie further apart (seconds) this process was itself stopped, and perhaps the workers with it:
# that time tells nothing of them.
LONGEST_LOOK = 1.0
# For what a worker does when it is told to end and nobody is served any more: say goodbye, sync its journal.
END_SECONDS = 30.0
STEP_SECONDS = 0.05
LAST_WORDS_SECONDS = 0.2


class WorkerProcess(Process):
    """One worker's process.

    Attributes:
        young: how many before it, one after the other, died young.
        gone_at: when (monotonic seconds) it was seen that it is dead; 0.0: it is not.
        hung: it was killed for that.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket], *, first: bool, young: int = 0) -> None:
        assert isinstance(config.app, Worker)
        self.pulse = Pulse()
        worker = copy(config.app)
        worker.pulse = self.pulse
        worker.first = first
        own = copy(config)
        own.app = worker
        super().__init__(own, sockets)
        self.young = young
        self.gone_at = 0.0
        self.hung = False
        self._began = monotonic()
        self._beats = 0
        self._silent = 0.0

    @property
    def server(self) -> Server:
        """What the process runs."""
        if self._server is None:
            self._server = Server(self.config)
        assert isinstance(self._server, Server)
        return self._server

    @property
    def pause(self) -> float:
        """Seconds to wait before the next is started in its place, now that it is dead."""
        return min(2.0 ** (self.young - 2), LONGEST_PAUSE) if self.young > 1 else 0.0

    def silent(self, elapsed: float) -> float:
        """For how long the pulse has stood still; `elapsed` seconds ago it was asked last."""
        beats = self.pulse.beats
        self._silent = self._silent + elapsed if beats == self._beats and beats not in {0, RESTING} else 0.0
        self._beats = beats
        return self._silent

    def died(self, now: float) -> None:
        """It is dead."""
        self.gone_at = now
        self.young = self.young + 1 if now - self._began < STEADY_SECONDS else 0

    def put_down(self) -> None:
        """Have it say where it stands, if it can, and kill it."""
        self.hung = True
        assert self.pid is not None
        os.kill(self.pid, LAST_WORDS)
        self.process.join(LAST_WORDS_SECONDS)
        self.kill()


class Supervisor(Multiprocess):
    """Takes SIGHUP as the wish to read the configuration again; uvicorn would start each worker anew."""

    processes: list[WorkerProcess]  # type: ignore[assignment]  # a list of what is made here only

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket], *, patience: float, drain: float,
        renewed: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """`patience`: how long a loop may stand still, `drain`: how long requests may go on at the end, in seconds.

        `renewed` is called when another configuration is in force.
        """
        super().__init__(config, sockets)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self.failed = False
        self._renewed = renewed
        self._patience = patience
        self._drain = drain
        self._served = False
        self._looked_at = monotonic()
        self._state = Path(self.worker.config.state)
        before = read(self._state) or Supervision(0)
        self._told = replace(before, pid=os.getpid())
        self._tell()

    @property
    def worker(self) -> Worker:
        """What each worker is a copy of."""
        assert isinstance(self.config.app, Worker)
        return self.config.app

    def init_processes(self) -> None:
        """Start them."""
        for _ in range(self.processes_num):
            self._start()

    def handle_signals(self) -> None:
        """Called several times a second."""
        if signal.SIGHUP in signal.sigpending():
            signal.sigwait({signal.SIGHUP})
            self._reload()
        super().handle_signals()

    def handle_ttin(self) -> None:
        """One worker more is wanted."""
        self.processes_num += 1
        self._start()

    def keep_subprocess_alive(self) -> None:
        """Kill those that hang, and start others in the place of those that have died; called twice a second."""
        if self.should_exit.is_set():
            return
        now = monotonic()
        elapsed, self._looked_at = now - self._looked_at, now
        if elapsed > LONGEST_LOOK:
            elapsed = 0.0
        for place, process in enumerate(self.processes):
            self._served = self._served or process.pulse.beats > 0
            if not process.process.is_alive():
                self._replace(place, process, now)
            elif process.silent(elapsed) >= self._patience and not process.hung:
                logger.error("worker %d hangs: its loop has not turned for %g seconds", process.pid, self._patience)
                process.put_down()
                self._told.hangs += 1
                self._tell()

    def terminate_all(self) -> None:
        """Tell all to end. A listener that only this process still held would take connections that nobody answers."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait until all have ended, but not for one that does not come to it."""
        until = monotonic() + self._drain + END_SECONDS
        while any(process.process.is_alive() for process in self.processes) and monotonic() < until:
            sleep(STEP_SECONDS)
        for process in self.processes:
            if process.process.is_alive():
                logger.error("worker %d does not end, and is killed", process.pid)
                process.kill()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        """At once, not when it is looked for the next time."""
        self.should_exit.set()

    def _start(self) -> None:
        process = WorkerProcess(self.config, self.sockets, first=not self.processes)
        process.start()
        self.processes.append(process)

    def _replace(self, place: int, process: WorkerProcess, now: float) -> None:
        """Start another, unless none of them has ever come to serve: what is wrong then is not the one worker."""
        if process.exitcode == STARTUP_FAILURE and not self._served:
            self.failed = True
            self.should_exit.set()
            return
        if not process.gone_at:
            process.died(now)
            self._told.deaths += not process.hung
            self._tell()
            if process.pause:
                logger.error("worker %d is gone, too; the next is started in %g seconds", process.pid, process.pause)
        if now >= process.gone_at + process.pause:
            after = WorkerProcess(self.config, self.sockets, first=place == 0, young=process.young)
            after.start()
            self.processes[place] = after
            logger.warning("worker %d is gone; worker %d is started in its place", process.pid, after.pid)

    def _reload(self) -> None:
        """Have the workers read it if it is fit to be used; those that are started later begin with it."""
        if not self.worker.renew():
            self._told.reloads_failed += 1
            self._tell()
        else:
            if self._renewed is not None:
                self._renewed()
            for process in self.processes:
                if process.process.is_alive() and process.pid is not None:
                    os.kill(process.pid, signal.SIGHUP)

    def _tell(self) -> None:
        try:
            write(self._state, self._told)
        except OSError as error:
            logger.warning("nobody is told which workers died: %s", error)
