"""`guard status`."""

import json

from guard.custody.workers import Running, acknowledge
from guard.journal.slot import claim
from tests.cli.measuring import run


def test_without_workers_nothing_runs(tmp_path):
    """Which is told, and by the exit code too."""
    (tmp_path / "var" / "journal").mkdir(parents=True)
    result = run(tmp_path, "status")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "guard: no guard runs here\n")


def test_a_worker_that_is_behind_is_told(tmp_path):
    """Each worker with what it has in force; exit code 1 while one has not the newest."""
    run(tmp_path, "block", "ip", "203.0.113.9", "--reason", "r")
    with claim(tmp_path / "var" / "journal"):
        acknowledge(tmp_path / "var", Running("w1", 77, 2, 3))
        result = run(tmp_path, "status")
        assert (result.exit_code, result.stdout) == (0, "w1  process 77  policy 3  measures 2\n")
        acknowledge(tmp_path / "var", Running("w1", 77, 1, 2))
        result = run(tmp_path, "status", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["behind"] == ["w1"]
