"""The keeper beside a guard that serves: whatever happens to it, requests go on; whatever happens to that, it ends."""

import os
import signal
from pathlib import Path

import httpx
import pytest

from guard.journal.folder import logs
from guard.proof.checkpoint import opened
from guard.proof.keys import signer
from guard.proof.node import node_name
from tests.keeper.test_process import until
from tests.support.growing import reopened
from tests.support.processes import serving

CONFIG = """
models: {{chat: {{versions: {{v1: {{url: "{url}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
journal: {{checkpoint_interval: 0.05}}
"""
ASK = {"model": "m", "messages": [{"role": "user", "content": "say: one"}]}

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc to see processes in")


def chat(running):
    """One request."""
    return httpx.post(f"{running.url}/v1/chat/completions", json=ASK, timeout=10).status_code


def commands(pid):
    """The processes under one, with their command lines."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes()
            except FileNotFoundError:
                continue
    return found


def keeper_of(running):
    """The keeper's process, once there is one."""
    return until(
        lambda: next(
            (pid for pid, line in commands(running.guard.process.pid).items() if b"guard.keeper" in line), None
        )
    )


def gone(pid):
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def covered(running, log):
    """How many records the log's checkpoint covers; 0: there is none."""
    path, state = running.journal / log / "checkpoint", running.journal.parent
    return opened(path.read_bytes(), [signer(state, node_name(state), log).verifier]).size if path.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_requests_go_on_without_it_and_the_last_records_are_signed_for(tmp_path, workers):
    """Killed under load it is started again, and no request fails; when the guard ends it signs for all of it."""
    with serving(tmp_path, CONFIG, data=f"workers: {workers}", rules=None) as running:
        assert chat(running) == 200
        first = keeper_of(running)
        until(lambda: any(covered(running, log) for log in logs(running.journal)))
        os.kill(first, signal.SIGKILL)
        assert [chat(running) for _ in range(20)] == [200] * 20
        assert until(lambda: (pid := keeper_of(running)) != first and pid)
        running.guard.process.terminate()
        assert running.guard.process.wait(15) in {0, -signal.SIGTERM}
        names = logs(running.journal)
        assert names
        # The very last record is the mark that says that all before it are on disk.
        assert [covered(running, log) for log in names] == [reopened(running.journal, log)[-1] for log in names]
        assert "died, by signal 9" in running.guard.log.read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_outlives_the_process_that_was_started(tmp_path, workers):
    """Killed with all it holds, it leaves neither keeper nor workers behind; the port is free."""
    with serving(tmp_path, CONFIG, data=f"workers: {workers}, drain_timeout: 1", rules=None) as running:
        assert chat(running) == 200
        keeper_of(running)
        everybody = list(commands(running.guard.process.pid))
        assert len(everybody) >= (1 if workers == 1 else 3)
        running.guard.process.kill()
        running.guard.process.wait(10)
        until(lambda: all(map(gone, everybody)))
        with pytest.raises(httpx.ConnectError):
            chat(running)
