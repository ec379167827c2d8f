"""Child processes that never outlive what started them."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

READY_SECONDS = 30.0
END_SECONDS = 5.0
LAST_WORDS = 5


class ChildError(Exception):
    """A process did not start, or ended by itself; the message has its last words."""


class Child:
    """One `guard …` process; what it says on stderr goes into a file in `folder`. Ended on leaving the context."""

    def __init__(self, name: str, arguments: list[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            # A process group of its own: Ctrl-C reaches the demo only, which then ends its children in order.
            self.process = subprocess.Popen(  # noqa: S603  our own interpreter and command
                [sys.executable, "-m", "guard.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                process_group=0,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def first_line(self) -> dict[str, str]:
        """The line of JSON that the process prints when it is ready.

        Raises:
            ChildError: it ended, or said nothing for half a minute.
        """
        assert self.process.stdout is not None
        poll = select.poll()
        poll.register(self.process.stdout, select.POLLIN)
        if poll.poll(READY_SECONDS * 1000):
            line = self.process.stdout.readline()
            if line:
                ready: dict[str, str] = json.loads(line)
                return ready
        raise self.failure("did not start")

    def ended(self, within: float) -> bool:
        """Whether the process has ended, after waiting for that for so many seconds."""
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def failure(self, what: str) -> ChildError:
        """An error that says what happened to the process, with the end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_WORDS:]
        return ChildError(f"{self.name} {what}: " + (" / ".join(filter(None, lines)) or "it said nothing"))

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Ask the process to end, and end it if it does not."""
        self.process.terminate()
        if not self.ended(END_SECONDS):
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
