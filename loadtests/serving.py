"""A real `guard serve` under attack: its configuration, and what /proc says of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson

from guard.demo.children import READY_SECONDS, Child
from tests.support.processes import kill, workers_of

RULE = """
- id: load-forbidden
  title: A phrase that no prompt may have
  level: high
  target: prompt
  match: {any: ["forbidden phrase"]}
  action: block
  mode: enforce
  tests: {match: ["a forbidden phrase here"], no_match: ["a phrase"]}
"""


class Guard(NamedTuple):
    """A running guard with one worker: where it listens, its process, and that of the worker."""

    port: int
    process: int
    pid: int
    journal: Path

    def kill(self) -> None:
        """Kill both at once."""
        kill(self.process)

    def rss(self) -> int:
        """Bytes of memory that the worker has in use."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """How many files and sockets the worker has open."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())


@contextmanager
def serving(
    folder: Path, model: int, *, http: dict[str, Any], upstream: dict[str, Any], **more: dict[str, Any]
) -> Iterator[Guard]:
    """Run a guard before the model at port `model`, for the time of the block; it forbids one phrase in prompts.

    `more` are further sections of its configuration.
    """
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "10-load.yaml").write_text(RULE)
    config = {
        "data": {"listen": "127.0.0.1:0", "workers": 1, "drain_timeout": 1, "http": http},
        "admin": {"listen": None},
        "state": str(folder / "state"),
        "rules": {"dir": str(rules)},
        "models": {"chat": {"versions": {"v1": {"url": f"http://127.0.0.1:{model}"}}, "active": "v1"}},
        "routes": [{"path": "/v1/", "format": "openai", "model": "chat"}],
        "upstream": upstream,
        **more,
    }
    path = folder / "guard.yaml"
    path.write_bytes(orjson.dumps(config))
    with Child("guard", ["serve", "--config", str(path), "--json"], folder) as child:
        url = child.first_line()["listening"]
        _wait(url)
        port = int(url.rpartition(":")[2])
        process = child.process.pid
        yield Guard(port, process, workers_of(process)[0], folder / "state" / "journal")


def await_keeper(state: Path) -> None:
    """Return when no keeper works in a state folder any more; one finishes by itself when its guard is gone."""
    with (state / "keeper.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def _wait(url: str) -> None:
    """Return when the worker serves; what it has open then it has open for good."""
    with httpx.Client(transport=httpx.HTTPTransport(retries=3), timeout=READY_SECONDS) as client:
        client.get(f"{url}/readyz", headers={"connection": "close"}).raise_for_status()
