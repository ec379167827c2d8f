"""The control process: its beginning, what it runs, and its end.

Like the keeper it ends when its standard input does. Each line there is a configuration; the first begins it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from guard.admin.audit import Audit
from guard.admin.operators import new_token
from guard.admin.orders import decode
from guard.admin.serving import serve
from guard.beat import beat
from guard.config import Config
from guard.control.desk import Desk
from guard.control.sharing import Sharing
from guard.custody.local import LOCK, Local, clear, publish, withdraw
from guard.proof.files import try_lock
from guard.proof.node import node_name

LOCK_SECONDS = 0.2

logger = logging.getLogger("guard.admin")


def main() -> None:
    """Read the configuration and work until standard input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("guard").setLevel(logging.INFO)
    # What peers send that is no HTTP is not for every peer to fill a disk with.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    try:
        asyncio.run(Control(decode(line)).run())
    except (OSError, ValueError) as error:
        logger.error("the control process cannot go on: %s", error)
        sys.exit(1)


class Control:
    """What operators and other machines have to do with this one."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._desk = Desk(config)

    async def run(self) -> None:
        """Work until standard input ends."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop, ended), name="orders", daemon=True).start()
        beating = asyncio.create_task(beat())
        async with self._alone(ended):
            if not ended.is_set():
                await self._work(ended)
        beating.cancel()

    async def _work(self, ended: asyncio.Event) -> None:
        with Sharing(self._config) as sharing:
            self._desk.sharing = sharing
            await self._work_alone(ended)

    async def _work_alone(self, ended: asyncio.Event) -> None:
        if self._config.admin.listen is None:
            await ended.wait()
            return
        token = new_token()
        with Audit(self._desk.journal, node_name(self._desk.folder)) as audit:
            await serve(self._desk, audit, token, self._publisher(token), ended)

    def _publisher(self, token: str) -> Callable[[str], None]:
        def ready(url: str) -> None:
            try:
                publish(self._desk.folder, Local(url, os.getpid(), token))
            except OSError as error:
                logger.error("commands on this machine do not find the admin API: %s", error)
            logger.info("the admin API listens at %s", url)

        return ready

    def _listen(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        """Take other configurations as they come, and the end."""
        for line in sys.stdin.buffer:
            try:
                loop.call_soon_threadsafe(self._renew, decode(line))
            except ValueError as error:
                logger.error("the control process goes on with the configuration that it has: %s", error)
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(ended.set)

    def _renew(self, config: Config) -> None:
        """What orders are held against; of the rest the next control process begins with it."""
        self._config = self._desk.config = config

    @asynccontextmanager
    async def _alone(self, ended: asyncio.Event) -> AsyncIterator[None]:
        """Wait until no other control process works on this state, or standard input ends."""
        folder = Path(self._config.state)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        told = False
        try:
            while not ended.is_set() and not try_lock(descriptor):
                if not told:
                    logger.info("another control process works on %s; this one waits for its end", folder)
                told = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), LOCK_SECONDS)
            if not ended.is_set():
                clear(folder)
            yield
        finally:
            withdraw(folder, os.getpid())
            os.close(descriptor)
