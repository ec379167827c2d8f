"""Taking a measure waits until every worker that runs has it in force."""

import json
import threading

from guard.control import force
from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from tests.cli.measuring import run, taken


def test_it_waits_for_every_worker(tmp_path):
    """The command ends when the last one has said so, and says on how many and after what time."""
    journal, state = tmp_path / "var" / "journal", tmp_path / "var"
    with claim(journal), claim(journal):
        acknowledge(state, Running("w1", 1, 9, 9))
        acknowledge(state, Running("w2", 2, 0, 1))
        later = threading.Timer(0.5, acknowledge, (state, Running("w2", 2, 2, 3)))
        later.start()
        result = run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r", "--json")
        later.join()
    told = json.loads(result.stdout)
    assert (result.exit_code, told["workers"], told["late"]) == (0, 2, [])
    assert told["seconds"] >= 0.15


def test_a_worker_that_does_not_take_it_is_told(tmp_path, monkeypatch):
    """Patience ends, the measure stands, and the exit code says that it is not in force everywhere."""
    monkeypatch.setattr(force, "PATIENCE_SECONDS", 0.05)
    with claim(tmp_path / "var" / "journal"):
        acknowledge(tmp_path / "var", Running("w1", 1, 0, 1))
        result = run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r")
    assert result.exit_code == 1
    assert "in force on 0 of 1 workers" in result.stdout
    assert "w1: not in force there" in result.stderr
    assert len(taken(tmp_path)) == 1


def test_a_block_does_not_wait_for_rules(tmp_path):
    """Rules that a worker still makes ready, or could not have, are no reason that a block is not in force."""
    with claim(tmp_path / "var" / "journal"):
        acknowledge(tmp_path / "var", Running("w1", 1, 9, 9, "some fault", "", "a" * 64))
        assert run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r").exit_code == 0
        result = run(tmp_path, "rules", "add", "--literal", "x", "--reason", "r")
        assert result.exit_code == 1
        assert "w1: not in force there: some fault" in result.stderr
