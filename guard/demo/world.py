"""What the story plays in: two versions of a model and the guard, on free ports, with a folder of their own."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from guard.custody.workers import is_locked
from guard.demo.children import READY_SECONDS, Child

BLOCKED_ADDRESS = "203.0.113.9"
PAUSE_SECONDS = 0.05
END_SECONDS = 10.0


class World:
    """Everything the demo needs, up while the context lasts.

    Attributes:
        url: where clients ask, without a path.
        config: the guard's configuration file.
        journal: the folder of its journal.
    """

    def __init__(self, rules: Path) -> None:
        self._rules = rules
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start(Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="guard-demo-"))))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def kill(self, version: str) -> None:
        """Let a model version crash."""
        self._models[version].kill()

    def wait(self) -> None:
        """Wait until the guard ends, which it should not do by itself.

        Raises:
            ChildError: it did.
        """
        self._guard.process.wait()
        raise self._guard.failure("ended by itself")

    def curl(self) -> str:
        """A command line that asks the model through the guard."""
        question = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "Hello!"}]})
        return f"curl -i {self.url}/v1/chat/completions -H 'content-type: application/json' -d '{question}'"

    def _start(self, folder: Path) -> None:
        self._models = {
            name: self._child(f"model-{name}", ["model", "--listen", "127.0.0.1:0", "--name", name], folder)
            for name in ("v1", "v2")
        }
        urls = {name: f"http://{child.first_line()['listening']}" for name, child in self._models.items()}
        self.config = folder / "guard.yaml"
        self.config.write_text(yaml.safe_dump(self._settings(urls), sort_keys=False))
        self.journal = folder / "var" / "journal"
        self._stack.callback(_let_end, folder / "var")
        self._guard = self._child("guard", ["serve", "--json", "--config", str(self.config)], folder)
        self.url = self._guard.first_line()["listening"]
        self._await_guard()

    def _settings(self, urls: dict[str, str]) -> dict[str, Any]:
        return {
            "data": {"listen": "127.0.0.1:0"},
            "admin": {"listen": "127.0.0.1:0"},
            "state": "var",
            "rules": {"dir": str(self._rules.resolve())},
            "identify": {"trusted_proxies": ["127.0.0.1"]},
            "blocks": [{"ip": BLOCKED_ADDRESS, "reason": "part of the demo"}],
            "models": {
                "chat": {
                    "versions": {name: {"url": url} for name, url in urls.items()},
                    "active": "v2",
                    "fallback": ["v1"],
                }
            },
            "routes": [{"path": "/v1/", "format": "openai", "model": "chat", "repeat": True}],
        }

    def _child(self, name: str, arguments: list[str], folder: Path) -> Child:
        return self._stack.enter_context(Child(name, arguments, folder))

    def _await_guard(self) -> None:
        deadline = monotonic() + READY_SECONDS
        while not self._is_ready():
            if self._guard.ended(within=PAUSE_SECONDS) or monotonic() > deadline:
                raise self._guard.failure("did not start")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=1.0, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _let_end(state: Path) -> None:
    """Wait for the processes beside the workers of a guard that was killed: they notice it, and write to the end."""
    until = monotonic() + END_SECONDS
    while any(is_locked(state / lock) for lock in ("control.lock", "keeper.lock")) and monotonic() < until:
        sleep(PAUSE_SECONDS)
