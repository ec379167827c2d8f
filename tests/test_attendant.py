"""Seeing to it that there is a process beside the one that serves, here a keeper."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from guard import attendant
from guard.attendant import Attendant
from guard.config import Journal
from guard.keeper.orders import Orders, encode
from tests.keeper.test_process import grown, size, until


def alive(pid):
    """Whether a process is there, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def attended(state):
    """A keeper for a journal that is signed for all the time."""
    return Attendant("keeper", "guard.keeper", encode(Orders(str(state), Journal(checkpoint_interval=0.001))))


def test_the_end_waits_for_the_last_checkpoint(tmp_path):
    """On leaving, the keeper has signed for all there is, and is gone."""
    log = grown(tmp_path)
    with attended(tmp_path) as keeping:
        until(lambda: size(tmp_path) == 6)
        log.prompts(5)
        log.mark()
    assert size(tmp_path) == 12
    assert not alive(keeping.pid)


def test_one_that_dies_is_followed_by_another(tmp_path, monkeypatch, caplog):
    """Killed again and again, it is started again, each time after a longer pause; the log says so."""
    caplog.set_level("INFO", "guard.keeper")
    monkeypatch.setattr(attendant, "FIRST_PAUSE", 0.01)
    log = grown(tmp_path)
    with attended(tmp_path) as keeping:
        for starts in (1, 2, 3):
            until(lambda wanted=starts: keeping.starts == wanted and size(tmp_path) == log.position.seq - 1)
            os.kill(keeping.pid, signal.SIGKILL)
            log.mark()
        until(lambda: keeping.starts == 4 and size(tmp_path) == log.position.seq - 1)
    told = [record.message for record in caplog.records if "died" in record.message]
    assert [message.partition("died, ")[2] for message in told] == [
        f"by signal 9; the next is started in {pause} seconds, requests go on meanwhile" for pause in (0.01, 0.02, 0.04)
    ]


HANGS = """
import asyncio, sys, time
from guard.beat import beat

async def main():
    beating = asyncio.create_task(beat())
    await asyncio.sleep(0.2)
    time.sleep(600 if "hang" in sys.stdin.readline() else 0.1)
    await asyncio.sleep(3)

asyncio.run(main())
"""


@pytest.mark.slow
def test_one_that_hangs_is_killed_and_followed_by_another(tmp_path, monkeypatch, caplog):
    """Its loop does not turn, or it is stopped; one that beats is let be."""
    monkeypatch.setattr(attendant, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(attendant, "LISTEN_SECONDS", 0.05)
    (tmp_path / "hangs.py").write_text(HANGS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Attendant("process", "hangs", b"hang\n", 1.5) as attending:
        until(lambda: attending.starts == 2)
        attending.order(b"go on\n")
        os.kill(attending.pid, signal.SIGKILL)
        until(lambda: attending.starts == 3)
        until(lambda: any("died, with exit code 0" in record.message for record in caplog.records))
    assert sum("hangs, and is killed" in record.message for record in caplog.records) == 1


def test_one_that_cannot_be_started_is_tried_again(tmp_path, monkeypatch, caplog):
    """An interpreter that is not there is told, and tried again."""
    monkeypatch.setattr(attendant, "FIRST_PAUSE", 0.01)
    right = sys.executable
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    grown(tmp_path)
    with attended(tmp_path):
        until(lambda: "cannot be started" in caplog.text)
        monkeypatch.setattr(sys, "executable", right)
        until(lambda: size(tmp_path) == 6)


def test_one_that_does_not_finish_is_ended(tmp_path, monkeypatch, caplog):
    """A keeper that hangs does not hold up the end for long."""
    monkeypatch.setattr(attendant, "END_SECONDS", 0.1)
    grown(tmp_path)
    with attended(tmp_path) as keeping:
        until(lambda: size(tmp_path) == 6)
        os.kill(keeping.pid, signal.SIGSTOP)
        began = monotonic()
    assert monotonic() - began < 3
    assert "does not finish" in caplog.text
    assert not alive(keeping.pid)


def test_an_end_before_the_beginning(tmp_path):
    """Leaving at once leaves nothing behind."""
    for _ in range(3):
        with attended(tmp_path) as keeping:
            pass
        assert not alive(keeping.pid)


SERVING = """
import sys, time
from guard.attendant import Attendant
from guard.config import Journal
from guard.keeper.orders import Orders, encode
orders = encode(Orders(sys.argv[1], Journal(checkpoint_interval=0.001)))
with Attendant("keeper", "guard.keeper", orders) as keeping:
    while not keeping.pid:
        time.sleep(0.001)
    print(keeping.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc to see a process in")
def test_it_does_not_outlive_who_started_it(tmp_path):
    """When the process that serves is killed, the keeper signs for what there is, and ends."""
    log = grown(tmp_path)
    with subprocess.Popen([sys.executable, "-c", SERVING, str(tmp_path)], stdout=subprocess.PIPE) as serving:
        assert serving.stdout is not None
        pid = int(serving.stdout.readline())
        until(lambda: size(tmp_path) == 6)
        log.mark()
        serving.kill()
    until(lambda: not alive(pid))
    assert size(tmp_path) == 7


def test_other_modules_of_the_name_are_not_taken(tmp_path, monkeypatch):
    """Whatever lies in the folder where the guard was started, it is this guard's keeper that runs."""
    grown(tmp_path)
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "__init__.py").write_text("raise SystemExit('another guard')")
    monkeypatch.chdir(tmp_path)
    with attended(tmp_path):
        until(lambda: size(tmp_path) == 6)
