"""The guard and its model as an operator runs them: processes, found by the line they print when ready."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from guard.demo.children import READY_SECONDS, Child
from guard.evidence.reader import exchanges

RULES = Path(__file__).parent.parent.parent / "rules"


class Running(NamedTuple):
    """Where things are: the guard's URL, the model's, and the journal's folder."""

    url: str
    model: str
    journal: Path
    guard: Child

    @property
    def worker(self) -> int:
        """The process of the first worker, once it runs."""
        return workers_of(self.guard.process.pid)[0]

    def kill(self) -> None:
        """Kill all of them that serve, at once."""
        kill(self.guard.process.pid)


def workers_of(pid: int) -> list[int]:
    """The processes of the workers that a guard's process has started, once there are some."""
    until = time.monotonic() + READY_SECONDS
    while not (found := _started_by(pid)):
        assert time.monotonic() < until, "it has no workers"
        time.sleep(0.01)
    return found


def _started_by(pid: int) -> list[int]:
    children = (int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _words(task / "children"))
    return sorted(child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes())


def _words(path: Path) -> list[str]:
    return path.read_text().split()


def kill(pid: int) -> None:
    """Kill a guard's process and its workers, before it could start others."""
    every = [pid, *workers_of(pid)]
    for one in every:
        os.kill(one, signal.SIGSTOP)
    for one in every:
        os.kill(one, signal.SIGKILL)


@contextmanager
def serving(folder: Path, config: str, *, data: str = "workers: 1", rules: Path | None = RULES):
    """Run `guard model` and `guard serve` with a configuration in which ``{url}`` stands for the model's URL."""
    with Child("model", ["model", "--listen", "127.0.0.1:0"], folder) as model:
        url = f"http://{model.first_line()['listening']}"
        path = folder / "guard.yaml"
        head = f"data: {{listen: 127.0.0.1:0, {data}}}\nadmin: {{listen: null}}\nstate: {folder / 'state'}\n"
        head += f"rules: {{dir: {rules or 'null'}}}\n"
        path.write_text(head + config.format(url=url))
        with Child("guard", ["serve", "--config", str(path), "--json"], folder) as guard:
            yield Running(guard.first_line()["listening"], url, folder / "state" / "journal", guard)


@contextmanager
def held(lock: Path):
    """Hold a lock file, as a process does for as long as it lives."""
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def journal_of(running: Running, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first finished exchange that is wanted, once it is in the journal."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        for exchange in exchanges(running.journal):
            if exchange["end"] is not None and wanted(exchange):
                return exchange
    raise AssertionError("no such exchange in the journal")
