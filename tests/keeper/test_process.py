"""The keeper's process, as it is started: its orders and its end come on standard input."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from guard.config import Journal, Retention, Witness
from guard.keeper.orders import Orders, encode
from guard.keeper.process import NICENESS
from guard.proof.checkpoint import Checkpoint, opened
from guard.proof.keys import signer
from guard.proof.node import node_name
from tests.support.growing import Growing


@contextmanager
def keeper(state, journal=None):
    """A keeper at work; what it says is in `keeper.log` beside its state."""
    with (
        (state / "keeper.log").open("ab") as log,
        subprocess.Popen([sys.executable, "-m", "guard.keeper"], stdin=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdin is not None
        process.stdin.write(encode(Orders(str(state), journal or Journal(checkpoint_interval=0.001))))
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


def until(condition):
    """Wait for a condition; it is what it gave."""
    end = monotonic() + 10
    while not (found := condition()):
        assert monotonic() < end, "it did not come"
        sleep(0.005)
    return found


def said(state):
    """What keepers have said."""
    return (state / "keeper.log").read_text()


def size(state, log="w1"):
    """How much the log's checkpoint covers; 0: there is none."""
    path = state / "journal" / log / "checkpoint"
    if not path.exists():
        return 0
    found: Checkpoint = opened(path.read_bytes(), [signer(state, node_name(state), log).verifier])
    return found.size


def grown(state, count=5):
    """A log with records on disk."""
    log = Growing(state / "journal")
    log.prompts(count)
    log.mark()
    return log


def test_a_keeper_signs_seals_tells_and_deletes(tmp_path):
    """All its parts work together on a journal that grows; the end of standard input is its end, with 0."""
    log = grown(tmp_path)
    witness = tmp_path / "witness"
    journal = Journal(
        checkpoint_interval=0.001, retention=Retention(age=3_600.0), witnesses=(Witness(file=str(witness)),)
    )
    with keeper(tmp_path, journal) as process:
        until(lambda: size(tmp_path) == 6)
        log.begin()
        until((tmp_path / "journal" / "w1" / f"{0:016d}.tombstone").exists)
        until(lambda: size(tmp_path, "control") == 2)
        log.prompts(7)
        log.mark()
        process.stdin.close()
        assert process.wait(10) == 0
    assert size(tmp_path) == log.position.seq - 1
    assert (tmp_path / "journal" / "w1" / "checkpoint").read_bytes() in witness.read_bytes()
    assert "sealed w1/0" in said(tmp_path)
    assert "deleted w1/0" in said(tmp_path)


def test_signals_do_not_end_it(tmp_path):
    """What is sent to a whole group leaves it at work until it is told to finish; it runs with low priority."""
    log = grown(tmp_path)
    with keeper(tmp_path) as process:
        until(lambda: size(tmp_path) == 6)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        log.mark()
        until(lambda: size(tmp_path) == 7)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == os.getpriority(os.PRIO_PROCESS, 0) + NICENESS


def test_a_keeper_that_was_killed_is_followed_by_another(tmp_path):
    """Killed at any time, nothing is left that keeps the next one from going on."""
    log = grown(tmp_path)
    for number in range(4):
        with keeper(tmp_path) as process:
            until(lambda: size(tmp_path) >= log.position.seq - 1)
            log.prompts(50)
            log.begin()
            log.mark()
            sleep(0.02 * number)
            process.kill()
    with keeper(tmp_path):
        until(lambda: size(tmp_path) == log.position.seq - 1)
        until(lambda: not sorted((tmp_path / "journal" / "w1").glob("*.jsonl"))[:-1])
    assert "error" not in said(tmp_path).lower()


def test_only_one_works_at_a_time(tmp_path):
    """A second one waits until the first has ended, and then takes over."""
    log = grown(tmp_path)
    with keeper(tmp_path) as first:
        until(lambda: size(tmp_path) == 6)
        with keeper(tmp_path):
            until(lambda: "waits for its end" in said(tmp_path))
            first.kill()
            log.mark()
            until(lambda: size(tmp_path) == 7)


def test_one_that_waits_can_be_ended(tmp_path):
    """A second one that is told to finish before its turn does."""
    with keeper(tmp_path), keeper(tmp_path) as second:
        until(lambda: "waits for its end" in said(tmp_path))
        second.stdin.close()
        assert second.wait(10) == 0


def test_a_key_that_cannot_be_used_is_told_until_it_can(tmp_path):
    """Without its key it signs nothing, says why, and goes on when that is put right."""
    grown(tmp_path)
    key = tmp_path / "journal.key"
    key.write_text("none")
    key.chmod(0o600)
    with keeper(tmp_path):
        until(lambda: "no Ed25519 key" in said(tmp_path))
        assert size_is_none(tmp_path)
        key.unlink()
        until(lambda: size(tmp_path) == 6)
    assert said(tmp_path).count("no Ed25519 key") == 1


def size_is_none(state: Path) -> bool:
    """Whether nothing was signed."""
    return not (state / "journal" / "w1" / "checkpoint").exists()


def test_without_orders_there_is_nothing_to_do():
    """Standard input that ends at once is an end without a word."""
    done = subprocess.run(
        [sys.executable, "-m", "guard.keeper"], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
