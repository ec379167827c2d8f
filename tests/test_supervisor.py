"""What watches over several workers: real ones, killed, stopped, and blocked."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from guard.custody import control, supervision, workers
from tests.support.processes import Running, serving

pytestmark = pytest.mark.slow

CONFIG = """
models: {{chat: {{versions: {{v1: {{url: "{url}"}}}}, active: v1}}}}
routes: [{{path: /v1/, format: openai, model: chat}}]
"""
SECONDS = 25
IMPATIENT = """
import guard.supervisor
from guard.cli import main

if __name__ == "__main__":
    guard.supervisor.END_SECONDS = 1.0
    main()
"""


def state(running: Running) -> Path:
    """The guard's state folder."""
    return running.journal.parent


def log_of(running: Running) -> str:
    """What the guard said on stderr."""
    return running.guard.log.read_text()


def wait_for(condition, what):
    """Until something is so."""
    until = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < until, what
        time.sleep(0.02)
    return found


def running_workers(running: Running, number: int = 2) -> list[workers.Running]:
    """So many workers, once they run: what one that died has said of itself stands until its log has another."""

    def found():
        there = workers.running(state(running), running.journal)
        return there if len(there) == number and all(Path(f"/proc/{one.pid}").exists() for one in there) else None

    there: list[workers.Running] = wait_for(found, f"{number} workers do not run")
    return there


def is_stopped(pid: int) -> bool:
    """Whether the kernel has stopped a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@contextmanager
def two(folder: Path, number: int = 2):
    """A guard with two workers, or so many, whose loops may stand still for a second."""
    data = f"workers: {number}, drain_timeout: 1, hang_timeout: 1"
    with serving(folder, CONFIG, data=data, rules=None) as running:
        running_workers(running, number)
        yield running


@pytest.mark.parametrize("number", [1, 2])
def test_a_worker_that_is_stopped_is_killed_and_another_started(tmp_path, number):
    """Its loop turns no more: it is told of, counted, and what follows it serves; another goes on meanwhile."""
    with two(tmp_path, number) as running:
        victim = running_workers(running, number)[0].pid
        os.kill(victim, signal.SIGSTOP)
        wait_for(lambda: f"worker {victim} hangs: its loop has not turned for 1 seconds" in log_of(running), "not seen")
        wait_for(lambda: re.search(rf"worker {victim} is gone; worker \d+ is started", log_of(running)), "no other")
        assert victim not in {one.pid for one in running_workers(running, number)}
        told = supervision.read(state(running))
        assert told is not None
        assert (told.pid, told.hangs, told.deaths) == (running.guard.process.pid, 1, 0)
        assert told.alive
        assert httpx.get(f"{running.url}/readyz").status_code == 200


def test_a_worker_whose_loop_is_blocked_says_where_and_is_killed(tmp_path):
    """A call that never returns, here of a file that is a pipe nobody reads: the log has the line that it stands in."""
    with two(tmp_path) as running:
        victim = running_workers(running)[0]
        pipe = state(running) / workers.FOLDER / f"{victim.log}.draft"
        os.mkfifo(pipe)
        change = {"type": "block", "kind": "ip", "value": "203.0.113.9"}
        control.append(running.journal, change, reason="so that it is acknowledged")
        wait_for(lambda: f"worker {victim.pid} hangs" in log_of(running), "the hang is not seen")
        pipe.unlink()
        wait_for(lambda: f"worker {victim.pid} is gone; worker " in log_of(running), "no other is started")
        wait_for(lambda: all(one.measures for one in running_workers(running)), "the measure is not in force")
        assert re.search(r'custody/workers\.py", line \d+ in acknowledge', log_of(running))


def test_workers_that_were_stopped_with_their_supervisor_are_let_be(tmp_path):
    """Whoever freezes all of them for a while (a container, a terminal) finds the same workers when they go on."""
    with two(tmp_path) as running:
        pids = [one.pid for one in running_workers(running)]
        every = [running.guard.process.pid, *pids]
        for pid in every:
            os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: all(is_stopped(pid) for pid in every), "they are not stopped")
        time.sleep(3)  # three times as long as a loop may stand still
        for pid in reversed(every):
            os.kill(pid, signal.SIGCONT)
        for _ in range(20):
            assert httpx.get(f"{running.url}/readyz").status_code == 200
            time.sleep(0.1)
        assert [one.pid for one in running_workers(running)] == pids
        assert "hangs" not in log_of(running)


def test_a_worker_that_dies_again_and_again_is_started_less_often(tmp_path):
    """At once the first time, then after a pause that gets longer; the other worker serves meanwhile."""
    with two(tmp_path) as running:
        for _ in range(2):
            victim = running_workers(running)[0].pid
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda victim=victim: f"worker {victim} is gone" in log_of(running), "its death is not seen")
        wait_for(
            lambda: f"worker {victim} is gone, too; the next is started in 1 seconds" in log_of(running), "no pause"
        )
        assert httpx.get(f"{running.url}/readyz").status_code == 200
        running_workers(running)


def test_a_worker_that_cannot_be_started_again_leaves_the_others_alone(tmp_path):
    """What keeps the next from starting ends the guard at its start only; later it is tried until it goes."""
    with two(tmp_path) as running:
        victim, other = running_workers(running)
        node = state(running) / "node"
        name = node.read_bytes()
        node.unlink()
        node.mkdir()
        os.kill(victim.pid, signal.SIGKILL)
        wait_for(lambda: "the guard cannot start" in log_of(running), "it did start")
        wait_for(lambda: "is gone, too; the next is started in" in log_of(running), "it is not tried again")
        assert [one.pid for one in running_workers(running, 1)] == [other.pid]
        assert httpx.get(f"{running.url}/readyz").status_code == 200
        node.rmdir()
        node.write_bytes(name)
        running_workers(running)


@pytest.mark.timeout(90)
def test_a_guard_that_is_told_to_stop_does_so_though_a_worker_hangs(tmp_path):
    """It waits as long as a worker may take to end, and kills the one that has not."""
    (tmp_path / "guard.yaml").write_text(
        "data: {listen: '127.0.0.1:0', workers: 2, drain_timeout: 1, hang_timeout: 60}\nadmin: {listen: null}\n"
        + "state: state\nrules: {dir: null}\n" + CONFIG.format(url="http://127.0.0.1:9")
    )  # fmt: skip
    (tmp_path / "impatient.py").write_text(IMPATIENT)
    command = [sys.executable, str(tmp_path / "impatient.py"), "serve", "--config", str(tmp_path / "guard.yaml")]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as guard:
        journal = tmp_path / "state" / "journal"
        wait_for(lambda: len(workers.running(tmp_path / "state", journal)) == 2, "two workers do not run")
        victim = workers.running(tmp_path / "state", journal)[0].pid
        os.kill(victim, signal.SIGSTOP)
        guard.send_signal(signal.SIGTERM)
        assert guard.wait(20) == 0
    assert f"worker {victim} does not end, and is killed" in (tmp_path / "log").read_text()
