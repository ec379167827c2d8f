"""A program started for a measurement: pinned to a core, ended by its id whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

READY_SECONDS = 30
END_SECONDS = 15


class ProgramError(Exception):
    """A program is not installed, did not start, or does not answer as it should."""


class Program:
    """One running program; `name` is for messages, `log` is the file its output goes to."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    def wait_for(self, url: str, request: bytes, headers: dict[str, str], answer: bytes) -> None:
        """Return once a POST of `request` brings a 200 with exactly `answer`.

        Raises:
            ProgramError: it ended, or did not answer so in time.
        """
        deadline, seen = time.monotonic() + READY_SECONDS, "no connection"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ProgramError(f"{self.name} ended with {self.process.returncode}: {self._last_words()}")
            try:
                response = httpx.post(url, content=request, headers=headers, timeout=5)
            except httpx.TransportError as error:
                seen = str(error)
            else:
                if response.status_code == 200 and response.content == answer:
                    return
                seen = f"{response.status_code} {response.text[:200]}"
            time.sleep(0.05)
        raise ProgramError(f"{self.name} did not give the model's answer: {seen}; it said: {self._last_words()}")

    def end(self) -> None:
        """Ask it to end, insist after a while, and leave none of its own children behind."""
        self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace").strip()[-500:] or "nothing"


@contextmanager
def running(name: str, words: Sequence[str], *, core: int, log: Path) -> Iterator[Program]:
    """The program that the command `words` starts on one core, ended with the block; in a process group of its own."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ("taskset", "--cpu-list", str(core), *words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    program = Program(name, process, log)
    try:
        yield program
    finally:
        program.end()


def find(name: str) -> str:
    """The path of a command, from this Python's environment first, then from PATH.

    Raises:
        ProgramError: it is in neither.
    """
    found = which(name, path=Path(sys.executable).parent) or which(name)
    if found is None:
        raise ProgramError(f"{name} is not installed: `make load` sets up all but wrk")
    return found
